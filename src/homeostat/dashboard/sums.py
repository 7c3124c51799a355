"""Cells as a few numbers each: what charts and sparklines add up, read as fast as it can be."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

from homeostat.stores.packing import unsealed
from homeostat.stores.store import Store

Floats = NDArray[np.float64]
Cells = list[tuple[str, int, bytes]]
"""Version, start in microseconds, and body."""

FIELDS = ("records", "labelled", "correct", "latency", "errors", "bias", "absolute", "square")
"""The columns of a table of sums: counts, and sums over the records of a cell."""


class Brief(msgspec.Struct, array_like=True, gc=False):
    """A cell without what is not added up here; the fields are those of `runtime.cells.Cell`."""

    records: int = 0
    labelled: int = 0
    correct: int = 0
    latency_sum: float = 0.0
    latency: msgspec.Raw = msgspec.Raw(b"\x80")
    pairs: msgspec.Raw = msgspec.Raw(b"\x80")
    errors: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


_DECODER = msgspec.msgpack.Decoder(Brief)


def sums_of(bodies: Iterable[bytes]) -> Floats:
    """A row for each cell, its columns as in FIELDS; raises Damaged. About 1.5 µs a cell."""
    rows = []
    for body in bodies:
        cell = _DECODER.decode(unsealed(body, "a cell"))
        rows.append((cell.records, cell.labelled, cell.correct, cell.latency_sum, *cell.errors))
    return np.array(rows, dtype=np.float64).reshape(-1, len(FIELDS))


def cells_of(store: Store, model: int, start: int, end: int, limit: int) -> Cells:
    """(version, start, body) of a model's cells within a time, by version, then in order.

    The newest of each version where they are too many. Seeks by version, so that a look at the
    latest minutes of a long history reads these alone.
    """
    found: Cells = []
    for version in versions_of(store, model):
        rows = store.database.execute(_CELLS, (model, version, start, end, limit))
        found += [(version, at, bytes(body)) for at, body in reversed(rows)]
    return found


def versions_of(store: Store, model: int) -> list[str]:
    """The versions that have cells, in the order of their names; a seek for each."""
    found: list[str] = []
    while True:
        values = (model, found[-1]) if found else (model,)
        version = store.database.execute(_NEXT if found else _FIRST, values)[0][0]
        if version is None:
            return found
        found.append(version)


_CELLS = (
    "SELECT start, body FROM cells WHERE model = ? AND version = ? AND start >= ? AND start < ? "
    "ORDER BY start DESC LIMIT ?"
)
_FIRST = "SELECT MIN(version) FROM cells WHERE model = ?"
_NEXT = _FIRST + " AND version > ?"


def column(sums: Floats, name: str) -> Floats:
    """One column of such a table."""
    found: Floats = sums[..., FIELDS.index(name)]
    return found


def grouped(sums: Floats, places: NDArray[np.int64], n: int) -> Floats:
    """The rows added up by place, in a table of `n` rows."""
    out = np.zeros((n, len(FIELDS)))
    np.add.at(out, places, sums)
    return out
