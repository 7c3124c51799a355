"""Which cell each number falls into, by a table: several times faster than a binary search.

The key of a number is its place on a uniform raster. Rounding keeps the order of keys, so an edge
with a smaller key is surely below the number, and only edges with the same key are compared: most
places of the raster hold none, many one, and where they hold more the search is binary.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Cells = NDArray[np.intp]

_SIZE = 4096  # places of the raster: 8 kB, which stay in the cache
_FEW = 4096  # values below which making a table does not pay
_PASSES = 2  # edges with the same key that are compared for all values
_SPARSE = 8  # one in so many values, below which only these are looked at again


class Lookup:
    """Cells of finite float64 values between rising edges; cell i holds (edge i-1, edge i]."""

    def __init__(self, edges: Floats) -> None:
        self._edges = edges
        self._after = np.append(edges, np.inf)
        self._first: NDArray[Any] | None = None

    def cells(self, values: Floats) -> Cells:
        """The cell of each value. Cost: some 4 ns a value where the edges lie evenly."""
        if self._first is None:
            if len(values) < _FEW or not self._make():
                return sorted_first(self._edges, values)
            assert self._first is not None
        cells = self._first.take(self._keys(values), mode="clip").astype(np.intp)
        above = values > self._after.take(cells)
        for _ in range(_PASSES):
            if np.count_nonzero(above) * _SPARSE < len(above):
                break
            cells += above
            above = values > self._after.take(cells)
        left = np.flatnonzero(above)
        cells[left] += 1
        left = left[values[left] > self._after[cells[left]]]
        if len(left):
            cells[left] = sorted_first(self._edges, values[left])
        return cells

    def _make(self) -> bool:
        """The table over all but the outermost edges; False where they are too far apart."""
        edges, tail = self._edges, len(self._edges) // 64
        if not len(edges):
            return False
        self._low = float(edges[tail])
        with np.errstate(over="ignore", divide="ignore"):
            width = float(edges[-1 - tail]) - self._low
            self._scale = _SIZE / width if width > 0 else 1.0
        if not 1e-280 < self._scale < 1e280:
            return False
        keys = np.clip((edges - self._low) * self._scale, 0, _SIZE - 1).astype(np.intp)
        narrow = np.min_scalar_type(len(edges))  # there may be ten thousand such tables
        self._first = np.searchsorted(keys, np.arange(_SIZE)).astype(narrow)
        return True

    def _keys(self, values: Floats) -> Cells:
        """Places of the raster, before the first and behind the last for what lies outside."""
        with np.errstate(over="ignore", invalid="ignore"):
            places = values - self._low
            places *= self._scale
            return places.astype(np.intp)  # one too large for it becomes small: looked up later


def sorted_first(edges: NDArray[Any], values: NDArray[Any]) -> Cells:
    """The cell of each value by a binary search, which is faster in the order of the values."""
    order = np.argsort(values)
    cells = np.empty(len(values), np.intp)
    cells[order] = np.searchsorted(edges, values[order])
    return cells
