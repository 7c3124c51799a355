"""States in Arrow tables and Parquet files: a row for each place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike, fspath
from typing import Any

from homeostat.errors import InvalidInput, MissingExtra
from homeostat.profiles.state import Place, State

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:
    raise MissingExtra("frames", "pyarrow", "Keeping states") from error

PLACE = [
    ("model", pa.string()), ("version", pa.string()), ("segment", pa.string()),
    ("start", pa.timestamp("us", "UTC")),
]  # fmt: skip
STATES = pa.schema([*PLACE, ("state", pa.binary())])


def write_states(states: Mapping[Place, State], path: str | PathLike[str]) -> None:
    """Keep states in a Parquet file, as Spark's `profile` gives them."""
    rows = [(*place, state.to_bytes()) for place, state in states.items()]
    columns = zip(*rows, strict=True) if rows else [[] for _ in STATES]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, STATES, strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=STATES), fspath(path))


def read_states(path: str | PathLike[str]) -> list[tuple[Place, bytes]]:
    """The states of a Parquet file or folder, as bytes. InvalidInput where there are none."""
    try:
        table = pq.read_table(fspath(path), partitioning=None)
        missing = [field.name for field in STATES if field.name not in table.column_names]
    except (pa.ArrowException, OSError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        hint = "give Parquet with the states that homeostat.profiles or Spark wrote"
        raise InvalidInput(fspath(path), f"cannot be read: {first}", hint) from error
    if missing:
        hint = "give what write_states, or Spark's profile, wrote"
        raise InvalidInput(fspath(path), f"holds no states: {', '.join(missing)} missing", hint)
    return [row for batch in table.select(STATES.names).to_batches() for row in placed(batch)]


def placed(batch: Any) -> Iterator[tuple[Place, bytes]]:
    """The states of an Arrow batch."""
    times = batch.column("start").cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist()
    names = [batch.column(name).to_pylist() for name in ("model", "version", "segment")]
    for model, version, segment, at, body in zip(*names, times, batch.column("state"), strict=True):
        yield Place(model, version, segment, at), body.as_py()
