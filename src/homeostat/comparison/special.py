"""The distributions behind the p-values, in plain numpy, so that no test needs SciPy.

Scalar functions; each states its oracle and its accuracy, which tests hold it to.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from math import erfc, exp, inf, isinf, isnan, lgamma, log, nan, pi, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_TINY = 1e-300
_EPS = 1e-16
_STEPS = 100_000


def normal_sf(z: float) -> float:
    """P(Z >= z) for a standard normal; relative error 1e-14 (`scipy.stats.norm.sf`)."""
    return 0.5 * erfc(z / sqrt(2.0))


def normal_two_sided(z: float) -> float:
    """P(|Z| >= |z|) for a standard normal."""
    return erfc(abs(z) / sqrt(2.0))


def normal_isf(p: float) -> float:
    """The z that a standard normal exceeds with probability p; 0 < p < 1."""
    return -NormalDist().inv_cdf(p)


def gamma_q(a: float, x: float) -> float:
    """The regularised upper incomplete gamma function; relative error 1e-10 (`gammaincc`)."""
    if isnan(x) or a <= 0:
        return nan
    if x <= 0:
        return 1.0
    if isinf(x):
        return 0.0
    front = a * log(x) - x - lgamma(a)
    if x < a + 1:
        return max(0.0, 1.0 - exp(front) * _gamma_series(a, x))
    return exp(front) * _gamma_fraction(a, x)


def _gamma_series(a: float, x: float) -> float:
    term = total = 1.0 / a
    for k in range(1, _STEPS):
        term *= x / (a + k)
        total += term
        if term < total * _EPS:
            break
    return total


def _gamma_fraction(a: float, x: float) -> float:
    """Lentz's continued fraction (Numerical Recipes 6.2)."""
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    h = d
    for k in range(1, _STEPS):
        an = -k * (k - a)
        b += 2
        d = 1 / _away(an * d + b)
        c = _away(b + an / c)
        h *= d * c
        if abs(d * c - 1) < _EPS * 10:
            break
    return h


def _away(x: float) -> float:
    return x if abs(x) > _TINY else _TINY


def chi2_sf(x: float, df: float) -> float:
    """P(chi-square with df degrees >= x); 1 without degrees of freedom (`scipy.stats.chi2.sf`)."""
    return 1.0 if df < 1 else gamma_q(df / 2, x / 2)


@lru_cache(4096)
def chi2_isf(p: float, df: int) -> float:
    """The value that a chi-square with df degrees exceeds with probability p, to 1e-9 of it."""
    high = df + 10.0
    while chi2_sf(high, df) > p:
        high *= 2
    return _bisect(lambda x: chi2_sf(x, df) <= p, high)


def _bisect(is_enough: Callable[[float], bool], high: float) -> float:
    low = 0.0
    for _ in range(80):
        middle = (low + high) / 2
        if is_enough(middle):
            high = middle
        else:
            low = middle
        if high - low < 1e-10 * high:
            break
    return high


def noncentral_chi2_sf(x: float, df: int, noncentrality: float) -> float:
    """P(noncentral chi-square >= x), a Poisson mixture; absolute error 1e-9 (`ncx2.sf`)."""
    half, h = noncentrality / 2, x / 2
    upper = gamma_q(df / 2, h)
    step = exp(df / 2 * log(h) - h - lgamma(df / 2 + 1)) if h > 0 else 0.0
    total = 0.0
    for k in range(int(half + 12 * sqrt(half) + 30)):
        weight = exp(k * log(half) - half - lgamma(k + 1)) if half > 0 else float(k == 0)
        total += weight * min(1.0, upper)
        upper += step
        step *= h / (df / 2 + k + 1)
    return total


@lru_cache(4096)
def noncentrality(df: int, level: float, power: float = 0.8) -> float:
    """The noncentrality that a chi-square test at `level` finds with probability `power`."""
    critical = chi2_isf(level, df)
    high = 10.0
    while noncentral_chi2_sf(critical, df, high) < power:
        high *= 2
    return _bisect(lambda x: noncentral_chi2_sf(critical, df, x) >= power, high)


def student_two_sided(t: float, df: float) -> float:
    """P(|T| >= |t|) for Student's t; relative error 1e-10 (`2 * scipy.stats.t.sf`)."""
    if isnan(t) or isnan(df):
        return nan
    return 0.0 if isinf(t) else beta_inc(df / 2, 0.5, df / (df + t * t), t * t / (df + t * t))


