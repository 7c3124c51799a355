"""How long the slowest predictions take."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from homeostat.batch import Batch
from homeostat.columnar import updated
from homeostat.errors import whole, within
from homeostat.events import SystemEvent
from homeostat.protocols import Series
from homeostat.record import InferenceRecord
from homeostat.sliding import Ring
from homeostat.state import Stateful


class LatencyQuantile(Stateful):
    """Quantile `q` of `latency_ms` over the latest `window` records; from the first record on.

    In milliseconds, exact, linear between the two nearest values. q: within [0, 1]. window:
    records, at least 1. Events are called `latency_ms_p95` for q = 0.95, `latency_ms_p99.9` for
    0.999. Never NaN. Raises InvalidSetting. Cost per record: two searches in, and two moves
    within, a sorted list of `window` floats. State: 8 bytes for each place of the window. Oracle:
    `numpy.quantile` on the window. Source: Hyndman and Fan (1996), definition 7.
    """

    greater_is_better: ClassVar[bool] = False
    memory = ("ring",)

    def __init__(self, q: float = 0.95, window: int = 1000) -> None:
        within("q", q, 0, 1, "[]")
        self.q = q
        self.window = whole("window", window)
        self.ring = Ring(window, np.float64)
        self._sorted: list[float] = []

    @property
    def name(self) -> str:
        """`latency_ms_p` and the percentage."""
        return f"latency_ms_p{100 * self.q:g}"

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        super().restore(snapshot)
        self._sorted = np.sort(self.ring.latest()).tolist()

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        return updated(self.name, self._push(float(record.latency_ms)), record)

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        samples = batch.latency_ms.tolist()
        values = np.fromiter(map(self._push, samples), np.float64, len(samples))
        return [Series(self.name, None, values)]

    def _push(self, sample: float) -> float:
        ordered = self._sorted
        full = self.ring.filled == self.window
        leaving = self.ring.push(sample)
        if full:
            del ordered[bisect_left(ordered, leaving)]
        insort(ordered, sample)
        return _quantile(ordered, self.q)


def _quantile(ordered: list[float], q: float) -> float:
    """As numpy interpolates, from the nearer side."""
    place = q * (len(ordered) - 1)
    below = math.floor(place)
    share = place - below
    low = ordered[below]
    high = ordered[min(below + 1, len(ordered) - 1)]
    gap = high - low
    return low + gap * share if share < 0.5 else high - gap * (1 - share)
