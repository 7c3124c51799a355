"""Page-Hinkley tells when the mean of a series moves from where it has been since the start.

E. S. Page, Continuous inspection schemes, Biometrika 41 (1954), section 4; the test on the
running mean is Mouss et al., Test of Page-Hinkley, an approach for fault detection in an
agro-alimentary production system, Asian Control Conference (2004). With m_n the mean of the
n values since the last restart, the test for an increase accumulates

    U_n = alpha * U_(n-1) + (x_n - m_n - delta)

and alarms when U_n stands more than `threshold` above its lowest value so far. The test for
a decrease is the same one on the negated series. The paper sums (alpha = 1); the forgetting
alpha is River's.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import require, whole, within
from homeostat.recursion import decay
from homeostat.sequential.alarms import LARGEST, no_number, skip
from homeostat.sequential.stretches import Stretched

_SIDES = {"up": (1.0,), "down": (-1.0,), "both": (1.0, -1.0)}
_LEVEL, _LOW = 0, 1  # the places in what one side remembers


class PageHinkley(Stretched):
    """The Page-Hinkley test for a moved mean, with forgetting and a restart at each alarm.

    min_instances: values after a (re)start before it may alarm. delta: a change of the mean
    that does not matter, in the unit of the series. threshold: the bound on the accumulated
    excess, same unit; larger means fewer false alarms and later ones. alpha: forgetting, in
    (0, 1], 1 forgets nothing. mode: "up", "down" or "both". on: the series to watch; a label
    for the monitor, unused here.

    After an alarm, which clears all but the last report, `observed` and `threshold` tell what
    crossed what, `since` how many values ago the statistic was lowest, where the change most
    likely began, and `change` the mean since then minus the mean before, with the sign of the side
    that crossed. Where delta is far below the noise that point can lie long before the change, and
    `change` is then too small. Before the first alarm both are NaN.

    NaN is no observation: skipped. An infinite value, or one beyond 1e100, raises
    InvalidInput. A constant series never alarms. Memory O(1); a value costs O(1).

    Alarms are those of River 0.26 but for rounding: here the mean is sum/n of the values
    minus the first one, there it is incremental, so only a statistic within some 1e-12 of
    the threshold can fall on the other side of it.
    """

    name: str = "page_hinkley"
    memory: ClassVar[tuple[str, ...]] = (
        "_count", "_origin", "_sum", "_sides", "observed", "change", "since",
    )  # fmt: skip

    _count: int  # values since the (re)start
    _origin: float  # the first of them; the sum is of the values minus it
    _sum: float
    _sides: list[list[float]]  # level, its lowest, and the count and sum when it was there

    def __init__(
        self,
        min_instances: int = 30,
        delta: float = 0.005,
        threshold: float = 50.0,
        alpha: float = 0.9999,
        mode: str = "both",
        *,
        on: str = "error",
    ) -> None:
        whole("min_instances", min_instances, 1)
        within("delta", delta, 0, math.inf, "[)")
        within("threshold", threshold, 0, math.inf)
        within("alpha", alpha, 0, 1, "(]")
        require(
            isinstance(mode, str) and mode in _SIDES, "mode", mode, 'one of "up", "down" and "both"'
        )
        require(isinstance(on, str) and bool(on), "on", on, "the name of a series")
        self.min_instances = min_instances
        self.delta = delta
        self.threshold = threshold
        self.alpha = alpha
        self.mode = mode
        self.on = on
        self.observed = math.nan
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
        return self._origin + self._sum / self._count if self._count else math.nan

    def update(self, x: float) -> bool:
        """Take one value; True when it raises an alarm. NaN is skipped, O(1)."""
        try:
            x = float(x)
        except (TypeError, ValueError, OverflowError) as error:
            raise no_number(x) from error
        if not -LARGEST <= x <= LARGEST:
            return skip(x)
        if not self._count:
            self._origin = x
        self._count = count = self._count + 1
        moved = x - self._origin
        self._sum = total = self._sum + moved
        deviation = moved - total / count
        alpha, delta, worst = self.alpha, self.delta, -math.inf
        for sign, side in zip(_SIDES[self.mode], self._sides, strict=True):
            # `+ 0.0` makes -0.0 a 0.0: the sign of a zero is all that the filter may change
            side[_LEVEL] = level = alpha * side[_LEVEL] + (sign * deviation - delta) + 0.0
            if level < side[_LOW]:
                side[_LOW:] = level, float(count), total
            worst = max(worst, level - side[_LOW])
        if worst <= self.threshold or count < self.min_instances:
            return False
        self._report()
        return True

    def _take(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        """Take values up to the first alarm among them: how many, and whether there was one."""
        if not self._count:
            self._origin = float(values[0])
        moved = values - self._origin
        counts = np.arange(self._count + 1.0, self._count + len(values) + 1.0)
        sums = np.cumsum(np.append(self._sum, moved))[1:]
        means = sums / counts
        levels = self._levels(np.subtract(moved, means, out=means))
        first = self._crossing(levels, counts)
        taken = len(values) if first is None else first + 1
        self._remember(levels[:, :taken], counts[:taken], sums[:taken])
        if first is not None:
            self._report()
        return taken, first is not None

    def _crossing(self, levels: NDArray[np.float64], counts: NDArray[np.float64]) -> int | None:
        """Where a level first stands more than the threshold above its lowest so far."""
        lows = np.array([[side[_LOW]] for side in self._sides])
        lowest = np.minimum(levels.min(axis=1, keepdims=True), lows)
        if not (levels.max(axis=1, keepdims=True) - lowest > self.threshold).any():
            return None  # not even the highest level above the lowest, whichever came first
        lows = np.minimum(np.minimum.accumulate(levels, axis=1), lows)
        crossed = (levels - lows > self.threshold).any(axis=0) & (counts >= self.min_instances)
        first = int(np.argmax(crossed))
        return first if crossed[first] else None

    def _levels(self, deviations: NDArray[np.float64]) -> NDArray[np.float64]:
        signs = np.array(_SIDES[self.mode])[:, np.newaxis]
        carried = np.array([[side[_LEVEL]] for side in self._sides])
        pushes = signs * deviations
        pushes -= self.delta
        levels = decay(self.alpha, pushes, carried)
        levels += 0.0
        return levels

    def _remember(
        self,
        levels: NDArray[np.float64],
        counts: NDArray[np.float64],
        sums: NDArray[np.float64],
    ) -> None:
        self._count, self._sum = int(counts[-1]), float(sums[-1])
        for side, level in zip(self._sides, levels, strict=True):
            side[_LEVEL] = float(level[-1])
            lowest = int(np.argmin(level))
            if level[lowest] < side[_LOW]:
                side[_LOW:] = float(level[lowest]), float(counts[lowest]), float(sums[lowest])

    def _report(self) -> None:
        """Say what crossed, then start again."""
        sides = zip(_SIDES[self.mode], self._sides, strict=True)
        sign, side = max(sides, key=lambda each: each[1][_LEVEL] - each[1][_LOW])
        level, low, before, total = side
        self.observed = level - low
        moved = (self._sum - total) / (self._count - before) - total / before
        self.change = math.copysign(moved, sign)
        self.since = self._count - 1 - int(before)
        self._restart()

    def _restart(self) -> None:
        self._count = 0
        self._origin = 0.0
        self._sum = 0.0
        self._sides = [[0.0, math.inf, 0.0, 0.0] for _ in _SIDES[self.mode]]
