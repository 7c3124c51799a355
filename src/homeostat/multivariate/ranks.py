"""Areas under the ROC curve by ranks, ties counted half."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.multivariate.encoding import Floats

_DIGITS = 10  # what differs beyond them, by the largest score, differs by rounding


def area(scores: Floats, positive: NDArray[Any]) -> float:
    """The chance that a positive row's score exceeds a negative one's."""
    counts = _counts(scores, np.asarray(positive, bool))
    ups, downs = counts[1], counts[0]
    below = np.cumsum(downs) - downs / 2
    return float((ups * below).sum() / (float(ups.sum()) * downs.sum()))


def tied(scores: Floats) -> float:
    """How much ties take off the rank sum's variance: sum of t^3 - t, over N (N - 1)."""
    times = _counts(scores, np.ones(len(scores), bool))[1].astype(np.float64)
    return float((times**3 - times).sum() / (len(scores) * (len(scores) - 1.0)))


def _counts(scores: Floats, positive: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each different score from the least on, how many negative and positive rows have it."""
    peak = float(np.abs(scores).max()) or 1.0
    rounded = np.round(scores / peak, _DIGITS)
    order = np.argsort(rounded, kind="stable")
    ordered = rounded[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ups = np.add.reduceat(positive[order].astype(np.int64), starts)
    return np.array([np.diff(np.append(starts, len(scores))) - ups, ups])
