"""What a cell tells: each metric that has a series, as a value and the observations behind it."""

from __future__ import annotations

import math
from collections.abc import Callable

from homeostat.runtime.cells import OTHER, Cell


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _f1_macro(cell: Cell) -> float:
    hits: dict[str, int] = {}
    sizes: dict[str, int] = {}  # predictions and truths of a class together
    for name, n in cell.pairs.items():
        if name == OTHER:
            return math.nan
        predicted, truth = name.split("\t")
        for label in (predicted, truth):
            sizes[label] = sizes.get(label, 0) + n
        if predicted == truth:
            hits[truth] = hits.get(truth, 0) + n
    each = [2 * hits.get(label, 0) / size for label, size in sizes.items() if size]
    return _share(math.fsum(each), len(each))


METRICS: dict[str, tuple[Callable[[Cell], float], Callable[[Cell], int]]] = {
    "records": (lambda c: float(c.records), lambda c: c.records),
    "labelled": (lambda c: float(c.labelled), lambda c: c.records),
    "coverage": (lambda c: _share(c.labelled, c.records), lambda c: c.records),
    "accuracy": (lambda c: _share(c.correct, c.labelled), lambda c: c.labelled),
    "f1_macro": (_f1_macro, lambda c: c.labelled),
    "latency_ms_mean": (lambda c: _share(c.latency_sum, c.records), lambda c: c.records),
    "latency_ms_p50": (lambda c: c.latency_quantile(0.5), lambda c: c.records),
    "latency_ms_p95": (lambda c: c.latency_quantile(0.95), lambda c: c.records),
    "latency_ms_p99": (lambda c: c.latency_quantile(0.99), lambda c: c.records),
    "mae": (lambda c: _share(c.errors[2], c.errors[0]), lambda c: int(c.errors[0])),
    "bias": (lambda c: _share(c.errors[1], c.errors[0]), lambda c: int(c.errors[0])),
    "rmse": (
        lambda c: (
            math.sqrt(max(0.0, _share(c.errors[3], c.errors[0]))) if c.errors[0] else math.nan
        ),
        lambda c: int(c.errors[0]),
    ),
}
"""What a cell tells: a value, and the observations that it rests on."""
