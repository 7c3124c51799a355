"""Metrics and their intervals from sums of cells, column by column; NaN where nothing is known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from homeostat.dashboard.sums import Floats, column

_Z = 1.959963984540054  # of 95 %

MAIN = ("accuracy", "mae")
"""What a model is judged by at a glance: the first of these that its cells know."""

GROWS_WORSE = frozenset({"mae", "rmse"})
"""Metrics of which more is worse."""


class Curve(NamedTuple):
    """A metric over time: its values, the ends of their 95 % intervals, the observations behind."""

    value: Floats
    low: Floats
    high: Floats
    n: Floats


def accuracy(sums: Floats) -> Curve:
    """The share that was right, with Wilson's interval (1927)."""
    return _share(column(sums, "correct"), column(sums, "labelled"))


def coverage(sums: Floats) -> Curve:
    """The share of records whose label is known."""
    return _share(column(sums, "labelled"), column(sums, "records"))


def mae(sums: Floats) -> Curve:
    """The mean absolute error, with the interval of a mean."""
    return _mean(column(sums, "absolute"), column(sums, "square"), column(sums, "errors"))


def bias(sums: Floats) -> Curve:
    """The mean error, with the interval of a mean."""
    return _mean(column(sums, "bias"), column(sums, "square"), column(sums, "errors"))


def latency(sums: Floats) -> Curve:
    """The mean latency in milliseconds; no interval is known."""
    n = column(sums, "records")
    value = _over(column(sums, "latency"), n)
    nothing = np.full_like(value, np.nan)
    return Curve(value, nothing, nothing, n)


CURVES = {
    "accuracy": accuracy, "mae": mae, "bias": bias, "coverage": coverage, "latency_ms": latency,
}  # fmt: skip


def main_of(sums: Floats) -> str:
    """What a model is judged by: errors where labels are numbers, else accuracy."""
    numbers = column(sums, "errors").sum()
    return "mae" if numbers > 0.5 * column(sums, "labelled").sum() and numbers > 0 else "accuracy"


def _share(part: Floats, whole: Floats) -> Curve:
    p, z = _over(part, whole), _Z
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = (p + z * z / (2 * whole)) / (1 + z * z / whole)
        spread = np.sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole))
        half = z / (1 + z * z / whole) * spread
    return Curve(p, middle - half, middle + half, whole)


def _mean(total: Floats, square: Floats, n: Floats) -> Curve:
    mean = _over(total, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.maximum(0.0, square / n - mean * mean)
        half = _Z * np.sqrt(variance / n)
    return Curve(mean, mean - half, mean + half, n)


def _over(part: Floats, whole: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.where(whole > 0, part / whole, np.nan)
    return found
