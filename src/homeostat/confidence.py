"""Confidence sequences: bounds of a mean that hold at all times at once, however often one looks.

I. Waudby-Smith and A. Ramdas, Estimating means of bounded random variables by betting, Journal of
the Royal Statistical Society B 86 (2024). With values in [0, 1] and bets that are known before
the value they are for (the predictable plug-in, their equation 26),

    bet_t = sqrt(2 log(1/a) / (variance_(t-1) * t * log(1 + t))),

- betting (section 4.4, the hedged capital): a mean m is refused once the capital
  prod(1 + min(bet, c/m) * (x - m)) reaches 1/a; and, for the other side, that of the 1 - x.
- bernstein (theorem 2): a closed form, somewhat wider, at a fixed cost.

Two sides share the error, a = (1 - level) / 2 each. What was refused once stays refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.errors import InvalidInput, real, require, whole, within
from homeostat.intake import floats
from homeostat.state import Stateful

__all__ = ["MOST", "ConfidenceSequence", "PlugInBets", "logs", "upper_bound"]

MOST = 0.5  # the share of the capital that one value may lose: c of the paper

_TOGETHER = 64  # values whose capitals are computed at once
_HALVINGS = 40  # of the interval in which a bound is looked for

Bounds = NDArray[np.float64]
Pair = tuple[Bounds, Bounds]


class PlugInBets(Stateful):
    """The predictable plug-in: how much to bet on the next of some values in [0, 1].

    goal: the evidence to be reached, log(1/a) in nats. Memory O(1); a value costs O(1).
    """

    memory: ClassVar[tuple[str, ...]] = ("count", "total", "_squares")

    def __init__(self, goal: float) -> None:
        self.goal = goal
        self.count = 0
        self.total = 0.0
        self._squares = 0.0

    @property
    def mean(self) -> float:
        """Of all values so far; NaN before the first."""
        return self.total / self.count if self.count else math.nan

    def take(self, values: NDArray[np.float64]) -> Pair:
        """The bet on each value, and the mean that was expected before it."""
        counts = np.arange(self.count + 1.0, self.count + len(values) + 1.0)
        sums = np.cumsum(np.append(self.total, values))
        means = (0.5 + sums) / np.append(self.count + 1.0, counts + 1.0)
        away = values - means[1:]
        squares = np.cumsum(np.append(self._squares, away * away))
        bets = np.sqrt(2 * self.goal / ((0.25 + squares[:-1]) * logs(counts + 1.0)))
        self.count += len(values)
        self.total, self._squares = float(sums[-1]), float(squares[-1])
        return bets, means[:-1]


class ConfidenceSequence(Stateful):
    """Bounds of the mean of values in [low, high], valid after every value at once.

    level: the probability that the mean is within all bounds ever given, for any series whose
    next value has, given all before it, the same mean. low, high: the bounds of the values, in
    their unit. kind: "betting" (the narrowest) or "bernstein" (a closed form, faster). side:
    "both", or "lower" or "upper" alone, the other bound then being that of the values. grid:
    the steps that betting looks at; a bound is at most one step, (high - low) / grid, wider than
    without them, and never narrower.

    Before the first value the bounds are low and high. A lower bound above the upper one says
    that the mean has changed (or, with probability 1 - level, chance did it).

    NaN is no observation: the bounds stay. A value outside [low, high] raises InvalidInput.
    Memory and cost of a value are O(grid) for betting, O(1) for bernstein.
    """

    memory: ClassVar[tuple[str, ...]] = ("_bets", "_sides", "lower", "upper")

    _sides: list[_Capital | _Bernstein | None]

    def __init__(
        self,
        level: float = 0.95,
        low: float = 0.0,
        high: float = 1.0,
        *,
        kind: str = "betting",
        side: str = "both",
        grid: int = 1000,
    ) -> None:
        within("level", level, 0, 1)
        finite = -math.inf < real("low", low) < real("high", high) < math.inf
        require(finite, "low, high", (low, high), "finite, the first below the second")
        fits = isinstance(kind, str) and kind in ("betting", "bernstein")
        require(fits, "kind", kind, '"betting" or "bernstein"')
        fits = isinstance(side, str) and side in ("both", "lower", "upper")
        require(fits, "side", side, '"both", "lower" or "upper"')
        whole("grid", grid, 2)
        self.level = level
        self.low = low
        self.high = high
        self.kind = kind
        self.side = side
        self.grid = grid
        self.lower = float(low)
        self.upper = float(high)
        goal = -math.log((1 - level) / (2 if side == "both" else 1))
        self._bets = PlugInBets(goal)
        self._sides = [
            (_Capital(goal, grid) if kind == "betting" else _Bernstein(goal))
            if side in ("both", own)
            else None
            for own in ("lower", "upper")
        ]

    def update(self, x: float) -> tuple[float, float]:
        """Take one value; the bounds after it."""
        self.update_many([x])
        return self.lower, self.upper

    def update_many(self, xs: ArrayLike) -> Pair:
        """Take values; the lower and the upper bound after each.

        They do not depend on how a stream is cut.
        """
        values = floats("xs", xs)
        require(values.ndim == 1, "xs", values.shape, "one series")
        values = np.ascontiguousarray(values)
        kept = np.flatnonzero(~np.isnan(values))
        taken = values[kept]
        outside = (taken < self.low) | (taken > self.high)
        if outside.any():
            first = int(kept[np.argmax(outside)])
            raise InvalidInput(
                f"xs[{first}]",
                f"must be within [{self.low!r}, {self.high!r}], got {float(values[first])!r}",
                "leave it out or pass NaN where there is no observation",
            )
        lower, upper = np.append(self.lower, taken), np.append(self.upper, taken)
        if len(taken):
            lower[1:], upper[1:] = self._take(taken)
            self.lower, self.upper = float(lower[-1]), float(upper[-1])
        after = np.searchsorted(kept, np.arange(len(values)), side="right")
        return lower[after], upper[after]

    def _take(self, values: NDArray[np.float64]) -> Pair:
        width = self.high - self.low
        shares = np.minimum((values - self.low) / width, 1.0)
        bets, means = self._bets.take(shares)
        lower, upper = np.full(len(values), float(self.low)), np.full(len(values), float(self.high))
        if self._sides[0] is not None:
            lower = self.low + width * self._sides[0].take(shares, bets, means)
        if self._sides[1] is not None:
            upper = self.high - width * self._sides[1].take(1 - shares, bets, 1 - means)
        return lower, upper


class _Capital(Stateful):
    """The capital of bets against each mean of a grid, and the largest one that is refused."""

    memory: ClassVar[tuple[str, ...]] = ("_capital", "_refused")

    def __init__(self, goal: float, grid: int) -> None:
        self.goal = goal
        self.grid = grid
        self._limit = math.exp(goal)
        self._means = np.arange(1.0, grid) / grid
        self._most = MOST / self._means
        self._capital = np.ones(grid - 1)
        self._refused = 0

    def take(self, values: NDArray[np.float64], bets: NDArray[np.float64], _: object) -> Bounds:
        """The lower bound after each value."""
        found = [
            self._together(values[start : start + _TOGETHER], bets[start : start + _TOGETHER])
            for start in range(0, len(values), _TOGETHER)
        ]
        return np.concatenate(found) / self.grid

    def _together(self, values: NDArray[np.float64], bets: NDArray[np.float64]) -> Bounds:
        stakes = np.minimum(bets[:, np.newaxis], self._most)
        gains = stakes * (values[:, np.newaxis] - self._means) + 1.0
        gains[0] *= self._capital
        with np.errstate(over="ignore"):
            capitals = np.multiply.accumulate(gains, axis=0)
        self._capital = capitals[-1].copy()
        # the larger a mean, the less is won against it: those refused come first
        short = np.ones((len(values), self.grid), dtype=bool)
        short[:, :-1] = capitals < self._limit
        refused = np.maximum(np.maximum.accumulate(np.argmax(short, axis=1)), self._refused)
        self._refused = int(refused[-1])
        return refused


class _Bernstein(Stateful):
    """The lower bound of the empirical Bernstein inequality."""

    memory: ClassVar[tuple[str, ...]] = ("_sums", "_bound")

    _sums: list[float]  # of the bets, of the values times them, and of what chance may have won

    def __init__(self, goal: float) -> None:
        self.goal = goal
        self._sums = [0.0, 0.0, 0.0]
        self._bound = 0.0

    def take(
        self, values: NDArray[np.float64], bets: NDArray[np.float64], means: NDArray[np.float64]
    ) -> Bounds:
        """The lower bound after each value."""
        bets = np.minimum(bets, MOST)
        away = values - means
        parts = (bets, bets * values, away * away * (-logs(1 - bets) - bets))
        sums = [np.cumsum(np.append(s, p))[1:] for s, p in zip(self._sums, parts, strict=True)]
        self._sums = [float(each[-1]) for each in sums]
        bounds = (sums[1] - self.goal - sums[2]) / sums[0]
        bounds = np.maximum.accumulate(np.maximum(bounds, self._bound))
        self._bound = float(bounds[-1])
        return bounds


def upper_bound(values: NDArray[np.float64], level: float = 0.95) -> float:
    """An upper confidence bound of the mean of values in [0, 1], for their number alone.

    For 0/1 values that are independent, the exact one of C. J. Clopper and E. S. Pearson
    (Biometrika 26, 1934). For others the betting bound (section 4.2 of the paper above), which
    assumes only that the next value has, given all before it, the same mean. A value outside
    [0, 1] raises InvalidInput, no values give 1. Cost: linear.
    """
    within("level", level, 0, 1)
    outside = (values < 0.0) | (values > 1.0)
    if outside.any():
        worst = float(values[outside][0])
        raise InvalidInput("reference", f"must be within [0, 1], got {worst!r}")
    if ((values == 0.0) | (values == 1.0)).all():
        return _exact(int(values.sum()), len(values), 1 - level)
    return _betting(values, -math.log(1 - level))


def _exact(ones: int, n: int, alpha: float) -> float:
    """The rate at which `ones` or fewer of n have probability alpha."""
    if ones == n:
        return 1.0
    k = np.arange(ones + 1)
    ways = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in k.tolist()]

    def too_low(rate: float) -> bool:
        terms = np.array(ways) + k * math.log(rate) + (n - k) * math.log1p(-rate)
        return float(np.exp(terms).sum()) > alpha

    return _halved(too_low)


def _betting(values: NDArray[np.float64], goal: float) -> float:
    """The least mean that is refused when the bets on the values' being lower reach the goal."""
    n = len(values)
    counts = np.arange(1.0, n + 1.0)
    means = (0.5 + np.cumsum(values)) / (counts + 1)
    squares = np.append(0.0, np.cumsum((values - means) ** 2)[:-1])
    bets = np.sqrt(2 * goal / (n * (0.25 + squares) / counts))

    def too_low(mean: float) -> bool:
        gains = np.log1p(np.minimum(bets, MOST / (1 - mean)) * (mean - values))
        return float(np.cumsum(gains).max()) < goal

    return _halved(too_low)


def _halved(too_low: Callable[[float], bool]) -> float:
    """Where a condition within (0, 1) ends, from above, to 12 digits."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if too_low(middle) else (low, middle)
    return high


def logs(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms whose last bits do not depend on how many are taken together."""
    return np.array(list(map(math.log, values.tolist())), dtype=np.float64)
