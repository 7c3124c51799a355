"""How long predictions take, smoothed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from homeostat.batch import Batch
from homeostat.errors import real, require
from homeostat.events import MetricEvent, MetricUpdated, SystemEvent
from homeostat.intake import BLOCK
from homeostat.protocols import Series
from homeostat.record import InferenceRecord
from homeostat.recursion import decay
from homeostat.state import Stateful


class LatencyMetric(Stateful):
    """Exponentially weighted mean of `latency_ms`: `alpha * sample + (1 - alpha) * previous`.

    In milliseconds; starts at the first sample. Raises InvalidSetting when `alpha` lies outside
    (0, 1]. State: one number. Cost: constant per record. Oracle: the recursion itself and
    `pandas.Series.ewm(adjust=False)`. Source: the seed's `LatencyMetric`; Roberts (1959).
    """

    name: ClassVar[str] = "latency_ms_ewma"
    greater_is_better: ClassVar[bool] = False
    memory = ("ewma",)

    def __init__(self, alpha: float = 0.3) -> None:
        self.alpha = real("alpha", alpha, "within (0, 1]")
        require(0 < self.alpha <= 1, "alpha", alpha, "within (0, 1]")
        self.ewma: float | None = None

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        sample = float(record.latency_ms)
        previous = self.ewma
        ewma = sample if previous is None else self.alpha * sample + (1.0 - self.alpha) * previous
        self.ewma = ewma
        return MetricUpdated(MetricEvent(self.name, ewma, record.model_version, record.created_at))

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        samples = batch.latency_ms
        values = np.empty(len(samples))
        if self.ewma is None and len(samples):
            values[0] = self.ewma = float(samples[0])
            start = 1
        else:
            start = 0
        for at in range(start, len(samples), BLOCK):
            part = samples[at : at + BLOCK]
            pushes = (self.alpha * part)[np.newaxis]
            smoothed = decay(1.0 - self.alpha, pushes, np.array([[self.ewma or 0.0]]))[0]
            values[at : at + BLOCK] = smoothed
            self.ewma = float(smoothed[-1])
        return [Series(self.name, None, values)]
