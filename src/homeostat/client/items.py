"""What waits to be sent: made in the caller's time, so as little as possible; written out later."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from types import NoneType
from typing import Any

import msgspec

from homeostat.errors import InvalidInput
from homeostat.record import InferenceRecord
from homeostat.times import to_text
from homeostat.validation import CHECKS, moment

RECORDS = "/v1/records"
LABELS = "/v1/labels"

HEAVIEST = 8 << 20
"""No record that the service takes, 256 KiB of JSON, weighs more."""

_FIXED = 512  # bytes of what is around the values
_EACH = 64  # bytes of a value and its place
_RECORD = _FIXED + _EACH * len(InferenceRecord.__struct_fields__)
_MAPPINGS = ("features", "scores")
_PLAIN = {float, int, bool, NoneType}  # what takes no more than its place


class Item(msgspec.Struct, gc=False):  # nothing that it holds can lead back to it
    """A record or label: where it goes, its id, what it says, and its bytes in memory, about.

    `content` is a record, the fields of one, the fields of a label, or why it is none of these.
    """

    path: str
    record_id: str
    content: InferenceRecord | dict[str, Any] | InvalidInput
    weight: int


def record_item(record: object, fields: dict[str, Any], record_id: str) -> Item:
    """A record to be sent under this id; `fields`, where they are one, are kept and changed."""
    if type(record) is InferenceRecord and not fields:  # first, for it is the usual way
        weight = _weight_of_record(record)
        if weight <= HEAVIEST:
            return Item(RECORDS, record_id, record, weight)
        return _too_heavy(RECORDS, record_id)
    if record is None:
        given = fields.get("record_id")
        if not (given is None or isinstance(given, str)):  # a new id would part it from its label
            problem = InvalidInput("record_id", f"is a {type(given).__name__}", "give it as text")
            return unfit_item(RECORDS, record_id, problem)
        fields["record_id"] = record_id
        if "created_at" not in fields:
            fields["created_at"] = datetime.now(UTC)
        for name in _MAPPINGS:  # the caller may go on using what it gave
            if name in fields and type(fields[name]) is dict:
                fields[name] = fields[name].copy()
        return _weighed(RECORDS, record_id, fields, fields.values())
    if fields:
        problem = InvalidInput("record", "comes with fields beside it", "give one or the other")
        return unfit_item(RECORDS, record_id, problem)
    if not isinstance(record, InferenceRecord):
        problem = InvalidInput("record", f"is a {type(record).__name__}",
                               "send an InferenceRecord, or its fields by name")  # fmt: skip
        return unfit_item(RECORDS, record_id, problem)
    return _weighed(RECORDS, record_id, record, msgspec.structs.astuple(record))


def label_item(record_id: str, label: Any, time: Any, model: str | None) -> Item:
    """A label to be sent."""
    content = {"record_id": record_id, "label": label, "time": time, "model": model}
    return _weighed(LABELS, record_id, content, content.values())


def unfit_item(path: str, record_id: str, problem: InvalidInput) -> Item:
    """What can be none: it waits its turn to be told as rejected."""
    return Item(path, record_id, problem, _FIXED)


def _weighed(
    path: str, record_id: str, content: InferenceRecord | dict[str, Any], values: Collection[Any]
) -> Item:
    weight = weight_of(values)
    return (
        Item(path, record_id, content, weight)
        if weight <= HEAVIEST
        else _too_heavy(path, record_id)
    )


def _too_heavy(path: str, record_id: str) -> Item:
    problem = InvalidInput("record", "is too large", "the service takes 256 KiB of JSON")
    return unfit_item(path, record_id, problem)


def _weight_of_record(record: InferenceRecord) -> int:
    """What `weight_of` tells of its values; that of every call, so each is named."""
    weight = _RECORD + len(record.model_version) + len(record.model)
    label, truth = record.predicted_label, record.ground_truth_label
    if type(label) is str:
        weight += len(label)
    if type(truth) is str:
        weight += len(truth)
    if record.record_id is not None:
        weight += len(record.record_id)
    if record.features or record.scores or record.metadata is not None:
        weight += weight_of((record.features, record.scores, record.metadata))
    return weight


def weight_of(values: Collection[Any]) -> int:
    """Bytes that values and what is in them take, about; stops soon beyond `HEAVIEST`.

    Raises TypeError for a mapping with names that are no text.
    """
    total = _FIXED
    stack = [values]
    while stack and total <= HEAVIEST:
        some = stack.pop()
        total += _EACH * len(some)
        if _PLAIN.issuperset(map(type, some)):  # as features are, at the speed of C
            continue
        for value in some:
            kind = type(value)
            if kind in _PLAIN:
                continue
            if kind is str:
                total += len(value)
            elif kind is dict or isinstance(value, Mapping):
                total += len("".join(value))
                stack.append(value.values())
            elif isinstance(value, list | tuple):
                stack.append(value)
            elif isinstance(value, str | bytes):
                total += len(value)
    return total


def line_of(item: Item) -> bytes:
    """The item as one line of JSON; raises InvalidInput when it says nothing that can be taken."""
    content = item.content
    if isinstance(content, InvalidInput):
        raise content
    if item.path == LABELS:
        return _label_line(content)  # type: ignore[arg-type]
    if isinstance(content, InferenceRecord):
        if content.record_id != item.record_id:
            content = msgspec.structs.replace(content, record_id=item.record_id)
        return content.to_json().encode()
    try:
        return InferenceRecord(**content).to_json().encode()
    except TypeError as error:  # a field is missing, or is none
        raise InvalidInput("record", f"cannot be made: {error}") from None


def _label_line(given: dict[str, Any]) -> bytes:
    record_id = CHECKS["record_id"]("record_id", given["record_id"])
    if not record_id:
        raise InvalidInput("record_id", "is missing", "a label is of a record")
    told = {"record_id": record_id, "label": CHECKS["ground_truth_label"]("label", given["label"])}
    if given["time"] is not None:
        told["time"] = to_text(moment("time", given["time"]))
    if given["model"] is not None:
        told["model"] = CHECKS["model"]("model", given["model"])
    return msgspec.json.encode(told)
