"""Arrow's columns as a record's: what Parquet and Arrow files have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np

from homeostat.batch import Batch
from homeostat.errors import InvalidInput, MissingExtra
from homeostat.formats import Table
from homeostat.intake import Faults
from homeostat.sources import layout
from homeostat.sources.chunk import Chunk, Options, Reject, assembled
from homeostat.sources.numbers import numbers_of
from homeostat.sources.opening import Opened
from homeostat.times import EPOCH, from_micros, to_micros

try:
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError as error:
    raise MissingExtra("frames", "pyarrow", "Reading Parquet and Arrow files") from error

_NAIVE_HINT = (
    'write it with one: pandas .dt.tz_localize("UTC"), polars .dt.replace_time_zone("UTC"), '
    'pyarrow.compute.assume_timezone(column, "UTC")'
)
INDEX = "__index_level_"  # a data frame's index, which pandas writes as a column
_FIRST = to_micros(EPOCH.replace(year=1))
_LAST = to_micros(EPOCH.replace(year=9999, month=12, day=31, hour=23, minute=59, second=59))


@contextmanager
def readable(name: str, kind: str) -> Iterator[None]:
    """Turns Arrow's complaints about a file into an error that names it."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        first = str(error).strip().splitlines()[0]
        raise InvalidInput(name, f"cannot be read as {kind}: {first}", "write it again") from error


def read(schema: Any, batches: Iterable[Any], opened: Opened, options: Options) -> Iterator[Chunk]:
    """The records of a file's batches, homeostat's own or of somebody else's log."""
    rest = iter(batches)
    first = next(rest, None)
    traffic = None
    if first is not None and first.num_rows:
        traffic = opened.traffic(lambda: _table(first.slice(0, _SAMPLE), 0, opened.name, options))
    every = rest if first is None else chain([first], rest)
    if traffic is None:
        check(schema, options, opened.name)
        yield from chunks(every, opened.name, options, opened.skip)
        return
    for row, part in _parts(every, options.rows, opened.skip):
        table = _table(part, row, opened.name, options)
        yield traffic.chunk(table, [], options.strict)._replace(end=row + part.num_rows)


_SAMPLE = 20


def _table(part: Any, first: int, name: str, options: Options) -> Table:
    """A batch as columns of any kind; naive times are UTC where nothing else is stated."""
    utc = options.zone in (None, "UTC")
    columns = {
        field: _free(column, utc)
        for field, column in zip(part.schema.names, part.columns, strict=True)
    }
    numbers = range(first, first + part.num_rows)
    return Table(columns, numbers, name, "row", lambda row: _shown(part, row))


def _free(column: Any, utc: bool) -> Any:
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.tz is None and utc:
        return _times(column.cast(pa.timestamp(kind.unit, "UTC")))
    if pa.types.is_boolean(kind) and not column.null_count:
        return column.to_numpy(zero_copy_only=False)
    return _plain(column)


def _parts(batches: Iterable[Any], size: int, skip: int) -> Iterator[tuple[int, Any]]:
    """Batches of bounded size with the number of their first row, without the first `skip`."""
    row = 0
    for large in batches:
        gone = min(max(skip - row, 0), large.num_rows)
        for at in range(gone, large.num_rows, size):
            yield row + at, large.slice(at, size)
        row += large.num_rows


def chunks(
    batches: Iterable[Any], name: str, options: Options, skip: int = 0
) -> Iterator[Chunk]:  # fmt: skip
    """Record batches as chunks of bounded size; rows are counted from 0 through the file."""
    for row, part in _parts(batches, options.rows, skip):
        yield _chunk(part, row, name, options)._replace(end=row + part.num_rows)


def _chunk(part: Any, first: int, name: str, options: Options) -> Chunk:
    columns = _columns(part, options)
    faults: Faults = []
    if "metadata" in columns:
        columns["metadata"], faults = _metadata(columns["metadata"])
    refused: Faults = []
    batch = Batch.from_mapping(layout.gathered(columns), refused)
    numbers = list(range(first, first + part.num_rows))
    if faults:
        gone, bad = ({row for row, _ in some} for some in (refused, faults))
        left = [row for row in range(part.num_rows) if row not in gone]  # those in the batch
        batch = batch.take(np.flatnonzero([row not in bad for row in left]))
    found = dict(reversed(faults + refused))
    rejects = [
        Reject.of(error, name, "row", numbers[row], _shown(part, row))
        for row, error in found.items()
    ]
    return assembled(batch, numbers, rejects, options.strict)


