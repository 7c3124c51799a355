"""FHDDM tells when errors become more frequent than in the best window so far.

A. Pesaranghader and H. L. Viktor, Fast Hoeffding drift detection method for evolving data streams,
ECML-PKDD (2016). The paper slides a window of n correct/wrong answers and alarms when its share of
correct ones falls e = sqrt(log(1/delta) / 2n), Hoeffding's bound, below the highest so far. Here 1
is an error, so the mean of the window rises that much above the lowest.

Sums are whole numbers (units of 2**-32), so that no order of adding can change a bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import require, whole, within
from homeostat.sequential.alarms import Alarm, no_number
from homeostat.sequential.binary import Binary, skip
from homeostat.sliding import Ring

_ONE = 2**32  # one unit of a sum
_SHORTEST, _LONGEST = 512, 8192  # values looked at together: few after an alarm, then more


class FHDDM(Binary):
    """The mean of the latest errors against the lowest such mean, by Hoeffding's bound.

    window: how many values a mean is of; before so many since a (re)start it is silent. delta: the
    chance, in (0, 1), that Hoeffding's bound fails in one window. on: the series to watch; a label
    for the monitor, unused here.

    After an alarm, which clears all but the last report, `observed` is how far the mean of the
    window was above the lowest, which is also the `change`. Before the first alarm they are NaN.
    There is no warning zone, and a fall of the mean never alarms.

    NaN is skipped; a value outside [0, 1] raises InvalidInput. A constant series never alarms.
    Memory: 8 bytes for each place of the window; a value costs O(1).

    River 0.26 has the paper's test on the share of ones, whatever a one means; fed with 1 - x it
    alarms at the same values as this one.
    """

    name: str = "fhddm"
    memory: ClassVar[tuple[str, ...]] = (
        "_latest", "_total", "_count", "_lowest", "observed", "change",
    )  # fmt: skip

    _latest: Ring
    _total: int  # of the values in the window
    _count: int  # values since the (re)start
    _lowest: int  # total of a window since then

    def __init__(self, window: int = 100, delta: float = 1e-6, *, on: str = "error") -> None:
        whole("window", window, 1)
        within("delta", delta, 0, 1)
        require(isinstance(on, str) and bool(on), "on", on, "the name of a series")
        self.window = window
        self.delta = float(delta)
        self.on = on
        self.threshold = math.sqrt(math.log(1 / self.delta) / (2 * window))
        message = "large enough for log(1/delta) / 2: smaller ones can never alarm"
        require(self.threshold <= 1, "window", window, message)
        self._bound = math.ceil(self.threshold * window * _ONE)
        self.observed = math.nan
        self.change = math.nan
        self._restart()

    @property
    def width(self) -> int:
        """How many values it has taken since the start or the last alarm."""
        return self._count

    def update(self, x: float) -> bool:
        """Take one value; True when it raises an alarm. NaN is skipped, O(1)."""
        try:
            x = float(x)
        except (TypeError, ValueError, OverflowError) as error:
            raise no_number(x) from error
        if not 0.0 <= x <= 1.0:
            return skip(x)
        units = round(x * _ONE)
        self._total += units - self._latest.push(units)
        self._count += 1
        if self._count < self.window:
            return False
        self._lowest = min(self._lowest, self._total)
        if self._total - self._lowest < self._bound:
            return False
        self._report()
        return True

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
        units = np.rint(values * _ONE).astype(np.int64)
        totals = np.cumsum(units - self._latest.extend(units)) + self._total
        silent = min(max(self.window - 1 - self._count, 0), len(values))
        first = self._crossing(totals[silent:])
        last = len(values) - 1 if first is None else silent + first
        self._count += last + 1
        self._total = int(totals[last])
        if first is not None:
            self._report()
        return last + 1, first is not None

    def _crossing(self, totals: NDArray[np.int64]) -> int | None:
        """Where a total is first the bound above the lowest so far; the lowest, up to there."""
        lowest = int(totals.min(initial=self._lowest))
        if not (totals - lowest >= self._bound).any():
            self._lowest = lowest
            return None  # not even above the lowest of all, whichever came first
        lows = np.minimum(np.minimum.accumulate(totals), self._lowest)
        crossed = totals - lows >= self._bound
        first = int(np.argmax(crossed))
        self._lowest = int(lows[first] if crossed[first] else lows[-1])
        return first if crossed[first] else None

    def _report(self) -> None:
        """Say what crossed, then start again."""
        self.observed = self.change = (self._total - self._lowest) / (self.window * _ONE)
        self._restart()

    def _restart(self) -> None:
        self._latest = Ring(self.window, np.int64)
        self._total = 0
        self._count = 0
        self._lowest = self.window * _ONE
