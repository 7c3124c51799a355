"""The share of right predictions among the latest labelled records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.columnar import updated
from homeostat.errors import whole
from homeostat.events import MetricEvent, MetricUpdated, SystemEvent
from homeostat.intake import BLOCK
from homeostat.intervals import checked_level, two_sided, wilson
from homeostat.protocols import Bounds, Series
from homeostat.record import InferenceRecord
from homeostat.sliding import counts_after
from homeostat.state import Stateful


class AccuracyMetric(Stateful):
    """Accuracy over the latest `window` labelled records; from the first record on.

    level: with one, like 0.95, each value carries its n and Wilson's interval, which holds the
    model's accuracy with that probability if the window's records are independent.

    A record without its truth says nothing and changes nothing. Raises InvalidSetting when
    `window` is below 1 or `level` is not between 0 and 1. State: `window` bytes. Cost: constant
    per record, whatever the window. Oracle: `sklearn.metrics.accuracy_score` on the window and
    `scipy.stats.binomtest`. Source: the seed's `AccuracyMetric`; Wilson 1927.
    """

    name: ClassVar[str] = "accuracy"
    follows: ClassVar[str] = "labels"
    greater_is_better: ClassVar[bool] = True
    memory = ("ring", "at", "seen", "right")

    def __init__(self, window: int = 100, level: float | None = None) -> None:
        self.window = whole("window", window)
        self.level = level
        self._z = None if level is None else two_sided(checked_level(level))
        self.ring = bytearray(window)  # 1 for right; the slot `at` holds the oldest
        self.at = 0
        self.seen = 0  # at most `window`
        self.right = 0

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        truth = record.ground_truth_label
        if truth is None:
            return None
        correct = truth == record.predicted_label
        at = self.at
        self.right += correct - self.ring[at]
        self.ring[at] = correct
        self.at = at + 1 if at + 1 < self.window else 0
        if self.seen < self.window:
            self.seen += 1
        value = self.right / self.seen
        if self._z is not None:
            lower, upper = wilson(value, self.seen, self._z)
            return updated(self.name, value, record, (self.seen, float(lower), float(upper)))
        return MetricUpdated(MetricEvent(self.name, value, record.model_version, record.created_at))

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        rows, correct = batch.outcome
        entering = correct.view(np.uint8)
        values = np.empty(len(entering))
        seen = self.seen
        for start in range(0, len(entering), BLOCK):
            self._fold(entering[start : start + BLOCK], values[start : start + BLOCK])
        return [Series(self.name, rows, values, self._bounds(values, seen))]

    def _bounds(self, values: NDArray[np.float64], seen: int) -> Bounds | None:
        if self._z is None:
            return None
        n = counts_after(seen, len(values), self.window)
        lower, upper = np.empty(len(values)), np.empty(len(values))
        for start in range(0, len(values), BLOCK):
            part = slice(start, start + BLOCK)
            lower[part], upper[part] = wilson(values[part], n[part], self._z)
        return Bounds(n, lower, upper)

    def _fold(self, entering: NDArray[np.uint8], values: NDArray[np.float64]) -> None:
        n, window = len(entering), self.window
        ring = np.frombuffer(self.ring, dtype=np.uint8)
        history = np.concatenate([ring[self.at :], ring[: self.at], entering])
        moves = np.subtract(entering, history[:n], dtype=np.int8)
        right = np.cumsum(moves, dtype=np.int32)
        right += self.right
        np.divide(right, float(window), out=values)
        filling = min(n, window - self.seen)
        if filling > 0:
            values[:filling] = right[:filling] / np.arange(self.seen + 1, self.seen + filling + 1)
        self._keep(history[n:], (self.at + n) % window)
        self.seen, self.right = min(window, self.seen + n), int(right[-1])

    def _keep(self, latest: NDArray[np.uint8], at: int) -> None:
        """Lay the latest outcomes out as single records would have left them."""
        split = self.window - at
        self.ring, self.at = bytearray(latest[split:]) + bytearray(latest[:split]), at
