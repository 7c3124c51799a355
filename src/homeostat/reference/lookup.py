"""Which cell each number falls into, by a table: several times faster than a binary search.

The key of a number is its place on a uniform raster. Rounding keeps the order of keys, so an edge
with a smaller key is surely below the number, and only edges with the same key are compared: most
places of the raster hold none and are told of by the table alone. Of those that hold an edge, few
hold more than two; there the search is binary.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Cells = NDArray[np.intp]

_FEW = 4096  # values below which making a table does not pay
_SIZES = {_FEW: 1 << 13, 1 << 16: 1 << 16}  # places for so many values at once; two bytes each
_PASSES = 2  # edges with the same key that are compared one by one
_SPARSE = 4  # one in so many values near an edge, above which all are compared


class Lookup:
    """Cells of finite float64 values between rising edges; cell i holds (edge i-1, edge i]."""

    def __init__(self, edges: Floats) -> None:
        self._edges = edges
        self._after = np.append(edges, np.inf)
        self._first: NDArray[Any] = np.empty(0, np.int16)

    def cells(self, values: Floats) -> Cells:
        """The cell of each value. Cost: some 4 ns a value where the edges lie evenly."""
        size = max((size for few, size in _SIZES.items() if len(values) >= few), default=0)
        if not size or (size > len(self._first) and not self._make(size)):
            return sorted_first(self._edges, values)
        first = self._first.take(self._keys(values), mode="clip")
        near = first < 0
        cells: Cells = np.maximum(first, ~first).astype(np.intp)
        if np.count_nonzero(near) * _SPARSE > len(near):
            return self._compared(cells, values)
        at = np.flatnonzero(near)
        cells[at] = self._compared(cells[at], values[at])
        return cells

    def _compared(self, cells: Cells, values: Floats) -> Cells:
        """The cells of values of which `cells` are the first that they may lie in."""
        above = values > self._after.take(cells)
        for _ in range(_PASSES):
            if not above.any():
                return cells
            cells += above
            above = values > self._after.take(cells)
        left = np.flatnonzero(above)
        cells[left] = sorted_first(self._edges, values[left])
        return cells

    def _make(self, size: int) -> bool:
        """The table over all but the outermost edges; False where they are too far apart.

        A place without an edge has its cell; one with edges has ~cell, which is below 0, of the
        first of them.
        """
        edges, tail = self._edges, len(self._edges) // 64
        if not len(edges):
            return False
        self._low = float(edges[tail])
        with np.errstate(over="ignore", divide="ignore"):
            width = float(edges[-1 - tail]) - self._low
            self._scale = size / width if width > 0 else 1.0
        if not 1e-280 < self._scale < 1e280:
            return False
        keys = np.clip((edges - self._low) * self._scale, 0, size - 1).astype(np.intp)
        narrow = np.min_scalar_type(-1 - len(edges))  # there may be ten thousand such tables
        first = np.searchsorted(keys, np.arange(size)).astype(narrow)
        first[keys] = ~first[keys]
        self._first = first
        return True

    def _keys(self, values: Floats) -> Cells:
        """Places of the raster, before the first and behind the last for what lies outside.

        Both ends hold edges, so that what lies outside is compared, as is what is too large for a
        place, whose key is below all others.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            places = values - self._low
            places *= self._scale
            return places.astype(np.intp)


def sorted_first(edges: NDArray[Any], values: NDArray[Any]) -> Cells:
    """The cell of each value by a binary search, which is faster in the order of the values."""
    order = np.argsort(values)
    cells = np.empty(len(values), np.intp)
    cells[order] = np.searchsorted(edges, values[order])
    return cells
