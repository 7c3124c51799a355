"""One column's counts on its grid: of a window, or of the reference itself."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import SnapshotMismatch
from homeostat.intake import Array
from homeostat.reference.columns import Kind, Values, by_text, split
from homeostat.reference.grid import CategoryGrid, Grid, NumberGrid
from homeostat.reference.lookup import Cells

_CHUNK = 1 << 14  # values worked on at a time, so that what lies between stays in the cache
_BLOCK = 1 << 16  # objects counted at a time, so that a table of them stays small


class Moments(NamedTuple):
    """Number, mean and variance (divided by n) of the finite values; NaN where there are none."""

    n: int
    mean: float
    variance: float


class _Tally:
    """What all columns count: values in cells, missing ones, and strays of another type."""

    counts: NDArray[np.int64]
    missing: int
    strays: dict[str, int]

    memory: tuple[str, ...] = ("counts", "missing", "strays")

    def __init__(self, cells: int) -> None:
        self.counts = np.zeros(cells, np.int64)
        self.missing = 0
        self.strays = {}

    @property
    def n(self) -> int:
        """Values on the grid."""
        return int(self.counts.sum())

    @property
    def rows(self) -> int:
        """All rows: values, missing ones and strays."""
        return self.n + self.missing + sum(self.strays.values())

    def scaled(self, factors: NDArray[np.float64], share: float) -> Self:
        """A copy whose cells hold so many times as many; all else `share` of what it was."""
        other = copy.copy(self)
        other.counts = np.rint(self.counts * factors).astype(np.int64)
        other.missing = round(self.missing * share)
        other.strays = {kind: round(count * share) for kind, count in self.strays.items()}
        return other

    def stray(self, values: Values) -> None:
        """Count values that are of another type than the grid."""
        self.missing += values.missing
        if values.n:
            self.strays[values.kind] = self.strays.get(values.kind, 0) + values.n

    def merge(self, other: Any) -> None:
        """Add another tally of the same grid."""
        self.counts += other.counts
        self.missing += other.missing
        for kind, count in other.strays.items():
            self.strays[kind] = self.strays.get(kind, 0) + count

    def snapshot(self) -> dict[str, Any]:
        """A copy of what was counted, as plain data."""
        return {name: _copied(getattr(self, name)) for name in self.memory}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Put a snapshot back; SnapshotMismatch when it is of another grid."""
        if set(snapshot) != set(self.memory) or len(snapshot["counts"]) != len(self.counts):
            raise SnapshotMismatch("the snapshot of a column is of another grid")
        for name in self.memory:
            setattr(self, name, _copied(snapshot[name]))


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray | dict) else value


