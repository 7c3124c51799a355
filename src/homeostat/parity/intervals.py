"""Confidence intervals of shares, and of their differences and ratios."""

from __future__ import annotations

from math import inf, sqrt
from statistics import NormalDist


def two_sided(alpha: float) -> float:
    """The normal quantile beyond which, on both sides, lies `alpha`."""
    return NormalDist().inv_cdf(1 - alpha / 2)


def wilson(hits: int, n: int, z: float) -> tuple[float, float]:
    """Wilson's score interval of a share."""
    p = hits / n
    centre = p + z * z / (2 * n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    below = 1 + z * z / n
    low = (centre - half) / below if hits else 0.0
    high = (centre + half) / below if hits < n else 1.0
    return max(0.0, low), min(1.0, high)


def newcombe(own: tuple[int, int], base: tuple[int, int], z: float) -> tuple[float, float]:
    """Newcombe's hybrid score interval of own share less base share."""
    p, q = own[0] / own[1], base[0] / base[1]
    (l1, u1), (l2, u2) = wilson(*own, z), wilson(*base, z)
    gap = p - q
    low = gap - sqrt((p - l1) ** 2 + (u2 - q) ** 2)
    return low, gap + sqrt((u1 - p) ** 2 + (q - l2) ** 2)


def absolute(low: float, high: float) -> tuple[float, float]:
    """The interval of an absolute value, from that of the value."""
    return max(0.0, low, -high), max(abs(low), abs(high))


def ratio_limits(own: tuple[int, int], base: tuple[int, int], z: float) -> tuple[float, float]:
    """Donner and Zou's interval of own share over base share, from Wilson's of each."""
    p, q = own[0] / own[1], base[0] / base[1]
    (l1, u1), (l2, u2) = wilson(*own, z), wilson(*base, z)
    inner, outer = l1 * (2 * p - l1), u2 * (2 * q - u2)
    low = inner / (p * q + sqrt((p * q) ** 2 - inner * outer)) if inner else 0.0
    inner, outer = l2 * (2 * q - l2), u1 * (2 * p - u1)
    return low, (p * q + sqrt((p * q) ** 2 - inner * outer)) / inner if inner else inf
