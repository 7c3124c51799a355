"""Ask for a retraining when a detector raises an alarm."""

from __future__ import annotations

from typing import Any, ClassVar

from homeostat.errors import require
from homeostat.event_batch import EventBatch
from homeostat.events import DriftDetected, SystemEvent
from homeostat.strategy import Answers, Need, RetrainingStrategy, request

_NO_REASON = ("better", "broken")


class DriftStrategy(RetrainingStrategy):
    """Ask at every `DriftDetected` that is neither an improvement nor a break in the data.

    `metric` narrows it to the alarms on one series (`error`, `accuracy`, ...); None takes all.
    An alarm whose direction is `better` never asks, nor one that is `broken`: no retraining mends
    the data. Cost: a comparison an event.
    """

    name: ClassVar[str] = "drift"

    def __init__(self, metric: str | None = None) -> None:
        named = metric is None or isinstance(metric, str)
        require(named, "metric", metric, "the name of a series, or None")
        self.metric = metric

    def on_event(self, event: SystemEvent) -> SystemEvent | None:
        if not self.watches(event) or event.payload.direction in _NO_REASON:
            return None
        drift = event.payload
        worst = _worst(drift.evidence)
        seen = f"observed {drift.observed:.4f} over {drift.threshold:.4f}"
        told = worst or f"{drift.detector or 'detector'} {seen}"
        return request(event, f"Drift in {drift.metric}: {told}")

    def needs(self) -> list[Need]:
        return [Need(self.name, "alarms", self.metric)]

    def watches(self, event: SystemEvent) -> bool:
        if type(event) is not DriftDetected:
            return False
        return self.metric is None or event.payload.metric == self.metric

    def on_events(self, events: EventBatch) -> Answers:
        return super().on_events(events.of(DriftDetected))  # alarms are few


def _worst(evidence: Any) -> str:
    """The surest of the columns that an alarm names, in words; "" where it names none."""
    columns = evidence.get("columns") if isinstance(evidence, dict) else None
    if not isinstance(columns, list) or not columns:
        return ""
    worst = columns[0]
    try:
        effect = worst["effect"]
        size = "" if effect is None else f", effect {effect:.3g} ({worst['unit']})"
        said = f"{worst['column']} ({worst['verdict']}) by {worst['test']}{size}"
        more = evidence.get("drifted", len(columns)) - 1
        others = f"; {more} more" if more else ""
        return f"{said}, p = {worst['p_value']:.2g}{others}"
    except (KeyError, TypeError, ValueError):  # the evidence of someone else's detector
        return ""
