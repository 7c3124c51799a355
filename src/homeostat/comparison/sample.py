"""Two samples side by side, what tests need of them computed once; and what a test answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from math import nan
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from homeostat.comparison.columns import Column
from homeostat.comparison.grid import Cells, by_category, by_quantiles
from homeostat.comparison.places import farthest
from homeostat.errors import InvalidInput

Floats = NDArray[np.float64]


class Outcome(NamedTuple):
    """A test's answer: statistic, p-value, effect size, and the effect found at 80 % power.

    `error_bound` is how far the statistic can lie from that of the raw values: 0 for raw values
    themselves, NaN where no bound is known.
    """

    statistic: float
    p_value: float
    effect: float
    detectable: float = nan
    error_bound: float = 0.0


class Steps(NamedTuple):
    """Both empirical distribution functions at each distinct value, as counts up to it."""

    values: NDArray[Any]
    reference: Floats
    current: Floats


class Gaps(NamedTuple):
    """What lies between neighbouring values, or in a cell, of both distribution functions.

    Widths in `unit`s, reference less current in the mean over the width, both pooled, and the
    mean of the absolute and of the squared difference.
    """

    widths: Floats
    pooled: Floats
    absolute: Floats
    square: Floats
    unit: float


class Moments(NamedTuple):
    """Of one side: number, mean, and variance divided by n."""

    n: int
    mean: float
    variance: float


class Points(NamedTuple):
    """Distinct values and how often each side has them."""

    values: Floats
    reference: Floats
    current: Floats


class Pair(Protocol):
    """Two samples, raw or counted; `level` is what the detectable effect is stated at."""

    level: float
    n: int
    m: int
    counted: bool

    @property
    def spread(self) -> float:
        """1/n + 1/m."""

    @property
    def farthest(self) -> tuple[float, float]:
        """The largest differences of distribution functions, reference above and below current."""

    @property
    def steps(self) -> Steps:
        """Both distribution functions."""

    @property
    def cells(self) -> Cells:
        """Counts: over the reference's quantiles for numbers, else over merged categories."""

    @property
    def table(self) -> Cells:
        """A table of two values by two sides; InvalidInput when there are more than two values."""

    @property
    def moments(self) -> tuple[Moments, Moments]:
        """Of both sides; InvalidInput where there are infinite values."""

    @property
    def gaps(self) -> Gaps:
        """Both distribution functions between values; InvalidInput for infinite ones."""

    @property
    def finite(self) -> tuple[Floats, Floats]:
        """Both sides sorted; InvalidInput for infinite values, or where they were only counted."""


class RawPair:
    """Reference and current as raw values."""

    counted = False

    def __init__(self, reference: Column, current: Column, level: float = 0.01) -> None:
        self.reference = reference
        self.current = current
        self.level = level
        self.n = reference.n
        self.m = current.n

    @property
    def spread(self) -> float:
        """1/n + 1/m."""
        return 1 / self.n + 1 / self.m

    @cached_property
    def numbers(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Both sides sorted, of one type; float64 unless both are of the same other type."""
        a, b = self.reference.as_numbers(), self.current.as_numbers()
        if a.dtype != b.dtype:
            whole = a.dtype.kind == b.dtype.kind and a.dtype.kind in "iu"
            kind = np.promote_types(a.dtype, b.dtype) if whole else np.dtype(np.float64)
            a, b = a.astype(kind), b.astype(kind)
        return a, b

    @cached_property
    def floats(self) -> tuple[Floats, Floats]:
        """Both sides sorted, as float64."""
        a, b = self.numbers
        return a.astype(np.float64, copy=False), b.astype(np.float64, copy=False)

    @property
    def finite(self) -> tuple[Floats, Floats]:
        """Both sides sorted; InvalidInput for infinite values."""
        a, b = self.floats
        if not all(np.isfinite(x[[0, -1]]).all() for x in (a, b)):
            raise InvalidInput("the column", "holds infinite values", "choose a test on ranks")
        return a, b

    @cached_property
    def farthest(self) -> tuple[float, float]:
        """The largest differences of distribution functions, reference above and below current."""
        return farthest(*self.numbers)

    @cached_property
    def steps(self) -> Steps:
        """Both distribution functions. Cost: one sort of the values of both sides."""
        a, b = self.numbers
        pooled = np.sort(np.concatenate([a, b]))
        last = np.append(pooled[1:] != pooled[:-1], True)
        values = pooled[last]
        upto = (np.flatnonzero(last) + 1).astype(np.float64)
        reference = np.searchsorted(a, values, "right").astype(np.float64)
        return Steps(values, reference, upto - reference)

    @cached_property
    def cells(self) -> Cells:
        """Counts: over the reference's quantiles for numbers, else over merged categories."""
        if self.reference.counts is None or self.current.counts is None:
            return by_quantiles(*self.numbers)
        return by_category(self.reference.counts, self.current.counts)

    @cached_property
    def table(self) -> Cells:
        """A table of two values by two sides; InvalidInput when there are more than two values."""
        sides = self.reference.as_counts(), self.current.as_counts()
        return two_by_two(by_category(*sides, merge=False))

    @property
    def moments(self) -> tuple[Moments, Moments]:
        """About the reference's median, so that large values lose no digits."""
        a, b = self.finite
        origin = a[len(a) // 2]
        x, y = (Moments(len(v), float(v.mean()), float(v.var())) for v in (a - origin, b - origin))
        return x, y

    @cached_property
    def gaps(self) -> Gaps:
        """Between neighbouring values both functions are constant."""
        steps, unit = self.steps, self._unit()
        widths = np.diff(steps.values.astype(np.float64)) / unit
        gap = (steps.reference / self.n - steps.current / self.m)[:-1]
        pooled = ((steps.reference + steps.current) / (self.n + self.m))[:-1]
        return Gaps(widths, pooled, np.abs(gap), gap * gap, unit)

    def _unit(self) -> float:
        """The reference's standard deviation; both sides' if it is constant; 1 if all is."""
        a, b = self.finite
        own = float((a - a[len(a) // 2]).std())
        return own or float(np.concatenate([a, b]).std()) or 1.0


def two_by_two(cells: Cells) -> Cells:
    """At most two values as exactly two; InvalidInput when there are more."""
    if len(cells.reference) > 2:
        problem = f"holds {len(cells.reference)} different values"
        raise InvalidInput("the column", problem, "this test compares two")
    short = np.zeros(2 - len(cells.reference))
    return Cells(np.append(cells.reference, short), np.append(cells.current, short))


class Test(NamedTuple):
    """A two-sample test: how it is called, what it takes, what its effect size is.

    `raw` is whether counts on a grid are not enough for it.
    """

    name: str
    run: Callable[[Pair], Outcome]
    takes: tuple[str, ...]
    effect: str
    symmetric: bool
    raw: bool = False
