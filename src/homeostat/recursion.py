"""First-order recursions over arrays, bit for bit as a loop would give them."""

from __future__ import annotations

import sys
from functools import cache

import numpy as np
from numpy.typing import NDArray

_FEW = 64  # values for which a loop is as fast as the filter
_WORTH_IMPORTING = 500_000  # values looped over before SciPy, whose import is slow, is loaded
_looped_over = 0


def decay(
    a: float, pushes: NDArray[np.float64], carried: NDArray[np.float64]
) -> NDArray[np.float64]:
    """`y[t] = a * y[t-1] + pushes[t]` along each row, starting from that row of `carried`.

    `pushes` is (rows, n), `carried` (rows, 1). SciPy's filter gives the very bits of the loop and
    is some 20 times faster; without SciPy, and before so many values came that its import pays for
    itself, the loop runs.
    """
    if pushes.shape[1] < _FEW or not _worth_loading(pushes.size) or not _filter_is_exact():
        return _looped(a, pushes, carried)
    return _filtered(a, pushes, carried)


def load() -> None:
    """Import the filter now, where an import in the middle of the work would hold it up."""
    _filter_is_exact()


def _worth_loading(n: int) -> bool:
    global _looped_over
    if hasattr(sys.modules.get("scipy.signal"), "lfilter"):  # not: is being imported elsewhere
        return True
    _looped_over += n
    return _looped_over > _WORTH_IMPORTING


def _filtered(
    a: float, pushes: NDArray[np.float64], carried: NDArray[np.float64]
) -> NDArray[np.float64]:
    from scipy.signal import lfilter

    levels: NDArray[np.float64]
    levels, _ = lfilter([1.0], [1.0, -a], pushes, axis=1, zi=a * carried)
    return levels


def _looped(
    a: float, pushes: NDArray[np.float64], carried: NDArray[np.float64]
) -> NDArray[np.float64]:
    rows = []
    for (level,), row in zip(carried.tolist(), pushes.tolist(), strict=True):
        levels = []
        for push in row:
            level = a * level + push
            levels.append(level)
        rows.append(levels)
    return np.array(rows, dtype=np.float64).reshape(pushes.shape)


@cache
def _filter_is_exact() -> bool:
    """Whether SciPy is there, and rounds as Python does (a fused multiply-add would not)."""
    pushes = np.sin(np.arange(512.0)).reshape(2, 256)
    carried = np.array([[0.3], [-0.7]])
    try:
        levels = _filtered(0.999, pushes, carried)
    except ImportError:
        return False
    return bool(np.array_equal(levels, _looped(0.999, pushes, carried)))
