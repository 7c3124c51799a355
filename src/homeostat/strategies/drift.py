"""Ask for a retraining when a detector raises an alarm."""

from __future__ import annotations

from typing import ClassVar

from homeostat.event_batch import EventBatch
from homeostat.events import DriftDetected, SystemEvent
from homeostat.strategy import Answers, RetrainingStrategy, request

_NO_REASON = ("better", "broken")


class DriftStrategy(RetrainingStrategy):
    """Ask at every `DriftDetected` that is neither an improvement nor a break in the data.

    `metric` narrows it to the alarms on one series (`error`, `accuracy`, ...); None takes all.
    An alarm whose direction is `better` never asks, nor one that is `broken`: no retraining mends
    the data. Cost: a comparison an event.
    """

    name: ClassVar[str] = "drift"

    def __init__(self, metric: str | None = None) -> None:
        self.metric = metric

    def on_event(self, event: SystemEvent) -> SystemEvent | None:
        if not self.watches(event) or event.payload.direction in _NO_REASON:
            return None
        drift = event.payload
        return request(
            event,
            f"Drift in {drift.metric}: {drift.detector or 'detector'} observed "
            f"{drift.observed:.4f} over {drift.threshold:.4f}",
        )

    def watches(self, event: SystemEvent) -> bool:
        if type(event) is not DriftDetected:
            return False
        return self.metric is None or event.payload.metric == self.metric

    def on_events(self, events: EventBatch) -> Answers:
        return super().on_events(events.of(DriftDetected))  # alarms are few
