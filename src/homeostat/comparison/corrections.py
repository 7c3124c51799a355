"""Corrections for many tests at once: adjusted p-values, to be held against one level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.errors import InvalidInput, InvalidSetting, did_you_mean, require, shown, within
from homeostat.intake import floats

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


def _e_bh(p: Floats) -> Floats:
    return _hochberg(1 / calibrated(p))


def _none(p: Floats) -> Floats:
    return p


CORRECTIONS: dict[str, Callable[[Floats], Floats]] = {
    "holm": _holm,
    "bonferroni": _bonferroni,
    "bh": _hochberg,
    "by": _yekutieli,
    "e_bh": _e_bh,
    "none": _none,
}


def adjusted(p_values: ArrayLike, method: str = "holm") -> Floats:
    """P-values adjusted for their number, in the given order; float64 between 0 and 1.

    `holm` and `bonferroni` hold the chance of any false alarm, `bh` (independent or positively
    dependent tests) and `by` (any dependence) the share of false alarms among all; `e_bh` does so
    through calibrated e-values, at some cost of power.
    An adjusted value is the least level at which its test is rejected. NaN stays NaN and does not
    count. Raises InvalidSetting for another method, InvalidInput for a p-value outside [0, 1].
    Cost: one sort. Oracle: `statsmodels.stats.multitest`. Sources: Holm 1979, Benjamini and
    Hochberg 1995, Benjamini and Yekutieli 2001, Wang and Ramdas 2022.
    """
    if not isinstance(method, str) or method not in CORRECTIONS:
        raise InvalidSetting(
            f"correction {shown(method)} is unknown; {did_you_mean(method, CORRECTIONS)}"
        )
    p = _p_values(p_values)
    out = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    out[order] = np.minimum(CORRECTIONS[method](p[order]), 1.0)
    return out


# E-values: nonnegative numbers whose mean under no change is at most 1 ---------------------------


def e_bh(e_values: ArrayLike, level: float = 0.05) -> NDArray[np.bool_]:
    """Which of many e-values are found, in the given order, with few false ones among them.

    The expected share of false ones among all found is at most `level`, whatever the e-values'
    dependence. An e-value is a number of at least 0, infinite too; NaN is not found and does not
    count. Raises InvalidInput for others, InvalidSetting for a level outside (0, 1). Cost: one
    sort. Oracle: the definition. Source: Wang and Ramdas, False discovery rate control with
    e-values (2022), section 3.
    """
    within("level", level, 0, 1)
    with np.errstate(divide="ignore"):
        inverse = 1 / _e_values(e_values)  # a p-value by Markov, for which e-BH is BH
    found: NDArray[np.bool_] = adjusted(np.minimum(inverse, 1.0), "bh") <= level
    return found


def calibrated(p_values: ArrayLike, kappa: float = 0.5) -> Floats:
    """P-values as e-values, in the given order: `kappa * p ** (kappa - 1)`.

    kappa: between 0 and 1; the smaller, the more it pays for p-values near 0. A p-value of 0 gives
    infinity; NaN stays NaN. Raises InvalidInput for a p-value outside [0, 1], InvalidSetting for
    another kappa. Oracle: its integral over [0, 1] is 1. Source: Vovk and Wang, E-values:
    calibration, combination and applications (2021), section 2.
    """
    within("kappa", kappa, 0, 1)
    with np.errstate(divide="ignore"):
        e: Floats = kappa * _p_values(p_values) ** (kappa - 1)
    return e


def merged(e_values: ArrayLike, independent: bool = False) -> float:
    """One e-value from many: their mean, or their product where they are independent.

    The mean holds whatever the dependence. NaN is left out; NaN where nothing is left. Raises
    InvalidInput for a number below 0. Oracle: the definition. Source: Vovk and Wang (2021),
    sections 3 and 4.
    """
    require(isinstance(independent, bool), "independent", independent, "True or False")
    e = _e_values(e_values)
    e = e[~np.isnan(e)]
    if not len(e):
        return float("nan")
    if independent:
        return 0.0 if (e == 0).any() else float(e.prod())  # not NaN where others are infinite
    return float(e.mean())


def _p_values(values: ArrayLike) -> Floats:
    return _within("p_values", values, 1.0, "must lie between 0 and 1")


def _e_values(values: ArrayLike) -> Floats:
    return _within("e_values", values, np.inf, "must be at least 0")


def _within(name: str, values: ArrayLike, most: float, expected: str) -> Floats:
    array = floats(name, values).ravel()
    if ((array < 0) | (array > most)).any():
        raise InvalidInput(name, expected)
    return array
