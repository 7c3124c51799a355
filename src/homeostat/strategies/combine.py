"""Several strategies as one: any, all, or at least k of them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import require, several
from homeostat.event_batch import EventBatch, Keys, Places
from homeostat.events import SystemEvent
from homeostat.protocols import Strategy
from homeostat.standing import requests
from homeostat.strategy import Answers, Need, RetrainingStrategy, as_keys, part, request


class AnyOf(RetrainingStrategy):
    """Answer when any of the strategies does, with the answer of the first that did."""

    name: ClassVar[str] = "any_of"
    memory = ("strategies",)

    def __init__(self, strategies: list[Strategy]) -> None:
        strategies = several("strategies", strategies, "a list of strategies")
        require(len(strategies) > 0, "strategies", strategies, "at least one strategy")
        self.strategies = [part(strategy) for strategy in strategies]

    def on_event(self, event: SystemEvent) -> SystemEvent | None:
        answers = [strategy.on_event(event) for strategy in self.strategies]
        return next((answer for answer in answers if answer is not None), None)

    def renewed(self) -> None:
        for strategy in self.strategies:
            strategy.renewed()

    def needs(self) -> list[Need]:
        return [need for strategy in self.strategies for need in strategy.needs()]

    def watches(self, event: SystemEvent) -> bool:
        return any(strategy.watches(event) for strategy in self.strategies)

    def on_events(self, events: EventBatch) -> Answers:
        parts = [strategy.on_events(events) for strategy in self.strategies]
        if len(parts) == 1:
            return parts[0]
        keys = np.concatenate([part.answered for part in parts])
        answered, first = np.unique(keys, return_index=True)  # the first part wins a tie
        starts = np.cumsum([0, *(len(part.answered) for part in parts)])

        def make(at: Places) -> list[SystemEvent]:
            sources = first[at]
            owners = np.searchsorted(starts, sources, side="right") - 1
            places = (sources - starts[owners]).tolist()
            return [
                parts[owner].make(np.array([place]))[0]
                for owner, place in zip(owners.tolist(), places, strict=True)
            ]

        def watched() -> Keys:
            return np.unique(np.concatenate([part.watched for part in parts]))

        kinds = {part.kind for part in parts}
        return Answers(watched, answered, make, kinds.pop() if len(kinds) == 1 else None)


class AtLeast(RetrainingStrategy):
    """Answer when at least `k` of the strategies are asking at the same time.

    A strategy asks from the event it answers until the next event that it watches and does not
    answer. When the group answers, every member has been heard and must ask again. The reason
    joins those of the members. Raises InvalidSetting when `k` is not within 1 and their number.
    Cost: the members', and in a batch below 0.5 µs for each event that one of them answers.
    """

    name: ClassVar[str] = "at_least"
    memory = ("strategies", "asking")

    def __init__(self, k: int, strategies: list[Strategy]) -> None:
        strategies = several("strategies", strategies, "a list of strategies")
        fits = isinstance(k, int) and not isinstance(k, bool) and 1 <= k <= len(strategies)
        require(fits, "k", k, f"within 1 and the number of strategies ({len(strategies)})")
        self.k = k
        self.strategies = [part(strategy) for strategy in strategies]
        self.asking: list[str | None] = [None] * len(strategies)

    def on_event(self, event: SystemEvent) -> SystemEvent | None:
        news = [self._hear(at, event) for at in range(len(self.strategies))]
        reasons = [reason for reason in self.asking if reason is not None]
        if not any(news) or len(reasons) < self.k:
            return None
        self.asking = [None] * len(self.strategies)
        return request(event, "; ".join(reasons))

    def _hear(self, at: int, event: SystemEvent) -> bool:
        answer = self.strategies[at].on_event(event)
        if answer is not None:
            self.asking[at] = _reason(answer)
        elif self.strategies[at].watches(event):
            self.asking[at] = None
        return answer is not None

    def renewed(self) -> None:
        for strategy in self.strategies:
            strategy.renewed()
        self.asking = [None] * len(self.strategies)

    def needs(self) -> list[Need]:
        return [need for strategy in self.strategies for need in strategy.needs()]

    def watches(self, event: SystemEvent) -> bool:
        return any(strategy.watches(event) for strategy in self.strategies)

    def on_events(self, events: EventBatch) -> Answers:
        parts = [strategy.on_events(events) for strategy in self.strategies]
        voices = [_Voice(part, last) for part, last in zip(parts, self.asking, strict=True)]
        news = np.sort(np.concatenate([part.answered for part in parts]), kind="stable")
        since = np.array([voice.asking_since(news) for voice in voices])
        places, heard = _agreed(news, np.sort(since, axis=0)[-self.k])
        answered = news[places]
        joined = since[:, places] > heard
        self.asking = [voice.now(answered) for voice in voices]

        def make(at: Places) -> list[SystemEvent]:
            reasons = [
                voice.reasons(since[own, places[at]], joined[own, at])
                for own, voice in enumerate(voices)
            ]
            said = ["; ".join(filter(None, each)) for each in zip(*reasons, strict=True)]
            return requests(events, answered[at], said)

        def watched() -> Keys:
            return np.unique(np.concatenate([part.watched for part in parts]))

        return Answers(watched, answered, make)


_BEFORE, _SILENT = -1, -3  # in the place of a key: asking since an earlier batch, and not asking
_START = -2  # in the place of a key: nobody has been heard in this batch


class _Voice:
    """What a member says over a batch: since when it has been asking, and why."""

    def __init__(self, part: Answers, last: str | None) -> None:
        self.part, self.last = part, last

    def asking_since(self, keys: Keys) -> Keys:
        """At each of some keys, the key of the answer by which it is asking."""
        before = _SILENT if self.last is None else _BEFORE
        watched, answered = self.part.watched, self.part.answered
        seen = np.append(before, watched)[np.searchsorted(watched, keys, side="right")]
        said = np.append(before, answered)[np.searchsorted(answered, keys, side="right")]
        return np.where(seen == said, said, _SILENT)

    def reasons(self, since: Keys, joined: NDArray[np.bool_]) -> list[str | None]:
        """Its reason for each of some answers of the group; None where it had none."""
        reasons: list[str | None] = [self.last if each else None for each in joined.tolist()]
        told = np.flatnonzero(joined & (since > _BEFORE))
        places = np.searchsorted(self.part.answered, since[told])
        for at, answer in zip(told.tolist(), self.part.make(places), strict=True):
            reasons[at] = _reason(answer)
        return reasons

    def now(self, heard: Keys) -> str | None:
        """Why it is asking after the batch, in which the group gave these answers."""
        end = np.array([np.iinfo(np.int64).max])
        since, latest = self.asking_since(end), heard[-1] if len(heard) else _START
        return self.reasons(since, since > latest)[0]


def _agreed(news: Keys, since: Keys) -> tuple[Places, Keys]:
    """Where the group asks, and the key of its answer before each.

    `since` is the key from which on enough members have been asking, at each of the keys `news`.
    """
    places, heard, latest = [], [], _START
    enough = np.flatnonzero(since > _SILENT)
    found = zip(enough.tolist(), news[enough].tolist(), since[enough].tolist(), strict=True)
    for at, key, begun in found:
        if begun > latest:
            places.append(at)
            heard.append(latest)
            latest = key
    return as_keys(places), as_keys(heard)


class AllOf(AtLeast):
    """Answer when all of the strategies are asking at the same time; see `AtLeast`."""

    name: ClassVar[str] = "all_of"

    def __init__(self, strategies: list[Strategy]) -> None:
        strategies = several("strategies", strategies, "a list of strategies")
        require(len(strategies) > 0, "strategies", strategies, "at least one strategy")
        super().__init__(len(strategies), strategies)


def _reason(answer: SystemEvent) -> str:
    return str(getattr(answer.payload, "reason", answer.kind))


def any_of(*strategies: Strategy) -> RetrainingStrategy:
    """Answer when any of the strategies does."""
    return AnyOf(list(strategies))


def all_of(*strategies: Strategy) -> RetrainingStrategy:
    """Answer when all of the strategies ask at the same time."""
    return AllOf(list(strategies))


def at_least(k: int, *strategies: Strategy) -> RetrainingStrategy:
    """Answer when at least `k` of the strategies ask at the same time."""
    return AtLeast(k, list(strategies))
