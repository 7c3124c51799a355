"""Metrics over time, from the cells: exact whatever labels have come, changed or gone since."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec

from homeostat.runtime.cells import MINUTE, OTHER, Cell, unpack_cell
from homeostat.service.replies import number
from homeostat.stores.store import Store
from homeostat.times import EPOCH, from_micros, to_micros, to_text

MOST_POINTS = 5_000
_MOST_CELLS = 200_000
_YEAR = 366 * 1440  # minutes
_FIRST = to_micros(EPOCH.replace(year=1))


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


class Window(msgspec.Struct, frozen=True):
    """A part of the series: `start` to `end` in steps, microseconds; one version, or all."""

    start: int
    end: int
    step: int
    version: str | None = None


def series(store: Store, model: int, metric: str, window: Window) -> list[dict[str, Any]]:
    """The points of a metric, oldest first; windows without a record are left out."""
    value, n = METRICS[metric]
    points: dict[int, Cell] = {}
    for version, start, body in store.cells(model, window.start, window.end, _MOST_CELLS):
        if window.version is not None and version != window.version:
            continue
        cell = unpack_cell(body, f"cell {start} of {version}")
        at = start - start % window.step
        if at in points:
            points[at].merge(cell)
        else:
            points[at] = cell
    return [
        {
            "start": to_text(from_micros(max(at, _FIRST))),
            "value": number(value(cell)),
            "n": n(cell),
            "records": cell.records,
            "labelled": cell.labelled,
        }
        for at, cell in sorted(points.items())
    ]


def step_of(seconds: float) -> int:
    """A step in microseconds: whole minutes, one to a year of them."""
    return min(max(1, round(seconds / 60)), _YEAR) * MINUTE
