"""Tests and distances on counts over common cells, all calibrated by the cells and the sizes.

To first order under no change PSI = 8 JSD = 8 H^2 = 2 KL = (1/n + 1/m) chi-square of cells - 1.
"""

from __future__ import annotations

from math import log, sqrt

import numpy as np

from homeostat.comparison import special
from homeostat.comparison.grid import Cells
from homeostat.comparison.sample import Floats, Outcome, Pair, Test

_POWER = special.normal_isf(0.2)
_ALL = ("number", "time", "category", "truth")


def _expected(cells: Cells) -> tuple[Floats, Floats, float]:
    """The counts expected of each side if nothing had changed, and their total."""
    n, m = float(cells.reference.sum()), float(cells.current.sum())
    both = cells.reference + cells.current
    return both * (n / (n + m)), both * (m / (n + m)), n + m


def _lambda(pair: Pair, df: int) -> float:
    """The noncentrality that the test finds at 80 % power."""
    return special.noncentrality(df, pair.level) if df else 0.0


def chi_square(pair: Pair) -> Outcome:
    """Pearson's chi-square on the table of cells by sides, without continuity correction."""
    cells = pair.cells
    e, f, total = _expected(cells)
    x = float(((cells.reference - e) ** 2 / e + (cells.current - f) ** 2 / f).sum())
    v = sqrt(x / total)
    return Outcome(x, special.chi2_sf(x, cells.df), v, sqrt(_lambda(pair, cells.df) / total))


def g_test(pair: Pair) -> Outcome:
    """The likelihood-ratio test on the table of cells by sides."""
    cells = pair.cells
    e, f, total = _expected(cells)
    g = 2 * (_entropy(cells.reference, e) + _entropy(cells.current, f))
    g = max(0.0, g)
    v = sqrt(g / total)
    return Outcome(g, special.chi2_sf(g, cells.df), v, sqrt(_lambda(pair, cells.df) / total))


def _entropy(p: Floats, q: Floats) -> float:
    """The sum of p log(p / q); nothing where p is 0."""
    some = p > 0
    return float((p[some] * np.log(p[some] / q[some])).sum())


def _calibrated(pair: Pair, scaled: float) -> tuple[float, float]:
    """The p-value of a distance scaled to PSI's size, and the PSI found at 80 % power."""
    df = pair.cells.df
    return special.chi2_sf(scaled / pair.spread, df), _lambda(pair, df) * pair.spread


def psi(pair: Pair) -> Outcome:
    """The population stability index: the sum of (p - q) log(p / q)."""
    p, q = pair.cells.smoothed()
    value = float(((p - q) * np.log(p / q)).sum())
    p_value, seen = _calibrated(pair, value)
    return Outcome(value, p_value, value, seen)


def kl(pair: Pair) -> Outcome:
    """The Kullback-Leibler divergence of the current data from the reference, in nats."""
    p, q = pair.cells.smoothed()
    value = max(0.0, _entropy(q, p))
    p_value, seen = _calibrated(pair, 2 * value)
    return Outcome(value, p_value, value, seen / 2)


def jensen_shannon(pair: Pair) -> Outcome:
    """The Jensen-Shannon distance, base 2: 0 is equal, 1 is apart."""
    p, q = pair.cells.shares()
    middle = (p + q) / 2
    nats = max(0.0, (_entropy(p, middle) + _entropy(q, middle)) / 2)
    p_value, seen = _calibrated(pair, 8 * nats)
    distance = sqrt(nats / log(2))
    return Outcome(distance, p_value, distance, min(1.0, sqrt(seen / 8 / log(2))))


def hellinger(pair: Pair) -> Outcome:
    """The Hellinger distance: 0 is equal, 1 is apart."""
    p, q = pair.cells.shares()
    square = float(((np.sqrt(p) - np.sqrt(q)) ** 2).sum()) / 2
    p_value, seen = _calibrated(pair, 8 * square)
    return Outcome(sqrt(square), p_value, sqrt(square), min(1.0, sqrt(seen / 8)))


