"""How surprised the model was by the truth."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from homeostat.batch import Batch
from homeostat.columnar import forecasts, truth_probability, updated
from homeostat.errors import whole
from homeostat.events import SystemEvent
from homeostat.protocols import Series
from homeostat.record import InferenceRecord
from homeostat.sliding import SlidingSum
from homeostat.state import Stateful

_EPSILON = float(np.finfo(np.float64).eps)


class LogLoss(Stateful):
    """Mean of -ln(probability given to the truth) over the latest `window` records that gave one.

    The probability is that of the true class in `scores`, where numbers may be spelt "1" or
    "1.0" and booleans "true", "True" or as 1 and 0; where `scores` holds one class only, the
    others share the rest. Without `scores`, `score` is the probability of the predicted label and
    the rest that of the other one, as fits two classes. Clipped to [eps, 1 - eps], eps = 2.2e-16.
    window: such records, at least 1.

    From the first on, never NaN; a record without truth, or without a probability of it, says
    nothing. Raises InvalidSetting. Cost per record: constant, whatever the window. State: 2
    floats for each place of the window. Oracle: `sklearn.metrics.log_loss` on the window. Source:
    Good, Rational decisions (1952).
    """

    name: ClassVar[str] = "log_loss"
    follows: ClassVar[str] = "labels"
    greater_is_better: ClassVar[bool] = False
    memory = ("losses",)

    def __init__(self, window: int = 1000) -> None:
        self.window = whole("window", window)
        self.losses = SlidingSum(window)

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        probability = truth_probability(record)
        if probability != probability:
            return None
        loss = -math.log(min(max(probability, _EPSILON), 1.0 - _EPSILON))
        return updated(self.name, self.losses.push_mean(loss), record)

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        said = forecasts(batch)
        known = np.flatnonzero(~np.isnan(said.truth))
        clipped = np.clip(said.truth[known], _EPSILON, 1.0 - _EPSILON)
        # numpy's vectorised logarithm may differ from the C library's in the last bit
        losses = -np.fromiter(map(math.log, clipped.tolist()), np.float64, len(clipped))
        rows = known if said.rows is None else said.rows[known]
        return [Series(self.name, rows, self.losses.extend_mean(losses))]
