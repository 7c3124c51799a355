"""A model's metrics over a time, summed to as many points as a screen has."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from homeostat.dashboard.quality import CURVES, main_of
from homeostat.dashboard.sums import Cells, Floats, cells_of, column, grouped, sums_of, versions_of
from homeostat.runtime.cells import MINUTE, Cell, unpack_cell
from homeostat.stores.store import Store

MOST_CELLS = 200_000
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 43200)  # minutes
_PER_POINT, _FEWEST = 40, 24  # labels of a point on average, so that it says something; and points
_PROVISIONAL = 0.9  # share of the usual coverage below which the newest points may still move
_USUAL = 1_500  # labelled records that the reference band is drawn from
_FIRST_CELLS = 1_500
_EXACT = 6_000  # cells up to which latencies are told as quantiles, not as means


class Span(msgspec.Struct, frozen=True):
    """What is asked: from `start` to before `end` in microseconds, in at most so many points."""

    start: int
    end: int
    points: int = 300
    version: str | None = None


def step_of(span: int, points: int) -> int:
    """A step in microseconds that a reader can name, so that at most `points` fill the span."""
    minutes = span / MINUTE / max(1, points)
    return next((step for step in _STEPS if step >= minutes), _STEPS[-1]) * MINUTE


def charts(store: Store, model: int, span: Span) -> dict[str, Any]:
    """All metrics as columns, each with its interval and the extremes of the minutes within.

    Cost: a read of the cells of the span, some 3 µs each, at most 200,000.
    """
    read = cells_of(store, model, span.start, span.end, MOST_CELLS)
    every = sums_of(body for *_, body in read)
    rows = [row for row, cell in enumerate(read) if span.version in (None, cell[0])]
    cells = [read[row] for row in rows]
    if not cells:
        return {
            "at": [], "step_seconds": 60, "metrics": {}, "records": [], "labelled": [],
            "provisional_from": None, "main": "accuracy", "versions": by_version(read, every),
            "left_out": False,
        }  # fmt: skip
    starts = np.array([at for _, at, _ in cells], dtype=np.int64)
    sums = every[rows]
    first, last = int(starts.min()), int(starts.max()) + MINUTE
    labels = float(column(sums, "labelled").sum())
    points = min(span.points, max(_FEWEST, int(labels / _PER_POINT))) if labels else span.points
    step = step_of(last - max(first, span.start), points)
    origin = first - first % step
    n = (last - origin + step - 1) // step
    places = (starts - origin) // step
    table = grouped(sums, places, n)
    at = (origin + np.arange(n) * step) // 1000
    main = main_of(sums)
    metrics = {name: _told(name, sums, places, table) for name in CURVES if _fits(name, main)}
    if len(cells) <= _EXACT:
        metrics |= _latencies(cells, places, n)
    return {
        "at": at.tolist(),
        "step_seconds": step // 10**6,
        "main": main,
        "metrics": metrics,
        "records": column(table, "records").astype(int).tolist(),
        "labelled": column(table, "labelled").astype(int).tolist(),
        "provisional_from": provisional_from(at, table),
        "versions": by_version(read, every),
        "left_out": len(read) >= MOST_CELLS,
    }


def _fits(name: str, main: str) -> bool:
    return name != "accuracy" if main == "mae" else name not in ("mae", "bias")


def _told(name: str, sums: Floats, places: NDArray[np.int64], table: Floats) -> dict[str, Any]:
    curve = CURVES[name](table)
    told = {"value": _listed(curve.value), "n": [int(x) for x in curve.n]}
    if np.isfinite(curve.low).any():
        told |= {"low": _listed(curve.low), "high": _listed(curve.high)}
    if len(sums) > len(table):
        each = CURVES[name](sums).value
        known = np.isfinite(each)
        least, most = np.full(len(table), np.inf), np.full(len(table), -np.inf)
        np.minimum.at(least, places[known], each[known])
        np.maximum.at(most, places[known], each[known])
        told |= {"least": _listed(least), "most": _listed(most)}
    return told


def _latencies(cells: Cells, places: NDArray[np.int64], n: int) -> dict[str, Any]:
    merged = [Cell() for _ in range(n)]
    for (version, at, body), place in zip(cells, places.tolist(), strict=True):
        merged[place].merge(unpack_cell(body, f"cell {at} of {version}"))
    return {
        f"latency_p{round(q * 100)}": {
            "value": _listed(np.array([cell.latency_quantile(q) for cell in merged])),
            "n": [cell.records for cell in merged],
        }
        for q in (0.5, 0.95)
    }


def provisional_from(at: NDArray[np.int64], table: Floats) -> int | None:
    """Where the newest points begin whose labels are still to come, in milliseconds; None: nowhere.

    They lack more than a tenth of the labels that older points have.
    """
    there = np.flatnonzero(column(table, "records") > 0)
    shares = column(table, "labelled")[there] / column(table, "records")[there]
    older = shares[: max(1, len(shares) * 2 // 3)]
    if not len(older) or not older.max():
        return None
    full = np.flatnonzero(shares >= _PROVISIONAL * np.median(older))
    after = int(full[-1]) + 1 if len(full) else 0
    return int(at[there[after]]) if after < len(there) else None


def usual(store: Store, model: int, since: int, version: str | None) -> dict[str, Any] | None:
    """The first labelled records from a time on, as what is usual: sums, and from when to when.

    None where there are no labels. Cost: a read of at most 1,500 cells.
    """
    known = versions_of(store, model)
    if version not in known:
        version = known[0] if len(known) == 1 else None
    cells = store.database.execute(
        _OF_ONE if version else _OF_ALL,
        (model, version, since, _FIRST_CELLS) if version else (model, since, _FIRST_CELLS),
    )
    if not cells:
        return None
    sums = sums_of(bytes(body) for _, body in cells)
    labelled = np.cumsum(column(sums, "labelled"))
    if not labelled[-1]:
        return None
    wanted = min(_USUAL, max(1, labelled[-1] // 2))  # what is new is not yet usual
    end = int(np.searchsorted(labelled, wanted)) + 1
    total = sums[:end].sum(axis=0, keepdims=True)
    return {
        "from": cells[0][0] // 1000,
        "to": (cells[end - 1][0] + MINUTE) // 1000,
        "n": int(labelled[end - 1]),
        "sums": total,
    }


_OF_ALL = "SELECT start, body FROM cells WHERE model = ? AND start >= ? ORDER BY start LIMIT ?"
_OF_ONE = _OF_ALL.replace("= ? AND", "= ? AND version = ? AND", 1)


def band(usual: dict[str, Any] | None, main: str, told: dict[str, Any]) -> dict[str, Any] | None:
    """Where 99 of 100 points of the usual size lie, if all is as usual."""
    if usual is None or main not in CURVES:
        return None
    n = [x for x in told["metrics"].get(main, {}).get("n", []) if x > 0]
    curve = CURVES[main](usual["sums"])
    value, known = float(curve.value[0]), float(curve.n[0])
    if not n or value != value:
        return None
    size = float(np.median(n))
    if main == "accuracy":
        deviation = np.sqrt(max(value * (1 - value), 0.25 / known))
    else:
        deviation = float(curve.high[0] - curve.value[0]) / 1.96 * np.sqrt(known)
    half = float(2.5758 * deviation * np.sqrt(1 / size + 1 / known))
    high = value + half
    return {
        "value": value, "low": max(0.0, value - half),
        "high": min(1.0, high) if main == "accuracy" else high,
        "from": usual["from"], "to": usual["to"], "n": usual["n"],
    }  # fmt: skip


def by_version(read: Cells, sums: Floats) -> list[dict[str, Any]]:
    """Each version's figures over the span, the one with the newest records first."""
    own: dict[str, list[int]] = {}
    for row, (version, *_) in enumerate(read):
        own.setdefault(version, []).append(row)
    told = []
    for version, rows in own.items():
        total = sums[rows].sum(axis=0, keepdims=True)
        main = main_of(total)
        curve, slow = CURVES[main](total), CURVES["latency_ms"](total)
        told.append(
            {
                "version": version,
                "records": int(column(total, "records")[0]),
                "labelled": int(column(total, "labelled")[0]),
                "metric": main,
                "value": _one(curve.value[0]),
                "low": _one(curve.low[0]),
                "high": _one(curve.high[0]),
                "latency_ms": _one(slow.value[0]),
                "first": read[rows[0]][1] // 1000,
                "last": read[rows[-1]][1] // 1000,
            }
        )
    return sorted(told, key=lambda each: (-each["last"], each["version"]))


def _one(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _listed(values: Floats) -> list[float | None]:
    return [round(x, 6) if np.isfinite(x) else None for x in values.tolist()]
