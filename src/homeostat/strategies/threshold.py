"""Ask for a retraining whenever a metric is on the wrong side of a fixed bound."""

from __future__ import annotations

from typing import ClassVar

from homeostat.errors import real, require
from homeostat.event_batch import EventBatch
from homeostat.events import MetricUpdated, SystemEvent
from homeostat.strategy import Answers, Need, RetrainingStrategy, answer_values, request


class ThresholdStrategy(RetrainingStrategy):
    """The seed's naive strategy: ask at every record while accuracy is below `threshold`.

    With `metric` it watches another metric, with `above=True` it asks when the value is above the
    bound (for errors, losses and latencies). A NaN value never asks. It repeats itself at every
    record; tame it with `.hold(n)` and `.cooldown(duration)`. Raises InvalidSetting for a NaN
    threshold. Cost: a comparison a record.
    """

    name: ClassVar[str] = "threshold"

    def __init__(self, threshold: float, *, metric: str = "accuracy", above: bool = False) -> None:
        real("threshold", threshold)
        require(isinstance(metric, str), "metric", metric, "the name of a metric")
        require(isinstance(above, bool), "above", above, "True or False")
        self.threshold = threshold
        self.metric = metric
        self.above = above
        subject, move = metric[:1].upper() + metric[1:], "rose above" if above else "dropped below"
        self._complaint = f"{subject} {move} {threshold:.2f}: observed "

    def on_event(self, event: SystemEvent) -> SystemEvent | None:
        if self.watches(event) and self._asks(event.payload.value):
            return request(event, self._reason(event.payload.value))
        return None

    def needs(self) -> list[Need]:
        return [Need(self.name, "values", self.metric)]

    def watches(self, event: SystemEvent) -> bool:
        return type(event) is MetricUpdated and event.payload.name == self.metric

    def on_events(self, events: EventBatch) -> Answers:
        watched = events.metric(self.metric)
        values = watched.values
        asked = values > self.threshold if self.above else values < self.threshold
        return answer_values(events, watched, asked, self._reason)

    def _asks(self, value: float) -> bool:
        return value > self.threshold if self.above else value < self.threshold

    def _reason(self, value: float) -> str:
        return f"{self._complaint}{value:.4f}"
