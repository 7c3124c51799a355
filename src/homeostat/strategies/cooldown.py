"""Silence for a while after each answer."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import ClassVar

import numpy as np

from homeostat.durations import seconds
from homeostat.errors import require
from homeostat.event_batch import EventBatch, Keys
from homeostat.events import SystemEvent
from homeostat.protocols import Strategy
from homeostat.strategy import Answers, Need, RetrainingStrategy, as_keys, part
from homeostat.times import to_micros


class Cooldown(RetrainingStrategy):
    """Pass on an answer only when `duration` has gone by since the last one passed on.

    `duration` is in seconds, a timedelta, or text like "6h" or "1d 12h"; it is counted in the
    records' own time, so a replay gives the same answers, and outlives a promotion. Raises
    InvalidSetting when negative or infinite.
    """

    name: ClassVar[str] = "cooldown"
    memory = ("strategy", "last")

    def __init__(self, strategy: Strategy, duration: float | str | timedelta) -> None:
        self.strategy = part(strategy)
        self.duration = seconds(duration)
        finite = 0 <= self.duration < math.inf
        require(finite, "duration", duration, "finite and at least 0 seconds")
        self.last: int | None = None

    def on_event(self, event: SystemEvent) -> SystemEvent | None:
        answer = self.strategy.on_event(event)
        if answer is None:
            return None
        now = to_micros(event.payload.created_at)
        if self.last is not None and now - self.last < self._micros:
            return None
        self.last = now
        return answer

    def renewed(self) -> None:
        self.strategy.renewed()

    def needs(self) -> list[Need]:
        return self.strategy.needs()

    def watches(self, event: SystemEvent) -> bool:
        return self.strategy.watches(event)

    def on_events(self, events: EventBatch) -> Answers:
        inner = self.strategy.on_events(events)
        times = _times(events, inner.answered)
        kept: list[int] = []
        at = self._next(times, 0)
        while at < len(times):
            kept.append(at)
            self.last = int(times[at])
            at = self._next(times, at + 1)
        return inner.only(as_keys(kept))

    @property
    def _micros(self) -> int:
        return round(self.duration * 1e6)

    def _next(self, times: Keys, start: int) -> int:
        """The first place from `start` on whose time is late enough; times may go backwards."""
        if self.last is None:
            return start
        step = 256
        while start < len(times):
            late = times[start : start + step] - self.last >= self._micros
            if late.any():
                return start + int(late.argmax())
            start, step = start + step, step * 2
        return start


def _times(events: EventBatch, keys: Keys) -> Keys:
    rows = keys // events.stride
    if len(rows) * 4 < len(events.batch):
        micros = [to_micros(events.batch.moment(row)) for row in rows.tolist()]
        return np.array(micros, dtype=np.int64)
    return events.batch.created_at[rows]
