"""Facts as bytes: a batch of records, or of labels, as columns with a checksum before them."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.errors import SnapshotMismatch
from homeostat.intake import object_array
from homeostat.state import from_bytes, to_bytes
from homeostat.stores.faults import Damaged

_PLAIN = (
    "model_version", "predicted_label", "ground_truth_label", "latency_ms", "created_at",
    "record_id", "score",
)  # fmt: skip
_NESTED = ("scores", "features")
_FORMAT = 1


def sealed(body: bytes) -> bytes:
    """The bytes with their version and checksum before them."""
    return bytes([_FORMAT]) + zlib.crc32(body).to_bytes(4, "little") + body


def unsealed(kept: bytes, what: str) -> bytes:
    """What was sealed; raises Damaged, naming `what`, unless it is just that."""
    body = bytes(kept[5:])
    if kept[:1] != bytes([_FORMAT]) or zlib.crc32(body) != int.from_bytes(kept[1:5], "little"):
        raise Damaged(f"{what} is not what was written there; restore the folder from a backup")
    return body


def pack(values: Any) -> bytes:
    """Plain data and arrays, sealed."""
    return sealed(to_bytes(values))


def unpack(kept: bytes, what: str) -> Any:
    """What was packed; raises Damaged."""
    try:
        return from_bytes(unsealed(kept, what))
    except SnapshotMismatch as error:
        raise Damaged(f"{what}: {error}") from error


def pack_batch(batch: Batch) -> bytes:
    """The records of one model."""
    columns: dict[str, Any] = {name: _out(batch.column(name)) for name in _PLAIN}
    for name in _NESTED:
        nested: dict[str, NDArray[Any]] = getattr(batch, name)
        columns[name] = {key: _out(values) for key, values in nested.items()}
    metadata = batch.column("metadata")
    columns["metadata"] = None if _all_none(metadata) else metadata.tolist()
    return pack({"n": len(batch), "columns": columns})


def unpack_batch(kept: bytes, model: str, what: str) -> Batch:
    """The records that were packed; raises Damaged."""
    try:
        read = unpack(kept, what)
        n, given = read["n"], read["columns"]
        columns: dict[str, Any] = {name: _in(given[name], n) for name in _PLAIN}
        for name in _NESTED:
            columns[name] = {key: _in(values, n) for key, values in given[name].items()}
        metadata = given["metadata"]
        columns["metadata"] = object_array([None] * n if metadata is None else metadata)
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(f"{what}: {error!r}") from error
    columns["model"] = np.broadcast_to(object_array([model]), (n,))
    return Batch(n, columns, None)


def pack_label(label: Any) -> str | None:
    """A label as JSON text; None for a retracted one."""
    return None if label is None else msgspec.json.encode(label).decode()


def unpack_label(text: str | None) -> Any:
    """The label that was packed."""
    return None if text is None else msgspec.json.decode(text)


def _out(column: NDArray[Any]) -> Any:
    """Numbers as an array, the same text everywhere once, other text joined, the rest listed."""
    if column.dtype.kind not in "OU":
        return np.ascontiguousarray(column)
    values = column.tolist()
    first = values[0] if values else None
    if first is None or type(first) is str:
        if values.count(first) == len(values):
            return {"all": first}
        if set(map(type, values)) == {str}:
            return {"text": "\0".join(values)}  # no text of a record holds a NUL
    return values


def _in(kept: Any, n: int) -> NDArray[Any]:
    if isinstance(kept, np.ndarray):
        return kept
    if isinstance(kept, list):
        return object_array(kept)
    if "all" in kept:
        return np.broadcast_to(object_array([kept["all"]]), (n,))
    return object_array(kept["text"].split("\0"))


def _all_none(column: NDArray[Any]) -> bool:
    values = column.tolist()
    return bool(values.count(None) == len(values))