def _shown(part: Any, row: int) -> str:
    try:
        return str(part.slice(row, 1).to_pylist()[0])
    except (ValueError, OverflowError):  # text that is no UTF-8, a time beyond the calendar
        return ""


def _metadata(values: Any) -> tuple[list[Any], Faults]:
    kept: list[Any] = []
    faults: Faults = []
    for row, value in enumerate(values):
        try:
            kept.append(layout.from_text(value))
        except InvalidInput as error:
            faults.append((row, error))
            kept.append(None)
    return kept, faults


def check(schema: Any, options: Options, name: str) -> None:
    """Refuse a table whose columns make no records."""
    fields = [field for field in schema if not field.name.startswith(INDEX)]
    layout.check([field.name for field in fields], options.unknown, name)
    for field in fields:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if field.name == "created_at" and pa.types.is_timestamp(kind) and kind.tz is None:
            raise InvalidInput(field.name, "holds times without a zone", _NAIVE_HINT, name)
        if field.name in layout.NESTED and not (pa.types.is_struct(kind) or pa.types.is_map(kind)):
            problem = f"must be a struct or a map of names to values, is {kind}"
            raise InvalidInput(field.name, problem, f"or name columns {field.name}.x", name)


def _columns(part: Any, options: Options) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    extra: dict[str, list[Any]] = {}
    for name, column in zip(part.schema.names, part.columns, strict=True):
        if name in layout.NESTED:
            columns |= {f"{name}.{key}": values for key, values in _members(column)}
        elif layout.is_known(name):
            columns[name] = _plain(column)
        elif options.unknown in ("features", "metadata") and not name.startswith(INDEX):
            extra[name] = column.to_pylist()
    if "model" in columns:
        columns["model"] = [model or "default" for model in columns["model"]]
    if options.unknown == "features":
        return layout.with_features(columns, extra)
    if extra:
        own = columns.get("metadata", [None] * part.num_rows)
        columns["metadata"] = layout.metadata_rows(own, extra)
    return columns


def _members(column: Any) -> Iterator[tuple[str, Any]]:
    if pa.types.is_struct(column.type):
        for field, values in zip(column.type, column.flatten(), strict=True):
            yield field.name, _plain(values)
        return
    rows = [dict(row or ()) for row in column.to_pylist()]
    for key in dict.fromkeys(key for row in rows for key in row):
        yield key, [row.get(key) for row in rows]


def _plain(column: Any) -> Any:
    """An Arrow array as numpy or a list, with None for null."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.dictionary_decode())
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return _times(column)
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif pa.types.is_float16(kind):
        column = column.cast(pa.float32())
    elif _is_text(kind):
        return _text(column)
    if pa.types.is_floating(column.type) or (pa.types.is_integer(kind) and not column.null_count):
        return numbers_of(column)
    return column.to_pylist()


def _is_text(kind: Any) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
             pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)  # fmt: skip
    return any(test(kind) for test in tests)


def _text(column: Any) -> Any:
    try:
        return column.cast(pa.large_string()).to_numpy(zero_copy_only=False)
    except (pa.ArrowException, UnicodeError):
        # A byte that is no UTF-8 becomes a lone surrogate, which the record's checks refuse.
        cells = column.cast(pa.large_binary()).to_pylist()
        return [cell if cell is None else cell.decode(errors="surrogateescape") for cell in cells]


def _times(column: Any) -> Any:
    """Times as datetime64 in UTC; where one is null or beyond the calendar, as a list."""
    exact = pc.CastOptions(target_type=pa.timestamp("us", "UTC"), allow_time_truncate=True)
    try:
        micros = column.cast(options=exact).cast(pa.int64())
    except pa.ArrowInvalid:  # seconds or milliseconds beyond what microseconds can count
        times = 1_000_000 if column.type.unit == "s" else 1_000
        units = column.cast(pa.int64()).to_pylist()
        return [_moment(unit if unit is None else unit * times) for unit in units]
    if not micros.null_count:
        values = numbers_of(micros)
        if not len(values) or (values.min() >= _FIRST and values.max() <= _LAST):
            return values.view("datetime64[us]")
    return [_moment(value) for value in micros.to_pylist()]


def _moment(micros: int | None) -> Any:
    if micros is None:
        return None
    within = _FIRST <= micros <= _LAST
    return from_micros(micros) if within else f"{micros} µs after 1970"
