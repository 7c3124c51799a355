"""Tests on the order of values: ties are fine, infinite values too."""

from __future__ import annotations

from math import sqrt

import numpy as np

from homeostat.comparison import special
from homeostat.comparison.kolmogorov import ks_sf, kuiper_sf
from homeostat.comparison.sample import Floats, Outcome, Pair, Test

_POWER = special.normal_isf(0.2)
_FEW = 2_000  # values of a side up to which an exact p-value is quick
_NUMBERS = ("number", "time", "truth")


def ks(pair: Pair) -> Outcome:
    """Kolmogorov-Smirnov: the largest difference of distribution functions."""
    d = max(pair.farthest)
    enough = _exact_below(pair) if pair.counted else 1.0
    critical = sqrt(-0.5 * np.log(pair.level / 2))
    return Outcome(
        d,
        ks_sf(d, pair.n, pair.m, enough),
        d,
        min(1.0, (critical + _POWER / 2) * sqrt(pair.spread)),
    )


def _exact_below(pair: Pair) -> float:
    """The p-value below which counts are worth an exact one, which takes up to a second."""
    small = max(pair.n, pair.m) <= _FEW or pair.n == pair.m
    return 4 * pair.level if small else 0.0


def kuiper(pair: Pair) -> Outcome:
    """Kuiper: the largest differences upwards and downwards, added."""
    v = sum(pair.farthest)
    return Outcome(v, kuiper_sf(v, pair.n, pair.m), v)


def cramer_von_mises(pair: Pair) -> Outcome:
    """Cramer-von Mises: squared differences of distribution functions, over all values."""
    n, m, steps = pair.n, pair.m, pair.steps
    total = n + m
    upto = steps.reference + steps.current
    times = np.diff(upto, prepend=0.0)
    # average ranks, as SciPy takes them, of each side's own values
    middle = upto - (times - 1) / 2
    u = n * _about_ranks(middle, steps.reference) + m * _about_ranks(middle, steps.current)
    statistic = u / (n * m * total) - (4 * n * m - 1) / (6 * total)
    mean = (1 + 1 / total) / 6
    variance: float = (total + 1) * (4 * n * m * total - 3 * (n * n + m * m) - 2 * n * m)
    variance /= 45 * total * total * 4 * n * m
    standard = 1 / 6 + (statistic - mean) / sqrt(45 * variance) if variance > 0 else 0.0
    effect = max(0.0, statistic - mean) * pair.spread
    if len(steps.values) == 1:
        return Outcome(statistic, 1.0, 0.0)
    return Outcome(statistic, special.cramer_von_mises_sf(standard), effect)


def _about_ranks(middle: Floats, upto: Floats) -> float:
    """The sum of (rank - place)^2 over a side's values, tied places included one by one."""
    own = np.diff(upto, prepend=0.0)
    # places upto-own+1 .. upto: their sum and sum of squares in closed form
    first = upto - own
    places = own * (first + upto + 1) / 2
    squares = _squares(upto) - _squares(first)
    return float((own * middle * middle - 2 * middle * places + squares).sum())


def _squares(n: Floats) -> Floats:
    return n * (n + 1) * (2 * n + 1) / 6


def anderson_darling(pair: Pair) -> Outcome:
    """Anderson-Darling: squared differences of distribution functions, weighing the tails."""
    n, m, steps = pair.n, pair.m, pair.steps
    total = n + m
    if len(steps.values) == 1:
        return Outcome(0.0, 1.0, 0.0)
    upto = steps.reference + steps.current
    times = np.diff(upto, prepend=0.0)
    middle = upto - times / 2
    weight = middle * (total - middle) - total * times / 4
    a2 = 0.0
    for size, counts in ((n, steps.reference), (m, steps.current)):
        own = counts - np.diff(counts, prepend=0.0) / 2
        a2 += float((times * (total * own - middle * size) ** 2 / weight).sum()) / size
    a2 *= (total - 1) / total / total
    statistic = (a2 - 1) / anderson_darling_sd(n, m)
    p = special.weighted_chi2_sf(a2, special.anderson_darling_weights())
    return Outcome(statistic, p, max(0.0, a2 - 1) * pair.spread)


def anderson_darling_sd(n: int, m: int) -> float:
    """The standard deviation of A^2 for two samples (Scholz and Stephens 1987)."""
    total, k = n + m, 2
    upwards = np.cumsum(1 / np.arange(total - 1, 0, -1.0))  # of 1/(N-1), 1/(N-2), ...
    inverse = float(upwards[-1])
    g = float((upwards[: total - 2] / np.arange(2, total)).sum())
    big = 1 / n + 1 / m
    a: float = (4 * g - 6) * (k - 1) + (10 - 6 * g) * big
    b: float = (2 * g - 4) * k * k + 8 * inverse * k
    b += (2 * g - 14 * inverse - 4) * big - 8 * inverse + 4 * g - 6
    c: float = (6 * inverse + 2 * g - 2) * k * k + (4 * inverse - 4 * g + 6) * k
    c += (2 * inverse - 6) * big + 4 * inverse
    d = (2 * inverse + 6) * k * k - 4 * inverse * k
    variance = ((a * total + b) * total + c) * total + d
    return sqrt(variance / ((total - 1.0) * (total - 2.0) * (total - 3.0)))


def mann_whitney(pair: Pair) -> Outcome:
    """Mann-Whitney: how often a reference value lies above a current one, ties counted half."""
    n, m, steps = pair.n, pair.m, pair.steps
    total = n + m
    own, other = np.diff(steps.reference, prepend=0.0), np.diff(steps.current, prepend=0.0)
    u = float((own * (steps.current - other / 2)).sum())
    times = own + other
    ties = float((times**3 - times).sum()) / (total * (total - 1))
    sd = sqrt(n * m / 12 * max(0.0, total + 1 - ties))
    far = abs(u - n * m / 2)
    p = min(1.0, special.normal_two_sided((far - 0.5) / sd)) if sd and far > 0.5 else 1.0
    seen = (special.normal_isf(pair.level / 2) + _POWER) * sd / (n * m)
    return Outcome(u, p, 0.5 - u / (n * m), seen)


TESTS = (
    Test("ks", ks, _NUMBERS, "distance of distribution functions", True),
    Test("kuiper", kuiper, _NUMBERS, "distance up and down, added", True),
    Test("cramer_von_mises", cramer_von_mises, _NUMBERS, "mean squared distance", True),
    Test("anderson_darling", anderson_darling, _NUMBERS, "weighted squared distance", True),
    Test("mann_whitney", mann_whitney, _NUMBERS, "P(current above reference) - 1/2", True),
)
