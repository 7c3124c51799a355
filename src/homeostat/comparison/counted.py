"""Two samples that were counted on one grid, as tests need them."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.comparison.grid import BINS, EXPECTED, Cells, by_category
from homeostat.comparison.sample import Floats, Gaps, Moments, Steps, two_by_two
from homeostat.errors import InvalidInput
from homeostat.reference import CategoryTally, NumberTally


class Limits(NamedTuple):
    """The least and most that each cell's mean absolute and squared difference can be."""

    absolute: tuple[Floats, Floats]
    square: tuple[Floats, Floats]


class _Counted:
    """What pairs of either kind have.

    With `dependence` above 1 both sides count as so many times fewer records: means of dependent
    rows vary like those of fewer independent ones.
    """

    counted = True

    def __init__(
        self,
        reference: NumberTally | CategoryTally,
        current: NumberTally | CategoryTally,
        level: float,
        dependence: float,
    ) -> None:
        self.level = level
        sizes = reference.n, current.n
        self.n, self.m = (max(1, round(size / dependence)) for size in sizes)
        self.weights = self.n / max(1, sizes[0]), self.m / max(1, sizes[1])

    @property
    def spread(self) -> float:
        """1/n + 1/m."""
        return 1 / self.n + 1 / self.m

    def _whole(self, cells: Cells) -> Cells:
        """A table of two by two, in whole records."""
        a, b = two_by_two(cells)
        a, b = (
            np.array([total - round(x[1]), round(x[1])]) for x, total in ((a, self.n), (b, self.m))
        )
        return Cells(a.astype(np.float64), b.astype(np.float64))


class CategoryPair(_Counted):
    """Categories of both sides; all that the grid does not keep are one."""

    def __init__(
        self,
        reference: CategoryTally,
        current: CategoryTally,
        level: float = 0.01,
        dependence: float = 1.0,
    ) -> None:
        super().__init__(reference, current, level, dependence)
        self._complete = reference.grid.complete
        self._names: list[str | None] = [*reference.grid.categories, None]
        self._sides = reference.counts, current.counts

    @property
    def exact(self) -> bool:
        """Whether every value is in a cell of its own."""
        return not any(side[-1] for side in self._sides)

    @cached_property
    def cells(self) -> Cells:
        """Counts, rare categories merged."""
        return by_category(self._counted(0), self._counted(1))

    @property
    def table(self) -> Cells:
        """A table of two values by two sides."""
        if not (self.exact or self._complete):
            raise InvalidInput("the column", "holds more values than were kept", "raise categories")
        return self._whole(by_category(self._counted(0), self._counted(1), merge=False))

    def _counted(self, side: int) -> dict[str | None, float]:
        weighted = self._sides[side] * self.weights[side]
        pairs = zip(self._names, weighted.tolist(), strict=True)
        return {name: count for name, count in pairs if count}

    @property
    def steps(self) -> Steps:
        """Categories have no order."""
        raise _no_numbers()

    @property
    def farthest(self) -> tuple[float, float]:
        """Categories have no order."""
        raise _no_numbers()

    @property
    def moments(self) -> tuple[Moments, Moments]:
        """Categories have no mean."""
        raise _no_numbers()

    @property
    def gaps(self) -> Gaps:
        """Categories have no distance."""
        raise _no_numbers()

    @property
    def finite(self) -> tuple[Floats, Floats]:
        """Categories are no numbers."""
        raise _no_numbers()


def _no_numbers() -> InvalidInput:
    return InvalidInput("the column", "holds categories", "choose a test on counts")


