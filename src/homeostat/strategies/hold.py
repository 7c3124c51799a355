"""Only what stays true counts."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from homeostat.errors import whole
from homeostat.event_batch import EventBatch
from homeostat.events import SystemEvent
from homeostat.protocols import Strategy
from homeostat.strategy import Answers, Need, RetrainingStrategy, part


class Hold(RetrainingStrategy):
    """Pass on an answer only when the inner strategy has answered `n` of its events in a row.

    An event that the inner strategy watches and does not answer starts the count anew, and so does
    another version that serves; others do not touch it. Raises InvalidSetting when `n` is below 1.
    """

    name: ClassVar[str] = "hold"
    memory = ("strategy", "run")

    def __init__(self, strategy: Strategy, n: int) -> None:
        self.strategy = part(strategy)
        self.n = whole("n", n)
        self.run = 0

    def on_event(self, event: SystemEvent) -> SystemEvent | None:
        answer = self.strategy.on_event(event)
        if answer is None:
            if self.strategy.watches(event):
                self.run = 0
            return None
        self.run += 1
        return answer if self.run >= self.n else None

    def renewed(self) -> None:
        self.strategy.renewed()
        self.run = 0

    def needs(self) -> list[Need]:
        return self.strategy.needs()

    def watches(self, event: SystemEvent) -> bool:
        return self.strategy.watches(event)

    def on_events(self, events: EventBatch) -> Answers:
        inner = self.strategy.on_events(events)
        if not len(inner.watched):
            return inner
        asked = np.zeros(len(inner.watched), dtype=bool)
        asked[np.searchsorted(inner.watched, inner.answered)] = True
        at = np.arange(len(asked))
        last_no = np.maximum.accumulate(np.where(asked, -1, at))
        runs = at - last_no + np.where(last_no < 0, self.run, 0)
        runs[~asked] = 0
        self.run = int(runs[-1])
        kept = np.flatnonzero(runs[asked] >= self.n)
        return inner.only(kept)
