"""From a column of the reference to its grid, its counts, and how its rows hang together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.intake import Array
from homeostat.reference.columns import (
    Counts,
    Kind,
    Values,
    by_text,
    is_missing,
    split,
    typed_text,
    values_of,
)
from homeostat.reference.dependence import dependence_of
from homeostat.reference.grid import CategoryGrid, fit_categories, fit_numbers
from homeostat.reference.hours import Season, season_of
from homeostat.reference.tally import CategoryTally, NumberTally, Tally

_BLOCK = 1 << 16  # rows of objects looked at together
_ROOM = 100_000  # distinct categories kept while counting
_CHOOSE = 5  # one row in so many chooses the categories to keep, where there are too many


class Fitted(NamedTuple):
    """All that is kept of a column of the reference."""

    tally: Tally
    dependence: float
    season: Season | None


class Settings(NamedTuple):
    """How fine the grids are."""

    bins: int
    categories: int


def fit_column(
    array: Array, settings: Settings, hashed: bool, hours: NDArray[np.int64] | None
) -> Fitted:
    """Grid, counts, dependence and season of one column. Cost: a sort, or a count, and a pass.

    Where there are more categories than are kept, one row in five chooses them and the others are
    counted: categories chosen for their luck would seem to be rarer in all later data.
    """
    if array.ndim == 1 and array.dtype.kind in "biufmM":
        return _numbers(values_of(array), settings, hours)
    scan = _scan(array, settings.categories)
    kinds = scan.kinds
    if kinds == {"number"} or kinds == {"truth"} or kinds == {"time"}:
        return _numbers(values_of(array), settings, hours)
    if kinds == {"number", "truth"}:
        numeric = np.array([np.nan if is_missing(v) else float(v) for v in array.tolist()])
        return _numbers(values_of(numeric), settings, hours)
    kind: Kind = kinds.pop() if len(kinds) == 1 else "mixed" if kinds else "empty"
    if scan.complete and len(scan.counts) <= settings.categories:
        return _categories(array, fit_categories(kind, scan.counts, hashed=hashed), hours)
    counts = {v: n for v, n in _scan(array[::_CHOOSE], settings.categories).counts.items() if n > 1}
    grid = fit_categories(kind, counts, settings.categories, False, hashed)
    counted = np.arange(len(array)) % _CHOOSE > 0
    return _categories(array[counted], grid, None if hours is None else hours[counted])


def _numbers(values: Values, settings: Settings, hours: NDArray[np.int64] | None) -> Fitted:
    if values.numbers is None or values.kind == "empty":
        return _nothing(values)
    numbers = values.numbers
    finite = np.isfinite(numbers) if numbers.dtype.kind == "f" else np.ones(len(numbers), bool)
    grid = fit_numbers(values.kind, numbers[finite], settings.bins)
    tally = NumberTally(grid)
    tally.missing = values.missing
    tally.infinite(numbers[~finite])
    kept = grid.taken(numbers[finite])
    if not len(kept):
        return Fitted(tally, 1.0, None)
    cells = grid.cells(kept)
    tally.put(kept, cells)
    at = np.full(values.rows, -1, np.int64)
    rows = np.arange(values.rows) if values.present is None else np.flatnonzero(values.present)
    at[rows[finite]] = cells
    return _in_order(tally, at, hours)


def _nothing(values: Values) -> Fitted:
    tally = CategoryTally(CategoryGrid("empty", ()))
    tally.missing = values.missing
    return Fitted(tally, 1.0, None)


def _categories(array: Array, grid: CategoryGrid, hours: NDArray[np.int64] | None) -> Fitted:
    tally = CategoryTally(grid)
    tally.update(array)
    if not grid.categories:
        return Fitted(tally, 1.0, None)
    at = np.full(len(array), -1, np.int64)
    for start, block in _blocks(array):
        at[start : start + len(block)] = list(_cells(block, grid))
    return _in_order(tally, at, hours)


def _cells(block: Array, grid: CategoryGrid) -> Iterator[int]:
    seen: dict[Any, int] = {}
    for value in block.tolist():
        if is_missing(value):
            yield -1
            continue
        key: Any = typed_text(value) if grid.kind == "mixed" else value
        if key not in seen:
            seen[key] = grid.cell(key)
        yield seen[key]


def _in_order(tally: Tally, at: NDArray[np.int64], hours: NDArray[np.int64] | None) -> Fitted:
    season = None if hours is None or not tally.n else season_of(at, hours, tally.counts)
    known = at >= 0
    usual = None if season is None or hours is None else hours[known]
    return Fitted(tally, dependence_of(at[known], tally.counts, usual), season)


def _blocks(array: Array) -> Iterator[tuple[int, Array]]:
    for start in range(0, len(array), _BLOCK):
        yield start, array[start : start + _BLOCK]


class _Scan(NamedTuple):
    """The kinds of values in a column of objects, and its frequent values."""

    kinds: set[Kind]
    counts: Counts
    complete: bool


def _scan(array: Array, most: int) -> _Scan:
    """What a column of objects holds, in bounded memory.

    Values that are more frequent than one in some 50,000 are certainly among the counts (Misra
    and Gries 1982). For a mixed column the values are counted by type and text.
    """
    kinds: set[Kind] = set()
    counts = _Frequent(most)
    for _, block in _blocks(array):
        parts = split(block)
        kinds |= set(parts) - {"empty"}
        if kinds == {"category"}:
            counts.add(parts["category"].counts if "category" in parts else None)
    if "mixed" in kinds or len(kinds) > 1:
        counts = _Frequent(most)
        for _, block in _blocks(array):
            counts.add(by_text(block).counts)
    return _Scan(kinds, counts.counts, counts.complete)


class _Frequent:
    """Counts of the frequent among ever so many values."""

    def __init__(self, most: int) -> None:
        self.room = max(_ROOM, 16 * most)
        self.counts: Counts = {}
        self.complete = True

    def add(self, found: Counts | None) -> None:
        """Count a block's values; where there are too many, take as much off all."""
        for value, count in (found or {}).items():
            self.counts[value] = self.counts.get(value, 0) + count
        if len(self.counts) > self.room:
            self.counts = _thinned(self.counts, self.room // 2)
            self.complete = False


def _thinned(counts: Counts, keep: int) -> Counts:
    least = sorted(counts.values(), reverse=True)[keep]
    return {value: count - least for value, count in counts.items() if count > least}
