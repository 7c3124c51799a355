"""An error rate and its standard deviation, record by record, and where their sum was lowest.

What DDM and its descendants compare: after n records with total error t the rate is p = t/n and
its standard deviation s = sqrt(p (1 - p) / n); the healthy level is where p + s was lowest.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import real, require

__all__ = ["NOWHERE", "Low", "Path", "follow", "require_levels"]


class Low(NamedTuple):
    """The records, their total error, p and s, where p + s was lowest."""

    n: float
    total: float
    p: float
    s: float

    def rise(self, n: float, total: float) -> float:
        """The error rate of the records after it, minus its own."""
        return (total - self.total) / (n - self.n) - self.p


NOWHERE = Low(0.0, 0.0, math.inf, math.inf)


class Path(NamedTuple):
    """Columns over a stretch of records; `at` is the place of the lowest so far, 0 the carried."""

    counts: NDArray[np.float64]
    totals: NDArray[np.float64]
    p: NDArray[np.float64]
    s: NDArray[np.float64]
    at: NDArray[np.int64]
    carried: Low

    def above(self, deviations: float) -> NDArray[np.bool_]:
        """Where p + s stands above the lowest p plus so many of the lowest s, and p above p.

        The latter follows from the former, but for rounding: where all p are just below 1.
        """
        p = np.append(self.carried.p, self.p)[self.at]
        s = np.append(self.carried.s, self.s)[self.at]
        return (self.p + self.s > p + deviations * s) & (self.p > p)

    def low(self, row: int) -> Low:
        """The lowest up to a row."""
        at = int(self.at[row]) - 1
        columns = (self.counts, self.totals, self.p, self.s)
        return self.carried if at < 0 else Low(*(float(column[at]) for column in columns))


def follow(values: NDArray[np.float64], count: int, total: float, low: Low, least: int) -> Path:
    """The path over `values` after `count` records; `least` are needed to be the lowest."""
    counts = np.arange(count + 1.0, count + len(values) + 1.0)
    totals = np.cumsum(np.append(total, values))[1:]
    p = totals / counts
    s = np.sqrt(p * (1.0 - p) / counts)
    level = np.where(counts >= least, p + s, math.inf)
    lowest = np.minimum.accumulate(np.append(low.p + low.s, level))[:-1]
    is_new = (level <= lowest) & (counts >= least)
    at = np.maximum.accumulate(np.where(is_new, np.arange(1, len(values) + 1), 0))
    return Path(counts, totals, p, s, at, low)


def require_levels(warning: float, drift: float) -> None:
    """Check how many deviations above the lowest a warning and an alarm begin."""
    real("warning_threshold", warning)
    real("drift_threshold", drift)
    fits = 1 <= warning < math.inf
    require(fits, "warning_threshold", warning, "finite and at least 1")
    fits = warning <= drift < math.inf
    require(fits, "drift_threshold", drift, "finite and at least warning_threshold")
