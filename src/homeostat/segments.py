"""Segments: the records that share the values of some fields or features, by readable names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np

from homeostat.batch import Batch, Rows
from homeostat.columnar import readable
from homeostat.errors import require, several, whole
from homeostat.record import InferenceRecord
from homeostat.series import number

OTHER = "[other]"
MISSING = "none"
_FIELDS = ("model", "model_version", "predicted_label", "ground_truth_label")

T = TypeVar("T")


class Segments(Generic[T]):
    """Something of its own for each segment, made when its first record comes.

    by: one name or several, of features, of the fields model, model_version, predicted_label and
    ground_truth_label, or "metadata.<key>"; "features.<name>" for a feature named like a field.
    most: values that come after so many segments share the segment "other".

    A segment is called `[country=DE]`, `[country=DE,device=ios]` or `[other]`. Values that read the
    same are one segment; a missing one reads `none`, booleans `true` and `false`, numbers as in
    JSON. `%,=[]` and what cannot be printed are written as in URLs, and text beyond 64 characters
    is cut and ends with a checksum.
    """

    def __init__(self, by: str | Sequence[str], most: int, make: Callable[[], T]) -> None:
        names = [by] if isinstance(by, str) else several("by", by)
        named = all(isinstance(name, str) and name for name in names)
        require(bool(names) and named, "by", by, "the names of features or fields")
        require(len(set(names)) == len(names), "by", by, "different names")
        self.by = names
        self.most = whole("max_segments", most)
        self.make = make
        self.parts: dict[str, T] = {}
        self._labels = [readable(name) for name in names]

    def of(self, record: InferenceRecord) -> str:
        """The segment of a record, which is there from now on."""
        return self._segment(self._key(_text(_value(record, name)) for name in self.by))

    def rows(self, batch: Batch) -> Iterator[tuple[str, Rows]]:
        """The segments of a batch, in the order of their first records, and their rows."""
        if not len(batch):
            return iter(())
        keys = list(zip(*(_texts(_column(batch, name)) for name in self.by), strict=True))
        segments = {key: self._segment(self._key(key)) for key in dict.fromkeys(keys)}
        places = {segment: at for at, segment in enumerate(dict.fromkeys(segments.values()))}
        code = {key: places[segment] for key, segment in segments.items()}
        codes = np.fromiter(map(code.__getitem__, keys), np.int64, len(keys))
        order = np.argsort(codes, kind="stable")
        ends = np.cumsum(np.bincount(codes, minlength=len(places)))
        return zip(places, np.split(order, ends[:-1]), strict=True)

    def _key(self, texts: Iterable[str]) -> str:
        pairs = (f"{name}={text}" for name, text in zip(self._labels, texts, strict=True))
        return f"[{','.join(pairs)}]"

    def _segment(self, key: str) -> str:
        """The segment that a key belongs to."""
        if key not in self.parts:
            own = len(self.parts) - (OTHER in self.parts)
            key = key if own < self.most else OTHER
            if key not in self.parts:
                self.parts[key] = self.make()
        return key


def labelled(names: Sequence[str], values: Iterable[Any]) -> str:
    """What the segment of these values is called, as `Segments` calls it."""
    pairs = zip(names, values, strict=True)
    return f"[{','.join(f'{readable(name)}={_text(value)}' for name, value in pairs)}]"


# Where a value comes from ---------------------------------------------------------------------


def _value(record: InferenceRecord, name: str) -> Any:
    if name in _FIELDS:
        return getattr(record, name)
    if name.startswith("metadata."):
        return _dug(record.metadata, name)
    features = record.features
    return features.get(name.removeprefix("features.")) if features else None


def _column(batch: Batch, name: str) -> list[Any]:
    if name in _FIELDS:
        return list(batch.column(name).tolist())
    if name.startswith("metadata."):
        return [_dug(metadata, name) for metadata in batch.column("metadata").tolist()]
    column = batch.features.get(name.removeprefix("features."))
    return [None] * len(batch) if column is None else list(column.tolist())


def _dug(metadata: Any, name: str) -> Any:
    key = name.removeprefix("metadata.")
    return metadata.get(key) if isinstance(metadata, Mapping) else None


# How it reads ---------------------------------------------------------------------------------


def _texts(values: list[Any]) -> list[str]:
    kinds = set(map(type, values))
    if kinds <= {str, type(None)} or kinds == {int}:  # only here are equal values read the same
        read = {value: _text(value) for value in set(values)}
        return [read[value] for value in values]
    return [_text(value) for value in values]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return readable(value)
    if value is None or value != value:
        return MISSING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _digits(value)
    return readable(msgspec.json.encode(value).decode())


def _digits(value: float) -> str:
    """A number to the precision of a float, for a batch may keep whole numbers as floats."""
    rounded = number(value)
    if rounded != rounded:
        return hex(int(value))
    return str(int(rounded)) if abs(rounded) <= 2**53 and rounded.is_integer() else repr(rounded)
