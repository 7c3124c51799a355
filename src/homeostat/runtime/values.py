"""Each metric's latest value, and the observations that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.engine import Engine
from homeostat.event_batch import EventBatch, named_in


class Values:
    """The latest values of an engine's metrics: `latest` has value and observations by name."""

    def __init__(self, engine: Engine) -> None:
        self._metrics = engine.metrics
        self.latest: dict[str, list[Any]] = {}

    def told(self, events: EventBatch) -> None:
        """Note the values among the events of a batch."""
        for name in dict.fromkeys(name for column in events.columns for name in named_in(column)):
            self._note(name, events.metric(name))

    def recounted(self, rebuilt: Mapping[str, NDArray[np.float64]]) -> None:
        """Note the values of metrics that were built anew; of those without one, there is none."""
        for name, values in rebuilt.items():
            if len(values):
                self.latest[name] = [float(values[-1]), self._within_window(name, len(values))]
            else:
                self.latest.pop(name, None)

    def _note(self, name: str, told: Any) -> None:
        if not len(told.values):
            return
        before = self.latest[name][1] if name in self.latest else 0
        n = self._within_window(name, before + len(told.values))
        if told.bounds is not None:
            n = self._within_window(name, int(told.bounds.n[-1]))
        self.latest[name] = [float(told.values[-1]), n]

    def _within_window(self, name: str, n: int) -> int:
        """How many of so many observations a metric still holds."""
        windows = [_window(metric, name) for metric in self._metrics]
        return min(n, next((window for window in windows if isinstance(window, int)), n))


def _window(metric: Any, name: str) -> Any:
    """The window behind a series, where it is this metric's; that of a segment is the segment's."""
    if hasattr(metric, "segments"):
        return getattr(metric.metric, "window", None) if _segment(name) == metric.name else None
    return getattr(metric, "window", None) if metric.name == name else None


def _segment(name: str) -> str | None:
    """The metric that a segment's series is of; None for a series that is none."""
    base, bracket, _ = name.partition("[")
    return base if bracket else None
