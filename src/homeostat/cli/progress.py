"""What a terminal shows while a run goes on."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

from rich import progress as bars
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from homeostat.cli.tally import Tally


class Progress:
    """A bar of the bytes read, when their number is known, over the metrics and event counts."""

    def __init__(self, name: str, size: int | None) -> None:
        known = (bars.BarColumn(), bars.TaskProgressColumn(), bars.TimeRemainingColumn())
        name_column = bars.TextColumn("{task.description}", style="bold", markup=False)
        rate_column = bars.TextColumn("{task.fields[rate]}")
        self._bar = bars.Progress(name_column, *(known if size else ()), rate_column)
        self._task = self._bar.add_task(_short(name), total=size, rate="")
        self._began = time.perf_counter()
        self._line = Text()
        self._live = Live(
            console=Console(highlight=False, emoji=False),
            get_renderable=self._group,
            refresh_per_second=8,
            transient=True,
        )

    def show(self, tally: Tally, position: int) -> None:
        """Say how things stand."""
        rate = tally.read / max(time.perf_counter() - self._began, 1e-9)
        self._bar.update(self._task, completed=position, rate=f"{tally.read:,} ({rate:,.0f}/s)")
        self._line = _standing(tally)

    def _group(self) -> Any:
        return Group(self._bar.get_renderable(), self._line)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self._live.stop()


def _short(name: str) -> str:
    return name if len(name) <= 24 else "…" + name[-23:]


def _standing(tally: Tally) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    for name, values in list(tally.metrics.items())[:8]:
        line.append(f"{name} ", "dim").append(f"{values.last:.4g}  ")
    for name, told in tally.told.items():
        if told.count:
            line.append(f"{name} {told.count:,}  ", "yellow")
    if tally.set_aside:
        line.append(f"set aside {tally.set_aside:,}", "red")
    return line
