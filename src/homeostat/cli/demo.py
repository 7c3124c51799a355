"""`homeostat demo`: a year of real flights, three contestants, one of them with homeostat."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from homeostat.cli.group import debug_option
from homeostat.demo import calendar
from homeostat.demo.flights import Flights, load, month_names
from homeostat.demo.loop import DAY, Loop, Plan, Step
from homeostat.demo.picture import draw
from homeostat.demo.story import Story
from homeostat.events import (
    ChallengerRejected,
    DriftDetected,
    ModelPromoted,
    RetrainRequested,
    SystemEvent,
)
from homeostat.times import EPOCH

EPILOG = """\b
The task: will a flight need more air time than its route's January median?
Winds change with the seasons, so what January taught goes stale. A flight is
predicted at its departure; the truth becomes known when it has landed.

\b
  never retrained  the model of January, all year
  every month      retrained every first of a month on the 30 days before
  homeostat        retrained when the monitor asks; the new model serves only
                   if it beats the old one on flights that neither has learnt

\b
Needs the extra `demo`: pip install "homeostat[demo]".
Nothing is downloaded when it runs."""

CALENDAR_DAYS = 30
_SHOWN = 8  # events on the screen at a time


@click.command(epilog=EPILOG)
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path),
              metavar="FILE", help="Write the figures and the events as JSON.")  # fmt: skip
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              default=Path("homeostat-demo.png"), show_default=True,
              help="Where to draw the year (.png, .svg or .pdf).")  # fmt: skip
@debug_option
def demo(json_path: Path | None, picture: Path) -> None:
    """See a model drift and heal, on every flight that left New York in 2013."""
    # Threads that wait for each other make small trainings crawl on a busy machine.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    console = Console(highlight=False, emoji=False)
    began = time.perf_counter()
    with console.status("reading the flights"):
        flights = load()
    with console.status("the two contestants with a calendar, or none"):
        story = _calendars(flights)
    loop = Loop(flights, Plan())
    _replay(console, loop, story)
    story.seconds = time.perf_counter() - began
    draw(story, picture)
    console.print(_table(story))
    console.print(_verdict(story), soft_wrap=True)
    console.print(f"picture: {picture}", soft_wrap=True)
    if json_path is not None:
        json_path.write_text(json.dumps(story.figures(), indent=1) + "\n")
        console.print(f"figures: {json_path}", soft_wrap=True)


def _calendars(flights: Flights) -> Story:
    monthly, retrainings = calendar.monthly(flights, CALENDAR_DAYS * DAY)
    return Story(flights, calendar.never(flights), monthly, retrainings)


def _replay(console: Console, loop: Loop, story: Story) -> None:
    screen = _Screen(console, story)
    with screen:
        for step in loop.run():
            story.events += step.events
            screen.show(step)
    story.homeostat = loop.right()
    story.retrainings = loop.retrainings


class _Screen:
    """Live on a terminal: the day, the accuracies of the week, the latest events.

    Elsewhere a line for each decision.
    """

    def __init__(self, console: Console, story: Story) -> None:
        self._console, self._story = console, story
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(40),
            TextColumn("{task.completed:,} flights"),
            TimeElapsedColumn(),
            console=console,
        )
        self._task = self._bar.add_task("Feb", total=len(story.static))
        self._latest: deque[Text] = deque(maxlen=_SHOWN)
        self._line = Text()
        self._drifts = 0
        self._live = Live(
            console=console, get_renderable=self._render, refresh_per_second=8, transient=True
        )

    def show(self, step: Step) -> None:
        """Say what a step brought."""
        day = EPOCH.replace(year=2013) + timedelta(minutes=step.minute)
        self._bar.update(self._task, completed=step.landed, description=f"{day:%d %b %H:%M}")
        self._line = self._standing(step)
        for event in step.events:
            self._drifts += isinstance(event, DriftDetected)
            line = _told(event)
            if line is None:
                continue
            self._latest.append(line)
            if not self._console.is_terminal:
                self._console.print(line, soft_wrap=True)

    def _standing(self, step: Step) -> Text:
        week = slice(*np.searchsorted(self._story.departed, [step.minute - 7 * DAY, step.minute]))
        line = Text("right in the last 7 days   ", "dim")
        for name in ("never retrained", "every month"):
            line.append(f"{name} ").append(f"{self._story.contestants[name][week].mean():.1%}   ")
        line.append("homeostat ", "bold").append(
            f"{step.right_in_the_week_before:.1%}", "bold dark_orange"
        )
        return line.append(f"   drifts {self._drifts}", "dim")

    def _render(self) -> Any:
        return Group(self._bar.get_renderable(), self._line, Text(), *self._latest)

    def __enter__(self) -> None:
        if self._console.is_terminal:
            self._live.start()

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()


def _told(event: SystemEvent) -> Text | None:
    payload = event.payload
    line = Text(f"{payload.created_at:%d %b %H:%M}  ", "dim")
    if isinstance(event, RetrainRequested):
        return line.append("request   ", "yellow").append(payload.reason)
    if not isinstance(event, ModelPromoted | ChallengerRejected):
        return None
    promoted = isinstance(event, ModelPromoted)
    line.append("promoted  " if promoted else "rejected  ", "green" if promoted else "red")
    return line.append(
        f"{payload.challenger} {payload.challenger_accuracy:.1%} against {payload.model_version} "
        f"{payload.champion_accuracy:.1%} on {payload.n:,} flights; {payload.reason}"
    )


def _table(story: Story) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, title="right, by month", title_justify="left"
    )
    table.add_column("")
    for name in story.contestants:
        table.add_column(name, justify="right", style="bold" if name == "homeostat" else None)
    for month, accuracies in zip(month_names(), story.by_month(), strict=True):
        table.add_row(month, *(f"{value:.1%}" for value in accuracies.values()))
    table.add_section()
    means = (f"{right.mean():.2%}" for right in story.contestants.values())
    table.add_row("all", *means, style="bold")
    table.add_row("retrainings", "0", str(story.calendar_retrainings), str(story.retrainings))
    return table


def _verdict(story: Story) -> str:
    figures = story.figures()
    gain = figures["accuracy_homeostat"] - figures["accuracy_monthly"]
    return (
        f"[bold]{figures['records']:,} flights in {figures['seconds']:.0f} s:[/] homeostat was "
        f"right {figures['accuracy_homeostat']:.1%} of the time, {gain * 100:+.1f} points against "
        f"the calendar, with {story.retrainings} retrainings ({figures['promotions']} promoted, "
        f"{figures['rejections']} rejected) against {story.calendar_retrainings}."
    )
