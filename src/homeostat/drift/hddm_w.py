"""HDDM_W tells when the weighted mean of a series of errors moves, by McDiarmid's bound.

I. Frias-Blanco et al., Online and non-parametric drift detection methods based on Hoeffding's
bounds, IEEE TKDE 27 (2015), the W-test. The exponentially weighted mean of n values,

    m_1 = x_1,  m_n = (1 - w) m_(n-1) + w x_n,

has the sum of squared weights v_1 = 1, v_n = (1 - w)^2 v_(n-1) + w^2. The cut is where
m_n + sqrt(v_n log(1/drift_confidence) / 2) was lowest since the last restart. A second such mean
begins after the cut, and the test for an increase alarms when it is more than

    sqrt((v_cut + v_after) log(1/drift_confidence) / 2)

above the one at the cut. The test for a decrease is the same one on the negated series.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import real, require, within
from homeostat.recursion import decay
from homeostat.sequential.alarms import Alarm, no_number
from homeostat.sequential.binary import Binary, skip

_SIDES = {"up": (1.0,), "down": (-1.0,), "both": (1.0, -1.0)}
_LOW, _CUT, _BEFORE, _SINCE, _AFTER = range(5)  # the places in what one side remembers
_SHORTEST, _LONGEST = 512, 8192  # values looked at together: few after an alarm, then more


class HDDMW(Binary):
    """The W-test: a weighted mean at its best cut against one begun after it, by McDiarmid.

    drift_confidence, warning_confidence: the chance, in (0, 1), of a false answer of one test;
    the warning's is at least the drift's. weight: of the newest value in a mean, 0.0001 to 1.
    mode: "up" (more errors), "down" or "both". on: the series to watch; a label for the monitor,
    unused here.

    After an alarm, which clears all but the last report, `observed` is the distance of the two
    means, `threshold` its bound, `change` the later one minus the earlier, and `since` how many
    values ago the first after the cut was. Before the first alarm they are NaN, and -1. `warning`
    tells whether the distance is beyond the warning's bound, and is False right after an alarm.

    NaN is skipped; a value outside [0, 1] raises InvalidInput. A constant series never alarms.
    Memory O(1); a value costs O(1).

    River 0.26 (there `weight` is lambda_val) starts the squared weights one step late, as if a
    mean of one value were already one of two: v_1 is (1 - w)^2 + w^2. Here v_1 is 1, as in the
    paper; with that mended River's alarms are the same.
    """

    name: str = "hddm_w"
    memory: ClassVar[tuple[str, ...]] = (
        "_count", "_level", "_sides", "observed", "threshold", "change", "since",
    )  # fmt: skip

    _count: int  # values since the (re)start
    _level: float  # their weighted mean
    # For each side the lowest upper bound of the mean, the count and the mean when it was there,
    # and the count and the mean of the values since.
    _sides: list[list[float]]

    def __init__(
        self,
        drift_confidence: float = 0.001,
        warning_confidence: float = 0.005,
        weight: float = 0.05,
        mode: str = "up",
        *,
        on: str = "error",
    ) -> None:
        drift = real("drift_confidence", drift_confidence)
        warning = real("warning_confidence", warning_confidence)
        within("drift_confidence", drift, 0, 1)
        fits = drift <= warning < 1
        require(fits, "warning_confidence", warning, "at least drift_confidence and below 1")
        fits = 0.0001 <= real("weight", weight) <= 1
        require(fits, "weight", weight, "at least 0.0001 and at most 1")
        fits = isinstance(mode, str) and mode in _SIDES
        require(fits, "mode", mode, 'one of "up", "down" and "both"')
        require(isinstance(on, str) and bool(on), "on", on, "the name of a series")
        self.drift_confidence = drift
        self.warning_confidence = warning
        self.weight = float(weight)
        self.mode = mode
        self.on = on
        self._drift, self._warning = math.log(1 / drift) / 2, math.log(1 / warning) / 2
        self._squares = _squares(self.weight)
        fits = 2 * self._squares[-1] * self._drift < 1
        require(fits, "weight", weight, "smaller: at this drift_confidence it could never alarm")
        self.observed = math.nan
        self.threshold = math.nan
        self.change = math.nan
        self.since = -1
        self._restart()

    @property
    def width(self) -> int:
        """How many values it has taken since the start or the last alarm."""
        return self._count

    @property
    def estimation(self) -> float:
        """The weighted mean of those values; NaN when there are none."""
        return self._level if self._count else math.nan

    @property
    def warning(self) -> bool:
        """Whether the mean has moved beyond the warning's bound."""
        return any(
            self._beyond(sign, side, self._warning)
            for sign, side in zip(_SIDES[self.mode], self._sides, strict=True)
        )

    def update(self, x: float) -> bool:
        """Take one value; True when it raises an alarm. NaN is skipped, O(1)."""
        try:
            x = float(x) + 0.0  # no -0.0: the sign of a zero is all that the filter may change
        except (TypeError, ValueError, OverflowError) as error:
            raise no_number(x) from error
        if not 0.0 <= x <= 1.0:
            return skip(x)
        self._level = self._moved(self._count, self._level, x)
        self._count += 1
        width = math.sqrt(self._square(self._count) * self._drift)
        fired = False
        for sign, side in zip(_SIDES[self.mode], self._sides, strict=True):
            bound = sign * self._level + width
            if bound < side[_LOW]:
                side[:] = bound, float(self._count), self._level, 0.0, 0.0
            else:
                side[_AFTER] = self._moved(side[_SINCE], side[_AFTER], x)
                side[_SINCE] += 1
                fired = self._beyond(sign, side, self._drift) or fired
        if fired:
            self._report()
        return fired

    def _moved(self, count: float, level: float, x: float) -> float:
        """A mean of so many values after one more."""
        return (1 - self.weight) * level + self.weight * x if count else x

    def _square(self, count: float) -> float:
        """The sum of squared weights in a mean of so many values."""
        return self._squares.item(min(int(count), len(self._squares)) - 1)

    def _beyond(self, sign: float, side: list[float], factor: float) -> bool:
        if not side[_SINCE]:
            return False
        gap = sign * (side[_AFTER] - side[_BEFORE])
        return gap > self._bound(side, factor)

    def _bound(self, side: list[float], factor: float) -> float:
        return math.sqrt((self._square(side[_CUT]) + self._square(side[_SINCE])) * factor)

    def _scan(self, values: NDArray[np.float64]) -> Iterator[Alarm]:
        start = 0
        while start < len(values):
            reach = min(max(self._count, _SHORTEST), _LONGEST)
            taken, fired = self._take(values[start : start + reach])
            start += taken
            if fired:
                found = self.observed, self.threshold, self.change, self.since
                yield Alarm(start - 1, *found)

    def _take(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        """Take values up to the first alarm among them: how many, and whether there was one."""
        counts = np.arange(self._count + 1.0, self._count + len(values) + 1.0)
        values = values + 0.0  # as in update
        levels = self._smooth(values, self._count, self._level)
        widths = np.sqrt(self._looked_up(counts) * self._drift)
        sides, fired = [], np.zeros(len(values), dtype=bool)
        for sign, side in zip(_SIDES[self.mode], self._sides, strict=True):
            rows = self._cut(sign * levels + widths, counts, levels, side)
            rows[_AFTER] = self._means_since(values, rows[_SINCE], side)
            fired |= self._crossed(sign, rows)
            sides.append(rows)
        last = int(np.argmax(fired))
        if not fired[last]:
            last = len(values) - 1
        self._count, self._level = int(counts[last]), float(levels[last])
        self._sides = [rows[:, last].tolist() for rows in sides]
        if fired[last]:
            self._report()
        return last + 1, bool(fired[last])

    def _smooth(
        self, values: NDArray[np.float64], count: float, level: float
    ) -> NDArray[np.float64]:
        """The weighted means after each value, going on from a mean of `count` values."""
        if count:
            pushes = self.weight * values[np.newaxis]
            levels: NDArray[np.float64] = decay(1 - self.weight, pushes, np.array([[level]]))[0]
            return levels
        if len(values) == 1:
            return values
        return np.append(values[:1], self._smooth(values[1:], 1, float(values[0])))

    def _looked_up(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        places = np.minimum(counts, len(self._squares)).astype(np.int64) - 1
        found: NDArray[np.float64] = self._squares[places]
        return found

    def _cut(
        self,
        bounds: NDArray[np.float64],
        counts: NDArray[np.float64],
        levels: NDArray[np.float64],
        side: list[float],
    ) -> NDArray[np.float64]:
        """What a side remembers after each value, one row each, but for the mean since the cut."""
        lows = np.minimum.accumulate(np.append(side[_LOW], bounds))
        cuts = np.append(0, np.flatnonzero(bounds < lows[:-1]) + 1)  # 0: the one carried along
        at = np.zeros(len(bounds), dtype=np.int64)
        at[cuts[1:] - 1] = 1
        latest = cuts[np.cumsum(at)]
        rows = np.empty((5, len(bounds)))
        rows[_LOW] = lows[1:]
        rows[_CUT] = np.append(side[_CUT], counts)[latest]
        rows[_BEFORE] = np.append(side[_BEFORE], levels)[latest]
        rows[_SINCE] = np.arange(1, len(bounds) + 1) - latest + (latest == 0) * side[_SINCE]
        return rows

    def _means_since(
        self, values: NDArray[np.float64], since: NDArray[np.float64], side: list[float]
    ) -> NDArray[np.float64]:
        """The weighted means of the values after each cut; 0 at a cut."""
        means = np.zeros(len(values))
        at_cut = since == 0
        starts = np.flatnonzero(at_cut[:-1] & ~at_cut[1:]) + 1
        if not at_cut[0]:
            starts = np.append(0, starts)
        ends = np.append(np.flatnonzero(at_cut), len(values))
        ends = ends[np.searchsorted(ends, starts)]
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            goes_on = start == 0
            count, level = (side[_SINCE], side[_AFTER]) if goes_on else (0, 0.0)
            means[start:end] = self._smooth(values[start:end], count, level)
        return means

    def _crossed(self, sign: float, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
        since = rows[_SINCE]
        squares = self._looked_up(rows[_CUT]) + self._looked_up(np.maximum(since, 1))
        gaps = sign * (rows[_AFTER] - rows[_BEFORE])
        found: NDArray[np.bool_] = (since > 0) & (gaps > np.sqrt(squares * self._drift))
        return found

    def _report(self) -> None:
        """Say what crossed, then start again."""
        for sign, side in zip(_SIDES[self.mode], self._sides, strict=True):
            if self._beyond(sign, side, self._drift):
                break
        self.change = side[_AFTER] - side[_BEFORE]
        self.observed = abs(self.change)
        self.threshold = self._bound(side, self._drift)
        self.since = int(side[_SINCE]) - 1
        self._restart()

    def _restart(self) -> None:
        self._count = 0
        self._level = 0.0
        self._sides = [[math.inf, 0.0, 0.0, 0.0, 0.0] for _ in _SIDES[self.mode]]


@lru_cache(maxsize=64)
def _squares(weight: float) -> NDArray[np.float64]:
    """The sums of squared weights in means of 1, 2, ... values, up to where they stand still."""
    keep, add = (1 - weight) ** 2, weight * weight
    found = [1.0, add + keep]
    while found[-1] != found[-2]:  # rounding is monotone, so it comes to rest
        found.append(add + keep * found[-1])
    return np.array(found)
