"""Ask for a retraining whenever a metric is on the wrong side of a fixed bound."""

from __future__ import annotations

import math
from typing import ClassVar

from homeostat.errors import require
from homeostat.event_batch import EventBatch
from homeostat.events import MetricUpdated, SystemEvent
from homeostat.strategy import Answers, RetrainingStrategy, answer_rows, request


class ThresholdStrategy(RetrainingStrategy):
    """The seed's naive strategy: ask at every record while accuracy is below `threshold`.

    With `metric` it watches another metric, with `above=True` it asks when the value is above the
    bound (for errors, losses and latencies). A NaN value never asks. It repeats itself at every
    record; tame it with `.hold(n)` and `.cooldown(duration)`. Raises InvalidSetting for a NaN
    threshold. Cost: a comparison a record.
    """

    name: ClassVar[str] = "threshold"

    def __init__(self, threshold: float, *, metric: str = "accuracy", above: bool = False) -> None:
        require(not math.isnan(threshold), "threshold", threshold, "a number")
        self.threshold = threshold
        self.metric = metric
        self.above = above

    def on_event(self, event: SystemEvent) -> SystemEvent | None:
        if self.watches(event) and self._asks(event.payload.value):
            return request(event, self._reason(event.payload.value))
        return None

    def watches(self, event: SystemEvent) -> bool:
        return type(event) is MetricUpdated and event.payload.name == self.metric

    def on_events(self, events: EventBatch) -> Answers:
        keys, values = events.metric(self.metric)
        asked = values > self.threshold if self.above else values < self.threshold
        return answer_rows(events, keys, asked, lambda i: self._reason(float(values[i])))

    def _asks(self, value: float) -> bool:
        return value > self.threshold if self.above else value < self.threshold

    def _reason(self, value: float) -> str:
        subject = self.metric[:1].upper() + self.metric[1:]
        move = "rose above" if self.above else "dropped below"
        return f"{subject} {move} {self.threshold:.2f}: observed {value:.4f}"
