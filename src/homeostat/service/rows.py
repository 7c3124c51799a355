"""Plain JSON rows straight into columns: the way of nearly every request.

Reading a record of its own for each row and then looking at its fields one by one costs several
times what reading JSON costs. Here the rows are read as they are and looked at a column at a time.
Whatever is not certain to be right, or is rarely sent, is left to the way that reads one record
after the other and can say what is wrong: a `None` here says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.errors import InvalidInput
from homeostat.runtime.answers import Sent
from homeostat.runtime.ledger import Part
from homeostat.service.caps import RecordLimits

_Value: TypeAlias = str | int | float | bool | None
_Given: TypeAlias = dict[str, list[Any]]
_EXACT = 2**53  # up to which a float holds every whole number
_NUMBERS = {float, int}


class Row(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A record as it is sent, unchecked but for the types."""

    model_version: str
    predicted_label: str | int | float | bool
    latency_ms: int | float
    created_at: str
    ground_truth_label: _Value | UnsetType = UNSET
    metadata: UnsetType | None = UNSET
    record_id: str | UnsetType | None = UNSET
    model: str | UnsetType = UNSET
    score: float | UnsetType | None = UNSET
    scores: dict[str, float] | UnsetType | None = UNSET
    features: dict[str, _Value] | UnsetType | None = UNSET


_array = msgspec.json.Decoder(list[Row]).decode
_line = msgspec.json.Decoder(Row).decode
_values = attrgetter(*Row.__struct_fields__)
_OPTIONAL = Row.__struct_fields__[4:]
_NESTED = ("scores", "features")
_BLANKS = (b" :", b"\t", b"\r")  # these may part a key from its colon


def plain_array(body: bytes) -> list[Row] | None:
    """The rows of a JSON array."""
    return None if b"\n" in body else _read(_array, body)


def plain_rows(lines: Sequence[bytes]) -> list[Row] | None:
    """The rows of JSON lines."""
    return _read(lambda every: list(map(_line, every)), lines)


def _read(read: Callable[[Any], list[Row]], given: Any) -> list[Row] | None:
    try:
        return read(given)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def plain_parts(rows: list[Row], body: bytes, limits: RecordLimits) -> list[Part] | None:
    """The rows by model, if each certainly is a record within the limits.

    Names of models are not looked at.
    """
    if any(blank in body for blank in _BLANKS):
        return None
    keys, parts = 0, []
    for model, numbers in _by_model(rows).items():
        own = rows if len(numbers) == len(rows) else [rows[number] for number in numbers]
        columns = map(list, zip(*map(_values, own), strict=True))
        given = dict(zip(Row.__struct_fields__, columns, strict=True))
        keys += _keys(given)
        batch = _batch(model, given, limits)
        if batch is None:
            return None
        parts.append(Part(model, batch, np.array(numbers, dtype=np.int64)))
    # More of them than keys that were read: one is there twice, or a text looks like one.
    return parts if keys == body.count(b'":') else None


def _by_model(rows: list[Row]) -> Mapping[str, Sequence[int]]:
    models = ["default" if row.model is UNSET else row.model for row in rows]
    if models.count(models[0]) == len(models):
        return {models[0]: range(len(rows))}
    found: dict[str, list[int]] = {}
    for number, model in enumerate(models):
        found.setdefault(model, []).append(number)
    return found


def _keys(given: _Given) -> int:
    """How many keys these rows were written with, if none twice; what is unset becomes None."""
    n = len(given["model_version"])
    keys = len(given) * n
    for name in _OPTIONAL:
        unset = given[name].count(UNSET)
        keys -= unset
        if unset:
            given[name] = [None if value is UNSET else value for value in given[name]]
    return keys + sum(len(each) for name in _NESTED for each in given[name] if each)


def _batch(model: str, given: _Given, limits: RecordLimits) -> Batch | None:
    times = moments(given["created_at"])
    scores = _spread(given["scores"], limits.classes, limits)
    features = _spread(given["features"], limits.features, limits)
    plain = times is not None and scores is not None and features is not None
    if not (plain and _small(given, limits)):
        return None
    try:
        return Batch.from_columns(
            model_version=given["model_version"],
            predicted_label=given["predicted_label"],
            latency_ms=given["latency_ms"],
            created_at=times,
            ground_truth_label=_or_none(given["ground_truth_label"]),
            record_id=_or_none(given["record_id"]),
            model=model,
            score=_or_none(given["score"]),
            scores=scores,
            features=features,
        )
    except InvalidInput:
        return None


