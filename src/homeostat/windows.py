"""Windows over records: by count or by the records' own time, tumbling or sliding.

Records are gathered in panes, as long as a window's step; a window is the sum of the panes that it
covers, when its last pane closes (Li et al., No pane, no gain, SIGMOD Record 34, 2005). By count, a
pane closes with its last record. By time, the watermark says how far time has come: the latest time
seen, less the lateness that is waited for. A pane closes when the watermark reaches its end; a
record that comes for a closed pane is late, and counted (Akidau et al., The dataflow model, VLDB
2015).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from math import inf
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

import numpy as np

from homeostat.batch import Batch, Rows
from homeostat.durations import seconds
from homeostat.errors import InvalidSetting, SnapshotMismatch, require, within
from homeostat.record import InferenceRecord
from homeostat.state import Stateful
from homeostat.times import to_micros

_BUFFER = 256  # single records that are taken together
_MOST_PANES = 10_000
_MOST_RECORDS = 2**63
_LATE = np.iinfo(np.int64).min  # the pane of records that came too late


class Span(NamedTuple):
    """A window's size, the step to the next, and the lateness: in records or microseconds."""

    size: int
    step: int
    lateness: int
    timed: bool

    @classmethod
    def of(
        cls, window: int | str, step: int | str | None = None, lateness: float | str = 0
    ) -> Span:
        """From whole numbers of records, or text for a time like "1h".

        The step divides the window; None is a tumbling window. InvalidSetting says what does not
        fit.
        """
        size, timed = _measure("window", window)
        each, alike = (size, timed) if step is None else _measure("step", step)
        require(alike == timed, "step", step, "records or a time, as the window is")
        require(size % each == 0, "step", step, f"a part of the window ({window!r})")
        require(size // each <= _MOST_PANES, "step", step, f"at most {_MOST_PANES} in a window")
        waits = seconds(lateness)
        within("lateness", waits, 0, inf, "[)")
        require(timed or not waits, "lateness", lateness, "0 where windows are counted in records")
        return cls(size, each, round(waits * 1e6), timed)


class Pane(Protocol):
    """What gathers the records of a pane: empty when new, and panes add up."""

    def update(self, data: Batch, /) -> Any:
        """Take records."""
        ...

    def merge(self, other: Any, /) -> Any:
        """Add another pane's."""
        ...

    def fresh(self) -> Any:
        """An empty one."""
        ...

    def snapshot(self) -> dict[str, Any]:
        """What it holds, as plain data."""
        ...

    def restore(self, snapshot: Mapping[str, Any], /) -> None:
        """Put that back."""
        ...


P = TypeVar("P", bound=Pane)


class Closed(NamedTuple, Generic[P]):
    """A window that is complete: what it holds, and the row that it became known with.

    `start` and `end` are numbers of records, or microseconds since 1970.
    """

    row: int
    start: int
    end: int
    content: P


class Windows(Stateful, Generic[P]):
    """Gathers records in panes and hands out windows, at most one with each record.

    Windows that close together are handed out one after another, with the records that follow, so
    that nothing depends on how a stream is cut into batches. `late` counts the records that came
    for a closed pane and were left out. State: a pane for each step of the window and of the
    lateness; `make` gives an empty one.
    """

    def __init__(self, make: Callable[[], P], span: Span) -> None:
        self.make = make
        self.span = span
        self.late = 0
        self._count = 0  # records taken
        self._mark: int | None = None  # the watermark: no record before it is waited for
        self._panes: dict[int, P] = {}  # by their number: open ones, and those of open windows
        self._closed: deque[int] = deque()  # numbers of the panes whose window was not handed out
        self._open: set[int] = set()
        self._buffer: list[InferenceRecord] = []  # single records, not in their panes yet
        self._soonest: int | None = None  # where the first of the open panes ends

    def take(self, record: InferenceRecord) -> list[Closed[P]]:
        """Take one record; the window that is handed out with it, if any."""
        self._buffer.append(record)
        if not (self._reached(record) or self._closed or len(self._buffer) >= _BUFFER):
            return []
        return [closed._replace(row=0) for closed in self._flush()]

    def take_many(self, batch: Batch) -> list[Closed[P]]:
        """Take many records; the windows that are handed out on the way, exactly as singly."""
        self._flush()  # closes nothing: that would have been seen with the record that did
        return list(self._take(batch)) if len(batch) else []

    def snapshot(self) -> dict[str, Any]:
        """All panes, and where each stands."""
        self._flush()
        panes = [[number, pane.snapshot()] for number, pane in sorted(self._panes.items())]
        return {
            "late": self.late, "count": self._count, "mark": self._mark, "panes": panes,
            "closed": list(self._closed), "open": sorted(self._open),
        }  # fmt: skip

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Put a snapshot back; SnapshotMismatch when it is of something else."""
        if set(snapshot) != {"late", "count", "mark", "panes", "closed", "open"}:
            raise SnapshotMismatch(f"the snapshot is not of windows: it holds {sorted(snapshot)}")
        self.late, self._count, self._mark = (snapshot[key] for key in ("late", "count", "mark"))
        self._panes, self._buffer = {}, []
        for number, kept in snapshot["panes"]:
            self._panes[number] = self.make()
            self._panes[number].restore(kept)
        self._closed, self._open = deque(snapshot["closed"]), set(snapshot["open"])
        self._soonest = min(map(self._end, self._open), default=None)

    def fresh(self) -> Self:
        """The same, with nothing in it."""
        return type(self)(self.make, self.span)

    def _reached(self, record: InferenceRecord) -> bool:
        """Whether a pane may close with this record."""
        if not self.span.timed:
            return (self._count + len(self._buffer)) % self.span.step == 0
        now = to_micros(record.created_at)
        end = self._end(now // self.span.step)
        self._soonest = end if self._soonest is None else min(self._soonest, end)
        return now - self.span.lateness >= self._soonest

    def _flush(self) -> list[Closed[P]]:
        if not self._buffer:
            return []
        batch, self._buffer = Batch.from_records(self._buffer), []
        return list(self._take(batch))

    def _take(self, batch: Batch) -> Iterator[Closed[P]]:
        n, free = len(batch), 0
        panes, marks = self._timed(batch) if self.span.timed else self._counted(n)
        self._gather(batch, panes)
        self._count += n
        for row, pane in self._closings(marks):
            while self._closed and free < row:
                yield self._hand_out(free)
                free += 1
            free = max(free, row)
            self._closed.append(pane)
        while self._closed and free < n:
            yield self._hand_out(free)
            free += 1

    def _counted(self, n: int) -> tuple[Rows, Rows]:
        """The pane of each record, and how many records there are after it."""
        places = np.arange(self._count, self._count + n)
        return places // self.span.step, places + 1

    def _timed(self, batch: Batch) -> tuple[Rows, Rows]:
        """The pane of each record (`_LATE` for late ones), and the watermark after it."""
        times = batch.created_at
        reached = times - self.span.lateness
        before = int(reached[0]) if self._mark is None else self._mark
        marks = np.maximum.accumulate(np.append(before, reached))
        panes = times // self.span.step
        late = self._end(panes) <= marks[:-1]
        self._mark = int(marks[-1])
        self.late += int(late.sum())
        return np.where(late, _LATE, panes), marks[1:]

    def _gather(self, batch: Batch, panes: Rows) -> None:
        for number in np.unique(panes).tolist():
            if number == _LATE:
                continue
            rows = np.flatnonzero(panes == number)
            if number not in self._panes:
                self._panes[number] = self.make()
                self._open.add(number)
            together = len(rows) == rows[-1] - rows[0] + 1
            span = slice(int(rows[0]), int(rows[-1]) + 1) if together else None
            whole = len(rows) == len(batch)
            self._panes[number].update(batch if whole else batch.take(rows, span))

    def _closings(self, marks: Rows) -> list[tuple[int, int]]:
        """The panes that close, each with the row that closes it."""
        done = sorted(pane for pane in self._open if self._end(pane) <= marks[-1])
        self._open.difference_update(done)
        self._soonest = min(map(self._end, self._open), default=None)
        rows = np.searchsorted(marks, [self._end(pane) for pane in done])
        return list(zip(rows.tolist(), done, strict=True))

    def _end(self, pane: Any) -> Any:
        return (pane + 1) * self.span.step

    def _hand_out(self, row: int) -> Closed[P]:
        """The window that ends with the longest closed pane; panes that no other needs go."""
        last = self._closed.popleft()
        first = last + 1 - self.span.size // self.span.step
        covered = [number for number in sorted(self._panes) if first <= number <= last]
        content = self.make() if len(covered) > 1 else self._panes[last]
        for number in covered if len(covered) > 1 else ():
            content.merge(self._panes[number])
        for number in [number for number in self._panes if number <= first]:
            del self._panes[number]
        return Closed(row, first * self.span.step, self._end(last), content)


def _measure(name: str, given: int | str) -> tuple[int, bool]:
    """Records, or microseconds and that it is a time."""
    if isinstance(given, str):
        micros = round(within(name, seconds(given), 0, inf) * 1e6)
        require(micros >= 1, name, given, "longer than nothing")
        return micros, True
    if isinstance(given, int) and not isinstance(given, bool) and 1 <= given < _MOST_RECORDS:
        return given, False
    raise InvalidSetting(f'{name} must be a number of records or a time like "1h", got {given!r}')
