"""The cells that a column is counted in, fixed once from the reference."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.reference.columns import Counts, Kind, typed_text
from homeostat.reference.lookup import Cells, Lookup, sorted_first

EXACT = 2**53  # beyond it not every whole number is a float
_PARTS = range(2, 11)  # quantile cells that tests on counts use: their edges are edges here
_OF_PARTS = 32  # how many edges that makes


class NumberGrid:
    """Cells of numbers, truth values or times (microseconds): cell i holds (edge i-1, edge i].

    The first and last cell reach to infinity and hold nothing of the reference. A value that is
    frequent has a cell of its own: a point. `origin` is a value near the middle, which moments
    are taken about; `fitted` is how many values the edges were made from, if the quantiles that
    tests on counts use are among them, else 0.
    """

    def __init__(self, kind: Kind, edges: NDArray[Any], origin: float, fitted: int) -> None:
        self.kind = kind
        self.edges = edges
        self.origin = origin
        self.fitted = fitted
        self._lookup = Lookup(edges) if edges.dtype == np.float64 else None

    def __len__(self) -> int:
        return len(self.edges) + 1

    @cached_property
    def points(self) -> NDArray[np.bool_]:
        """Which cells hold one value only."""
        alone = _before(self.edges[1:]) == self.edges[:-1]
        return np.concatenate([[False], alone, [False]]) if len(self.edges) else np.zeros(1, bool)

    @cached_property
    def open(self) -> NDArray[np.bool_]:
        """Which cells may hold several values, with one for infinite values at either end."""
        return np.concatenate([[False], ~self.points, [False]])

    def taken(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values in the type of the edges, in their order."""
        if self.edges.dtype == np.float64:
            return values.astype(np.float64, copy=False)
        if values.dtype.kind == "f":  # x <= whole edge just when ceil(x) is
            values = np.clip(np.ceil(values), -(2.0**63), 2.0**63 - 1024)
        elif values.dtype == np.uint64:
            values = np.minimum(values, np.uint64(2**63 - 1))
        return values.astype(np.int64)

    def cells(self, values: NDArray[Any]) -> Cells:
        """The cell of each finite value that `taken` gave."""
        if self._lookup is not None:
            return self._lookup.cells(values)
        return sorted_first(self.edges, values)

    def from_origin(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """How far values lie from the origin."""
        if values.dtype == np.float64:
            moved: NDArray[np.float64] = values - self.origin
            return moved
        far = values.astype(np.float64) - float(self.origin)
        exact = (values - np.int64(self.origin)).astype(np.float64)  # may wrap where far
        return np.where(np.abs(far) < 2.0**62, exact, far)

    def identity(self) -> Iterable[bytes]:
        """What makes this grid this grid."""
        yield f"{self.kind} {self.edges.dtype.str} {self.origin!r} {self.fitted}".encode()
        yield self.edges.tobytes()


def fit_numbers(kind: Kind, values: NDArray[Any], bins: int) -> NumberGrid:
    """Edges at quantiles; where the values are few or frequent, each gets a cell of its own.

    `values` are finite. At most some `bins` cells hold any of them. Cost: one sort.
    """
    ordered = np.sort(_common(values))
    n = len(ordered)
    if not n:
        return NumberGrid(kind, np.zeros(0), 0.0, 0)
    last = np.append(ordered[1:] != ordered[:-1], True)
    distinct = ordered[last]
    if len(distinct) <= bins:
        points, inner = distinct, distinct[:0]
    else:
        ends = np.flatnonzero(last) + 1
        points = distinct[np.diff(ends, prepend=0) >= 2 * n / bins]
        inner = ordered[_quantiles(n, bins)]
    edges = np.concatenate([inner, points, _before(points), distinct[-1:], _before(distinct[:1])])
    exact = n if len(distinct) <= bins or bins >= 2 * _OF_PARTS else 0
    return NumberGrid(kind, np.unique(edges), ordered[n // 2].item(), exact)


def _quantiles(n: int, bins: int) -> NDArray[np.int64]:
    """The places, in order, of the values that are edges."""
    fine = bins >= 2 * _OF_PARTS
    parts = (*_PARTS, bins - _OF_PARTS) if fine else (bins - 1,)
    return np.concatenate([np.arange(each) * n // each for each in parts])


def _common(values: NDArray[Any]) -> NDArray[Any]:
    """As float64; as int64 where whole numbers are too large for that."""
    if values.dtype.kind in "iu" and len(values):
        low, high = int(values.min()), int(values.max())
        if max(-low, high) >= EXACT and high < 2**63:
            return values.astype(np.int64)
    return values.astype(np.float64)


def _before(values: NDArray[Any]) -> NDArray[Any]:
    """The values next below."""
    if values.dtype == np.float64:
        with np.errstate(over="ignore"):
            down = np.nextafter(values, -np.inf)
        kept: NDArray[Any] = np.maximum(down, np.finfo(np.float64).min)
        return kept
    return np.where(values > np.iinfo(np.int64).min, values - 1, values)


class CategoryGrid:
    """A cell for each kept category, and a last one for all others.

    `complete` says that the reference had no category beyond those kept: then what falls into the
    last cell is new. `hashed` grids keep 64-bit hashes in the place of names. Kind `empty` has no
    categories, and `mixed` counts values by type and text.
    """

    def __init__(
        self, kind: Kind, categories: Iterable[str], complete: bool = True, hashed: bool = False
    ) -> None:
        self.kind = kind
        self.categories = tuple(categories)
        self.complete = complete
        self.hashed = hashed
        self._cell = {name: i for i, name in enumerate(self.categories)}

    def __len__(self) -> int:
        return len(self.categories) + 1

    def cell(self, value: Any) -> int:
        """The cell of one value that is not missing."""
        return self._cell.get(category(value, self.hashed), len(self.categories))

    def identity(self) -> Iterable[bytes]:
        """What makes this grid this grid."""
        yield f"{self.kind} {self.complete} {self.hashed} {len(self.categories)}".encode()
        yield "\0".join(self.categories).encode()


Grid = NumberGrid | CategoryGrid


def category(value: Any, hashed: bool = False) -> str:
    """The name that a value is counted under: its text; for what is no text, its type as well."""
    if type(value) is str and not hashed and value.isascii():
        return value
    name = str(value) if isinstance(value, str) else typed_text(value)
    if not name.isascii():  # no lone surrogates, which cannot be written
        name = name.encode(errors="backslashreplace").decode()
    return blake2b(name.encode(), digest_size=8).hexdigest() if hashed else name


def fit_categories(
    kind: Kind,
    counts: Counts,
    most: int | None = None,
    complete: bool = True,
    hashed: bool = False,
) -> CategoryGrid:
    """The most frequent categories, ties by name. Cost: one sort of the distinct values."""
    named: dict[str, int] = {}
    for value, count in counts.items():
        name = category(value, hashed)
        named[name] = named.get(name, 0) + count
    ranked = sorted(named, key=lambda name: (-named[name], name))
    return CategoryGrid(kind, ranked[:most], complete, hashed)
