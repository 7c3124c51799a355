"""The rows of a request by model: the way of nearly every one, see `sources.plain`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from homeostat.runtime.answers import Sent
from homeostat.runtime.ledger import Part
from homeostat.sources.limits import RecordLimits
from homeostat.sources.plain import (
    Row,
    columns_of,
    exact,
    models_of,
    moments,
    plain_batch,
    small_ids,
)

_Value: TypeAlias = str | int | float | bool | None
_BLANKS = (b" :", b"\t", b"\r")  # these may part a key from its colon


def plain_parts(rows: list[Row], body: bytes, limits: RecordLimits) -> list[Part] | None:
    """The rows by model, if each certainly is a record within the limits.

    Names of models are not looked at.
    """
    if any(blank in body for blank in _BLANKS):
        return None
    keys, parts = 0, []
    for model, numbers in _by_model(rows).items():
        own = rows if len(numbers) == len(rows) else [rows[number] for number in numbers]
        given, written = columns_of(own)
        keys += written
        batch = plain_batch(model, given, limits)
        if batch is None:
            return None
        parts.append(Part(model, batch, np.array(numbers, dtype=np.int64)))
    # More of them than keys that were read: one is there twice, or a text looks like one.
    return parts if keys == body.count(b'":') else None


def _by_model(rows: list[Row]) -> Mapping[str, Sequence[int]]:
    models = models_of(rows)
    if models.count(models[0]) == len(models):
        return {models[0]: range(len(rows))}
    found: dict[str, list[int]] = {}
    for number, model in enumerate(models):
        found.setdefault(model, []).append(number)
    return found


# Labels -------------------------------------------------------------------------------------------


class LabelRow(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A label as it is sent, unchecked but for the types."""

    record_id: str
    label: _Value
    time: str | UnsetType | None = UNSET
    model: str | UnsetType | None = UNSET


_labels = msgspec.json.Decoder(list[LabelRow]).decode
_label_values = attrgetter(*LabelRow.__struct_fields__)


def plain_labels(body: bytes, limits: RecordLimits) -> list[Sent] | None:
    """The labels of a JSON array, if each certainly is one within the limits."""
    if b"\n" in body or any(blank in body for blank in _BLANKS):
        return None
    try:
        rows = _labels(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if not rows:
        return None
    ids, labels, times, models = map(list, zip(*map(_label_values, rows), strict=True))
    unset = times.count(UNSET) + models.count(UNSET)
    if 4 * len(rows) - unset != body.count(b'":') or not _plain(ids, labels, limits):
        return None
    at = _micros(times)
    if at is None:
        return None
    named = [None if model is UNSET else model for model in models]
    return list(map(Sent, range(len(rows)), ids, labels, at, named))


def _plain(ids: list[str], labels: list[Any], limits: RecordLimits) -> bool:
    texts = [label for label in labels if type(label) is str]
    wholes = [label for label in labels if type(label) is int]
    joined = "".join(ids) + "".join(texts)
    return (
        joined.isascii()
        and "\0" not in joined
        and small_ids(ids, limits)
        and max(map(len, texts), default=0) * 4 <= limits.text
        and exact(wholes)
    )


def _micros(times: list[Any]) -> Sequence[int | None] | None:
    if not any(type(time) is str for time in times):
        return [None] * len(times)
    found = moments(times) if all(type(time) is str for time in times) else None
    return None if found is None else found.astype(np.int64).tolist()
