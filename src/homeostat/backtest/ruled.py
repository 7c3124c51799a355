"""Requests that obey the rules of a service: cooldown and budgets, in the records' own time.

A training takes no time in a backtest and its failure ends no row of others, so that nothing waits
for its turn and the breaker stays closed; nobody approves, and `at_latest` does not ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from homeostat.backtest.contestants import Asking, Contestant, Requests
from homeostat.batch import Batch
from homeostat.event_batch import EventBatch
from homeostat.lifecycle.rules import WEEK, Past, Rules, hindrance
from homeostat.strategy import RetrainingStrategy


class Ruled(Asking):
    """A strategy of whose requests those count that the rules let pass."""

    def __init__(self, strategy: RetrainingStrategy, rules: Rules) -> None:
        super().__init__(strategy)
        self.rules = rules
        self.passed: list[int] = []  # times of those that count, the newest first
        self._span = max(WEEK, rules.micros("cooldown"))

    def asks(self, batch: Batch, events: EventBatch, most: int) -> Requests:
        found = super().asks(batch, events, len(batch))
        times = batch.created_at[found.rows].tolist()
        places = [place for place, at in enumerate(times) if self._passes(at)]
        self.suppressed += len(times) - len(places)
        reasons = [found.reasons[place] for place in places[:most]]
        return Requests(found.rows[np.array(places, dtype=np.int64)], reasons)

    def _passes(self, at: int) -> bool:
        if hindrance(self.rules, Past(self.passed), at) is not None:
            return False
        self.passed = [at, *(one for one in self.passed if at - one < self._span)]
        return True

    def again(self) -> Ruled:
        return Ruled(self.strategy.fresh(), self.rules)

    def snapshot(self) -> dict[str, Any]:
        own = {"passed": list(self.passed), "suppressed": self.suppressed}
        return {"strategy": super().snapshot(), **own}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        super().restore(snapshot["strategy"])
        self.passed, self.suppressed = list(snapshot["passed"]), snapshot["suppressed"]


def ruled(contestant: Contestant, rules: Rules) -> Contestant:
    """The same under these rules; calendars are what they say."""
    asker = contestant.asker
    if contestant.calendar or not isinstance(asker, Asking):
        return contestant
    return contestant._replace(asker=Ruled(asker.strategy, rules))
