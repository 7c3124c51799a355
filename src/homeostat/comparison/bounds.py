"""How far a statistic on counts can lie from that of the raw values it was counted from.

In a cell that holds values of both sides their order is not known: all that is said here follows
from taking the worst order. Cells of one value, or of one side only, hide nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from math import nan, sqrt

import numpy as np

from homeostat.comparison.counted import CategoryPair, CountedPair, NumberPair
from homeostat.comparison.ranks import anderson_darling_sd
from homeostat.comparison.sample import Floats

_PIECES = 16  # that a cell is cut into, for bounds on sums over ranks


def error_bound(test: str, pair: CountedPair, statistic: float) -> float:
    """The largest difference from raw values; NaN where none is known."""
    if test in _EXACT:
        return 0.0
    if isinstance(pair, CategoryPair):
        return 0.0 if pair.exact else nan
    if test not in _BOUNDS:  # tests on the reference's quantile cells
        return 0.0 if pair.quantiles_exact else nan
    return 0.0 if pair.exact else max(0.0, _BOUNDS[test](pair, statistic))


def _shared(pair: NumberPair) -> tuple[Floats, Floats, Floats, Floats]:
    """Both functions at the start and the end of cells in which the order is not known."""
    a, b = pair.counts
    f, g = pair.functions
    both = np.flatnonzero(pair.open & (a > 0) & (b > 0))
    a, b, f, g = (each.take(both) for each in (a, b, f, g))
    return f - a / pair.n, f, g - b / pair.m, g


def _sides(pair: NumberPair) -> tuple[float, float]:
    """The most that the largest differences, up and down, can be."""
    f_low, f_high, g_low, g_high = _shared(pair)
    above, below = pair.farthest
    up = max(above, float((f_high - g_low).max(initial=0.0)))
    return up, max(below, float((g_high - f_low).max(initial=0.0)))


def _ks(pair: NumberPair, statistic: float) -> float:
    return max(_sides(pair)) - statistic


def _kuiper(pair: NumberPair, statistic: float) -> float:
    return sum(_sides(pair)) - statistic


def _mann_whitney(pair: NumberPair, statistic: float) -> float:
    a, b = pair.counts
    return float((a * b)[pair.open].sum()) / 2


def _wasserstein(pair: NumberPair, statistic: float) -> float:
    low, high = pair.limits.absolute
    return float(((high - low) * pair.gaps.widths).sum())


def _energy(pair: NumberPair, statistic: float) -> float:
    ends = (float((each * pair.gaps.widths).sum()) for each in pair.limits.square)
    low, high = (sqrt(2 * max(0.0, each) * pair.gaps.unit) for each in ends)
    return max(statistic - low, high - statistic)


class _Cells:
    """The cells that may hold several values: what each side has there, and the functions' gap.

    Along the pooled values of a cell the gap stays between `low` and `high`.
    """

    def __init__(self, pair: NumberPair) -> None:
        a, b = pair.counts
        kept = pair.open & (a + b > 0)
        end = np.cumsum(a) / pair.n - np.cumsum(b) / pair.m
        self.total = pair.n + pair.m
        self.before = (np.cumsum(a + b) - a - b)[kept]
        self.a, self.b, self.end = a[kept], b[kept], end[kept]
        self.size = self.a + self.b
        p, q = self.a / pair.n, self.b / pair.m
        self.start = self.end - p + q
        self.low, self.high = self.start - q, self.start + p
        self.most = np.maximum(np.abs(self.low), np.abs(self.high)) ** 2
        self.least = np.maximum(0.0, np.maximum(self.low, -self.high)) ** 2


def _cramer_von_mises(pair: NumberPair, statistic: float) -> float:
    """T is nm/N^2 times the sum of squared gaps; ties average over orders, to a small term."""
    cells, n, m = _Cells(pair), pair.n, pair.m
    a, b, size, rise = cells.a, cells.b, cells.size, cells.end - cells.start
    mean = size * cells.start**2 + cells.start * rise * (size + 1)
    mean += rise**2 * (size + 1) * (2 * size + 1) / (6 * size)
    mean += (pair.spread / size) ** 2 * a * b * size * (size + 1) / 6
    high, low = (float((size * each - mean).sum()) for each in (cells.most, cells.least))
    ties = n * (a * b * b + a**3 / 12) + m * (b * a * a + b**3 / 12)
    worst = max(high, -low) * n * m / cells.total**2
    return worst + 2 * float(ties.sum()) / (n * m * cells.total)


def _anderson_darling(pair: NumberPair, statistic: float) -> float:
    """Squared gaps over weights, of all ways to order and to tie the values of a cell."""
    cells, total = _Cells(pair), pair.n + pair.m
    size = cells.size
    weight = _weight(cells.before, size, total)
    own = size * ((cells.start + cells.end) / 2) ** 2 / weight
    after = total - cells.before - size
    nearest = np.clip(total / 2, cells.before, cells.before + size)
    low = size * cells.least / (nearest * (total - nearest))
    cuts = np.round(size[:, np.newaxis] * np.linspace(0, 1, _PIECES + 1))
    first, last = cuts[:, :-1], cuts[:, 1:]
    mirrored = (cells.before > total / 2)[:, np.newaxis]
    at = np.where(mirrored, size[:, np.newaxis] - last, first) + 1
    outer = np.minimum(cells.before, after)[:, np.newaxis]
    whole = _weight(outer, size[:, np.newaxis], total)
    weight = np.minimum(_weight(outer, at, total), whole)
    across = (cells.before < total / 2) & (after < total / 2)
    ends = np.minimum(*(x * (total - x) for x in (cells.before, after)))
    weight = np.where(across[:, np.newaxis], (ends - total * size / 4)[:, np.newaxis], weight)
    with np.errstate(divide="ignore", invalid="ignore"):
        pieces = np.where(last > first, (last - first) * cells.most[:, np.newaxis] / weight, 0.0)
        pieces = np.where((weight <= 0) & (last > first), np.inf, pieces)
    worst = max(float(pieces.sum() - own.sum()), float((own - low).sum()))
    scale = pair.n * pair.m * (total - 1) / total
    return worst * scale / anderson_darling_sd(pair.n, pair.m)


def _weight(before: Floats, tied: Floats, total: int) -> Floats:
    """A^2's weight of `tied` equal values behind `before` others."""
    middle = before + tied / 2
    found: Floats = middle * (total - middle) - total * tied / 4
    return found


_BOUNDS: dict[str, Callable[[NumberPair, float], float]] = {
    "ks": _ks,
    "kuiper": _kuiper,
    "mann_whitney": _mann_whitney,
    "wasserstein": _wasserstein,
    "energy": _energy,
    "cramer_von_mises": _cramer_von_mises,
    "anderson_darling": _anderson_darling,
}
_EXACT = ("welch_t", "fisher", "z_proportions", "epps_singleton")
