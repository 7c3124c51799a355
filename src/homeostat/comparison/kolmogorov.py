"""P-values of the two-sample Kolmogorov-Smirnov and Kuiper statistics.

The rule is SciPy's `method="auto"`: exact up to 10,000 values in the larger sample, beyond them
the exact one-sample law at the rounded effective size (Simard and L'Ecuyer 2011). An exact p below
1e-7 is given by that law too: there it is right in its order of magnitude only.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, exp, floor, gcd, lgamma, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

_EXACT = 10_000
_SMALL = 140  # effective sizes up to which the matrix form is used
_FAR = 1e-7
_NODES = 8192
_TERMS, _NOTHING = 40, 1e-25  # of a series whose terms fall like those of a normal density


@lru_cache(65536)
def ks_sf(d: float, n: int, m: int, enough: float = 1.0) -> float:
    """P(two-sample KS distance >= d) for n and m values without ties; conservative with ties.

    A probability above `enough` need not be exact: it is that of the one-sample law, at a
    thousandth of the cost.
    """
    if d <= 0:
        return 1.0
    far = one_sample_sf(d, max(1, round(n * m / (n + m))))
    if far > enough or max(n, m) > _EXACT or (far < _FAR and n * m > 10_000):
        return far
    divisor = gcd(n, m)
    lcm = n // divisor * m
    h = round(d * lcm)
    if h == 0:
        return 1.0
    if n == m:
        return min(1.0, _equal_sizes(n, h))
    return _unequal_sizes(max(n, m), min(n, m), divisor, h)


def _equal_sizes(n: int, h: int) -> float:
    """Paths of 2n steps that leave a square's diagonal by h (Hodges 1957)."""
    steps = np.arange(h)
    p = 0.0
    for k in range(n // h, -1, -1):
        ratio = (n - k * h - steps) / (n + k * h + steps + 1.0)
        p = float(np.prod(ratio)) * (1 - p)
    return 2 * p


def _unequal_sizes(m: int, n: int, divisor: int, h: int) -> float:
    """One less the share of lattice paths to (m, n), m > n, strictly within h of the diagonal."""
    wide, narrow = m // divisor, n // divisor  # |narrow * x - wide * y| < h
    low, high = 0, min(m, (h - 1) // narrow)  # the x that are inside on the row y = 0
    row = np.ones(high - low + 1)
    scale = 0.0
    for y in range(1, n + 1):
        first, last = low, high
        low = max(0, -((h - 1 - wide * y) // narrow)) if wide * y > h - 1 else 0
        high = min(m, (h - 1 + wide * y) // narrow)
        if high < low:
            return 1.0
        wider = np.zeros(high - low + 1)
        kept = row[low - first :]
        wider[: min(len(kept), len(wider))] = kept[: len(wider)]
        if low > last:
            return 1.0
        row = np.cumsum(wider)
        top = float(row[-1])
        row /= top
        scale += log(top)
    ways = lgamma(m + n + 1) - lgamma(m + 1) - lgamma(n + 1)
    return min(1.0, max(0.0, 1.0 - float(row[-1]) * exp(scale - ways)))


def one_sample_sf(d: float, n: int) -> float:
    """P(one-sample KS distance >= d) for n values (`scipy.stats.kstwo.sf`)."""
    if d >= 1:
        return 0.0
    if n * d <= 0.5:
        return 1.0
    square = n * d * d
    if d >= 0.5 or square >= (4 if n <= _SMALL else 2.2):
        return min(1.0, 2 * _smirnov(n, d))
    small = n <= _SMALL or (n <= 100_000 and n * d**1.5 <= 1.4)
    cdf = _matrix_cdf(n, d) if small else _pelz_good(n, d)
    return min(1.0, max(0.0, 1.0 - cdf))


def _matrix_cdf(n: int, d: float) -> float:
    """Marsaglia, Tsang and Wang (2003)."""
    k = floor(n * d) + 1
    size, h = 2 * k - 1, k - n * d
    i, j = np.indices((size, size))
    matrix = (i - j + 1 >= 0).astype(np.float64)
    powers = h ** np.arange(1, size + 1)
    matrix[:, 0] -= powers
    matrix[-1, :] -= powers[::-1]
    matrix[-1, 0] += max(0.0, 2 * h - 1) ** size
    factorials = np.array([lgamma(max(x, 0) + 1) for x in range(size + 1)])
    matrix *= np.exp(-factorials[np.maximum(i - j + 1, 0)])
    scale, power, result, of_result = 0.0, n, np.eye(size), 0.0
    while power:
        if power & 1:
            result = result @ matrix
            of_result += scale
            top = float(np.abs(result).max())
            result /= top
            of_result += log(top)
        matrix = matrix @ matrix
        top = float(np.abs(matrix).max())
        matrix /= top
        scale = 2 * scale + log(top)
        power >>= 1
    centre = float(result[k - 1, k - 1])
    return centre * exp(of_result + lgamma(n + 1) - n * log(n))


def _smirnov(n: int, d: float) -> float:
    """P(D+ >= d): Smirnov's sum; beyond 8,192 terms every so many-th, as by the trapezoid rule.

    The terms vanish at both ends with all derivatives, so that the rule is exact to rounding.
    """
    top = ceil(n * (1 - d)) - 1
    stride = max(1, n // _NODES)
    j = np.arange(stride if stride > 1 else 1, top + 1, stride, dtype=np.float64)
    nd, rest = n * d, n - j
    size = _stirling_error(np.array([float(n)]))[0] - _stirling_error(j) - _stirling_error(rest)
    # log of C(n, j) p^j q^(n-j) at p = d + j / n, in Loader's form, without cancellation
    log_terms = size + j * np.log1p(nd / j) + rest * np.log1p(-nd / rest)
    terms = np.exp(log_terms + 0.5 * np.log(n / (2 * pi * j * rest))) / (d + j / n)
    first = exp(n * np.log1p(-d)) / d if stride == 1 else 0.0
    return d * (float(terms.sum()) * stride + first)


def _stirling_error(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(x!) less Stirling's formula; x >= 1."""
    error = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * x * x)) / (x * x)) / (x * x)) / x
    small = x < 16
    if small.any():
        values = x[small]
        error[small] = [lgamma(v + 1) - (v + 0.5) * log(v) + v - 0.5 * log(2 * pi) for v in values]
    return error


def _pelz_good(n: int, d: float) -> float:
    """Pelz and Good (1976): the limiting law and its terms to n^-3/2.

    Term by term, for a few are enough, and arrays of a few cost more than they save.
    """
    x = sqrt(n) * d
    if x < 0.2:
        return 0.0
    z2, p2 = x * x, pi * pi
    z4, z6, p4, p6 = z2**2, z2**3, p2**2, p2**3
    zeroth = one = two = three = two_whole = three_whole = 0.0
    for k in range(_TERMS):
        half, whole = (k + 0.5) ** 2, float(k * k)
        first, second = exp(-p2 * half / (2 * z2)), exp(-p2 * whole / (2 * z2))
        zeroth += first
        one += (p2 * half - z2) * first
        two += first * (
            6 * z6 + 2 * z4 + p2 * (2 * z4 - 5 * z2) * half + p4 * (1 - 2 * z2) * half**2
        )
        three += first * (
            -30 * z6
            - 90 * z6 * z2
            + p2 * (135 * z4 - 96 * z6) * half
            + p4 * (212 * z4 - 60 * z2) * half**2
            + p6 * half**3 * (5 - 30 * z2)
        )
        two_whole += p2 * whole * second
        three_whole += (3 * p2 * whole * z2 - p4 * whole**2) * second
        if k > 0 and second < _NOTHING:
            break
    root = sqrt(pi / 2)
    found: float = (
        2 * root / x * zeroth
        + root / (3 * z4) * one / sqrt(n)
        + (root / (36 * x**7) * two - root / (18 * x**3) * two_whole) / n
        + (root / (3240 * x**10) * three + root / (108 * z6) * three_whole) / n**1.5
    )
    return found


def kuiper_sf(v: float, n: int, m: int) -> float:
    """P(Kuiper's V >= v), asymptotic with Stephens's (1970) correction for the sample sizes."""
    effective = sqrt(n * m / (n + m))
    x = (effective + 0.155 + 0.24 / effective) * v
    if x < 0.4:
        return 1.0
    j = np.arange(1, 101, dtype=np.float64) ** 2 * x * x
    return min(1.0, max(0.0, float((2 * (4 * j - 1) * np.exp(-2 * j)).sum())))
