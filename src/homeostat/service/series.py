"""Metrics over time, from the cells: exact whatever labels have come, changed or gone since."""

from __future__ import annotations

from typing import Any

import msgspec

from homeostat.runtime.cells import MINUTE, Cell, unpack_cell
from homeostat.runtime.measures import METRICS
from homeostat.service.replies import number
from homeostat.stores.store import Store
from homeostat.times import EPOCH, from_micros, to_micros, to_text

MOST_POINTS = 5_000
_MOST_CELLS = 200_000
_YEAR = 366 * 1440  # minutes
_FIRST = to_micros(EPOCH.replace(year=1))


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
