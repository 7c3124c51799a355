"""Cells that both sides of a column are put into, fixed by the reference."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.diagnosis.sides import Column, Floats

Codes = NDArray[np.int64]

MOST = 10


class Cells(NamedTuple):
    """The cell of each row of both sides, and what each cell is called."""

    reference: Codes
    current: Codes
    names: list[str]

    def counts(self) -> tuple[Floats, Floats]:
        """How many rows of both sides are in each cell."""
        n = len(self.names)
        return (
            np.bincount(self.reference, minlength=n).astype(np.float64),
            np.bincount(self.current, minlength=n).astype(np.float64),
        )


def cells_of(name: str, reference: Column, current: Column, most: int = MOST) -> Cells:
    """Quantile cells of numbers, one for each of few values; missing values have their own."""
    if reference.numeric and current.numeric:
        return _numbers(name, reference, current, most)
    return _named(name, reference, current, most)


def one_cell(reference: int, current: int) -> Cells:
    """All rows together."""
    return Cells(np.zeros(reference, np.int64), np.zeros(current, np.int64), ["all rows"])


def crossed(one: Cells, other: Cells) -> Cells:
    """A cell for each pair of cells."""
    width = len(other.names)
    names = [f"{a}, {b}" for a in one.names for b in other.names]
    reference = one.reference * width + other.reference
    return Cells(reference, one.current * width + other.current, names)


def divergence(cells: Cells) -> float:
    """How far the shares of cells moved, as PSI, less what chance alone gives; 0 for none."""
    a, b = cells.counts()
    both, seen = a + b, (a + b) > 0
    n, m = a.sum(), b.sum()
    if not n or not m:
        return 0.0
    expected = both[seen] / float(n + m)
    gap = a[seen] / n - b[seen] / m
    chance = (int(seen.sum()) - 1) * float(1 / n + 1 / m)
    return max(0.0, float((gap**2 / expected).sum()) - chance)


def _numbers(name: str, reference: Column, current: Column, most: int) -> Cells:
    present = reference.present
    distinct = np.unique(present)
    if len(distinct) <= most:
        names = [f"{name} = {value:.6g}" for value in distinct.tolist()] + [f"{name} = other"]
        found = [_exact(distinct, side.values) for side in (reference, current)]
    else:
        edges = np.unique(np.quantile(present, np.arange(1, most) / most, method="lower"))
        names = _ranges(name, edges)
        found = [np.searchsorted(edges, side.values) for side in (reference, current)]
    for codes, side in zip(found, (reference, current), strict=True):
        codes[side.missing] = len(names)
    return Cells(found[0], found[1], [*names, f"{name} is missing"])


def _exact(distinct: Floats, values: Floats) -> Codes:
    places = np.searchsorted(distinct, values)
    places[places == len(distinct)] = 0
    if len(distinct):
        places[distinct[places] != values] = len(distinct)
    return places.astype(np.int64)


def _ranges(name: str, edges: Floats) -> list[str]:
    if not len(edges):
        return [name]
    texts = [f"{edge:.4g}" for edge in edges.tolist()]
    between = [f"{low} < {name} <= {high}" for low, high in pairwise(texts)]
    return [f"{name} <= {texts[0]}", *between, f"{name} > {texts[-1]}"]


def _named(name: str, reference: Column, current: Column, most: int) -> Cells:
    texts = [[_text(value) for value in side.values.tolist()] for side in (reference, current)]
    counts: dict[str | None, int] = {}
    for side in texts:
        for value in side:
            counts[value] = counts.get(value, 0) + 1
    counts.pop(None, None)
    kept = sorted(counts, key=lambda value: (-counts[value], str(value)))[:most]
    place: dict[str | None, int] = {value: at for at, value in enumerate(kept)}
    place[None] = len(kept) + 1
    codes = [np.array([place.get(v, len(kept)) for v in side], np.int64) for side in texts]
    own = [f"{name} = {value}" for value in kept]
    return Cells(codes[0], codes[1], [*own, f"{name} = other", f"{name} is missing"])


def _text(value: object) -> str | None:
    if value is None or (isinstance(value, float) and value != value):
        return None
    return f"{value:.12g}" if isinstance(value, float) else str(value)