class NumberTally(_Tally):
    """Counts of numbers, and their moments: in each cell the sum of distances from the origin.

    Infinite values are counted apart, below and above. Sums add up in the order of the rows, so
    that any cutting into batches gives the same bits.
    """

    memory = (*_Tally.memory, "sums", "square", "low", "high", "below", "above")

    def __init__(self, grid: NumberGrid) -> None:
        super().__init__(len(grid))
        self.grid = grid
        self.sums = np.zeros(len(grid))
        self.square = 0.0
        self.low, self.high = math.inf, -math.inf
        self.below = self.above = 0

    @property
    def kind(self) -> Kind:
        """What it holds: the grid's kind, or that of strays where there is nothing else."""
        return _kind(self, self.grid.kind)

    @property
    def n(self) -> int:
        """Values on the grid, infinite ones included."""
        return int(self.counts.sum()) + self.below + self.above

    def scaled(self, factors: NDArray[np.float64], share: float) -> Self:
        """A copy whose cells hold so many times as many; all else `share` of what it was."""
        other = super().scaled(factors, share)
        with np.errstate(invalid="ignore", divide="ignore"):
            held = np.where(self.counts > 0, other.counts / self.counts, 0.0)
        other.sums = self.sums * held
        other.square = self.square * (int(other.counts.sum()) / max(1, int(self.counts.sum())))
        other.below, other.above = round(self.below * share), round(self.above * share)
        return other

    @property
    def moments(self) -> Moments:
        """Of the finite values."""
        n = int(self.counts.sum())
        if not n:
            return Moments(0, math.nan, math.nan)
        with np.errstate(over="ignore", invalid="ignore"):
            moved = float(self.sums.sum()) / n
            variance = self.square / n - moved * moved  # NaN where squares pass the largest float
        variance = 0.0 if variance < 0 else variance
        return Moments(
            n, float(self.grid.origin) + moved, variance if self.low < self.high else 0.0
        )

    def update(self, array: Array) -> None:
        """Count a column. Cost: some 10 ns a float64."""
        if array.ndim == 1 and array.dtype.kind in "biuf" and self.grid.kind != "time":
            self._add(array)
            return
        for values in split(array).values():
            if not _fits(values.kind, self.grid.kind):
                self.stray(values)
                continue
            self.missing += values.missing
            if values.numbers is not None:
                self._add(values.numbers)

    def _add(self, array: Array) -> None:
        for start in range(0, len(array), _CHUNK):
            self._add_chunk(array[start : start + _CHUNK])

    def _add_chunk(self, values: Array) -> None:
        if values.dtype.kind == "f":
            finite = np.isfinite(values)
            if not finite.all():
                self.infinite(values[~finite])
                values = values[finite]
        values = self.grid.taken(values)
        if len(values):
            self.put(values, self.grid.cells(values))

    def infinite(self, values: Array) -> None:
        """Count values that are not finite."""
        self.above += int(np.count_nonzero(values > 0))
        self.below += int(np.count_nonzero(values < 0))
        self.missing += int(np.count_nonzero(np.isnan(values)))

    def put(self, values: Array, cells: Cells) -> None:
        """Count values of the grid's type whose cells are known."""
        self.counts += np.bincount(cells, minlength=len(self.counts))
        with np.errstate(over="ignore"):  # beyond some 1e154 the moments are infinite
            moved = self.grid.from_origin(values)
            np.add.at(self.sums, cells, moved)  # in the order of rows
            moved *= moved
            moved[0] += self.square
            self.square = float(np.cumsum(moved, out=moved)[-1])
        self.low = min(self.low, values.min().item() + 0)  # a zero without its sign
        self.high = max(self.high, values.max().item() + 0)

    def merge(self, other: NumberTally) -> None:
        """Add another tally of the same grid: counts exactly, sums to rounding."""
        super().merge(other)
        self.sums += other.sums
        self.square += other.square
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.below += other.below
        self.above += other.above


class CategoryTally(_Tally):
    """Counts of categories; the last cell is of all that the grid has no cell for."""

    def __init__(self, grid: CategoryGrid) -> None:
        super().__init__(len(grid))
        self.grid = grid

    @property
    def kind(self) -> Kind:
        """What it holds: the grid's kind, or that of strays where there is nothing else."""
        return _kind(self, "category" if self.grid.kind == "mixed" else self.grid.kind)

    def update(self, array: Array) -> None:
        """Count a column. Cost: a dictionary's look-up for each value."""
        for start in range(0, len(array), _BLOCK):
            block = array[start : start + _BLOCK]
            if self.grid.kind == "mixed":
                self._add(by_text(block))
                continue
            for values in split(block).values():
                if _fits(values.kind, self.grid.kind):
                    self._add(values)
                else:
                    self.stray(values)

    def _add(self, values: Values) -> None:
        self.missing += values.missing
        for value, count in (values.counts or {}).items():
            self.counts[self.grid.cell(value)] += count


Tally = NumberTally | CategoryTally


def tally_of(grid: Grid) -> Tally:
    """An empty tally on a grid."""
    return NumberTally(grid) if isinstance(grid, NumberGrid) else CategoryTally(grid)


def _fits(kind: Kind, grid: Kind) -> bool:
    """Whether values of a kind can be counted on a grid: truth values among numbers, too."""
    return kind == "empty" or (kind == grid != "empty") or {kind, grid} == {"number", "truth"}


def _kind(tally: Tally, own: Kind) -> Kind:
    if not tally.strays or tally.n:
        return own
    kinds: list[Any] = sorted(tally.strays, key=tally.strays.__getitem__)
    return kinds[-1]  # type: ignore[no-any-return]
