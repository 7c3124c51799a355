"""ECDD tells when recent errors are more frequent than an error rate learned since the start.

G. J. Ross, N. M. Adams, D. K. Tasoulis and D. J. Hand, Exponentially weighted moving average
charts for detecting concept drift, Pattern Recognition Letters 33 (2012), section 3 and
algorithm 1. With p the error rate of the n records since the last restart, and

    Z_n = (1 - alpha) Z_(n-1) + alpha x_n,   Z_0 = 0
    s_n = sqrt(p (1 - p) alpha / (2 - alpha) (1 - (1 - alpha)^(2 n)))

it alarms when Z exceeds p + L s, where the limit L is a polynomial in p, fitted by the authors so
that records of one error rate raise an alarm once in `arl0` on average.
"""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import require, whole, within
from homeostat.recursion import decay
from homeostat.sequential.alarms import no_number
from homeostat.sequential.binary import Binary, skip
from homeostat.sequential.stretches import Stretched

_Number = TypeVar("_Number", float, NDArray[np.float64])


class _Limit(NamedTuple):
    """The factors of 1, p, p^3, p^5 and p^7 in L, and the p above which L stays as it is."""

    factors: tuple[float, float, float, float, float]
    most: float


_LIMITS = {
    100: _Limit((2.76, -6.23, 18.12, -312.45, 1002.18), 0.3),
    400: _Limit((3.97, -6.56, 48.73, -330.13, 848.18), 0.4),
    1000: _Limit((1.17, 7.56, -21.24, 112.12, -987.23), 0.3),
}


class ECDD(Binary, Stretched):
    """An EWMA chart for an error rate that is learned on the way; alarms at a rise.

    arl0: records of one error rate to a false alarm, on average, by the authors: 100, 400 or
    1000. alpha: the weight of the newest record in Z (lambda in the paper), above 0 and below 1;
    the limits were fitted for 0.2. warning_level: the share of L at which the warning zone
    begins, above 0 and below 1. min_instances: records after a (re)start before it may alarm.
    on: the series to watch; a label for the monitor, unused here.

    After an alarm, which clears all but the last report, `observed` is Z, `threshold` p + L s,
    and `change` is Z - p: recent errors against all since the start. Before the first alarm they
    are NaN. A fall of the error rate never alarms.

    NaN is no observation: skipped. A value outside [0, 1] raises InvalidInput. A constant series
    never alarms. Memory O(1); a value costs O(1).

    Alarms are those of Frouros 0.9 while p is at most 0.3 (0.4 with arl0=400). Above that the
    polynomials fall below 0 or rise without end, so here L keeps its value there. Measured with
    defaults otherwise, 400 means an alarm in 290 to 420 records for rates of 0.05 to 0.4, and 190
    for 0.01. The other two polynomials, as they were published, do not do what they say: 100
    means 140 for 0.01 but 40 for 0.3, and 1000 means 70 to 630.
    """

    name: str = "ecdd"
    memory: ClassVar[tuple[str, ...]] = (
        "_count", "_total", "_z", "_faded", "observed", "threshold", "change",
    )  # fmt: skip

    _total: float  # of the errors since the (re)start
    _z: float
    _faded: float  # (1 - alpha)^(2 n)

    def __init__(
        self,
        arl0: int = 400,
        alpha: float = 0.2,
        warning_level: float = 0.5,
        min_instances: int = 30,
        *,
        on: str = "error",
    ) -> None:
        known = arl0 in _LIMITS if isinstance(arl0, int) else False
        require(known, "arl0", arl0, "100, 400 or 1000")
        within("alpha", alpha, 0, 1)
        within("warning_level", warning_level, 0, 1)
        whole("min_instances", min_instances, 1)
        require(isinstance(on, str) and bool(on), "on", on, "the name of a series")
        self.arl0 = arl0
        self.alpha = alpha
        self.warning_level = warning_level
        self.min_instances = min_instances
        self.on = on
        self.observed = math.nan
        self.threshold = math.nan
        self.change = math.nan
        self._restart()

    @property
    def warning(self) -> bool:
        """Whether Z is in the warning zone now."""
        ready = self._count >= self.min_instances
        return ready and self._z > self._bound(self.warning_level)

    @property
    def estimation(self) -> float:
        """The error rate since the start or the last alarm; NaN without records."""
        return self._total / self._count if self._count else math.nan

    def update(self, x: float) -> bool:
        """Take one value; True when it raises an alarm. NaN is skipped, O(1)."""
        try:
            x = float(x)
        except (TypeError, ValueError, OverflowError) as error:
            raise no_number(x) from error
        if not 0.0 <= x <= 1.0:
            return skip(x)
        keep = 1.0 - self.alpha
        self._count += 1
        self._total += x
        self._z = keep * self._z + self.alpha * x
        self._faded *= keep * keep
        if self._count < self.min_instances or self._z <= self._bound():
            return False
        self._report()
        return True

    def _take(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        keep = 1.0 - self.alpha
        counts = np.arange(self._count + 1.0, self._count + len(values) + 1.0)
        totals = np.cumsum(np.append(self._total, values))[1:]
        faded = np.cumprod(np.append(self._faded, np.full(len(values), keep * keep)))[1:]
        z = decay(keep, self.alpha * values[np.newaxis], np.array([[self._z]]))[0]
        crossed = (z > self._bounds(counts, totals, faded)) & (counts >= self.min_instances)
        first = int(np.argmax(crossed))
        fired = bool(crossed[first])
        last = first if fired else len(values) - 1
        self._count, self._total = int(counts[last]), float(totals[last])
        self._z, self._faded = float(z[last]), float(faded[last])
        if fired:
            self._report()
        return last + 1, fired

    def _bounds(self, n: _Number, total: _Number, faded: _Number, share: float = 1.0) -> _Number:
        """The level p + L s, or with a share of L."""
        p = total / n
        (one, p1, p3, p5, p7), most = _LIMITS[self.arl0]
        capped = np.minimum(p, most)
        square = capped * capped
        limit = one + capped * (p1 + square * (p3 + square * (p5 + square * p7)))
        settled = self.alpha / (2.0 - self.alpha) * (1.0 - faded)
        level: _Number = p + share * limit * np.sqrt(p * (1.0 - p) * settled)
        return level

    def _bound(self, share: float = 1.0) -> float:
        return float(self._bounds(float(self._count), self._total, self._faded, share))

    def _report(self) -> None:
        """Say what crossed, then start again."""
        self.observed = self._z
        self.threshold = self._bound()
        self.change = self._z - self._total / self._count
        self._restart()

    def _restart(self) -> None:
        self._count = 0
        self._total = 0.0
        self._z = 0.0
        self._faded = 1.0
