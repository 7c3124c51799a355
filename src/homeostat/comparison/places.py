"""The largest differences of two empirical distribution functions, from sorted values."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

_STRETCH = 1024  # sorted values that are looked up together


def farthest(a: NDArray[Any], b: NDArray[Any]) -> tuple[float, float]:
    """The largest differences of distribution functions, a above b and a below b.

    Only the shorter sample's values are looked up in the longer: between two of them the longer's
    function only rises, so that the extremes lie at, or just before, the shorter's values.
    """
    swapped = len(a) > len(b)
    short, long = (b, a) if swapped else (a, b)
    left = _places(long, short, "left")
    right = left
    tied = long[np.minimum(left, len(long) - 1)] == short
    if tied.any():
        right = left.copy()
        right[tied] = _places(long, short[tied], "right")
    rank = np.arange(len(short) + 1) / len(short)
    above = max(0.0, float((rank[1:] - right / len(long)).max()))
    below = max(0.0, float((left / len(long) - rank[:-1]).max()))
    return (below, above) if swapped else (above, below)


def _places(
    long: NDArray[Any], short: NDArray[Any], side: Literal["left", "right"]
) -> NDArray[np.int64]:
    """`np.searchsorted` for sorted needles, in stretches of the longer that fit the cache."""
    if len(short) < 2 * _STRETCH or len(long) < 4 * len(short):
        return np.searchsorted(long, short, side).astype(np.int64, copy=False)
    out = np.empty(len(short), np.int64)
    ends = [*np.searchsorted(long, short[_STRETCH - 1 :: _STRETCH], side).tolist(), len(long)]
    low = 0
    for at, end in zip(range(0, len(short), _STRETCH), ends, strict=False):
        stretch = slice(at, at + _STRETCH)
        np.add(np.searchsorted(long[low:end], short[stretch], side), low, out=out[stretch])
        low = end
    return out
