"""Different keys of rows, looked up in tables where there are few."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DENSE = 1 << 20
"""Different keys that are looked up in a table."""

Slots = NDArray[np.int64]


def unique(keys: Slots, wide: int) -> tuple[Slots, Slots]:
    """The different keys, and the place of each among them."""
    if wide > DENSE:
        found, at = np.unique(keys, return_inverse=True)
        return found, at
    known, _ = dense(keys)
    table = np.empty(wide, np.int64)
    table[known] = np.arange(len(known))
    return known, table[keys]


def dense(keys: Slots) -> tuple[Slots, Slots]:
    """The different keys, and how often each is there; memory goes with the largest."""
    counts = np.bincount(keys)
    known = np.flatnonzero(counts)
    return known, counts[known]
