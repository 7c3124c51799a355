"""Cells that both samples are counted in: the reference's quantiles, or common categories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

BINS = 10
EXPECTED = 5.0  # records that a cell should hold on the smaller side


class Cells(NamedTuple):
    """How many values of each side fall into each cell; float64, all cells seen at least once."""

    reference: NDArray[np.float64]
    current: NDArray[np.float64]

    @property
    def df(self) -> int:
        """Degrees of freedom: cells less one."""
        return max(0, len(self.reference) - 1)

    def shares(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both sides as shares that add up to 1."""
        return self.reference / self.reference.sum(), self.current / self.current.sum()

    def smoothed(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shares without zeros: where a cell is empty, half a record is added to every cell."""
        if (self.reference > 0).all() and (self.current > 0).all():
            return self.shares()
        return Cells(self.reference + 0.5, self.current + 0.5).shares()


def edges(reference: NDArray[np.generic], n: int, bins: int = BINS) -> NDArray[np.generic]:
    """Inner edges of at most `bins` cells of equal counts, from sorted reference values alone.

    A cell holds (lower edge, edge], and the first and last reach to infinity: nothing that the
    current data hold moves an edge; only their number n lessens the cells, to 5 expected in each.
    """
    count = max(2, min(bins, int(min(len(reference), n) / EXPECTED)))
    at = (np.arange(1, count) * len(reference)) // count
    found = np.unique(reference[at])
    return found[found < reference[-1]] if len(found) else found


def by_quantiles(reference: NDArray[np.generic], current: NDArray[np.generic]) -> Cells:
    """Sorted numbers counted over the reference's quantiles; a constant has cells around it."""
    inner = edges(reference, len(current))
    sides = [_counted(x, inner, reference[0]) for x in (reference, current)]
    seen = (sides[0] + sides[1]) > 0
    return Cells(sides[0][seen], sides[1][seen])


def _counted(
    values: NDArray[np.generic], inner: NDArray[np.generic], constant: np.generic
) -> NDArray[np.float64]:
    if len(inner):
        upto = np.searchsorted(values, inner, "right")
    else:  # the reference is constant: below it, at it, above it
        upto = np.array([np.searchsorted(values, constant, side) for side in ("left", "right")])
    return np.diff(np.concatenate([[0], upto, [len(values)]])).astype(np.float64)


def by_category(
    reference: Mapping[Any, float], current: Mapping[Any, float], merge: bool = True
) -> Cells:
    """Categories of either side; those too rare for 5 expected on both sides share one cell."""
    keys = sorted({**reference, **current}, key=lambda key: (type(key).__name__, str(key)))
    ref = np.array([reference.get(key, 0) for key in keys], dtype=np.float64)
    cur = np.array([current.get(key, 0) for key in keys], dtype=np.float64)
    total = float(ref.sum() + cur.sum())
    if not merge or not total or len(keys) < 3:
        return Cells(ref, cur)
    smaller = min(ref.sum(), cur.sum()) / total
    rare = (ref + cur) * smaller < EXPECTED
    if rare.sum() < 2:
        return Cells(ref, cur)
    return Cells(np.append(ref[~rare], ref[rare].sum()), np.append(cur[~rare], cur[rare].sum()))
