"""Several strategies as one: any, all, or at least k of them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from homeostat.errors import require
from homeostat.event_batch import EventBatch, Keys, Places
from homeostat.events import SystemEvent
from homeostat.protocols import Strategy
from homeostat.strategy import Answers, RetrainingStrategy, part, request


class AnyOf(RetrainingStrategy):
    """Answer when any of the strategies does, with the answer of the first that did."""

    name: ClassVar[str] = "any_of"
    memory = ("strategies",)

    def __init__(self, strategies: list[Strategy]) -> None:
        require(len(strategies) > 0, "strategies", strategies, "at least one strategy")
        self.strategies = [part(strategy) for strategy in strategies]

    def on_event(self, event: SystemEvent) -> SystemEvent | None:
        answers = [strategy.on_event(event) for strategy in self.strategies]
        return next((answer for answer in answers if answer is not None), None)

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
    Cost: in a batch too every event is looked at singly, some 5 µs a record.
    """

    name: ClassVar[str] = "at_least"
    memory = ("strategies", "asking")

    def __init__(self, k: int, strategies: list[Strategy]) -> None:
        fits = isinstance(k, int) and 1 <= k <= len(strategies)
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
            self.asking[at] = str(getattr(answer.payload, "reason", answer.kind))
        elif self.strategies[at].watches(event):
            self.asking[at] = None
        return answer is not None

    def watches(self, event: SystemEvent) -> bool:
        return any(strategy.watches(event) for strategy in self.strategies)


def any_of(*strategies: Strategy) -> RetrainingStrategy:
    """Answer when any of the strategies does."""
    return AnyOf(list(strategies))


def all_of(*strategies: Strategy) -> RetrainingStrategy:
    """Answer when all of the strategies ask at the same time."""
    return AtLeast(len(strategies), list(strategies))


def at_least(k: int, *strategies: Strategy) -> RetrainingStrategy:
    """Answer when at least `k` of the strategies ask at the same time."""
    return AtLeast(k, list(strategies))
