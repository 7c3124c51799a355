"""How much wider means of a column vary than they would if its rows were independent."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCKS = (50, 200, 800)  # of rows: long blocks see slow waves, short ones are more exact
_SHORTEST = 4  # rows of a block
_CLEARLY = 3.0  # standard errors above 1


def dependence_of(
    cells: NDArray[Any], counts: NDArray[np.int64], hours: NDArray[np.int64] | None = None
) -> float:
    """The variance inflation of block means of ranks, from the order of the rows; at least 1.

    1 where it is not clearly more, by three standard errors of the spread of block means. `cells`
    are those of the rows in order, without missing ones; a row's rank is its cell's middle. With
    `hours` (-1: not known) what is usual at an hour of the week does not count as dependence.
    """
    middle = np.cumsum(counts) - counts / 2
    ranks = middle[cells]
    ranks -= ranks.mean() if len(ranks) else 0.0
    if hours is not None and len(ranks):
        groups = hours + 1
        n = np.bincount(groups)
        ranks -= (np.bincount(groups, ranks) / np.maximum(n, 1))[groups]
    variance = float(ranks @ ranks) / max(1, len(ranks))
    if variance <= 0:
        return 1.0
    return max(1.0, *(_inflation(ranks, variance, blocks) for blocks in _BLOCKS))


def _inflation(ranks: NDArray[np.float64], variance: float, blocks: int) -> float:
    length = len(ranks) // blocks
    if length < _SHORTEST:
        return 1.0
    means = ranks[: length * blocks].reshape(blocks, length).mean(axis=1)
    found = float(means.var(ddof=1)) * length / variance
    return found if found > 1 + _CLEARLY * sqrt(2 / (blocks - 1)) else 1.0
