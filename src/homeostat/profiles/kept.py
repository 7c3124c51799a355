"""States in Arrow tables and Parquet files: a row for each place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
_AT_ONCE = 64  # states that are unpacked before their size is looked at


def write_states(states: Mapping[Place, State], path: str | PathLike[str]) -> None:
    """Keep states in a Parquet file, as Spark's `profile` gives them."""
    rows = [(place, state.to_bytes()) for place, state in states.items()]
    pq.write_table(_table(rows), fspath(path))


def states_body(rows: Iterable[tuple[Place, bytes]]) -> bytes:
    """States as the bytes of a Parquet file, as small as they get."""
    sink = pa.BufferOutputStream()
    pq.write_table(_table(rows), sink, compression="zstd", use_dictionary=False)
    return bytes(sink.getvalue())


def _table(rows: Iterable[tuple[Place, bytes]]) -> Any:
    flat = [(*place, body) for place, body in rows]
    columns = zip(*flat, strict=True) if flat else [[] for _ in STATES]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, STATES, strict=True)]
    return pa.Table.from_arrays(arrays, schema=STATES)


def read_states(path: str | PathLike[str]) -> list[tuple[Place, bytes]]:
    """The states of a Parquet file or folder, as bytes. InvalidInput where there are none."""
    try:
        table = pq.read_table(fspath(path), partitioning=None)
        missing = [field.name for field in STATES if field.name not in table.column_names]
    except (pa.ArrowException, OSError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        hint = "give Parquet with the states that homeostat.profiles or Spark wrote"
        raise InvalidInput(fspath(path), f"cannot be read: {first}", hint) from error
    _refuse_missing(missing, fspath(path))
    return [row for batch in table.select(STATES.names).to_batches() for row in placed(batch)]


def states_of(body: bytes, most: int, what: str) -> list[tuple[Place, bytes]]:
    """The states in the bytes of a Parquet file that nobody vouches for.

    Raises InvalidInput where there are none, or they unpack to more than `most` bytes.
    """
    rows: list[tuple[Place, bytes]] = []
    left = most
    try:
        file = pq.ParquetFile(pa.BufferReader(body))
        names = file.schema_arrow.names
        _refuse_missing([name for name in STATES.names if name not in names], what)
        for batch in file.iter_batches(_AT_ONCE, columns=STATES.names):
            left -= batch.nbytes
            if left < 0:
                hint = "send them in several requests"
                raise InvalidInput(what, f"unpack to more than {most:,} bytes", hint)
            rows += placed(batch.cast(STATES))
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, InvalidInput):
            raise
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        hint = "send Parquet with the states that homeostat.profiles or Spark wrote"
        raise InvalidInput(what, f"cannot be read: {first}", hint) from error
    return rows


def _refuse_missing(missing: Sequence[str], what: str) -> None:
    if missing:
        hint = "give what write_states, or Spark's profile, wrote"
        raise InvalidInput(what, f"holds no states: {', '.join(missing)} missing", hint)


def placed(batch: Any) -> Iterator[tuple[Place, bytes]]:
    """The states of an Arrow batch."""
    times = batch.column("start").cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist()
    names = [batch.column(name).to_pylist() for name in ("model", "version", "segment")]
    for model, version, segment, at, body in zip(*names, times, batch.column("state"), strict=True):
        yield Place(model, version, segment, at), body.as_py()
