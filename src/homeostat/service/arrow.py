"""Arrow streams from the network: plain types only, within bounds, checked before they are read.

Arrow trusts what it reads: an offset beyond a buffer ends the process, and buffers may be packed,
shared or referred to so that megabytes become gigabytes. So a stream may hold only types that are
known to be checked in full, every batch of it is checked, and counted before it is taken apart.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.errors import InvalidInput, did_you_mean
from homeostat.runtime.ledger import Refusals
from homeostat.service.caps import check_record
from homeostat.service.problems import Problem
from homeostat.sources import layout
from homeostat.sources.chunk import Options
from homeostat.sources.frames import INDEX, check, chunks
from homeostat.sources.limits import RecordLimits

_MOST_MESSAGES = 10_000
_MOST_CELLS = 20_000_000
_MOST_TEXT = 256 << 20  # bytes of all texts of a stream, each as often as a row has it

_FLAT = (
    pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_string,
    pa.types.is_large_string, pa.types.is_timestamp,
)  # fmt: skip
_FAULTS = (pa.ArrowException, OSError, ValueError, struct.error)


def batches_of(
    body: bytes, most_rows: int, limits: RecordLimits
) -> Iterator[tuple[Batch, NDArray[np.int64], Refusals]]:
    """Batches, the rows of the request that their records were, and the rows that are none."""
    try:
        _check_messages(body)
        reader = pa.ipc.open_stream(body)
        _check_schema(reader.schema, limits)
        _check_known(reader.schema.names)
        check(reader.schema, Options(), "the stream")
        found = list(_checked(reader, most_rows, limits))
    except InvalidInput as error:
        raise Problem(422, "invalid columns", str(error)) from None
    except _FAULTS as error:
        first = str(error).strip().splitlines()[0][:300] if str(error).strip() else "it is damaged"
        raise Problem(400, "invalid Arrow", f"the body is no valid Arrow stream: {first}") from None
    yield from _numbered(found, most_rows, limits)


def _numbered(
    found: list[Any], most_rows: int, limits: RecordLimits
) -> Iterator[tuple[Batch, NDArray[np.int64], Refusals]]:
    start = 0
    for chunk in chunks(found, "the stream", Options(rows=most_rows)):
        refused = [(each.number, _bare(each.error)) for each in chunk.rejects]
        end = start + len(chunk.batch) + len(refused)
        numbers = np.setdiff1d(np.arange(start, end), [row for row, _ in refused])
        yield (*_within(chunk.batch, numbers, refused, limits), refused)
        start = end


def _bare(error: InvalidInput) -> InvalidInput:
    return InvalidInput(error.field, error.problem, error.hint)


def _within(
    batch: Batch, numbers: NDArray[np.int64], refused: Refusals, limits: RecordLimits
) -> tuple[Batch, NDArray[np.int64]]:
    """The batch without the records whose metadata is too large; the columns were looked at."""
    metadata = batch.column("metadata").tolist()
    gone = []
    for row in [row for row, own in enumerate(metadata) if own is not None]:
        try:
            check_record(batch[row], limits)
        except InvalidInput as error:
            refused.append((int(numbers[row]), error))
            gone.append(row)
    if not gone:
        return batch, numbers
    kept = np.setdiff1d(np.arange(len(batch)), gone)
    return batch.take(kept), numbers[kept]


# Before Arrow reads it ----------------------------------------------------------------------------


def _check_messages(body: bytes) -> None:
    """Count the messages, and refuse packed ones, which may unpack to any size."""
    stream = pa.BufferReader(body)
    for number, message in enumerate(pa.ipc.MessageReader.open_stream(stream)):
        if number >= _MOST_MESSAGES:
            raise Problem(413, "too many", f"a stream has at most {_MOST_MESSAGES:,} batches")
        if message.type != "schema" and _is_packed(message):
            raise Problem(
                415, "packed buffers", "the buffers of this stream are compressed one by one",
                "write it without compression, and pack the body with Content-Encoding: zstd",
            )  # fmt: skip
    if stream.tell() < len(body):
        raise ValueError("something follows its end")


def _is_packed(message: Any) -> bool:
    """Whether a message names a compression; reads the one field of its header that says so."""
    head = message.metadata.to_pybytes()
    table = _below(head, 0)
    batch = _below(head, _field(head, table, 2))
    if message.type == "dictionary":
        batch = _below(head, _field(head, batch, 1))
    return _field(head, batch, 3) != 0


def _below(head: bytes, at: int) -> int:
    return at + int(struct.unpack_from("<I", head, at)[0])


def _field(head: bytes, table: int, number: int) -> int:
    """Where a field of a FlatBuffers table is; 0 when it is not there."""
    index = table - struct.unpack_from("<i", head, table)[0]
    size = struct.unpack_from("<H", head, index)[0]
    at = 4 + 2 * number
    offset = struct.unpack_from("<H", head, index + at)[0] if at < size else 0
    return table + offset if offset else 0


def _check_schema(schema: Any, limits: RecordLimits) -> None:
    names = 0
    for field in schema:
        kind = field.type
        if pa.types.is_struct(kind) and field.name in ("features", "scores"):
            flat = all(_is_flat(inner.type) for inner in kind)
            inner_names = [inner.name for inner in kind]
        else:
            flat = _is_flat(kind.value_type if pa.types.is_dictionary(kind) else kind)
            inner_names = [field.name]
        names += len(inner_names)
        if not flat:
            raise Problem(
                422, "invalid columns", f"column {field.name[:64]!r} has the type {kind}"[:300],
                "use numbers, booleans, text and timestamps with a zone",
            )  # fmt: skip
        for name in inner_names:
            if len(name.encode()) > limits.name:
                raise InvalidInput(name[:64], f"has a name of more than {limits.name} bytes")
        if len(set(inner_names)) < len(inner_names):
            raise InvalidInput(field.name, "names a field twice", "name each once")
    if names > limits.features + 100:
        raise Problem(413, "too many columns", f"a stream has at most {limits.features + 100:,}")


def _check_known(names: list[str]) -> None:
    """Refuse a column that is no field, with the name it has as a feature."""
    for name in names:
        if layout.is_known(name) or name.startswith(INDEX):
            continue
        near = did_you_mean(name, layout.KNOWN)
        feature = f"a feature is a column 'features.{name}', or a field of the struct 'features'"
        hint = f"{near} Otherwise {feature}" if near.endswith("?") else feature
        raise InvalidInput(name, "is no field of a record", hint)


def _is_flat(kind: Any) -> bool:
    return any(test(kind) for test in _FLAT) and not pa.types.is_float16(kind)


# As it is read ------------------------------------------------------------------------------------


def _checked(reader: Any, most_rows: int, limits: RecordLimits) -> Iterator[Any]:
    rows = cells = text = 0
    for batch in reader:
        rows += batch.num_rows
        cells += batch.num_rows * sum(_width(field.type) for field in batch.schema)
        if rows > most_rows or cells > _MOST_CELLS:
            raise Problem(413, "too many", f"a stream has at most {most_rows:,} rows and "
                          f"{_MOST_CELLS:,} cells", "send several")  # fmt: skip
        batch.validate(full=True)
        for name, column in _flattened(batch):
            text += _text_of(name, column, limits)
        if text > _MOST_TEXT:
            raise Problem(413, "too large", f"the texts have more than {_MOST_TEXT:,} bytes")
        if batch.num_rows:
            yield batch


def _width(kind: Any) -> int:
    return kind.num_fields if pa.types.is_struct(kind) else 1


def _flattened(batch: Any) -> Iterator[tuple[str, Any]]:
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if pa.types.is_struct(field.type):
            for inner, values in zip(field.type, column.flatten(), strict=True):
                yield f"{field.name}.{inner.name}", values
        else:
            yield field.name, column


def _text_of(name: str, column: Any, limits: RecordLimits) -> int:
    """Bytes of a column's texts; raises InvalidInput where one is too long."""
    values = column.dictionary if pa.types.is_dictionary(column.type) else column
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return 0
    sizes = pc.binary_length(values).cast(pa.int64())
    most = limits.bytes if name == "metadata" else limits.text
    longest = pc.max(sizes).as_py() or 0
    if longest > most:
        raise InvalidInput(name, f"holds a text of {longest:,} bytes, at most {most:,} are taken")
    if values is not column:
        sizes = pc.take(sizes, column.indices)
    return int(pc.sum(sizes).as_py() or 0)