class NumberPair(_Counted):
    """Numbers of both sides; all values of a cell are tied.

    `own` says that the grid was made from the reference side itself.
    """

    def __init__(
        self,
        reference: NumberTally,
        current: NumberTally,
        level: float = 0.01,
        dependence: float = 1.0,
        *,
        own: bool = False,
    ) -> None:
        super().__init__(reference, current, level, dependence)
        self.grid = reference.grid
        self.sides = reference, current
        self._own = own and reference.n == self.grid.fitted

    @cached_property
    def counts(self) -> tuple[Floats, Floats]:
        """Of both sides, with infinite values in cells of their own."""
        left, right = self.sides
        a: Floats = np.multiply(_with_ends(left), self.weights[0], dtype=np.float64)
        b: Floats = np.multiply(_with_ends(right), self.weights[1], dtype=np.float64)
        return a, b

    @property
    def open(self) -> NDArray[np.bool_]:
        """Cells that may hold several values."""
        return self.grid.open

    @property
    def exact(self) -> bool:
        """Whether every value is in a cell of its own."""
        hidden = self.open
        return not any((side * hidden).any() for side in self.counts)

    @cached_property
    def steps(self) -> Steps:
        """Both distribution functions at the ends of cells."""
        a, b = self.counts
        seen = (a + b) > 0
        return Steps(np.flatnonzero(seen), np.cumsum(a[seen]), np.cumsum(b[seen]))

    @cached_property
    def functions(self) -> tuple[Floats, Floats]:
        """Both distribution functions at the end of each cell."""
        a, b = self.counts
        return a.cumsum() / self.n, b.cumsum() / self.m

    @cached_property
    def farthest(self) -> tuple[float, float]:
        """The largest differences of distribution functions at the ends of cells."""
        gap = np.subtract(*self.functions)
        return max(0.0, float(gap.max())), max(0.0, float(-gap.min()))

    @cached_property
    def cells(self) -> Cells:
        """Counts over the reference's quantiles; of truth values, over the values."""
        if self.grid.kind == "truth":
            sides = [dict(enumerate(side.tolist())) for side in self.counts]
            some = [{key: n for key, n in side.items() if n} for side in sides]
            return by_category(some[0], some[1])
        upto = [np.append(np.cumsum(side)[self._ends], side.sum()) for side in self.counts]
        a, b = (np.diff(side, prepend=0.0) for side in upto)
        seen = (a + b) > 0
        return Cells(a[seen], b[seen])

    @cached_property
    def _quantiles(self) -> NDArray[np.intp]:
        """The cells in which the reference's quantiles lie."""
        parts = max(2, min(BINS, int(min(self.n, self.m) / EXPECTED)))
        side = self.sides[0]
        return np.searchsorted(self._upto, np.arange(1, parts) * side.n // parts, "right")

    @cached_property
    def _upto(self) -> NDArray[np.int64]:
        side = self.sides[0]
        return np.cumsum(_with_ends(side))

    @cached_property
    def _ends(self) -> NDArray[np.intp]:
        """Where quantile cells end, as `grid.edges` takes them of raw values."""
        found = np.unique(self._quantiles)
        found = found[self._upto[found] < self.sides[0].n]
        if len(found):
            return found
        first = int(np.flatnonzero(self._upto)[0])  # constant: below it, at it, above it
        return np.array([first - 1, first]) if first else np.array([first])

    @property
    def quantiles_exact(self) -> bool:
        """Whether the quantile cells are those of the raw values."""
        if self.grid.kind == "truth" or self._own:
            return True
        return not (self.open[self._quantiles].any() or self.open[self._ends].any())

    @property
    def table(self) -> Cells:
        """A table of two values by two sides; what the reference never had is one value."""
        a, b = self.counts
        if a[self.open].any():
            raise InvalidInput("the column", "holds more than two values", "this test compares two")
        seen = (a + b) > 0
        return self._whole(Cells(a[seen], b[seen]))

    def _check_finite(self) -> None:
        if any(side.below or side.above for side in self.sides):
            raise InvalidInput("the column", "holds infinite values", "choose a test on ranks")

    @property
    def finite(self) -> tuple[Floats, Floats]:
        """Both sides' values, where each cell holds one only."""
        self._check_finite()
        if not self.exact or self.weights != (1.0, 1.0):
            raise InvalidInput("the column", "was counted", "this test needs the raw values")
        edges = np.append(self.grid.from_origin(self.grid.edges), np.inf)
        a, b = (np.repeat(edges, side.counts) for side in self.sides)
        return a, b

    @property
    def moments(self) -> tuple[Moments, Moments]:
        """About the grid's origin."""
        self._check_finite()
        a, b = (
            Moments(n, float(side.sums.sum()) / side.n, side.moments.variance)
            for side, n in zip(self.sides, (self.n, self.m), strict=True)
        )
        return a, b

    @cached_property
    def gaps(self) -> Gaps:
        """Of each cell. Where both sides share a cell the order within it is not known."""
        between = self._between
        (least, _), (low, high) = self.limits
        middle = np.clip(between.mean**2 + between.rise**2 / 12, low, high)
        return Gaps(between.widths, between.pooled, least, middle, between.unit)

    @cached_property
    def limits(self) -> Limits:
        """The mean difference of a cell is known, from sums, and its range: so are bounds."""
        between = self._between
        mean, (low, high) = between.mean, between.reach
        crossing = (low < 0) & (high > 0)
        with np.errstate(all="ignore"):
            chord = (-low * (high - mean) + high * (mean - low)) / (high - low)
        far = np.where(crossing, chord, np.abs(mean))
        square = np.maximum((low + high) * mean - low * high, mean**2)
        return Limits((np.abs(mean), np.maximum(far, np.abs(mean))), (mean**2, square))

    @cached_property
    def _between(self) -> _Between:
        self._check_finite()
        a, b = self.sides
        edges = self.grid.from_origin(self.grid.edges)
        lowest, highest = (self._moved(min(a.low, b.low)), self._moved(max(a.high, b.high)))
        ends = np.clip(np.concatenate([[lowest], edges, [highest]]), lowest, highest)
        widths = np.diff(ends)
        wide = widths > 0
        top, widths = ends[1:][wide], widths[wide]
        f, g = (_mean_function(side, top, widths, wide) for side in (a, b))
        unit = self._unit()
        return _Between(
            widths / unit,
            (self.n * f.mean + self.m * g.mean) / (self.n + self.m),
            f.mean - g.mean,
            (f.low - g.high, f.high - g.low),
            (f.high - f.low) - (g.high - g.low),
            unit,
        )

    def _moved(self, value: float) -> float:
        return float(self.grid.from_origin(self.grid.taken(np.array([value])))[0])

    def _unit(self) -> float:
        """The reference's standard deviation; both sides' if it is constant; 1 if all is."""
        a, b = self.moments
        between = (a.mean - b.mean) ** 2 * self.n * self.m / (self.n + self.m)
        within = self.n * a.variance + self.m * b.variance
        pooled = (within + between) / (self.n + self.m)
        return float(np.sqrt(a.variance) or np.sqrt(pooled) or 1.0)


def _with_ends(side: NumberTally) -> NDArray[np.int64]:
    """Counts with infinite values in cells of their own."""
    counts: NDArray[np.int64] = np.empty(len(side.counts) + 2, np.int64)
    counts[0], counts[1:-1], counts[-1] = side.below, side.counts, side.above
    return counts


class _Between(NamedTuple):
    """Of each cell: its width, both functions pooled, and what is known of their difference."""

    widths: Floats
    pooled: Floats
    mean: Floats
    reach: tuple[Floats, Floats]
    rise: Floats
    unit: float


class _Function(NamedTuple):
    """A distribution function in each cell: where it starts and ends, and its mean."""

    low: Floats
    high: Floats
    mean: Floats


def _mean_function(
    side: NumberTally, top: Floats, widths: Floats, wide: NDArray[np.bool_]
) -> _Function:
    counts = side.counts.astype(np.float64)
    high = np.cumsum(counts) / side.n
    own, sums = counts[wide], side.sums[wide]
    behind = np.clip((top * own - sums) / widths, 0.0, own)  # part of the cell behind a value
    low = high[wide] - own / side.n
    return _Function(low, high[wide], low + behind / side.n)


CountedPair = CategoryPair | NumberPair
