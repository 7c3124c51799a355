"""HDDM_A tells when the mean of a series of errors moves, by Hoeffding's bound on plain means.

I. Frias-Blanco et al., Online and non-parametric drift detection methods based on Hoeffding's
bounds, IEEE TKDE 27 (2015), the A-test. With m_n the mean of the n values since the last restart
and e_n = sqrt(log(1/drift_confidence) / 2n), the cut is where m_n + e_n was lowest: the last place
where the mean was surely small. The test for an increase alarms when

    m_n - m_cut >= sqrt((n - cut) / (2 n cut) * log(2/drift_confidence))

The test for a decrease is the same one on the negated series. The 2 in the last logarithm is that
of the authors' code (in MOA) and of River; Hoeffding's bound for one side would do without it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import real, require, within
from homeostat.sequential.alarms import Alarm, no_number
from homeostat.sequential.binary import Binary, skip

_SIDES = {"up": (1.0,), "down": (-1.0,), "both": (1.0, -1.0)}
_LOW, _CUT, _SUM = 0, 1, 2  # the places in what one side remembers
_Number = TypeVar("_Number", float, NDArray[np.float64])
_SHORTEST, _LONGEST = 512, 8192  # values looked at together: few after an alarm, then more


class HDDMA(Binary):
    """The A-test: the mean up to the best cut against the mean of everything, by Hoeffding.

    drift_confidence, warning_confidence: the chance, in (0, 1), of a false answer of one test;
    the warning's is at least the drift's. mode: "up" (more errors), "down" or "both". on: the
    series to watch; a label for the monitor, unused here.

    After an alarm, which clears all but the last report, `observed` is the distance of the two
    means, `threshold` its bound, `change` the mean since the cut minus the mean before it, and
    `since` how many values ago the first after the cut was. Before the first alarm they are NaN,
    and -1. `warning` tells whether the distance is beyond the warning's bound, and is False right
    after an alarm.

    NaN is skipped; a value outside [0, 1] raises InvalidInput. A constant series never alarms.
    Memory O(1); a value costs O(1). Every value is tested, so false alarms come with the length of
    the stream: the confidence is that of one test, not a budget.

    Alarms are those of River 0.26 (mode "up" is its default, "both" its two-sided test) but for
    rounding: here a mean is sum/n, there it is incremental.
    """

    name: str = "hddm_a"
    memory: ClassVar[tuple[str, ...]] = (
        "_count", "_sum", "_sides", "observed", "threshold", "change", "since",
    )  # fmt: skip

    _count: int  # values since the (re)start
    _sum: float
    _sides: list[list[float]]  # the lowest upper bound of the mean; count and sum when it was there

    def __init__(
        self,
        drift_confidence: float = 0.001,
        warning_confidence: float = 0.005,
        mode: str = "up",
        *,
        on: str = "error",
    ) -> None:
        drift = real("drift_confidence", drift_confidence)
        warning = real("warning_confidence", warning_confidence)
        within("drift_confidence", drift, 0, 1)
        fits = drift <= warning < 1
        require(fits, "warning_confidence", warning, "at least drift_confidence and below 1")
        fits = isinstance(mode, str) and mode in _SIDES
        require(fits, "mode", mode, 'one of "up", "down" and "both"')
        require(isinstance(on, str) and bool(on), "on", on, "the name of a series")
        self.drift_confidence = drift
        self.warning_confidence = warning
        self.mode = mode
        self.on = on
        self._half = math.log(1 / drift) / 2
        self._drift, self._warning = math.log(2 / drift) / 2, math.log(2 / warning) / 2
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
        """The mean of those values; NaN when there are none."""
        return self._sum / self._count if self._count else math.nan

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
            x = float(x)
        except (TypeError, ValueError, OverflowError) as error:
            raise no_number(x) from error
        if not 0.0 <= x <= 1.0:
            return skip(x)
        self._count += 1
        self._sum += x
        mean, width = self._sum / self._count, math.sqrt(self._half / self._count)
        fired = False
        for sign, side in zip(_SIDES[self.mode], self._sides, strict=True):
            bound = sign * mean + width
            if bound <= side[_LOW]:
                side[:] = bound, float(self._count), self._sum
            else:
                fired = self._beyond(sign, side, self._drift) or fired
        if fired:
            self._report()
        return fired

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
        sums = np.cumsum(np.append(self._sum, values))[1:]
        means, widths = sums / counts, np.sqrt(self._half / counts)
        sides, fired = [], np.zeros(len(values), dtype=bool)
        for sign, side in zip(_SIDES[self.mode], self._sides, strict=True):
            cuts = _cuts(sign * means + widths, counts, sums, side)
            fired |= _beyond(sign * (means - cuts[_SUM] / cuts[_CUT]), counts, cuts, self._drift)
            sides.append(cuts)
        last = int(np.argmax(fired))
        if not fired[last]:
            last = len(values) - 1
        self._count, self._sum = int(counts[last]), float(sums[last])
        self._sides = [cuts[:, last].tolist() for cuts in sides]
        if fired[last]:
            self._report()
        return last + 1, bool(fired[last])

    def _beyond(self, sign: float, side: list[float], factor: float) -> bool:
        gap, bound = self._gap(sign, side, factor)
        return side[_CUT] < self._count and gap >= bound

    def _gap(self, sign: float, side: list[float], factor: float) -> tuple[float, float]:
        """How far the mean of everything is above that before the cut, and its bound."""
        if not self._count:
            return 0.0, 0.0
        gap = sign * (self._sum / self._count - side[_SUM] / side[_CUT])
        return gap, math.sqrt(_squared(self._count, side[_CUT], factor))

    def _report(self) -> None:
        """Say what crossed, then start again."""
        for sign, side in zip(_SIDES[self.mode], self._sides, strict=True):
            if self._beyond(sign, side, self._drift):
                break
        _, cut, total = side
        self.observed, self.threshold = self._gap(sign, side, self._drift)
        self.change = (self._sum - total) / (self._count - cut) - total / cut
        self.since = int(self._count - cut) - 1
        self._restart()

    def _restart(self) -> None:
        self._count = 0
        self._sum = 0.0
        self._sides = [[math.inf, 0.0, 0.0] for _ in _SIDES[self.mode]]


def _cuts(
    bounds: NDArray[np.float64],
    counts: NDArray[np.float64],
    sums: NDArray[np.float64],
    side: list[float],
) -> NDArray[np.float64]:
    """What a side remembers after each value: rows of the lowest bound, its count and its sum."""
    lows = np.minimum(np.minimum.accumulate(bounds), side[_LOW])
    at = np.maximum.accumulate(np.where(bounds == lows, np.arange(len(bounds)), -1))
    carried, latest = at < 0, np.maximum(at, 0)
    return np.stack(
        [
            lows,
            np.where(carried, side[_CUT], counts[latest]),
            np.where(carried, side[_SUM], sums[latest]),
        ]
    )


def _beyond(
    gaps: NDArray[np.float64],
    counts: NDArray[np.float64],
    cuts: NDArray[np.float64],
    factor: float,
) -> NDArray[np.bool_]:
    bounds = np.sqrt(_squared(counts, cuts[_CUT], factor))
    found: NDArray[np.bool_] = (cuts[_CUT] < counts) & (gaps >= bounds)
    return found


def _squared(n: _Number, cut: _Number, factor: float) -> _Number:
    """Of the bound on the distance of the means of the first `cut` and of all `n` values."""
    return (n - cut) / (n * cut) * factor
