"""STEPD tells when the latest errors are more frequent than those before them.

K. Nishida and K. Yamauchi, Detecting concept drift using statistical testing, Discovery Science
(2007), section 3: the test of equal proportions, with continuity correction, between the latest r
values and the o values before them since the last restart. With means a and b and the mean p of
all, and k = 1/o + 1/r,

    T = (|a - b| - k/2) / sqrt(p (1 - p) k)

is compared with the upper quantile of the standard normal distribution.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import real, require, whole, within
from homeostat.sequential.alarms import Alarm, no_number
from homeostat.sequential.binary import Binary, skip
from homeostat.sliding import SlidingSum

_SIDES = {"up": (1.0,), "down": (-1.0,), "both": (1.0, -1.0)}
_SHORTEST, _LONGEST = 512, 8192  # values looked at together: few after an alarm, then more


class STEPD(Binary):
    """The test of equal proportions between the latest errors and all before them.

    window: how many values are the latest; it is silent until twice as many came since a
    (re)start. alpha_drift, alpha_warning: one-sided levels of one test, in (0, 0.5]; the warning's
    is at least the drift's. mode: "up" (more errors), "down" or "both". on: the series to watch; a
    label for the monitor, unused here.

    After an alarm, which clears all but the last report, `observed` is T, `threshold` the quantile
    it passed, and `change` the mean of the latest values minus that of those before. Before the
    first alarm `observed` and `change` are NaN. `warning` tells whether T is beyond the warning's
    quantile, and is False right after an alarm.

    NaN is skipped; a value outside [0, 1] raises InvalidInput. A constant series never alarms.
    Memory: two floats for each place of the window; a value costs O(1). Every value is tested:
    at the default level independent errors at rate 0.1 raise some 50 false alarms in 100,000.

    Frouros 0.9 tests both directions (mode "both"), and takes |T| where the correction makes T
    negative: where errors are rare it then alarms because nothing happened. Here such a T is no
    evidence. Elsewhere the alarms are the same.
    """

    name: str = "stepd"
    memory: ClassVar[tuple[str, ...]] = (
        "_window", "_count", "_sum", "_latest", "observed", "change",
    )  # fmt: skip

    _window: SlidingSum
    _count: int  # values since the (re)start
    _sum: float  # of all of them
    _latest: float  # sum of those in the window

    def __init__(
        self,
        window: int = 30,
        alpha_drift: float = 0.003,
        alpha_warning: float = 0.05,
        mode: str = "up",
        *,
        on: str = "error",
    ) -> None:
        whole("window", window, 1)
        drift, warning = real("alpha_drift", alpha_drift), real("alpha_warning", alpha_warning)
        within("alpha_drift", drift, 0, 0.5, "(]")
        fits = drift <= warning <= 0.5
        require(fits, "alpha_warning", warning, "at least alpha_drift and at most 0.5")
        fits = isinstance(mode, str) and mode in _SIDES
        require(fits, "mode", mode, 'one of "up", "down" and "both"')
        require(isinstance(on, str) and bool(on), "on", on, "the name of a series")
        self.window = window
        self.alpha_drift = drift
        self.alpha_warning = warning
        self.mode = mode
        self.on = on
        self.threshold = _quantile(drift)
        self.observed = math.nan
        self.change = math.nan
        self._restart()

    @property
    def width(self) -> int:
        """How many values it has taken since the start or the last alarm."""
        return self._count

    @property
    def warning(self) -> bool:
        """Whether the latest values differ beyond the warning's quantile."""
        return self._differs(_quantile(self.alpha_warning))

    def update(self, x: float) -> bool:
        """Take one value; True when it raises an alarm. NaN is skipped, O(1)."""
        try:
            x = float(x)
        except (TypeError, ValueError, OverflowError) as error:
            raise no_number(x) from error
        if not 0.0 <= x <= 1.0:
            return skip(x)
        self._count += 1
        self._sum += x
        self._latest = self._window.push(x)
        fired = self._differs(self.threshold)
        if fired:
            self._report()
        return fired

    def _differs(self, quantile: float) -> bool:
        if self._count < 2 * self.window:
            return False
        moved, spread, correction = self._compare(self._count, self._sum, self._latest)
        level = quantile * spread + correction
        return any(sign * moved > level for sign in _SIDES[self.mode])

    def _scan(self, values: NDArray[np.float64]) -> Iterator[Alarm]:
        start = 0
        while start < len(values):
            reach = min(max(self._count, _SHORTEST), _LONGEST)
            taken, fired = self._take(values[start : start + reach])
            start += taken
            if fired:
                yield Alarm(start - 1, self.observed, self.threshold, self.change)

    def _take(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        """Take values up to the first alarm among them: how many, and whether there was one."""
        counts = np.arange(self._count + 1.0, self._count + len(values) + 1.0)
        sums = np.cumsum(np.append(self._sum, values))[1:]
        latest = self._window.extend(values)
        start = int(np.searchsorted(counts, 2 * self.window))  # before it are too few
        first = self._first(*self._compare(counts[start:], sums[start:], latest[start:]))
        last = len(values) - 1 if first is None else start + first
        self._count, self._sum = int(counts[last]), float(sums[last])
        self._latest = float(latest[last])
        if first is not None:
            self._report()
        return last + 1, first is not None

    def _compare(self, n: Any, total: Any, latest: Any) -> tuple[Any, Any, Any]:
        """The change of the mean, its standard deviation without one, and the correction."""
        before, mean = n - self.window, total / n
        share = 1 / before + 1 / self.window
        moved = latest / self.window - (total - latest) / before
        return moved, np.sqrt(mean * (1 - mean) * share), share / 2

    def _first(
        self,
        moved: NDArray[np.float64],
        spread: NDArray[np.float64],
        correction: NDArray[np.float64],
    ) -> int | None:
        """Where the change first exceeds what chance allows."""
        level = self.threshold * spread + correction
        crossed = np.zeros(len(level), dtype=bool)
        for sign in _SIDES[self.mode]:
            crossed |= sign * moved > level
        places = np.flatnonzero(crossed)
        return int(places[0]) if len(places) else None

    def _report(self) -> None:
        """Say what crossed, then start again."""
        moved, spread, correction = self._compare(self._count, self._sum, self._latest)
        self.observed = float((abs(moved) - correction) / spread)
        self.change = moved
        self._restart()

    def _restart(self) -> None:
        self._window = SlidingSum(self.window)
        self._count = 0
        self._sum = 0.0
        self._latest = 0.0


def _quantile(alpha: float) -> float:
    """What a standard normal exceeds with this chance."""
    return -NormalDist().inv_cdf(alpha)