def total_variation(pair: Pair) -> Outcome:
    """Half the sum of absolute differences of shares; its p-value is an upper bound."""
    cells = pair.cells
    p, q = cells.shares()
    value = float(np.abs(p - q).sum()) / 2
    both = (cells.reference + cells.current) / (pair.n + pair.m)
    mean = float(np.sqrt(2 / np.pi * both * (1 - both) * pair.spread).sum()) / 2
    by_norm = special.bounded_sf(value, mean, pair.spread / 4)
    by_cells = special.chi2_sf(4 * value * value / pair.spread, cells.df)  # Cauchy and Schwarz
    seen = special.bounded_isf(pair.level, mean, pair.spread / 4) + _POWER * sqrt(pair.spread) / 2
    return Outcome(value, min(by_norm, by_cells), value, min(1.0, seen))


def l_infinity(pair: Pair) -> Outcome:
    """The largest difference of a cell's shares; its p-value is a union bound over the cells."""
    cells = pair.cells
    p, q = cells.shares()
    value = float(np.abs(p - q).max())
    both = (cells.reference + cells.current) / (pair.n + pair.m)
    sds = np.sqrt(both * (1 - both) * pair.spread)
    sds = sds[sds > 0]
    bound = sum(special.normal_two_sided(value / sd) for sd in sds.tolist())
    if not len(sds):
        return Outcome(value, 1.0, value, 0.0)
    each = special.normal_isf(pair.level / 2 / len(sds)) + _POWER
    return Outcome(value, min(1.0, bound), value, min(1.0, each * float(sds.max())))


def z_proportions(pair: Pair) -> Outcome:
    """The pooled z test for two proportions, of the later of two values; effect: Cohen's h."""
    (_, a), (_, b) = pair.table.reference, pair.table.current
    return proportions(float(a), pair.n, float(b), pair.m, pair.level)


def proportions(a: float, n: float, b: float, m: float, level: float) -> Outcome:
    """The z test for a of n against b of m."""
    p, q, both, part = a / n, b / m, (a + b) / (n + m), 1 / n + 1 / m
    sd = sqrt(both * (1 - both) * part)
    z = (q - p) / sd if sd else 0.0
    h = 2 * (np.arcsin(sqrt(q)) - np.arcsin(sqrt(p)))
    seen = (special.normal_isf(level / 2) + _POWER) * sqrt(part)
    return Outcome(z, special.normal_two_sided(z), float(h), seen)


def fisher(pair: Pair) -> Outcome:
    """Fisher's exact test of a two-by-two table; the statistic is the sample's odds ratio."""
    (a, b), (c, d) = pair.table.reference.tolist(), pair.table.current.tolist()
    ratio = a * d / (b * c) if b * c else (float("inf") if a * d else 1.0)
    effect = (a * d - b * c) / sqrt((a + b) * (c + d) * (a + c) * (b + d) or 1.0)
    seen = sqrt(_lambda(pair, 1) / (pair.n + pair.m))
    return Outcome(ratio, _hypergeometric(a, b, c, d), abs(effect), seen)


def _hypergeometric(a: float, b: float, c: float, d: float) -> float:
    """The probability of all tables no likelier than this one, given its margins."""
    low, high = max(0.0, a - d), min(a + b, a + c)
    x = np.arange(low, high)
    up = np.log(a + b - x) + np.log(a + c - x) - np.log(x + 1) - np.log(d - a + x + 1)
    logs = np.concatenate([[0.0], np.cumsum(up)])
    mass = np.exp(logs - logs.max())
    own = mass[int(a - low)]
    return min(1.0, float(mass[mass <= own * (1 + 1e-7)].sum() / mass.sum()))


TESTS = (
    Test("chi_square", chi_square, _ALL, "Cramer's V", False),
    Test("g_test", g_test, _ALL, "Cramer's V", False),
    Test("psi", psi, _ALL, "PSI", False),
    Test("kl", kl, _ALL, "divergence in nats", False),
    Test("jensen_shannon", jensen_shannon, _ALL, "distance", False),
    Test("hellinger", hellinger, _ALL, "distance", False),
    Test("total_variation", total_variation, _ALL, "distance", False),
    Test("l_infinity", l_infinity, _ALL, "difference of shares", False),
    Test("z_proportions", z_proportions, _ALL, "Cohen's h", True),
    Test("fisher", fisher, _ALL, "phi", True),
)
