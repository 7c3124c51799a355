"""A backtest as a picture: accuracy over time, when was asked, and what it cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from homeostat.backtest.comparing import Report
from homeostat.backtest.contestants import NEVER
from homeostat.backtest.outcome import Outcome, pareto
from homeostat.errors import MissingExtra

_COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_GREY = "#9a9a9a"
_SMOOTH = 5  # parts of the history, so that lines can be told apart


def draw(report: Report, path: Path) -> None:
    """Write the picture; the ending of the path says in which format: .svg, .png, .pdf.

    Raises MissingExtra without matplotlib.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("demo", "matplotlib", "The picture of a backtest") from error
    with mpl.rc_context({"svg.hashsalt": "homeostat", "font.size": 10}):
        found = list(report.strategies.values())
        height = 5.2 + 0.28 * len(found)
        figure = Figure(figsize=(13 if report.trained else 9.5, height), layout="constrained")
        left: Any
        if report.trained:
            parts: Any = figure.subfigures(1, 2, width_ratios=(1.5, 1))
            left = parts[0]
            _front(report, parts[1].subplots())
        else:
            left = figure
        ratio = 0.28 * len(found) + 0.5
        accuracy, marks = left.subplots(2, 1, sharex=True, height_ratios=(4.6, ratio))
        _over_time(report, found, accuracy)
        _marks(report, found, marks)
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def _colour(name: str, at: int) -> str:
    return _GREY if name == NEVER else _COLOURS[at % len(_COLOURS)]


def _over_time(report: Report, found: list[Outcome], axes: Any) -> None:
    lines = found if report.trained else found[:1]  # without training all are the same
    for at, each in enumerate(lines):
        values = np.array([np.nan if x is None else x for x in each.over_time])
        width = (report.records - report.first) / max(len(values), 1)
        middles = report.first + (np.arange(len(values)) + 0.5) * width
        label = each.name if report.trained else "as recorded"
        axes.plot(
            middles, _smooth(values), color=_colour(each.name, at), linewidth=1.8, label=label
        )
    for change in report.changes or ():
        axes.axvline(change, color=_GREY, linewidth=0.8, linestyle=":")
    axes.set_ylabel("accuracy")
    axes.set_title("Accuracy over time", loc="left", fontweight="bold")
    axes.legend(frameon=False, fontsize=9, ncols=min(len(lines), 3), loc="best")
    _plain(axes)


def _marks(report: Report, found: list[Outcome], axes: Any) -> None:
    for at, each in enumerate(found):
        for false, colour in ((True, "#d4d4d4"), (False, _colour(each.name, at))):
            rows = [e["record"] for e in each.events if e["false_alarm"] is false]
            axes.scatter(rows, [at] * len(rows), marker="|", s=70, linewidth=1, color=colour)
    axes.set_yticks(range(len(found)), [f"{each.name} ({each.retrainings:,})" for each in found])
    axes.set_ylim(len(found) - 0.4, -0.6)
    without = "a drop in quality" if report.changes is None else "a change before"
    axes.set_title(f"Retrainings asked for; grey: without {without}", loc="left", fontsize=10)
    axes.set_xlabel("record")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    axes.tick_params(axis="y", length=0)
    _plain(axes)
    axes.spines["left"].set_visible(False)


def _front(report: Report, axes: Any) -> None:
    """Each contestant by retrainings and accuracy; a line joins those that nobody beats in both."""
    calendars = list(report.calendars.values())
    points = [*report.strategies.values(), *calendars]
    best = sorted(pareto(points), key=lambda each: each.retrainings)
    axes.step([p.retrainings for p in best], [p.accuracy or 0.0 for p in best], where="post",
              color="#c9c9c9", linewidth=1.2, zorder=0, label="nobody does better")  # fmt: skip
    axes.scatter([p.retrainings for p in calendars], [p.accuracy for p in calendars], s=26,
                 color="white", edgecolor=_GREY, label="calendars of hindsight")  # fmt: skip
    _names(list(report.strategies.values()), axes)
    most = max(p.retrainings for p in points)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(-0.15, max(most, 1) * 4)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    axes.set_xlabel("retrainings")
    axes.set_ylabel("accuracy")
    axes.set_title("Accuracy against retrainings", loc="left", fontweight="bold")
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    _plain(axes)


def _names(found: list[Outcome], axes: Any) -> None:
    """Points and their names: in the order of retrainings in turn left above and right below."""
    order = sorted(range(len(found)), key=lambda at: (found[at].retrainings, found[at].name))
    for turn, at in enumerate(order):
        each, colour = found[at], _colour(found[at].name, at)
        axes.scatter(each.retrainings, each.accuracy, s=60, color=colour, zorder=3)
        above = turn % 2 == 1
        axes.annotate(
            each.name, (each.retrainings, each.accuracy or 0.0),
            xytext=(-6, 6) if above else (6, -13), ha="right" if above else "left",
            textcoords="offset points", fontsize=9, color=colour,
        )  # fmt: skip


def _smooth(values: Any) -> Any:
    """Means of some neighbours, passing over gaps."""
    padded = np.pad(values, _SMOOTH // 2, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, _SMOOTH)
    known = ~np.isnan(windows)
    n = known.sum(axis=1)
    return np.where(n, np.where(known, windows, 0.0).sum(axis=1) / np.maximum(n, 1), np.nan)


def _plain(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#eeeeee", linewidth=0.8)
    axes.set_axisbelow(True)
