"""JSON Lines: one record a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from homeostat.batch import Batch
from homeostat.errors import InvalidInput
from homeostat.record import InferenceRecord
from homeostat.sources.chunk import Chunk, Options, Reject
from homeostat.sources.layout import KNOWN, REQUIRED, with_extra
from homeostat.sources.lines import blocks, too_long
from homeostat.sources.opening import Opened

_decode = msgspec.json.Decoder(InferenceRecord).decode
_plain = msgspec.json.Decoder().decode
_FAULTS = (msgspec.DecodeError, UnicodeError, RecursionError)


def read(opened: Opened, options: Options) -> Iterator[Chunk]:
    """The records of a stream of JSON lines; blank lines are skipped."""
    _refuse_array(opened)
    number = 1
    for block in blocks(opened.stream, opened.name):
        for at in range(0, len(block), options.rows):
            lines = block[at : at + options.rows]
            yield _chunk(lines, number, opened.name, options)
            number += len(lines)


def _chunk(lines: list[bytes], number: int, source: str, options: Options) -> Chunk:
    if options.unknown == "reject":
        try:
            return Chunk(Batch.from_records([_decode(line) for line in lines if line]), [])
        except _FAULTS:
            pass  # some line is bad: line by line it will be found
    records: list[InferenceRecord] = []
    rejects: list[Reject] = []
    for at, line in enumerate(lines, number):
        if not line or line.isspace():
            continue
        try:
            too_long(line)
            records.append(_record(line, options.unknown))
        except InvalidInput as error:
            rejects.append(Reject.of(error, source, "line", at, line.decode(errors="replace")))
            if options.strict:
                break
    return Chunk(Batch.from_records(records), rejects)


def _record(line: bytes, unknown: str) -> InferenceRecord:
    fields = None if unknown == "reject" else _fields(line)
    if fields is None:
        try:
            return InferenceRecord.from_json(line)
        except InvalidInput as error:
            raise error from None
    extra = {name: fields.pop(name) for name in list(fields) if name not in KNOWN}
    if unknown == "metadata":
        fields["metadata"] = with_extra(fields.get("metadata"), extra)
    for name in REQUIRED:
        if name not in fields:
            raise InvalidInput(name, "is missing", f"a record needs {', '.join(REQUIRED)}")
    return InferenceRecord(**fields)


def _fields(line: bytes) -> dict[str, Any] | None:
    """The fields of a line, or None when it is no JSON object and from_json shall say so."""
    try:
        fields = _plain(line)
    except _FAULTS:
        return None
    return fields if isinstance(fields, dict) else None


def _refuse_array(opened: Opened) -> None:
    if b"".join(opened.head().split()).startswith(b"[{"):
        raise InvalidInput(
            opened.name,
            "is one JSON array, not one record a line",
            f"convert it: jq -c '.[]' {opened.name}",
        )
