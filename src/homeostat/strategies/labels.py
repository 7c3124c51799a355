"""Ask for a retraining when enough new labels have come."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from homeostat.errors import require, whole
from homeostat.event_batch import EventBatch, Keys
from homeostat.events import MetricUpdated, SystemEvent
from homeostat.standing import Standing
from homeostat.strategy import Need


class LabelVolume(Standing):
    """Ask after `n` new labelled records, counted from its last request.

    n: at least 1. metric: the name of a metric that gives one value for each labelled record, and
    for no other; it must be among the metrics. A NaN value does not count. Its request stands:
    `all_of(LabelVolume(500), PerformanceStrategy(0.9))` asks when there is enough to learn from
    and a reason to. Raises InvalidSetting. Cost: a comparison a record.
    """

    name: ClassVar[str] = "labels"
    memory = ("count",)

    def __init__(self, n: int, *, metric: str = "accuracy") -> None:
        self.n = whole("n", n)
        require(isinstance(metric, str), "metric", metric, "the name of a metric")
        self.metric = metric
        self.count = 0
        self._reason = f"{n} new labelled records since the last request"

    def needs(self) -> list[Need]:
        return [Need(self.name, "values", self.metric)]

    def _asks(self, event: SystemEvent) -> str | None:
        told = event.payload
        if type(event) is not MetricUpdated or told.name != self.metric or told.value != told.value:
            return None
        self.count += 1
        if self.count < self.n:
            return None
        self.count = 0
        return self._reason

    def _asked(self, events: EventBatch) -> tuple[Keys, list[str]]:
        labelled = events.metric(self.metric)
        counted = np.flatnonzero(~np.isnan(labelled.values))
        due = counted[self.n - 1 - self.count :: self.n]
        self.count = (self.count + len(counted)) % self.n
        return labelled.keys_at(due), [self._reason] * len(due)
