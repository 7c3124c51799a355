"""Classification metrics where each label is a chance: the expected value and its slopes.

With chances of 0 and 1 each is the ordinary metric, so the same code gives the realised one.
`p` (n) is the chance of the class, `h` (n) whether it was predicted, `s` (n) its score. The slope
of a metric in each p says how much one record's label moves it, from which its variance follows.
"""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
Valued: TypeAlias = tuple[float, Floats]
Expected: TypeAlias = Callable[[Floats, Mask, Floats], Valued]


def _ratio(top: float, slope_top: Floats, bottom: float, slope_bottom: float) -> Valued:
    if bottom <= 0:
        return nan, np.zeros(len(slope_top))
    value = top / bottom
    return value, (slope_top - value * slope_bottom) / bottom


def accuracy(p: Floats, h: Mask, s: Floats) -> Valued:
    """The share of right predictions."""
    sign = np.where(h, 1.0, -1.0)
    return _ratio(float((~h).sum() + sign @ p), sign, float(len(p)), 0.0)


def precision(p: Floats, h: Mask, s: Floats) -> Valued:
    """The share of the class among its predictions; NaN without any."""
    hit = h.astype(np.float64)
    return _ratio(float(hit @ p), hit, float(hit.sum()), 0.0)


def recall(p: Floats, h: Mask, s: Floats) -> Valued:
    """The share of the class that was predicted; NaN without any."""
    hit = h.astype(np.float64)
    return _ratio(float(hit @ p), hit, float(p.sum()), 1.0)


def specificity(p: Floats, h: Mask, s: Floats) -> Valued:
    """The share of the other classes that was not predicted as this one; NaN without any."""
    off = (~h).astype(np.float64)
    return _ratio(float(off.sum() - off @ p), -off, float(len(p) - p.sum()), -1.0)


def f1(p: Floats, h: Mask, s: Floats) -> Valued:
    """The harmonic mean of precision and recall; NaN when the class neither is nor is predicted."""
    hit = h.astype(np.float64)
    return _ratio(2.0 * float(hit @ p), 2.0 * hit, float(hit.sum() + p.sum()), 1.0)


def roc_auc(p: Floats, h: Mask, s: Floats) -> Valued:
    """The chance that a record of the class scores above one that is not; ties count half.

    Both records are drawn from all, so with chances a record meets itself, too (1 in n). NaN
    when all or none are of the class. Cost: one sort.
    """
    order = np.argsort(s, kind="stable")
    ranked, chance = s[order], p[order]
    first = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))[: len(p)]
    sizes = np.diff(np.append(first, len(p)))
    inside = np.add.reduceat(chance, first) if len(p) else np.zeros(0)
    others = sizes - inside
    below = np.repeat(np.cumsum(others) - others / 2, sizes)
    total = float(inside.sum())
    above = np.repeat(total - np.cumsum(inside) + inside / 2, sizes)
    pairs = total * (len(p) - total)
    if pairs <= 0:
        return nan, np.zeros(len(p))
    value = float(chance @ below) / pairs
    slope = np.empty(len(p))
    slope[order] = (below - above - value * (len(p) - 2 * total)) / pairs
    return value, slope


METRICS: dict[str, Expected] = {
    "accuracy": accuracy,
    "f1": f1,
    "precision": precision,
    "recall": recall,
    "specificity": specificity,
    "roc_auc": roc_auc,
}
