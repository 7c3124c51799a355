"""DDM tells when an error rate has risen clearly above the lowest it has been.

J. Gama, P. Medas, G. Castillo and P. Rodrigues, Learning with drift detection, Brazilian
Symposium on Artificial Intelligence (2004), section 3. With p the error rate of the n records
since the last restart and s = sqrt(p (1 - p) / n), it keeps p_min and s_min, those where p + s was
lowest, and alarms when p + s exceeds p_min + 3 s_min. Above p_min + 2 s_min it is in its warning
zone.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import require, whole
from homeostat.sequential.alarms import no_number
from homeostat.sequential.binary import Binary, skip
from homeostat.sequential.lowest import NOWHERE, Low, follow, require_levels
from homeostat.sequential.stretches import Stretched


class DDM(Binary, Stretched):
    """The drift detection method: an error rate against the lowest since the start.

    warm_start: records after a (re)start that are only counted; the lowest level is looked for
    from the next on. warning_threshold, drift_threshold: how many s_min above p_min the warning
    zone and the alarm begin, 1 <= warning_threshold <= drift_threshold. on: the series to watch;
    a label for the monitor, unused here.

    After an alarm, which clears all but the last report, `observed` is p + s, `threshold` is p_min
    + drift_threshold * s_min, and `change` the error rate since the lowest level minus that up to
    it; `since` is how many records ago that was, where the change most likely began. Before the
    first alarm they are NaN. A fall of the error rate never alarms.

    NaN is no observation: skipped. A value outside [0, 1] raises InvalidInput. A constant series
    never alarms. Memory O(1); a value costs O(1).

    Alarms are those of River 0.26 but for rounding: there the rate is an incremental mean, here
    total/n, exact for 0/1 errors. Like the paper's, it alarms at the first error after a start
    with more than warm_start records and no error, where p_min and s_min are 0; and the longer
    all is well, the later it finds a change, which RDDM mends.
    """

    name: str = "ddm"
    memory: ClassVar[tuple[str, ...]] = (
        "_count", "_total", "_low", "observed", "threshold", "change", "since",
    )  # fmt: skip

    _total: float  # of the errors since the (re)start
    _low: list[float]

    def __init__(
        self,
        warm_start: int = 30,
        warning_threshold: float = 2.0,
        drift_threshold: float = 3.0,
        *,
        on: str = "error",
    ) -> None:
        whole("warm_start", warm_start, 1)
        require_levels(warning_threshold, drift_threshold)
        require(isinstance(on, str) and bool(on), "on", on, "the name of a series")
        self.warm_start = warm_start
        self.warning_threshold = warning_threshold
        self.drift_threshold = drift_threshold
        self.on = on
        self.observed = math.nan
        self.threshold = math.nan
        self.change = math.nan
        self._restart()

    @property
    def warning(self) -> bool:
        """Whether the error rate is in the warning zone now."""
        if self._count <= self.warm_start:
            return False
        low = Low(*self._low)
        risen = self._level() > low.p + self.warning_threshold * low.s
        return risen and self.estimation > low.p

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
        self._count = n = self._count + 1
        self._total = total = self._total + x
        if n <= self.warm_start:
            return False
        p = total / n
        s = math.sqrt(p * (1.0 - p) / n)
        low = self._low
        if p + s <= low[2] + low[3]:
            self._low = low = [float(n), total, p, s]
        if p + s <= low[2] + self.drift_threshold * low[3] or p <= low[2]:
            return False
        self._report()
        return True

    def _take(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        path = follow(values, self._count, self._total, Low(*self._low), self.warm_start + 1)
        crossed = path.above(self.drift_threshold) & (path.counts > self.warm_start)
        first = int(np.argmax(crossed))
        fired = bool(crossed[first])
        last = first if fired else len(values) - 1
        self._count, self._total = int(path.counts[last]), float(path.totals[last])
        self._low = list(path.low(last))
        if fired:
            self._report()
        return last + 1, fired

    def _level(self) -> float:
        p = self._total / self._count
        return p + math.sqrt(p * (1.0 - p) / self._count)

    def _report(self) -> None:
        """Say what crossed, then start again."""
        low = Low(*self._low)
        self.observed = self._level()
        self.threshold = low.p + self.drift_threshold * low.s
        self.change = low.rise(self._count, self._total)
        self.since = self._count - int(low.n) - 1
        self._restart()

    def _restart(self) -> None:
        self._count = 0
        self._total = 0.0
        self._low = list(NOWHERE)
