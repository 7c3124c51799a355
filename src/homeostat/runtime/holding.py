"""Which records of a window are held out: every so manieth, by a hash of its position.

A function of the position alone, so that whoever asks later finds the same ones; a hash, so that
no rhythm of the records falls in step with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.runtime.regimes import FOR_EVER
from homeostat.times import parse, to_micros

_MIXED = np.uint64(0x9E3779B97F4A7C15)


def hashes(positions: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A number of each position that looks drawn by chance, always the same."""
    keys = positions.astype(np.uint64) * _MIXED
    return (keys ^ (keys >> np.uint64(29))) * _MIXED


def held(positions: NDArray[np.int64], every: int) -> NDArray[np.bool_]:
    """One in `every` of them."""
    return np.asarray((hashes(positions) >> np.uint64(32)) % np.uint64(every) == 0)


def compared(
    positions: NDArray[np.int64], times: NDArray[np.int64], manifest: dict[str, Any]
) -> NDArray[np.bool_]:
    """Which records a version may be compared on that was trained as the manifest says.

    All from after its window, and of the window those that were held out; not those of a span that
    was quarantined, for they show how it does on broken data. times: in microseconds since 1970.
    """
    later = positions >= manifest.get("before", 0)
    every = manifest.get("held_every")
    out = np.ones(len(positions), dtype=bool) if every is None else held(positions, every)
    for began, ended in manifest.get("quarantined") or ():
        end = FOR_EVER if ended is None else to_micros(parse(ended))
        out &= (times < to_micros(parse(began))) | (times > end)
    return np.asarray(later | out)
