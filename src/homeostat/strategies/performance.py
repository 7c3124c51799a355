"""Ask for a retraining when a metric is surely on the wrong side of a bound."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import real, require
from homeostat.event_batch import EventBatch, Places
from homeostat.events import MetricEvent, MetricUpdated, SystemEvent
from homeostat.protocols import Bounds
from homeostat.sliding import Floats
from homeostat.standing import requests
from homeostat.strategy import Answers, Need, RetrainingStrategy, request


class PerformanceStrategy(RetrainingStrategy):
    """Performance with confidence: ask when a metric's whole interval is beyond the bound.

    bound: the value that is still good, best the one on the reference. tolerance: how much worse is
    harmless, in the metric's unit, at least 0. metric: its name. above: the bad side is above the
    bound, as for errors and losses.

    A value without an interval never asks, nor does NaN. Intervals come with
    `AccuracyMetric(level=0.95)` ("accuracy"), `Estimated` ("estimated_accuracy") and `Cuped`
    ("cuped_accuracy"), or any metric that fills n, lower and upper. An interval holds for one look
    at a time; it is looked at after every record, so noise does ask in the end: add
    `.hold(n)`, with n a good part of the window, or a tolerance. Raises InvalidSetting. Cost: a
    comparison a record.
    """

    name: ClassVar[str] = "performance"

    def __init__(
        self,
        bound: float,
        *,
        tolerance: float = 0.0,
        metric: str = "accuracy",
        above: bool = False,
    ) -> None:
        real("bound", bound)
        require(real("tolerance", tolerance) >= 0, "tolerance", tolerance, "at least 0")
        require(isinstance(metric, str), "metric", metric, "the name of a metric")
        require(isinstance(above, bool), "above", above, "True or False")
        self.bound, self.tolerance = bound, tolerance
        self.metric, self.above = metric, above
        self._limit = bound + tolerance if above else bound - tolerance
        subject, side = metric[:1].upper() + metric[1:], "above" if above else "below"
        self._complaint = f"{subject} is surely {side} {self._limit:.4g}: "

    def on_event(self, event: SystemEvent) -> SystemEvent | None:
        if not self.watches(event) or not self._is_bad(event.payload):
            return None
        told = event.payload
        return request(event, self._reason(told.value, told.lower, told.upper, told.n))

    def needs(self) -> list[Need]:
        return [Need(self.name, "intervals", self.metric)]

    def watches(self, event: SystemEvent) -> bool:
        return type(event) is MetricUpdated and event.payload.name == self.metric

    def on_events(self, events: EventBatch) -> Answers:
        watched = events.metric(self.metric)
        values, bounds = watched.values, watched.bounds
        if bounds is None:
            return Answers(lambda: watched.keys, np.empty(0, np.int64), lambda at: [])
        places = np.flatnonzero(self._are_bad(values, bounds))
        answered = watched.keys_at(places)

        def make(at: Places) -> list[SystemEvent]:
            n, lower, upper = (each.tolist() for each in bounds.at(places[at]))
            told = zip(values[places[at]].tolist(), lower, upper, n, strict=True)
            return requests(events, answered[at], [self._reason(*each) for each in told])

        return Answers(lambda: watched.keys, answered, make)

    def _is_bad(self, told: MetricEvent) -> bool:
        if not told.n or told.value != told.value or told.lower is None or told.upper is None:
            return False
        return told.lower > self._limit if self.above else told.upper < self._limit

    def _are_bad(self, values: Floats, bounds: Bounds) -> NDArray[np.bool_]:
        sides = ~np.isnan(bounds.lower) & ~np.isnan(bounds.upper) & ~np.isnan(values)
        beyond = bounds.lower > self._limit if self.above else bounds.upper < self._limit
        return beyond & sides & (bounds.n > 0)

    def _reason(self, value: float, lower: float, upper: float, n: int) -> str:
        return f"{self._complaint}{value:.4f}, between {lower:.4f} and {upper:.4f} (n={n})"


class EstimatedStrategy(PerformanceStrategy):
    """Ask when the accuracy estimated without labels is surely below the bound.

    As `PerformanceStrategy`, for the metric `Estimated`, whose values lose their interval, and so
    never ask, while labels contradict them.
    """

    name: ClassVar[str] = "estimated"

    def __init__(
        self, bound: float, *, tolerance: float = 0.0, metric: str = "estimated_accuracy"
    ) -> None:
        super().__init__(bound, tolerance=tolerance, metric=metric)


class CupedStrategy(PerformanceStrategy):
    """Ask when the accuracy of few labels, sharpened by the scores of all, is surely below.

    As `PerformanceStrategy`, for the metric `Cuped`: it takes fewer labels to be sure.
    """

    name: ClassVar[str] = "cuped"

    def __init__(
        self, bound: float, *, tolerance: float = 0.0, metric: str = "cuped_accuracy"
    ) -> None:
        super().__init__(bound, tolerance=tolerance, metric=metric)
