"""The bytes of a request as records or labels, and the rows that are none with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.errors import InvalidInput, MissingExtra, did_you_mean
from homeostat.record import InferenceRecord
from homeostat.runtime.answers import Sent, refusal
from homeostat.runtime.ledger import Part, Refusals
from homeostat.service.caps import check_label, check_record
from homeostat.service.problems import Problem
from homeostat.service.rows import plain_labels, plain_parts
from homeostat.service.verdicts import verdict
from homeostat.sources.limits import RecordLimits
from homeostat.sources.plain import plain_array, plain_rows, small_ids
from homeostat.times import parse, to_micros
from homeostat.validation import CHECKS, model_name

JSON = ("application/json", "text/json")
LINES = (
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
)
ARROW = ("application/vnd.apache.arrow.stream",)
MOST = 10_000  # records of one JSON request
MOST_ROWS = 1_000_000  # of one Arrow request
MOST_MODELS = 1_000  # that one request is for
_MOST_LINES = 10 * MOST  # blank ones too
_SMALL = 4 << 20  # bytes that are read as records in one go
_MOST_COMMAS, _MOST_BRACES = 200_000, 2_000_000  # before elements are counted, at all
_LIMITS = RecordLimits()

_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode


class _Object(msgspec.Struct, gc=False):
    """Any object; nothing of it is kept."""


_objects = msgspec.json.Decoder(list[_Object]).decode
_FAULTS = (msgspec.DecodeError, UnicodeError, RecursionError)


def records_of(
    body: bytes, content_type: str, limits: RecordLimits = _LIMITS
) -> tuple[list[Part], Refusals]:
    """The records of a body, by model; raises Problem when it is none that is known."""
    kind = kind_of(content_type)
    if kind in ARROW:
        return _arrow(body, limits)
    parts = _plain_parts(body, kind, limits)
    if parts is not None:
        return parts, []
    faults: Refusals = []
    raws = _lines(body) if kind in LINES else _elements(body)
    rows = _each(raws, partial(_one_record, limits=limits), faults)
    return _parts(rows, faults, limits), faults


def kind_of(content_type: str) -> str:
    """The type of a body of records, without its parameters; raises Problem when not known."""
    kind = content_type.partition(";")[0].strip().lower() or JSON[0]
    if kind not in (*ARROW, *LINES, *JSON):
        raise _unknown_type(kind)
    return kind


def certain_parts(body: bytes, kind: str, limits: RecordLimits) -> list[Part] | None:
    """The records of a body, where each certainly is one, as nearly all are; None elsewhere.

    Raises Problem for too many of them.
    """
    if kind not in ARROW:
        return _plain_parts(body, kind, limits)
    parts, faults = _arrow(body, limits)
    return None if faults else parts


def _plain_parts(body: bytes, kind: str, limits: RecordLimits) -> list[Part] | None:
    """The same of JSON."""
    if len(body) > _SMALL:
        return None
    rows = plain_rows(_lines(body)) if kind in LINES else plain_array(body)
    if not rows:
        return None
    _check_count(len(rows))
    parts = plain_parts(rows, body, limits)
    if parts is None:
        return None
    _check_models(len(parts))
    return parts if all(_is_model(part.model, limits) for part in parts) else None


def labels_of(
    body: bytes, content_type: str, limits: RecordLimits = _LIMITS
) -> tuple[list[Sent], Refusals]:
    """The labels of a body; raises Problem when it is none that is known."""
    kind = content_type.partition(";")[0].strip().lower()
    faults: Refusals = []
    if kind in LINES:
        raws: Iterable[bytes] = _lines(body)
    elif kind in (*JSON, ""):
        plain = _plain_labels(body, limits)
        if plain is not None:
            return plain, []
        raws = _elements(body)
    else:
        raise _unknown_type(kind)
    found = _each(raws, partial(_label, limits=limits), faults)
    for row, sent in found:
        sent.row = row
    return [sent for _, sent in found], faults


# JSON ---------------------------------------------------------------------------------------------


def _elements(body: bytes) -> list[Any]:
    """The elements of an array, or the one object, as bytes."""
    head = body.lstrip()[:1]
    if not head:
        raise Problem(400, "empty body", "the body is empty", "send a record, or an array of them")
    try:
        if head != b"[":
            msgspec.json.decode(body, type=msgspec.Raw)
            return [body]
        _check_elements(body)
        raws = _raws(body)
    except _FAULTS as error:
        raise Problem(400, "invalid JSON", f"the body is no valid JSON: {_said(error)}") from None
    _check_count(len(raws))
    return [bytes(raw) for raw in raws]


def _check_elements(body: bytes) -> None:
    """Refuse an array of millions before its elements are taken apart."""
    if body.count(b",") <= _MOST_COMMAS:
        return
    if body.count(b"{") > _MOST_BRACES:
        raise Problem(413, "too many", f"a request has at most {_MOST_BRACES:,} objects")
    _check_count(len(_objects(body)))


def _lines(body: bytes) -> list[bytes]:
    if body.count(b"\n") > _MOST_LINES:
        raise Problem(413, "too many", f"a request has at most {_MOST_LINES:,} lines")
    lines = [line for line in body.split(b"\n") if line and not line.isspace()]
    _check_count(len(lines))
    if not lines:
        raise Problem(400, "empty body", "the body holds no line", "send one record a line")
    return lines


def _check_count(n: int) -> None:
    if n > MOST:
        raise Problem(413, "too many", f"a request has at most {MOST:,} of them, this has {n:,}",
                      "send several requests, or Arrow")  # fmt: skip


def _each(
    raws: Iterable[bytes], read: Callable[[bytes], Any], faults: Refusals
) -> list[tuple[int, Any]]:
    found = []
    for row, raw in enumerate(raws):
        try:
            found.append((row, read(raw)))
        except InvalidInput as error:
            faults.append((row, error))
    return found


def _one_record(raw: bytes, limits: RecordLimits) -> InferenceRecord:
    _check_size("record", raw, limits)
    _refuse_twice(raw)
    record = InferenceRecord.from_json(raw)
    check_record(record, limits)
    return record


def _check_size(what: str, raw: bytes, limits: RecordLimits) -> None:
    if len(raw) > limits.bytes:
        raise InvalidInput(what, f"has {len(raw):,} bytes, at most {limits.bytes:,} are taken")


def _refuse_twice(raw: bytes) -> None:
    """Refuse a key that is there twice: which one counts would be up to the reader."""
    try:
        json.loads(
            raw, object_pairs_hook=_pairs, parse_int=len, parse_float=len, parse_constant=len
        )
    except InvalidInput:
        raise
    except (ValueError, RecursionError):
        return  # the reader of records says better what is wrong


def _pairs(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(twice[:64], "is there twice", "name each field once")


def _is_model(name: str, limits: RecordLimits) -> bool:
    return model_name(name) and len(name) <= limits.name


def _check_model(name: str, limits: RecordLimits) -> None:
    if not _is_model(name, limits):
        raise InvalidInput(
            "model", f"cannot be {name[:64]!r}",
            f"use up to {limits.name} letters, digits, '.', '_' and '-', "
            "the first a letter or digit",
        )  # fmt: skip


def _check_id(one: str, limits: RecordLimits) -> None:
    size = len(one.encode())
    if not 0 < size <= limits.name:
        raise InvalidInput("record_id", f"has {size:,} bytes", f"give it 1 to {limits.name}")
    if not one.isprintable():
        raise InvalidInput("record_id", f"holds what cannot be printed: {one[:64]!r}")


# Labels -------------------------------------------------------------------------------------------


class _Label(msgspec.Struct, forbid_unknown_fields=True):
    record_id: str
    label: str | int | float | bool | None
    time: str | None = None
    model: str | None = None


_read_label = msgspec.json.Decoder(_Label).decode
_LABEL = ("record_id", "label", "time", "model")
_EXAMPLE = 'a label is {"record_id": ..., "label": ...}; null takes one back'
_KINDS = {
    "record_id": "text",
    "label": "text, a number, true, false or null",
    "time": "a time as text, or null",
    "model": "text or null",
}
_FOUND = {
    "str": "text", "int": "a number", "float": "a number", "bool": "true or false",
    "array": "an array", "object": "an object",
}  # fmt: skip


def _plain_labels(body: bytes, limits: RecordLimits) -> list[Sent] | None:
    found = plain_labels(body, limits) if len(body) <= _SMALL else None
    if found is None:
        return None
    _check_count(len(found))
    named = {each.model for each in found if each.model is not None}
    return found if all(_is_model(name, limits) for name in named) else None


def _label(raw: bytes, limits: RecordLimits) -> Sent:
    _check_size("label", raw, limits)
    _refuse_twice(raw)
    try:
        given = _read_label(raw)
    except _FAULTS as error:
        raise _explained(error) from None
    if given.model is not None:
        _check_model(given.model, limits)
    _check_id(CHECKS["record_id"]("record_id", given.record_id), limits)
    label = CHECKS["ground_truth_label"]("label", given.label)
    check_label("label", label, limits)
    return Sent(0, given.record_id, label, _time(given.time), given.model)


def _time(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return to_micros(parse(text))
    except ValueError as error:
        raise InvalidInput("time", str(error), "write it like 2026-01-31T12:00:00Z") from None


def _explained(error: Exception) -> InvalidInput:
    said = _said(error)
    if "unknown field" in said:
        name = said.split("`")[1]
        return InvalidInput(name[:64], "is no field of a label", did_you_mean(name, _LABEL))
    if "missing required field" in said:
        return InvalidInput(said.split("`")[1], "is missing", _EXAMPLE)
    if said.startswith("Expected `object`"):
        return InvalidInput("label", "is no object", _EXAMPLE)
    field = said.rpartition("$.")[2].rstrip("`") if "$." in said else ""
    if field in _LABEL and "got `" in said:
        found = said.partition("got `")[2].partition("`")[0]
        return InvalidInput(field, f"must be {_KINDS[field]}, got {_FOUND.get(found, found)}")
    return InvalidInput(field or "label", f"cannot be read: {said}")


def _said(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:300]


# By model -----------------------------------------------------------------------------------------


def _parts(
    rows: list[tuple[int, InferenceRecord]], faults: Refusals, limits: RecordLimits
) -> list[Part]:
    by_model: dict[str, _Group] = {}
    for row, record in rows:
        group = by_model.get(record.model)
        if group is None:
            group = by_model[record.model] = _Group(record.model, limits)
            _check_models(len(by_model))
        try:
            group.add(row, record)
        except InvalidInput as error:
            faults.append((row, error))
    return [group.part for group in by_model.values() if group.rows]


class _Group:
    """Records of one model."""

    def __init__(self, model: str, limits: RecordLimits) -> None:
        self._model, self._limits = model, limits
        self._records: list[InferenceRecord] = []
        self._names: set[str] = set()  # of all features
        self.rows: list[int] = []
        self._fault: InvalidInput | None = None
        try:
            _check_model(model, limits)
        except InvalidInput as error:
            self._fault = error

    def add(self, row: int, record: InferenceRecord) -> None:
        if self._fault is not None:
            raise self._fault
        one, features = record.record_id, record.features
        if one is not None and not (0 < 4 * len(one) <= self._limits.name and one.isprintable()):
            _check_id(one, self._limits)
        if features and not features.keys() <= self._names:
            self._check_together(features.keys() | self._names)
        self._records.append(record)
        self.rows.append(row)

    def _check_together(self, names: set[str]) -> None:
        if len(names) > self._limits.features:
            raise InvalidInput(
                "features", f"of the records of this request have {len(names):,} names together",
                f"at most {self._limits.features:,} are taken",
            )  # fmt: skip
        self._names = names

    @property
    def part(self) -> Part:
        batch = Batch.from_records(self._records)
        return Part(self._model, batch, np.array(self.rows, dtype=np.int64))


def _check_models(n: int) -> None:
    if n > MOST_MODELS:
        raise Problem(413, "too many", f"a request is for at most {MOST_MODELS:,} models")


# Arrow --------------------------------------------------------------------------------------------


def _arrow(body: bytes, limits: RecordLimits) -> tuple[list[Part], Refusals]:
    try:
        from homeostat.service.arrow import batches_of
    except ImportError as error:
        raise MissingExtra("service", "pyarrow", "Reading Arrow") from error
    parts: list[Part] = []
    faults: Refusals = []
    for batch, numbers, refused in batches_of(body, MOST_ROWS, limits):
        faults += refused
        for part in _by_model(batch, numbers):
            kept = _named(part, faults, limits)
            if kept is not None:
                parts.append(kept)
        if len(faults) > MOST:
            told = [refusal(*fault) for fault in faults]
            raise Problem(422, "invalid", f"more than {MOST:,} rows are no records",
                          f"the first: {faults[0][1]}"[:500], members=verdict(told))  # fmt: skip
    return parts, faults


def _by_model(batch: Batch, numbers: NDArray[np.int64]) -> Iterable[Part]:
    models = batch.column("model").tolist()
    if models and models.count(models[0]) == len(models):
        yield Part(models[0], batch, numbers)
        return
    places: dict[str, list[int]] = {}
    for row, model in enumerate(models):
        places.setdefault(model, []).append(row)
    _check_models(len(places))
    for model, rows in places.items():
        yield Part(model, batch.take(np.array(rows)), numbers[rows])


def _named(part: Part, faults: Refusals, limits: RecordLimits) -> Part | None:
    """The part without the rows whose id cannot be one; None when none is left."""
    try:
        _check_model(part.model, limits)
    except InvalidInput as error:
        faults += [(int(row), error) for row in part.rows]
        return None
    ids = part.batch.column("record_id").tolist()
    if small_ids(ids, limits):
        return part
    kept = np.ones(len(part.rows), dtype=bool)
    for row, one in enumerate(ids):
        if one is None or (0 < 4 * len(one) <= limits.name and one.isprintable()):
            continue
        try:
            _check_id(one, limits)
        except InvalidInput as error:
            faults.append((int(part.rows[row]), error))
            kept[row] = False
    if kept.all():
        return part
    rows = np.flatnonzero(kept)
    return Part(part.model, part.batch.take(rows), part.rows[rows]) if len(rows) else None


def _unknown_type(kind: str) -> Problem:
    known = ", ".join((JSON[0], LINES[0], ARROW[0]))
    hint = f"send the header Content-Type: {JSON[0]}; or one of {known}"
    if kind == "application/x-www-form-urlencoded":  # curl's, unless it is told another
        hint = f"with curl, add -H 'Content-Type: {JSON[0]}'; the types are {known}"
    return Problem(415, "unknown type", f"Content-Type {kind[:64]!r} is not known", hint)
