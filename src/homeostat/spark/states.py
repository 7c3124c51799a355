"""What Spark's workers do with states: count, merge neighbours, and tell what they say.

Functions of Arrow batches, told by bytes what to do, so that Spark has nothing to pickle but the
name of a function and these bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa

from homeostat.profiles import Counting, Place, Plan, State, compared, measured
from homeostat.profiles.arrow import rows_of
from homeostat.profiles.kept import PLACE, STATES, placed
from homeostat.profiles.reading import partials
from homeostat.profiles.rows import Coded, Rows
from homeostat.profiles.told import Compared, Measured

KEYS = ["model", "version", "segment", "start"]
STATE = "model string, version string, segment string, start timestamp, state binary"
METRIC = (
    "model string, version string, segment string, start timestamp, metric string, "
    "value double, n long"
)
COMPARISON = (
    "model string, version string, segment string, start timestamp, column string, test string, "
    "verdict string, drift boolean, statistic double, p_value double, p_adjusted double, "
    "effect double, n long, missing long, note string"
)

_METRIC = pa.schema([*PLACE, ("metric", pa.string()), ("value", pa.float64()), ("n", pa.int64())])
_COMPARISON = pa.schema(
    [
        *PLACE, ("column", pa.string()), ("test", pa.string()), ("verdict", pa.string()),
        ("drift", pa.bool_()), ("statistic", pa.float64()), ("p_value", pa.float64()),
        ("p_adjusted", pa.float64()), ("effect", pa.float64()), ("n", pa.int64()),
        ("missing", pa.int64()), ("note", pa.string()),
    ]
)  # fmt: skip
_BYTES = 1 << 23  # of states handed over together
_ROWS = 10_000  # of what they tell

Batches = Iterable[Any]


def counted(kept: bytes, batches: Batches) -> Iterator[Any]:
    """Rows of a partition to its states."""
    return _packed(partials(batches, Plan.from_bytes(kept)))


def counted_together(kept: bytes, batches: Batches) -> Iterator[Any]:
    """Rows of a partition to one state, whatever their model, version and time."""
    plan = Plan.from_bytes(kept)
    counting = Counting(plan)
    for batch in batches:
        counting.add(_together(rows_of(batch, plan.features)))
    yield from _packed((place, state.to_bytes()) for place, state in counting.drain())


def _together(rows: Rows) -> Rows:
    all_of_them = Coded(["all"], np.zeros(rows.n, np.int64))
    return rows._replace(model=all_of_them, version=all_of_them)


def merged(kept: bytes, batches: Batches) -> Iterator[Any]:
    """States sorted by place to one for each place."""
    plan = Plan.from_bytes(kept)
    return _packed((place, _sum(plan, place, bodies)) for place, bodies in _places(batches))


def _sum(plan: Plan, place: Place, bodies: Iterator[bytes]) -> bytes:
    first = next(bodies)
    state: State | None = None
    for body in bodies:
        usual = plan.reference(place.model)
        state = State.from_bytes(first, usual) if state is None else state
        state.merge(State.from_bytes(body, usual))
    return first if state is None else state.to_bytes()


def metrics(kept: bytes, batches: Batches) -> Iterator[Any]:
    """States to the values of their metrics."""
    plan = Plan.from_bytes(kept)
    rows = (
        row
        for place, bodies in _places(batches)
        for body in bodies
        for row in measured(place, State.from_bytes(body, plan.reference(place.model)))
    )
    return _told(rows, _METRIC)


def comparisons(kept: bytes, alpha: float, batches: Batches) -> Iterator[Any]:
    """States to the comparisons of their columns with the reference."""
    return _told(_compared(Plan.from_bytes(kept), alpha, batches), _COMPARISON)


def _compared(plan: Plan, alpha: float, batches: Batches) -> Iterator[Compared]:
    for place, bodies in _places(batches):
        usual = plan.reference(place.model)
        for body in bodies if usual is not None else ():
            assert usual is not None
            yield from compared(place, State.from_bytes(body, usual), usual, alpha)


def states_of(table: Any, plan: Plan) -> Iterator[tuple[Place, State]]:
    """The states of an Arrow table of them."""
    for place, bodies in _places(table.to_batches()):
        for body in bodies:
            yield place, State.from_bytes(body, plan.reference(place.model))


def _places(batches: Batches) -> Iterator[tuple[Place, Iterator[bytes]]]:
    rows = (row for batch in batches for row in placed(batch))
    return ((place, (body for _, body in own)) for place, own in groupby(rows, lambda row: row[0]))


def _packed(states: Iterable[tuple[Place, bytes]]) -> Iterator[Any]:
    rows: list[tuple[Any, ...]] = []
    size = 0
    for place, body in states:
        rows.append((*place, body))
        size += len(body)
        if size >= _BYTES:
            yield _batch(rows, STATES)
            rows, size = [], 0
    yield _batch(rows, STATES)


def _told(told: Iterable[Measured | Compared], schema: Any) -> Iterator[Any]:
    rows: list[tuple[Any, ...]] = []
    for row in told:
        rows.append(tuple(row))
        if len(rows) >= _ROWS:
            yield _batch(rows, schema)
            rows = []
    yield _batch(rows, schema)


def _batch(rows: list[tuple[Any, ...]], schema: Any) -> Any:
    columns = zip(*rows, strict=True) if rows else [[] for _ in schema]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
