"""Ask for a retraining at regular times."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import ClassVar

from homeostat.durations import seconds
from homeostat.errors import InvalidSetting, did_you_mean, require
from homeostat.event_batch import EventBatch, Keys
from homeostat.events import SystemEvent
from homeostat.standing import Standing, first_beyond, first_keys, happenings
from homeostat.times import from_micros, to_micros, to_text

_DAY = 86_400_000_000  # microseconds
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONDAY = 4  # days after the epoch, a Thursday
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


class Schedule(Standing):
    """Ask every so often, in the records' own time, so that a replay asks at the same records.

    every: seconds, a timedelta, or text like "7d". at: a time of the day in UTC, "03:00"; `every`
    is then whole days. weekday: "monday" to "sunday" ("00:00" without `at`); `every` is then whole
    weeks. The first request comes at the first such time that is a full period after the first
    event, or simply after a full period; the next ones keep the rhythm.

    It asks at the first event at or after the time that was due. After a gap it asks once, however
    many times were due. Records that come late do not turn it back. Its request stands:
    `all_of(Schedule("7d"), ThresholdStrategy(0.9))` asks a week later, once accuracy is low.
    Raises InvalidSetting. Cost: a comparison an event.
    """

    name: ClassVar[str] = "schedule"
    memory = ("due",)
    exempt: ClassVar[dict[str, str]] = {
        "calm at the unrelated": "it looks at the time of an event alone",
        "calm at nan": "it looks at the time of an event alone",
    }

    def __init__(
        self, every: float | str | timedelta, *, at: str | None = None, weekday: str | None = None
    ) -> None:
        self.every = seconds(every)
        self.at, self.weekday = at, weekday
        finite = 1e-6 <= self.every < 1e11
        require(finite, "every", every, "a duration of at least a microsecond")
        self._period = round(self.every * 1e6)
        self._step = 7 * _DAY if weekday is not None else _DAY if at is not None else 1
        self._offset = _offset(at, weekday)
        whole = self._period % self._step == 0
        require(whole, "every", every, "whole days with `at`, whole weeks with `weekday`")
        self.due: int | None = None

    def _asks(self, event: SystemEvent) -> str | None:
        now = to_micros(event.payload.created_at)
        if self.due is None:
            self.due = self._first(now)
        return self._fulfil(self.due, now) if now >= self.due else None

    def _asked(self, events: EventBatch) -> tuple[Keys, list[str]]:
        rows = happenings(events)
        if not len(rows):
            return rows, []
        times = events.batch.created_at[rows]
        if self.due is None:
            self.due = self._first(int(times[0]))
        places, reasons = [], []
        at = first_beyond(times, self.due, 0)
        while at < len(times):
            places.append(at)
            reasons.append(self._fulfil(self.due, int(times[at])))
            at = first_beyond(times, self.due, at + 1)
        return first_keys(events, rows[places]), reasons

    def _first(self, now: int) -> int:
        """The first time on the grid that is a period from now."""
        steps = -((self._offset - now - self._period) // self._step)
        return self._offset + steps * self._step

    def _fulfil(self, due: int, now: int) -> str:
        """The reason to ask; the next time that is due lies after now."""
        self.due = due + ((now - due) // self._period + 1) * self._period
        return f"Scheduled for {to_text(from_micros(due))}"


def _offset(at: str | None, weekday: str | None) -> int:
    """Microseconds from the epoch to the first such time."""
    minutes = days = 0
    if at is not None:
        clock = _CLOCK.fullmatch(at) if isinstance(at, str) else None
        if clock is None:
            raise InvalidSetting(f'at must be a time of the day in UTC, like "03:00", got {at!r}')
        minutes = 60 * int(clock[1]) + int(clock[2])
    if weekday is not None:
        if not isinstance(weekday, str) or weekday not in _DAYS:
            hint = did_you_mean(str(weekday), _DAYS)
            raise InvalidSetting(f"weekday must be a day, got {weekday!r}; {hint}")
        days = _MONDAY + _DAYS.index(weekday)
    return days * _DAY + minutes * 60_000_000
