"""Which records to label next, so that a mean over all of them becomes most certain."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.errors import SEEDS, InvalidInput, whole, within
from homeostat.intake import floats


class Suggestion(NamedTuple):
    """Rows to label (rising), the probability with which each was chosen, and one over it."""

    rows: NDArray[np.intp]
    probabilities: NDArray[np.float64]
    weights: NDArray[np.float64]


def suggest(
    x_all: ArrayLike,
    n: int,
    *,
    uncertainty: ArrayLike | None = None,
    floor: float = 0.2,
    seed: int = 0,
) -> Suggestion:
    """Choose `n` records to label; `mean(y, x, x_all, weights=suggestion.weights)` stays valid.

    `x_all` (N) is the expected outcome of every record, best the chance that the prediction is
    right (`CBPE.chance_right`). A record is taken with probability proportional to its
    `uncertainty` (N, the standard deviation of its outcome; √(x(1 − x)) when all of x lies within
    0 and 1, otherwise equal for all), of which `floor` is spread evenly, so that records that are
    thought certain are looked at as well and a model that changed is found out. The sample is
    drawn along the order of `x_all`, so it represents every level of it. NaN counts as the most
    uncertain. `n` beyond N gives every record. Same arguments, same rows; the global random
    state is not touched. Raises InvalidInput for an empty x_all or an uncertainty below 0,
    InvalidSetting for n < 1 or a floor outside (0, 1]. Cost: one sort of N. Source: Zrnic and
    Candès 2024 (active inference), 3; systematic sampling: Madow 1949.
    """
    x = floats("x_all", x_all).ravel()
    number: Any = n
    whole("n", int(number) if isinstance(number, np.integer) else number)
    within("floor", floor, 0, 1, "(]")
    if not len(x):
        raise InvalidInput("x_all", "is empty", "give one value per record")
    size = _size(x, uncertainty)
    size = (1.0 - floor) * size / size.mean() + floor if size.mean() > 0 else np.ones(len(x))
    probabilities = _inclusion(size, min(int(n), len(x)))
    rng = np.random.default_rng(whole("seed", seed, 0, SEEDS))
    order = np.lexsort((rng.random(len(x)), x))
    reached = np.cumsum(probabilities[order])
    ticks = np.arange(min(int(n), len(x))) + rng.random()
    rows = np.sort(order[np.searchsorted(reached, ticks * reached[-1] / len(ticks), "right")])
    chosen = probabilities[rows]
    return Suggestion(rows, chosen, 1.0 / chosen)


def _size(x: NDArray[np.float64], uncertainty: ArrayLike | None) -> NDArray[np.float64]:
    if uncertainty is None:
        known = x[np.isfinite(x)]
        if not len(known) or known.min() < 0 or known.max() > 1:
            return np.ones(len(x))
        size = np.sqrt(x * (1.0 - x))
    else:
        size = floats("uncertainty", uncertainty).ravel()
        if len(size) != len(x):
            raise InvalidInput("uncertainty", f"has {len(size)} values where x_all has {len(x)}")
        if (size < 0).any():
            raise InvalidInput("uncertainty", "must not be below 0")
    known = size[np.isfinite(size)]
    return np.where(np.isfinite(size), size, known.max() if len(known) else 1.0)


def _inclusion(size: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Probabilities proportional to size that add up to n; none above 1."""
    certain = np.zeros(len(size), dtype=np.bool_)
    while True:
        rest = size[~certain].sum()
        scaled = np.where(certain, 1.0, size * (n - certain.sum()) / rest if rest > 0 else 1.0)
        beyond = (scaled >= 1.0) & ~certain
        if not beyond.any():
            return scaled
        certain |= beyond
