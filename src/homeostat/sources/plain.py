"""Plain JSON rows straight into columns: the way of nearly every line and request.

Reading a record of its own for each row and then looking at its fields one by one costs several
times what reading JSON costs. Here the rows are read as they are and looked at a column at a time.
Whatever is not certain to be right, or is rarely sent, is left to the way that reads one record
after the other and can say what is wrong: a `None` here says so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from msgspec.structs import astuple
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.errors import InvalidInput
from homeostat.sources.limits import RecordLimits

_Value: TypeAlias = str | int | float | bool | None
_Given: TypeAlias = dict[str, list[Any]]
_EXACT = 2**53  # up to which a float holds every whole number
_NUMBERS = {float, int}
_ANY = RecordLimits(**dict.fromkeys(RecordLimits.__struct_fields__, sys.maxsize))


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
_OPTIONAL = Row.__struct_fields__[4:]
_NESTED = ("scores", "features")


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


def plain_lines(lines: Sequence[bytes]) -> Batch | None:
    """The records of JSON lines of any models, if each certainly is one."""
    rows = plain_rows(lines)
    if not rows:
        return None
    models = models_of(rows)
    alike = models.count(models[0]) == len(models)
    return plain_batch(models[0] if alike else models, columns_of(rows).given, _ANY)


def models_of(rows: Sequence[Row]) -> list[str]:
    """The model of each row."""
    return ["default" if row.model is UNSET else row.model for row in rows]


class Columns(NamedTuple):
    """The fields of rows, None for what is unset; with how many keys they were written, if none
    twice.
    """

    given: _Given
    keys: int


def columns_of(rows: Sequence[Row]) -> Columns:
    """Rows by field."""
    columns = map(list, zip(*map(astuple, rows), strict=True))
    given = dict(zip(Row.__struct_fields__, columns, strict=True))
    keys = len(given) * len(rows)
    for name in _OPTIONAL:
        unset = given[name].count(UNSET)
        keys -= unset
        if unset:
            given[name] = [None if value is UNSET else value for value in given[name]]
    keys += sum(len(each) for name in _NESTED for each in given[name] if each)
    return Columns(given, keys)


def plain_batch(model: str | list[str], given: _Given, limits: RecordLimits) -> Batch | None:
    """Columns as records, if each certainly is one within the limits."""
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
