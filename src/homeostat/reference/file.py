"""A reference as bytes: MessagePack with a version number, checked throughout when read."""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from homeostat.errors import SnapshotMismatch
from homeostat.reference.columns import Kind
from homeostat.reference.fitting import Fitted
from homeostat.reference.grid import CategoryGrid, NumberGrid
from homeostat.reference.hours import HOURS, MOST, Season
from homeostat.reference.tally import CategoryTally, NumberTally

VERSION = 1
_LARGEST = 2**62  # of a count


class _Season(msgspec.Struct, forbid_unknown_fields=True):
    groups: bytes
    counts: bytes


class _Column(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: str
    counts: bytes
    missing: int
    strays: dict[str, int]
    dependence: float
    season: _Season | None = None


class _Numbers(_Column, tag="numbers", forbid_unknown_fields=True, kw_only=True):
    kind: Literal["number", "time", "truth"]
    whole: bool
    origin: int | float
    fitted: int
    edges: bytes
    sums: bytes
    square: float
    low: int | float
    high: int | float
    below: int
    above: int


class _Categories(_Column, tag="categories", forbid_unknown_fields=True, kw_only=True):
    kind: Literal["category", "mixed", "empty"]
    categories: list[str]
    complete: bool
    hashed: bool


class File(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """All that a file holds."""

    homeostat: Literal["reference"] = "reference"
    version: int = VERSION
    rows: int
    time: str | None
    hours: bytes
    columns: list[_Numbers | _Categories]


def packed(counts: NDArray[np.int64]) -> bytes:
    """Whole numbers from 0 in the narrowest type that holds them, which the first byte names."""
    width = next(w for w in (1, 2, 4, 8) if int(counts.max(initial=0)) < 1 << 8 * w)
    return bytes([width]) + counts.astype(f"<u{width}").tobytes()


def unpacked(data: bytes, length: int) -> NDArray[np.int64]:
    """What `packed` wrote; SnapshotMismatch for another length."""
    width = data[0] if data else 0
    _check(width in (1, 2, 4, 8) and len(data) == 1 + width * length, "counts")
    found = np.frombuffer(data, f"<u{width}", offset=1)
    _check(int(found.max(initial=0)) < _LARGEST, "counts")
    return found.astype(np.int64)


def encoded(
    columns: dict[str, Fitted], rows: int, time: str | None, hours: NDArray[np.int64]
) -> bytes:
    """The bytes of a file: the same data give the same bytes."""
    packed_columns = [_out(name, fitted) for name, fitted in columns.items()]
    file = File(rows=rows, time=time, hours=packed(hours), columns=packed_columns)
    return msgspec.msgpack.encode(file)


def _out(name: str, fitted: Fitted) -> _Numbers | _Categories:
    tally, season = fitted.tally, fitted.season
    common: dict[str, Any] = {
        "name": name,
        "counts": packed(tally.counts),
        "missing": tally.missing,
        "strays": dict(sorted(tally.strays.items())),
        "dependence": float(fitted.dependence),
        "season": season and _Season(season.groups.tobytes(), packed(season.counts)),
        "kind": tally.grid.kind,
    }
    if isinstance(tally, CategoryTally):
        grid = tally.grid
        return _Categories(
            **common,
            categories=list(grid.categories),
            complete=grid.complete,
            hashed=grid.hashed,
        )
    return _Numbers(
        **common,
        whole=tally.grid.edges.dtype == np.int64,
        origin=tally.grid.origin,
        fitted=tally.grid.fitted,
        edges=tally.grid.edges.astype(tally.grid.edges.dtype.newbyteorder("<")).tobytes(),
        sums=tally.sums.astype("<f8").tobytes(),
        square=tally.square,
        low=tally.low,
        high=tally.high,
        below=tally.below,
        above=tally.above,
    )


def decoded(data: bytes) -> tuple[dict[str, Fitted], int, str | None, NDArray[np.int64]]:
    """Columns, rows, time column and hours; SnapshotMismatch for anything that is not right."""
    try:
        file = msgspec.msgpack.decode(data, type=File)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise SnapshotMismatch(f"these bytes are no reference: {error}") from error
    if file.version != VERSION:
        raise SnapshotMismatch(
            f"this reference has the version {file.version}, and this homeostat reads {VERSION}; "
            "fit it again, or install the version that wrote it"
        )
    columns = {column.name: _in(column) for column in file.columns}
    _check(len(columns) == len(file.columns), "columns")
    _check(0 <= file.rows < _LARGEST, "rows")
    return columns, file.rows, file.time, unpacked(file.hours, HOURS)


def _in(column: _Numbers | _Categories) -> Fitted:
    _check(0 <= column.missing < _LARGEST, "missing")
    _check(all(0 <= count < _LARGEST for count in column.strays.values()), "strays")
    _check(1 <= column.dependence < math.inf, "dependence")
    tally: NumberTally | CategoryTally
    tally = _category_tally(column) if isinstance(column, _Categories) else _number_tally(column)
    tally.missing, tally.strays = column.missing, dict(column.strays)
    season = None if column.season is None else _season(column.season, len(tally.counts))
    return Fitted(tally, column.dependence, season)


def _category_tally(column: _Categories) -> CategoryTally:
    grid = CategoryGrid(column.kind, column.categories, column.complete, column.hashed)
    _check(len(set(column.categories)) == len(column.categories), "categories")
    tally = CategoryTally(grid)
    tally.counts = unpacked(column.counts, len(grid))
    return tally


def _number_tally(column: _Numbers) -> NumberTally:
    _check(len(column.edges) % 8 == 0, "edges")
    edges = np.frombuffer(column.edges, "<i8" if column.whole else "<f8")
    edges = edges.astype(np.int64 if column.whole else np.float64)
    _check(bool(np.isfinite(edges).all() and (edges[1:] > edges[:-1]).all()), "edges")
    _check(-(2**63) <= column.origin < 2**63 if column.whole else _finite(column.origin), "origin")
    _check(isinstance(column.origin, int) or not column.whole, "origin")
    _check(0 <= column.fitted < _LARGEST, "fitted")
    grid = NumberGrid(_kind(column.kind), edges, column.origin, column.fitted)
    tally = NumberTally(grid)
    tally.counts = unpacked(column.counts, len(grid))
    _check(len(column.sums) == 8 * len(grid), "sums")
    tally.sums = np.frombuffer(column.sums, "<f8").astype(np.float64)
    _check(not (np.isnan(tally.sums).any() or math.isnan(column.square)), "sums")
    tally.square = column.square
    empty = not tally.counts.any()
    _check((column.low > column.high) if empty else column.low <= column.high, "low and high")
    tally.low, tally.high = column.low, column.high
    _check(min(column.below, column.above) >= 0, "infinite values")
    _check(max(column.below, column.above) < _LARGEST, "infinite values")
    tally.below, tally.above = column.below, column.above
    return tally


def _finite(value: float) -> bool:
    return abs(value) < 1.8e308


def _kind(kind: Kind) -> Kind:
    return kind


def _season(season: _Season, cells: int) -> Season:
    groups = np.frombuffer(season.groups, np.uint8).copy()
    _check(len(groups) == cells and int(groups.max(initial=0)) < MOST, "season")
    wide = int(groups.max(initial=0)) + 1
    return Season(groups, unpacked(season.counts, HOURS * wide).reshape(HOURS, wide))


def _check(right: bool, what: str) -> None:
    if not right:
        raise SnapshotMismatch(f"this reference is damaged: its {what} cannot be right")