def beta_inc(a: float, b: float, x: float, rest: float) -> float:
    """The regularised incomplete beta function at x; `rest` is 1 - x, given without rounding."""
    if x <= 0 or rest <= 0:
        return float(rest <= 0)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(rest))
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(a, b, x) / a
    return 1.0 - front * _beta_fraction(b, a, rest) / b


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Lentz's continued fraction (Numerical Recipes 6.4)."""
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    h = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1 / _away(1 + even * d), _away(1 + even / c)
        h *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1 / _away(1 + odd * d), _away(1 + odd / c)
        h *= d * c
        if abs(d * c - 1) < _EPS * 10:
            break
    return h


def weighted_chi2_sf(x: float, weights: NDArray[np.float64]) -> float:
    """P(sum of w_j Z_j^2 >= x) by a saddle point (Kuonen 1999); a few per cent of itself.

    `weights` are positive. 1 for x <= 0 or without weights. Cost: some 50 passes over them.
    """
    if not len(weights) or x <= 0:
        return 1.0
    mean, second = float(weights.sum()), float((weights**2).sum())
    if abs(x - mean) < 1e-3 * sqrt(2 * second):  # the formula is 0/0 at the mean: match moments
        return chi2_sf(x * mean / second, mean * mean / second)
    largest = float(weights.max())
    low, high = -len(weights) / (2 * x), 0.5 / largest * (1 - 1e-12)
    for _ in range(200):
        t = (low + high) / 2
        if float((weights / (1 - 2 * t * weights)).sum()) < x:
            low = t
        else:
            high = t
        if high - low < 1e-13 * (abs(high) + abs(low)):
            break
    shrunk = 1 - 2 * t * weights
    w = sqrt(max(0.0, 2 * (t * x + 0.5 * float(np.log(shrunk).sum()))))
    w = w if t > 0 else -w
    v = t * sqrt(2 * float((weights**2 / shrunk**2).sum()))
    if w == 0 or v / w <= 0:
        return chi2_sf(x * mean / second, mean * mean / second)
    return normal_sf(w + log(v / w) / w)


def cramer_von_mises_sf(x: float) -> float:
    """The limiting law of the Cramer-von Mises statistic (Csorgo and Faraway 1996, eq. 1.2).

    Absolute error 1e-10; oracle: `scipy.stats.cramervonmises_2samp(method="asymptotic")`.
    """
    if x <= 0:
        return 1.0
    if x > 15:
        return 0.0
    total, k = 0.0, 0
    factor = 1.0  # gamma(k + 1/2) / (gamma(1/2) k!)
    while True:
        y = 4 * k + 1
        q = y * y / (16 * x)
        term = factor * sqrt(y) * _exp_bessel(q)
        total += term
        if abs(term) < 1e-15 or k > 500:
            break
        k += 1
        factor *= (k - 0.5) / k
    return min(1.0, max(0.0, 1.0 - total / (pi * sqrt(x))))


def _exp_bessel(q: float) -> float:
    """exp(-q) K_1/4(q), from its integral: the trapezoid rule converges faster than any power."""
    t, cosh_less_1, cosh_quarter = _bessel_nodes()
    return float(np.exp(-q * (2 + cosh_less_1)) @ cosh_quarter) * float(t[1])


@cache
def _bessel_nodes() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    t = np.linspace(0, 14, 1401)
    quarter = np.cosh(t / 4)
    quarter[0] /= 2
    return t, 2 * np.sinh(t / 2) ** 2, quarter


@cache
def anderson_darling_weights() -> NDArray[np.float64]:
    """The weights of the limiting law of Anderson and Darling's A^2 (1952): 1 / (j (j + 1))."""
    j = np.arange(1, 2001, dtype=np.float64)
    return 1 / (j * (j + 1))


def bounded_sf(value: float, mean: float, variance: float) -> float:
    """P(norm of a Gaussian vector >= value) is at most this (Borell, Tsirelson-Ibragimov-Sudakov).

    `mean` is the norm's mean, `variance` the largest variance of a linear functional below it.
    """
    if value <= mean:
        return 1.0
    return exp(-((value - mean) ** 2) / (2 * variance)) if variance > 0 else 0.0


def bounded_isf(p: float, mean: float, variance: float) -> float:
    """The value at which `bounded_sf` falls to p."""
    return mean + sqrt(2 * variance * -log(p)) if p > 0 else inf
