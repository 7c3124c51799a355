"""The year as a picture: three accuracies, and what homeostat noticed and did."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from homeostat.demo.flights import month_names, month_starts
from homeostat.demo.story import Story
from homeostat.errors import MissingExtra
from homeostat.events import (
    ChallengerRejected,
    DriftDetected,
    ModelPromoted,
    RetrainRequested,
    SystemEvent,
)
from homeostat.times import EPOCH

WEEK = 7 * 24 * 60
_LINES = {  # colours that the colour-blind tell apart (Okabe and Ito)
    "never retrained": ("#9a9a9a", 1.6),
    "every month": ("#0072b2", 1.6),
    "homeostat": ("#d55e00", 2.6),
}
_FEW = 1000  # flights; a week with fewer is no week


class _Mark(NamedTuple):
    """How one kind of event is drawn, and which events are of that kind."""

    name: str
    marker: str
    colour: str
    size: float
    holds: Callable[[SystemEvent], bool]


def _drift(direction: str) -> Callable[[SystemEvent], bool]:
    return lambda e: isinstance(e, DriftDetected) and e.payload.direction == direction


_MARKS = (
    _Mark("drift, for the better", "|", "#9ecae1", 60, _drift("better")),
    _Mark("drift, for the worse", "|", "#cc79a7", 60, _drift("worse")),
    _Mark("retraining requested", "o", "#e69f00", 26, lambda e: isinstance(e, RetrainRequested)),
    _Mark("rejected", "X", "#555555", 50, lambda e: isinstance(e, ChallengerRejected)),
    _Mark("promoted", "^", "#009e73", 70, lambda e: isinstance(e, ModelPromoted)),
)


def draw(story: Story, path: Path) -> None:
    """Write the picture; the ending of the path says in which format."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("demo", "matplotlib", "the picture") from error
    with mpl.rc_context({"font.size": 11, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(12, 6.4), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3.6, 1.2])
        _accuracies(above, story)
        _events(below, story)
        figure.savefig(path, dpi=150)


def _accuracies(axes: Any, story: Story) -> None:
    weeks = story.departed // WEEK
    present = np.flatnonzero(np.bincount(weeks) >= _FEW)
    when = [_instant(int(week) * WEEK + WEEK // 2) for week in present]
    for name, right in story.contestants.items():
        colour, width = _LINES[name]
        mean = [float(right[weeks == week].mean()) for week in present]
        label = f"{name}: {right.mean():.1%}"
        axes.plot(when, mean, color=colour, linewidth=width, label=label)
    for event in story.events:
        if isinstance(event, ModelPromoted):
            axes.axvline(event.created_at, color="#009e73", linewidth=1, alpha=0.45, zorder=0)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.grid(axis="y", color="#e6e6e6")
    axes.set_ylabel("right, by week")
    axes.set_title(
        f"Will this flight need more air time than usual?   {len(story.static):,} flights from "
        "New York, 2013",
        loc="left", fontweight="bold",
    )  # fmt: skip
    axes.legend(loc="lower right", frameon=False, ncols=3)


def _events(axes: Any, story: Story) -> None:
    labels = []
    for height, mark in enumerate(_MARKS):
        when = [event.created_at for event in story.events if mark.holds(event)]
        axes.scatter(when, [height] * len(when), marker=mark.marker, s=mark.size, color=mark.colour)
        axes.axhline(height, color="#f0f0f0", linewidth=1, zorder=0)
        labels.append(f"{mark.name} ({len(when)})")
    axes.set_yticks(range(len(_MARKS)), labels)
    axes.set_ylim(-0.6, len(_MARKS) - 0.4)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xticks([_instant(int(minute)) for minute in month_starts()], month_names())


def _instant(minute: int) -> Any:
    return EPOCH.replace(year=2013) + timedelta(minutes=minute)
