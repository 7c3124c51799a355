"""Columns of many places at once: arrays with a row for each place."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.profiles.keys import Slots
from homeostat.profiles.rows import Coded, Column, Floats, Mask, Numbers
from homeostat.reference.grid import CategoryGrid, NumberGrid
from homeostat.reference.tally import NumberTally, Tally, tally_of


class Groups(NamedTuple):
    """Rows in the order of their groups: `at` is each row's group, `slots` where each is kept."""

    at: Slots
    slots: Slots
    sizes: Slots
    starts: Slots

    def sum(self, values: Any = None, rows: Mask | None = None) -> Any:
        """A sum of values for each group, or of rows."""
        at = self.at if rows is None else self.at[rows]
        return np.bincount(at, values, len(self.slots))


class Categories:
    """A column of categories at all places."""

    def __init__(self, grid: CategoryGrid) -> None:
        self.grid = grid
        self.counts: NDArray[np.int64] = np.zeros((0, len(grid)), np.int64)
        self.missing: NDArray[np.int64] = np.zeros(0, np.int64)
        self.odd: dict[int, Tally] = {}

    @property
    def width(self) -> int:
        return 8 * len(self.grid)

    def grow(self, more: int) -> None:
        self.counts, self.missing = longer(self.counts, more), longer(self.missing, more)

    def add(self, groups: Groups, column: Column) -> None:
        fits = isinstance(column, Coded) and all(type(value) is str for value in column.values)
        if self.grid.kind != "category" or not fits:
            self._one_by_one(groups, column)
            return
        assert isinstance(column, Coded)
        cells = np.array([*map(self.grid.cell, column.values), -1])[column.codes]
        there, at = cells >= 0, groups.at
        if not there.all():
            self.missing[groups.slots] += groups.sum(rows=~there)
            cells, at = cells[there], at[there]
        counted(self.counts, groups.slots, at, cells)

    def _one_by_one(self, groups: Groups, column: Column) -> None:
        """What does not fit the grid, as the column of one place counts it."""
        array = column.array()
        ends = zip(groups.slots.tolist(), groups.starts.tolist(), groups.sizes, strict=True)
        for slot, start, size in ends:
            if slot not in self.odd:
                self.odd[slot] = tally_of(self.grid)
            self.odd[slot].update(array[start : start + size])

    def tally(self, slot: int) -> Tally:
        tally = tally_of(self.grid)
        tally.counts, tally.missing = self.counts[slot].copy(), int(self.missing[slot])
        return self._with_odd(tally, slot)

    def _with_odd(self, tally: Any, slot: int) -> Tally:
        if slot in self.odd:
            tally.merge(self.odd[slot])
        found: Tally = tally
        return found


class NumberColumn(Categories):
    """A column of numbers at all places, with the sums of what lies in each cell."""

    grid: Any

    def __init__(self, grid: NumberGrid) -> None:
        self.grid = grid
        self.counts = np.zeros((0, len(grid)), np.int64)
        self.sums: Floats = np.zeros((0, len(grid)))
        self.missing = np.zeros(0, np.int64)
        self.square: Floats = np.zeros(0)
        self.low: Floats = np.zeros(0)
        self.high: Floats = np.zeros(0)
        self.odd = {}

    @property
    def width(self) -> int:
        return 16 * len(self.grid)

    def grow(self, more: int) -> None:
        super().grow(more)
        self.sums, self.square = longer(self.sums, more), longer(self.square, more)
        self.low = np.concatenate([self.low, np.full(more, np.inf)])
        self.high = np.concatenate([self.high, np.full(more, -np.inf)])

    def add(self, groups: Groups, column: Column) -> None:
        plain = self.grid.edges.dtype == np.float64 and self.grid.kind != "time"
        if not (isinstance(column, Numbers) and plain):
            self._one_by_one(groups, column)
            return
        values, at, starts = column.values, groups.at, groups.starts
        slots = groups.slots
        there = np.isfinite(values)
        if not there.all():
            self.missing[slots] += groups.sum(rows=~there)  # infinite ones are no records
            values, at = values[there], at[there]
            sizes = np.bincount(at, minlength=len(slots))
            has = sizes > 0
            slots = slots[has]
            at = (np.cumsum(has) - 1)[at]
            starts = (np.cumsum(sizes) - sizes)[has]
        if len(values):
            self._put(values, at, slots, starts)

    def _put(self, values: Floats, at: Slots, slots: Slots, starts: Slots) -> None:
        wide = len(self.grid)
        keys = at * wide + self.grid.cells(values)
        moved = values - self.grid.origin
        if len(slots) * wide > 4 * len(values) + wide:
            keys = keys + (slots[at] - at) * wide
            np.add.at(self.counts.reshape(-1), keys, 1)
            np.add.at(self.sums.reshape(-1), keys, moved)
        else:
            size = len(slots) * wide
            self.counts[slots] += np.bincount(keys, minlength=size).reshape(-1, wide)
            self.sums[slots] += np.bincount(keys, moved, size).reshape(-1, wide)
        with np.errstate(over="ignore"):
            moved *= moved
            self.square[slots] += np.add.reduceat(moved, starts)
        self.low[slots] = np.minimum(self.low[slots], np.minimum.reduceat(values, starts))
        self.high[slots] = np.maximum(self.high[slots], np.maximum.reduceat(values, starts))

    def tally(self, slot: int) -> Tally:
        tally = NumberTally(self.grid)
        tally.counts, tally.missing = self.counts[slot].copy(), int(self.missing[slot])
        tally.sums, tally.square = self.sums[slot].copy(), float(self.square[slot])
        tally.low, tally.high = float(self.low[slot]) + 0, float(self.high[slot]) + 0
        return self._with_odd(tally, slot)


def column_of(grid: NumberGrid | CategoryGrid) -> Categories:
    """An empty column on a grid, at no place yet."""
    return NumberColumn(grid) if isinstance(grid, NumberGrid) else Categories(grid)


def longer(array: NDArray[Any], more: int) -> NDArray[Any]:
    """An array with so many more rows of zeros."""
    return np.concatenate([array, np.zeros((more, *array.shape[1:]), array.dtype)])


def counted(counts: NDArray[np.int64], slots: Slots, at: Slots, cells: Slots) -> None:
    """Count cells of groups: `counts` has a row for each slot."""
    wide = counts.shape[1]
    if len(slots) * wide > 4 * len(cells) + wide:
        np.add.at(counts.reshape(-1), slots[at] * wide + cells, 1)
        return
    found = np.bincount(at * wide + cells, minlength=len(slots) * wide)
    counts[slots] += found.reshape(len(slots), wide)
