"""Ask again a while after each answer, when there is more to learn from."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Rows
from homeostat.durations import seconds
from homeostat.errors import require, whole
from homeostat.event_batch import EventBatch, Keys, Places
from homeostat.events import RetrainRequested, SystemEvent
from homeostat.protocols import Strategy
from homeostat.standing import first_beyond, first_keys, happenings, requests
from homeostat.strategy import Answers, Need, RetrainingStrategy, part, request
from homeostat.times import to_micros


class Again(RetrainingStrategy):
    """Pass on every answer, and ask again `after` it, twice as long after that, and so on.

    An alarm comes soon after a change, when there is little of the new world to learn from, and a
    detector that has alarmed may stay silent while all goes on being bad. after: above 0, in
    seconds, a timedelta, or text like "1d", of the records' own time. times: as often at most
    after each answer, at least 1; a new answer begins the count anew. It outlives a promotion, and
    is judged by what it wraps: a request of its own stands. Raises InvalidSetting. Cost: a
    comparison a record.
    """

    name: ClassVar[str] = "again"
    memory = ("strategy", "last", "asked")

    _latest: SystemEvent | None = None

    def __init__(self, strategy: Strategy, after: float | str | timedelta, times: int = 6) -> None:
        self.strategy = part(strategy)
        self.after = seconds(after)
        require(0 < self.after < math.inf, "after", after, "finite and above 0 seconds")
        self.times = whole("times", times)
        require(self.times <= _MOST, "times", times, f"at most {_MOST}")
        self.last: int | None = None  # when it asked, or was answered, last
        self.asked = 0  # times since the last answer

    def on_event(self, event: SystemEvent) -> SystemEvent | None:
        answer = self.strategy.on_event(event)
        now = to_micros(event.payload.created_at)
        if answer is not None:
            self.last, self.asked = now, 0
            return answer
        if self.last is None or self.asked >= self.times or now < self._due(self.last, self.asked):
            return None
        self._latest, reason = event, self._reason(self.asked)
        self.last, self.asked = now, self.asked + 1
        return request(event, reason)

    def renewed(self) -> None:
        self.strategy.renewed()

    def needs(self) -> list[Need]:
        return self.strategy.needs()

    def watches(self, event: SystemEvent) -> bool:
        return event is self._latest or self.strategy.watches(event)

    def on_events(self, events: EventBatch) -> Answers:
        inner = self.strategy.on_events(events)
        if self.last is None and not len(inner.answered):
            return inner
        rows = happenings(events)
        found = self._found(events, rows, inner.answered)
        if not found:
            return inner
        own = first_keys(events, rows[[each.place for each in found]])
        return _both(events, inner, own, [self._reason(each.asked) for each in found])

    def _found(self, events: EventBatch, rows: Rows, answered: Keys) -> list[Asked]:
        """Where it asks by itself between the answers; it remembers how it stands after them."""
        times = events.batch.created_at[rows]
        firsts = first_keys(events, rows)
        at = answered // events.stride
        starts = np.append(0, np.searchsorted(rows, at, side="right"))
        ends = np.append(np.searchsorted(firsts, answered), len(rows))
        answers = events.batch.created_at[at]
        found: list[Asked] = []
        for stretch in np.flatnonzero(self._may_ask(times, starts, ends, answers)).tolist():
            if stretch:
                self.last, self.asked = int(answers[stretch - 1]), 0
            found += self._follow(times[: ends[stretch]], int(starts[stretch]))
        if len(answers) and not (found and found[-1].place >= starts[-1]):
            self.last, self.asked = int(answers[-1]), 0
        return found

    def _may_ask(
        self, times: NDArray[np.int64], starts: Places, ends: Places, answers: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Of the stretch before the first answer and that after each, whether it is long enough."""
        pairs = np.column_stack([np.minimum(starts, ends), ends]).ravel()
        padded = np.append(times, np.iinfo(np.int64).min)
        latest = np.maximum.reduceat(padded, pairs)[::2]
        due = np.append(_NEVER, answers + self._micros)
        if self.last is not None and self.asked < self.times:
            due[0] = min(self._due(self.last, self.asked), _NEVER)
        return np.asarray((starts < ends) & (latest >= due))

    def _follow(self, times: NDArray[np.int64], start: int) -> list[Asked]:
        """The places from `start` on at which it asks, with how often it had before."""
        found: list[Asked] = []
        while self.last is not None and self.asked < self.times:
            start = first_beyond(times, self._due(self.last, self.asked), start)
            if start == len(times):
                break
            found.append(Asked(start, self.asked))
            self.last, self.asked = int(times[start]), self.asked + 1
            start += 1
        return found

    @property
    def _micros(self) -> int:
        return round(self.after * 1e6)

    def _due(self, last: int, asked: int) -> int:
        return last + (self._micros << asked)

    def _reason(self, asked: int) -> str:
        return f"Again: {asked + 1} of {self.times} since the last reason"


class Asked(NamedTuple):
    """A place at which it asks, and how often it had asked since the last answer."""

    place: int
    asked: int


_MOST = 20  # times; each is twice as long after the one before
_NEVER = np.iinfo(np.int64).max


def _both(events: EventBatch, inner: Answers, own: Keys, reasons: list[str]) -> Answers:
    """The answers of the strategy and our own, in order."""
    keys = np.concatenate([inner.answered, own])
    order = np.argsort(keys, kind="stable")
    before = len(inner.answered)

    def make(at: Places) -> list[SystemEvent]:
        chosen = order[at]
        told: list[Any] = [None] * len(chosen)
        theirs, ours = np.flatnonzero(chosen < before), np.flatnonzero(chosen >= before)
        for place, event in zip(theirs.tolist(), inner.make(chosen[theirs]), strict=True):
            told[place] = event
        mine = chosen[ours] - before
        said = requests(events, own[mine], [reasons[each] for each in mine.tolist()])
        for place, event in zip(ours.tolist(), said, strict=True):
            told[place] = event
        return told

    kind = RetrainRequested if inner.kind is RetrainRequested else None
    return Answers(lambda: np.union1d(inner.watched, own), keys[order], make, kind)
