"""Corrections for many tests at once: adjusted p-values, to be held against one level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.errors import InvalidInput, InvalidSetting, did_you_mean

Floats = NDArray[np.float64]


def _bonferroni(p: Floats) -> Floats:
    return p * len(p)


def _holm(p: Floats) -> Floats:
    return np.maximum.accumulate(p * np.arange(len(p), 0, -1))


def _hochberg(p: Floats) -> Floats:
    ratio = p * len(p) / np.arange(1, len(p) + 1)
    return np.minimum.accumulate(ratio[::-1])[::-1]


def _yekutieli(p: Floats) -> Floats:
    return _hochberg(p) * float((1 / np.arange(1, len(p) + 1)).sum())


def _none(p: Floats) -> Floats:
    return p


CORRECTIONS: dict[str, Callable[[Floats], Floats]] = {
    "holm": _holm,
    "bonferroni": _bonferroni,
    "bh": _hochberg,
    "by": _yekutieli,
    "none": _none,
}


def adjusted(p_values: ArrayLike, method: str = "holm") -> Floats:
    """P-values adjusted for their number, in the given order; float64 between 0 and 1.

    `holm` and `bonferroni` hold the chance of any false alarm, `bh` (independent or positively
    dependent tests) and `by` (any dependence) the share of false alarms among all. NaN stays NaN
    and does not count. Raises InvalidSetting for another method, InvalidInput for a p-value outside
    [0, 1]. Cost: one sort. Oracle: `statsmodels.stats.multitest`. Sources: Holm 1979, Benjamini
    and Hochberg 1995, Benjamini and Yekutieli 2001.
    """
    if method not in CORRECTIONS:
        raise InvalidSetting(
            f"correction {method!r} is unknown; {did_you_mean(method, CORRECTIONS)}"
        )
    p = np.asarray(p_values, dtype=np.float64).ravel()
    if ((p < 0) | (p > 1)).any():
        raise InvalidInput("p_values", "must lie between 0 and 1")
    out = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    out[order] = np.minimum(CORRECTIONS[method](p[order]), 1.0)
    return out
