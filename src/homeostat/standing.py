"""Strategies whose request stands: they judge no events but those at which they ask."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Rows
from homeostat.event_batch import EventBatch, Keys, Places
from homeostat.events import RetrainEvent, RetrainRequested, SystemEvent
from homeostat.strategy import Answers, RetrainingStrategy, request


class Standing(RetrainingStrategy):
    """A strategy that asks when something is due, and takes nothing back.

    Since it watches only what it answers, `all_of` and `at_least` take it for asking until the
    group has asked. Write `_asks`, the reason to ask at an event or None, and `_asked`, the keys of
    a batch's events at which it asks with the reasons.
    """

    _latest: SystemEvent | None = None

    def on_event(self, event: SystemEvent) -> SystemEvent | None:
        reason = self._asks(event)
        if reason is None:
            return None
        self._latest = event
        return request(event, reason)

    def watches(self, event: SystemEvent) -> bool:
        return event is self._latest

    def on_events(self, events: EventBatch) -> Answers:
        keys, reasons = self._asked(events)

        def make(at: Places) -> list[SystemEvent]:
            told = [reasons[place] for place in at.tolist()]
            return requests(events, keys[at], told)

        return Answers(lambda: keys, keys, make)

    def _asks(self, event: SystemEvent) -> str | None:
        raise NotImplementedError(f"{type(self).__name__} must define _asks")

    def _asked(self, events: EventBatch) -> tuple[Keys, list[str]]:
        raise NotImplementedError(f"{type(self).__name__} must define _asked")


def requests(events: EventBatch, keys: Keys, reasons: list[str]) -> list[SystemEvent]:
    """Requests with the versions and the times of the records of these keys."""
    stamps = events.batch.stamps(keys // events.stride)
    return [
        RetrainRequested(RetrainEvent(version, reason, moment))
        for reason, (version, moment) in zip(reasons, stamps, strict=True)
    ]


def happenings(events: EventBatch) -> Rows:
    """The rows of a batch that have an event."""
    happened = np.zeros(len(events.batch), dtype=bool)
    for column in events.columns:
        happened[column.rows] = True
    return np.flatnonzero(happened)


def first_keys(events: EventBatch, rows: Keys) -> Keys:
    """The key of the first event of each row, all of which have one."""
    first = np.full(len(rows), np.iinfo(np.int64).max)
    for column in events.columns if len(rows) else ():
        at = np.minimum(np.searchsorted(column.rows, rows), len(column) - 1)
        found = column.rows[at] == rows
        first[found] = np.minimum(first[found], column.keys[at][found])
    return first


def first_beyond(column: NDArray[Any], least: float, start: int) -> int:
    """The first place from `start` on that holds at least `least`; the length where none does."""
    step = 256
    while start < len(column):
        late = column[start : start + step] >= least
        if late.any():
            return start + int(late.argmax())
        start, step = start + step, step * 2
    return len(column)
