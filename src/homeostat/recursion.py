"""First-order recursions over arrays, bit for bit as a loop would give them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WORTH_IMPORTING = 20_000  # values in one call from which SciPy's import pays for itself


def decay(a: float, u: NDArray[np.float64], previous: float) -> NDArray[np.float64]:
    """`y[t] = a * y[t-1] + u[t]`, starting from `previous`; the same length as `u`.

    SciPy's filter gives the very bits of the loop and is some 20 times faster; without SciPy, or
    when it is not loaded yet and the array is short, the loop runs.
    """
    lfilter = _lfilter(len(u))
    if lfilter is None:
        return _loop(a, u, previous)
    filtered: NDArray[np.float64] = lfilter([1.0], [1.0, -a], u, zi=[a * previous])[0]
    return filtered


def _loop(a: float, u: NDArray[np.float64], y: float) -> NDArray[np.float64]:
    out = []
    for value in u.tolist():
        y = a * y + value
        out.append(y)
    return np.array(out, dtype=np.float64)


def _lfilter(n: int) -> Callable[..., Any] | None:
    if n < 64 or ("scipy.signal" not in sys.modules and n < _WORTH_IMPORTING):
        return None
    try:
        from scipy.signal import lfilter
    except ImportError:
        return None
    return lfilter  # type: ignore[no-any-return]