def _or_none(values: list[Any]) -> list[Any] | None:
    return None if values.count(None) == len(values) else values


def _small(given: _Given, limits: RecordLimits) -> bool:
    """Whether texts, ids and whole numbers certainly are within the limits."""
    labels = [*given["predicted_label"], *given["ground_truth_label"]]
    kinds = set(map(type, labels))
    texts = given["model_version"]
    if str in kinds:
        texts = texts + [label for label in labels if type(label) is str]
    wholes = [label for label in labels if type(label) is int] if int in kinds else []
    return (
        max(map(len, texts)) * 4 <= limits.text
        and exact(wholes)
        and exact(given["latency_ms"])
        and small_ids(given["record_id"], limits)
    )


def small_ids(ids: Sequence[str | None], limits: RecordLimits) -> bool:
    """Whether each that is there certainly can be the id of a record."""
    there = [one for one in ids if one is not None]
    lengths = set(map(len, there)) or {1}
    short = min(lengths) > 0 and max(lengths) * 4 <= limits.name
    return short and "".join(there).isprintable()


def exact(values: Sequence[float]) -> bool:
    """Whether a float certainly holds each of them."""
    return min(values, default=0) >= -_EXACT and max(values, default=0) <= _EXACT


def _spread(
    given: list[dict[str, Any] | None], most: int, limits: RecordLimits
) -> dict[str, Any] | None:
    """Mappings with the same names in the same order as columns; none at all are no columns."""
    maps = [each for each in given if each]
    if not maps:
        return {}
    names = tuple(maps[0])
    alike = len(maps) == len(given) and len(set(map(tuple, maps))) == 1
    if not alike or len(names) > most or max(map(len, names)) * 4 > limits.name:
        return None
    values = list(chain.from_iterable(map(dict.values, maps)))
    kinds = set(map(type, values))
    if kinds <= _NUMBERS:
        return _numbers(names, values)
    texts = [value for value in values if type(value) is str]
    wholes = [value for value in values if type(value) is int]
    if max(map(len, texts), default=0) * 4 > limits.text or not exact(wholes):
        return None
    return {name: values[at :: len(names)] for at, name in enumerate(names)}


def _numbers(names: tuple[str, ...], values: list[float]) -> dict[str, Any] | None:
    try:
        table: NDArray[np.float64] = np.array(values, dtype=np.float64).reshape(-1, len(names)).T
    except OverflowError:  # a whole number that no float comes near
        return None
    if not (np.abs(table) < _EXACT).all():  # a larger one may have been rounded to it
        return None
    return dict(zip(names, np.ascontiguousarray(table), strict=True))


_SHAPES = {
    len(shape): np.frombuffer(shape.encode(), np.uint8)
    for shape in ("0000-00-00T00:00:00Z", "0000-00-00T00:00:00.000Z", "0000-00-00T00:00:00.000000Z")
}
_ZERO = ord("0")


def moments(texts: list[str]) -> NDArray[np.datetime64] | None:
    """Instants that are all written in UTC and to one precision; None for any others."""
    joined = "".join(texts)
    lengths = set(map(len, texts))
    shape = _SHAPES.get(max(lengths, default=0))
    if len(lengths) != 1 or shape is None or not joined.isascii():
        return None
    raw = joined.encode()
    letters = np.frombuffer(raw, np.uint8).reshape(len(texts), len(shape))
    digits = shape == _ZERO
    fixed = (letters[:, ~digits] == shape[~digits]).all()
    counts = letters[:, digits] - np.uint8(_ZERO)  # what is below wraps around
    if not fixed or (counts > 9).any():
        return None
    try:
        return np.frombuffer(raw, f"S{len(shape)}").astype(f"S{len(shape) - 1}").astype("M8[us]")
    except ValueError:  # no such day or hour
        return None


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
