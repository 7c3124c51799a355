"""JSON Lines: one record a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec

from homeostat.batch import Batch
from homeostat.errors import InvalidInput
from homeostat.formats import Rows, Table
from homeostat.record import InferenceRecord
from homeostat.sources.chunk import RAW_MAX, Chunk, Options, Reject
from homeostat.sources.layout import KNOWN, REQUIRED, with_extra
from homeostat.sources.lines import blocks, too_long
from homeostat.sources.opening import Opened
from homeostat.sources.plain import plain_lines
from homeostat.sources.traffic import Recogniser, Traffic, is_own

_decode = msgspec.json.Decoder(InferenceRecord).decode
_plain = msgspec.json.Decoder().decode
_FAULTS = (msgspec.DecodeError, UnicodeError, RecursionError)


def read(opened: Opened, options: Options) -> Iterator[Chunk]:
    """The records of a stream of JSON lines; blank lines are skipped."""
    _refuse_other_json(opened)
    taker: Taker | None = None
    number = 1
    for block in blocks(opened.stream, opened.name):
        for at in range(0, len(block), options.rows):
            lines = block[at : at + options.rows]
            if not taker and any(map(bytes.strip, lines)):
                sample = partial(_sample, lines, opened.name)
                taker = _taker(sample(), opened.traffic(sample), options)
            first, number = number, number + len(lines)
            lines = lines[max(opened.skip + 1 - first, 0) :]
            if lines:
                take = taker or native_taker(options)
                yield take(lines, number - len(lines), opened.name)._replace(end=number - 1)


Taker = Callable[[list[bytes], int, str], Chunk]
"""Makes a chunk of lines, the number of the first, and the name of the file."""


def taker_of(
    lines: list[bytes], name: str, recogniser: Recogniser, options: Options
) -> Taker | None:
    """How lines like these, and those that follow, are taken.

    None where they do not tell: the first of a stream may be broken. Then they are taken as ours.
    """
    sample = _sample(lines, name)
    return _taker(sample, recogniser.of(sample), options)


def _taker(sample: Table, traffic: Traffic | None, options: Options) -> Taker | None:
    if traffic is not None:
        return traffic_taker(traffic, options)
    return native_taker(options) if is_own(sample) else None


def native_taker(options: Options) -> Taker:
    """Lines that are homeostat's own records."""

    def take(lines: list[bytes], number: int, source: str) -> Chunk:
        return _chunk(lines, number, source, options)

    return take


def traffic_taker(traffic: Traffic, options: Options) -> Taker:
    """Lines of somebody else's log."""

    def take(lines: list[bytes], number: int, source: str) -> Chunk:
        return traffic.chunk(*_table(lines, number, source), options.strict)

    return take


_SAMPLE = 20


def _sample(lines: list[bytes], source: str) -> Table:
    """The first lines, as far as they can be read."""
    full = [line for line in lines if line.strip()]
    return _table(full[:_SAMPLE], 1, source)[0]


def _table(lines: list[bytes], number: int, source: str) -> tuple[Table, list[Reject]]:
    """Lines as columns; those that are no objects are set aside."""
    objects: list[Mapping[str, Any]] = []
    numbers: list[int] = []
    rejects: list[Reject] = []
    for at, line in enumerate(lines, number):
        if not line or line.isspace():
            continue
        try:
            too_long(line)
            objects.append(_object(line))
            numbers.append(at)
        except InvalidInput as error:
            rejects.append(Reject.of(error, source, "line", at, line.decode(errors="replace")))

    def shown(row: int) -> str:
        return lines[numbers[row] - number][: 4 * RAW_MAX].decode(errors="replace")

    return Table(Rows(objects), numbers, source, "line", shown), rejects


def _object(line: bytes) -> dict[str, Any]:
    try:
        fields = _plain(line.removeprefix(b"\xef\xbb\xbf"))
    except _FAULTS as error:
        raise InvalidInput("line", f"is not valid JSON: {error}", "one object a line") from None
    if not isinstance(fields, dict):
        raise InvalidInput("line", "is no JSON object", "one object a line")
    return fields


def _chunk(lines: list[bytes], number: int, source: str, options: Options) -> Chunk:
    if options.unknown == "reject":
        full = [line for line in lines if line]
        batch = plain_lines(full)
        if batch is not None:
            return Chunk(batch, [])
        try:
            return Chunk(Batch.from_records([*map(_decode, full)]), [])
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
    if unknown == "features" and isinstance(fields.get("features") or {}, dict):
        fields["features"] = extra | (fields.get("features") or {})
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


def _refuse_other_json(opened: Opened) -> None:
    """What is JSON, and not by lines, would be set aside line by line."""
    head = opened.head().removeprefix(b"\xef\xbb\xbf").lstrip()
    first, _, rest = head.partition(b"\n")
    if first.strip() == b"{" and rest.lstrip().startswith(b'"'):
        raise InvalidInput(
            opened.name,
            "is JSON over several lines, not one object a line",
            f"convert it: jq -c . {opened.name}",
        )
    if b"".join(head.split()).startswith(b"[{"):
        raise InvalidInput(
            opened.name,
            "is one JSON array, not one record a line",
            f"convert it: jq -c '.[]' {opened.name}",
        )
