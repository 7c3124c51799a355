"""Tests and distances on the raw values themselves: means, transport, characteristic functions."""

from __future__ import annotations

from math import inf, nan, sqrt

import numpy as np

from homeostat.comparison import special
from homeostat.comparison.sample import Floats, Outcome, Pair, Test
from homeostat.errors import InvalidInput

_POWER = special.normal_isf(0.2)
_NUMBERS = ("number", "time", "truth")
_POINTS = 64  # at which the covariance of the energy distance's limit is taken


def welch_t(pair: Pair) -> Outcome:
    """Welch's t: means of unequal variances; effect: Cohen's d by the root mean variance."""
    x, y = pair.moments
    n, m = x.n, y.n
    u, v = (side.variance / (side.n - 1) if side.n > 1 else nan for side in (x, y))
    far = x.mean - y.mean
    seen = (special.normal_isf(pair.level / 2) + _POWER) * sqrt(pair.spread)
    if u + v == 0:  # both constant: alike, or apart for certain
        return Outcome(*((0.0, 1.0, 0.0) if far == 0 else (inf * far, 0.0, -inf * far)), seen)
    t = far / sqrt(u + v)
    p = special.student_two_sided(t, _freedom(u / (u + v), n, m))
    return Outcome(t, p, -far / sqrt((u * n + v * m) / 2), seen)


def _freedom(share: float, n: int, m: int) -> float:
    """Welch's degrees of freedom, where so much of the variance is the first side's."""
    if min(n, m) < 2:
        return nan
    return 1 / (share**2 / (n - 1) + (1 - share) ** 2 / (m - 1))


def wasserstein(pair: Pair) -> Outcome:
    """The first Wasserstein distance in the reference's standard deviations; p: upper bound."""
    widths, pooled, absolute, _, _ = pair.gaps
    value = float((absolute * widths).sum())
    mean = float((np.sqrt(2 / np.pi * pooled * (1 - pooled) * pair.spread) * widths).sum())
    variance = _pooled_variance(widths, pooled) * pair.spread
    seen = special.bounded_isf(pair.level, mean, variance) + _POWER * sqrt(variance)
    return Outcome(value, special.bounded_sf(value, mean, variance), value, seen)


def _pooled_variance(widths: Floats, pooled: Floats) -> float:
    """Both sides' variance from the distribution function: 2 times the sum of F(x) (1 - F(y))."""
    below = np.cumsum(pooled * widths) - pooled * widths / 2
    return float(2 * (below * (1 - pooled) * widths).sum())


def energy(pair: Pair) -> Outcome:
    """The energy distance, sqrt(2 times the integral of (F - G)^2), as SciPy's, not normalised."""
    widths, pooled, _, squares, unit = pair.gaps
    square = 2 * float((squares * widths).sum())
    if not len(widths):
        return Outcome(0.0, 1.0, 0.0)
    p = special.weighted_chi2_sf(square / pair.spread / 2, _eigenvalues(widths, pooled))
    return Outcome(sqrt(square * unit), p, sqrt(square))


def _eigenvalues(widths: Floats, pooled: Floats) -> Floats:
    """The weights of the limiting law of the integral of (F - G)^2: the bridge's covariance."""
    if len(widths) > _POINTS:  # equal parts of the integral of F (1 - F), each at its middle
        trace = np.cumsum(pooled * (1 - pooled) * widths)
        part = np.minimum((trace / trace[-1] * _POINTS).astype(np.int64), _POINTS - 1)
        total = np.bincount(part, widths, _POINTS).astype(np.float64)
        middle = np.bincount(part, widths * pooled, _POINTS) / np.maximum(total, 1e-300)
        widths, pooled = total[total > 0], middle[total > 0]
    low = np.minimum(pooled[:, None], pooled[None, :])
    high = np.maximum(pooled[:, None], pooled[None, :])
    root = np.sqrt(widths)
    found = np.linalg.eigvalsh(root[:, None] * low * (1 - high) * root[None, :])
    kept: Floats = found[found > found[-1] * 1e-12]
    return kept


def epps_singleton(pair: Pair) -> Outcome:
    """Epps-Singleton: empirical characteristic functions at 0.4 and 0.8; for discrete data too."""
    a, b = pair.finite
    n, m = len(a), len(b)
    pooled = np.concatenate([a, b])
    quarters = np.percentile(pooled, [25, 75])
    sigma = float(quarters[1] - quarters[0]) / 2
    if sigma == 0:
        if pooled[0] == pooled[-1] and a[0] == b[0]:
            return Outcome(0.0, 1.0, 0.0)
        raise InvalidInput("the column", "has no interquartile range", "choose another test")
    at = np.array([[0.4], [0.8]]) / sigma
    x, y = (np.vstack([np.cos(at * v), np.sin(at * v)]) for v in (a, b))
    total = n + m
    covariance = total / n * np.cov(x, bias=True) + total / m * np.cov(y, bias=True)
    inverse = np.linalg.pinv(covariance)
    far = x.mean(axis=1) - y.mean(axis=1)
    w = total * float(far @ inverse @ far)
    if max(n, m) < 25:
        w /= 1 + total**-0.45 + 10.1 * (n**-1.7 + m**-1.7)
    rank = int(np.linalg.matrix_rank(inverse))
    return Outcome(w, special.chi2_sf(w, rank), w / total)


TESTS = (
    Test("welch_t", welch_t, _NUMBERS, "Cohen's d", True),
    Test("wasserstein", wasserstein, _NUMBERS, "reference standard deviations", False),
    Test("energy", energy, _NUMBERS, "energy distance in root standard deviations", False),
    Test("epps_singleton", epps_singleton, _NUMBERS, "W per record", True, raw=True),
)
