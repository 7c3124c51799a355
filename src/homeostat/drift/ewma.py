"""The EWMA chart tells of a moved mean by a moving average that forgets exponentially.

S. W. Roberts, Control chart tests based on geometric moving averages, Technometrics 1 (1959),
sections 2 and 3. With z the values in standard deviations from the centre, the average after t
values and its standard deviation are

    Z_t = (1 - alpha) Z_(t-1) + alpha z_t,   Z_0 = 0
    s_t = sqrt(alpha / (2 - alpha) (1 - (1 - alpha)^(2 t)))

and it alarms when Z_t is more than `threshold` times s_t away from 0.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import within
from homeostat.recursion import decay
from homeostat.sequential.chart import SIDES, Chart


class EWMA(Chart):
    """The chart of an exponentially weighted moving average, for a moved mean.

    alpha: the weight of the newest value, above 0 and below 1; smaller finds smaller shifts,
    later. threshold: the bound on the average, in its own standard deviations. min_instances:
    values from which the centre and the standard deviation are learned after a (re)start, and
    until they are not all the same. mode: "up", "down" or "both". center, sigma: the known mean
    and standard deviation, in the unit of the series, instead of learning; given together.
    on: the series to watch; a label for the monitor, unused here.

    After an alarm, which clears all but the last report, `observed` and `threshold` tell what
    crossed what, and `change` is the moving average minus the centre, in the unit of the series.
    Before the first alarm `observed` and `change` are NaN. What was learned is learned anew after
    an alarm; a given centre stays, so while the change lasts it alarms again.

    Of independent normal values with a known centre, the defaults raise an alarm once in some
    23,000 on average, and alpha = 0.1 with a threshold of 2.814 once in 490. A centre learned
    from few values makes that time vary more, as for CUSUM.

    NaN is no observation: skipped. An infinite value, or one beyond 1e100, raises InvalidInput.
    A constant series never alarms. Memory O(1); a value costs O(1).

    Frouros 0.9 (GeometricMovingAverage) measures against the running mean, has one fixed bound in
    the unit of the series, and looks upwards only, so its parameters have no counterpart here.
    """

    name: str = "ewma"
    memory: ClassVar[tuple[str, ...]] = (*Chart.memory, "_average", "_faded")

    _average: float
    _faded: float  # (1 - alpha)^(2 t)

    def __init__(
        self,
        alpha: float = 0.1,
        threshold: float = 4.0,
        min_instances: int = 30,
        mode: str = "both",
        *,
        center: float | None = None,
        sigma: float | None = None,
        on: str = "error",
    ) -> None:
        within("alpha", alpha, 0, 1)
        within("threshold", threshold, 0, math.inf)
        self.alpha = alpha
        self.threshold = threshold
        self._configure(min_instances, mode, center, sigma, on)

    def _follow(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        keep = 1.0 - self.alpha
        pushes = self.alpha * values[np.newaxis]
        averages = decay(keep, pushes, np.array([[self._average]]))[0] + 0.0
        faded = np.cumprod(np.append(self._faded, np.full(len(values), keep * keep)))[1:]
        widths = np.sqrt(self.alpha / (2.0 - self.alpha) * (1.0 - faded))
        observed = np.max([sign * averages for sign in SIDES[self.mode]], axis=0) / widths
        crossed = observed > self.threshold
        first = int(np.argmax(crossed))
        fired = bool(crossed[first])
        last = first if fired else len(values) - 1
        self._average, self._faded = float(averages[last]), float(faded[last])
        if fired:
            self.observed = float(observed[last])
            self.change = self._average * self._spread
        return last + 1, fired

    def _passes(self, value: float) -> bool:
        keep = 1.0 - self.alpha
        average = keep * self._average + self.alpha * value + 0.0
        faded = self._faded * (keep * keep)
        width = math.sqrt(self.alpha / (2.0 - self.alpha) * (1.0 - faded))
        if max([sign * average for sign in SIDES[self.mode]]) / width > self.threshold:
            return False
        self._average, self._faded = average, faded
        return True

    def _clear(self) -> None:
        self._average = 0.0
        self._faded = 1.0
