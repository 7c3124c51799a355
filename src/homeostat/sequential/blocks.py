"""Means of blocks: what to look at instead of single values, where neighbours are alike.

A burst of errors is no news when errors always come in bursts. The means of blocks that are longer
than a burst hardly depend on each other.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.state import Stateful

__all__ = ["Blocks", "block_means", "block_size"]

_USUAL = 10


class Blocks(Stateful):
    """The means of every `size` values in a row, in whatever pieces they come. Memory O(size)."""

    memory: ClassVar[tuple[str, ...]] = ("_waiting",)

    _waiting: list[float]  # the values of the block that is not yet whole

    def __init__(self, size: int) -> None:
        self.size = size
        self._waiting = []

    @property
    def waiting(self) -> int:
        """How many values wait for their block to be whole."""
        return len(self._waiting)

    def take(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take values; the means of the blocks that are now whole."""
        if self._waiting:
            values = np.append(np.array(self._waiting), values)
        means = block_means(values, self.size)
        self._waiting = values[len(means) * self.size :].tolist()
        return means


def block_means(values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The means of whole blocks; values are added in their order, what is left over is not."""
    if size == 1:
        return values
    rows = values[: len(values) // size * size].reshape(-1, size)
    means: NDArray[np.float64] = np.cumsum(rows, axis=1)[:, -1] / size
    return np.clip(means, rows.min(axis=1), rows.max(axis=1))  # rounding must not leave a domain


def block_size(values: NDArray[np.float64]) -> int:
    """10 where neighbours clearly correlate, by more than 2.5 standard errors; 1 elsewhere."""
    if len(values) < 2:
        return 1
    away = values - values.mean()
    clear = 2.5 * float(away @ away) / math.sqrt(len(values))
    return _USUAL if float(away[1:] @ away[:-1]) > clear else 1
