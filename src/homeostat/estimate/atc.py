"""Accuracy without labels from one threshold on confidence: a second opinion beside CBPE."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import HomeostatError
from homeostat.estimate.believable import warn_if_not
from homeostat.estimate.cbpe import CBPE, LEAST, Taken
from homeostat.estimate.chunks import Row, Table, chunks
from homeostat.estimate.columns import Floats
from homeostat.estimate.quantiles import normal_quantile


class ATC:
    """Average thresholded confidence: the share of records that are surer than a threshold.

    The threshold is set so that on the reference this share is the accuracy; records that lie on
    it count in part. Parameters as for CBPE, the metric is always accuracy. It needs no
    calibrated scores, only an order, and errs otherwise than CBPE: where the two disagree
    beyond their intervals, believe neither. Source: Garg et al. 2022, 3.
    """

    def __init__(
        self,
        *,
        y_true: str,
        y_pred: str,
        y_score: str | Mapping[Any, str],
        chunk_size: int | None = None,
        positive: Any = 1,
        level: float = 0.95,
    ) -> None:
        self._cbpe = CBPE(
            y_true=y_true,
            y_pred=y_pred,
            y_score=y_score,
            chunk_size=chunk_size,
            metrics=["accuracy"],
            positive=positive,
            level=level,
        )
        self.threshold = nan
        self._tied = nan  # how much a record on the threshold counts
        self._error = nan  # variance of the reference's accuracy

    def fit(self, reference: Any) -> ATC:
        """Learn the threshold from labelled records; errors and left out rows as for CBPE.

        Cost: one sort.
        """
        taken = self._cbpe.fit(reference).take(reference)
        good = taken.good & (taken.truth >= 0)
        sure = _confidence(taken, good)
        right = int((taken.truth[good] == taken.predicted[good]).sum())
        n = len(sure)
        self.threshold = float(np.sort(sure)[max(n - right - 1, 0)] if right < n else sure.min())
        above = int((sure > self.threshold).sum())
        self._tied = (right - above) / max(int((sure == self.threshold).sum()), 1)
        share = (right + 1) / (n + 2)
        self._error = share * (1 - share) / n
        return self

    def estimate(self, data: Any) -> Table:
        """Estimate accuracy for every chunk; the table is as CBPE's. Cost: linear."""
        if self.threshold != self.threshold:
            raise HomeostatError("ATC has not learnt anything yet; call fit(reference) first")
        taken = self._cbpe.take(data)
        spans = chunks(len(taken.good), self._cbpe.chunk_size)
        table = Table([self._row(taken, start, end) for start, end in spans], self._cbpe.level)
        warn_if_not(table.belief)
        return table

    def _row(self, taken: Taken, start: int, end: int) -> Row:
        good = np.zeros(len(taken.good), dtype=np.bool_)
        good[start:end] = taken.good[start:end]
        known = good & (taken.truth >= 0)
        n, labelled = int(good.sum()), int(known.sum())
        right = taken.truth[known] == taken.predicted[known]
        realized = float(right.mean()) if labelled else nan
        if n < LEAST:
            return Row("accuracy", start, end, nan, nan, nan, realized, n, labelled, LEAST)
        sure = _confidence(taken, good)
        over, tied = (sure > self.threshold).mean(), (sure == self.threshold).mean()
        value = float(over + self._tied * tied)
        share = (value * n + 1) / (n + 2)
        spread = sqrt(share * (1 - share) / n + self._error)
        half = normal_quantile(0.5 + self._cbpe.level / 2) * spread
        lower, upper = max(0.0, value - half), min(1.0, value + half)
        return Row("accuracy", start, end, value, lower, upper, realized, n, labelled, 0)


def _confidence(taken: Taken, good: NDArray[np.bool_]) -> Floats:
    """The score of the predicted class."""
    scores, predicted = taken.scores[good], taken.predicted[good]
    if scores.shape[1] == 1:
        first: Floats = scores[:, 0]
        return np.where(predicted == 1, first, 1.0 - first)
    picked: Floats = scores[np.arange(len(scores)), predicted]
    return picked
