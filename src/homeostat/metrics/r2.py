"""The share of the truths' variance that predictions explain."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from homeostat.batch import Batch
from homeostat.columnar import number_pairs, updated
from homeostat.errors import whole
from homeostat.events import SystemEvent
from homeostat.protocols import Series
from homeostat.record import InferenceRecord
from homeostat.series import number
from homeostat.sliding import SlidingMoments, SlidingSum
from homeostat.state import Stateful


class R2(Stateful):
    """Coefficient of determination over the latest `window` records that give two numbers.

    At most 1; 0 is what the mean truth would reach. window: records whose prediction and truth
    are numbers, at least 1 (with 1 it is never defined); all others say nothing.

    NaN with a single record and while all truths of the window are equal (scikit-learn says 0 or
    1 there). Raises InvalidSetting. Cost per record: constant, whatever the window. State: 5
    floats for each place of the window. Oracle: `sklearn.metrics.r2_score` on the window, to
    about 1e-9 of the ratio of squares. Source: Wright (1921); for the sums Welford (1962), Chan,
    Golub and LeVeque (1979).
    """

    name: ClassVar[str] = "r2"
    follows: ClassVar[str] = "labels"
    greater_is_better: ClassVar[bool] = True
    memory = ("errors", "truths")

    def __init__(self, window: int = 1000) -> None:
        self.window = whole("window", window)
        self.errors = SlidingSum(window)
        self.truths = SlidingMoments(window)

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        predicted, truth = number(record.predicted_label), number(record.ground_truth_label)
        if predicted != predicted or truth != truth:
            return None
        error = predicted - truth
        left, spread = self.errors.push(error * error), self.truths.push(truth)
        return updated(self.name, 1.0 - left / spread if spread > 0 else float("nan"), record)

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        rows, predicted, truth = number_pairs(batch)
        with np.errstate(over="ignore", invalid="ignore"):
            errors = predicted - truth
            left, spread = self.errors.extend(errors * errors), self.truths.extend(truth)
            values = np.full(len(left), np.nan)
            np.divide(left, spread, out=values, where=spread > 0)
            return [Series(self.name, rows, 1.0 - values)]
