"""One metric, kept apart for every segment of the records."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from homeostat.batch import Batch, Rows
from homeostat.columnar import number, readable, updated
from homeostat.errors import SnapshotMismatch, require
from homeostat.event_batch import bounds_of
from homeostat.events import MetricEvent, MetricUpdated, SystemEvent
from homeostat.protocols import Metric, Series
from homeostat.record import InferenceRecord
from homeostat.state import Stateful, recall, remember

OTHER = "[other]"
MISSING = "none"
_FIELDS = ("model", "model_version", "predicted_label", "ground_truth_label")


class Segmented(Stateful):
    """A metric of its own for each segment: the records that share the values of `by`.

    metric: any metric; each segment has a fresh copy of it. by: one name or several, of features,
    of the fields model, model_version, predicted_label and ground_truth_label, or
    "metadata.<key>"; "features.<name>" for a feature named like a field. max_segments: at least
    1; values that come after so many segments share the segment "other".

    An event is called as the metric's, followed by `[country=DE]`, `[country=DE,device=ios]` or
    `[other]`. Values that read the same are one segment; a missing one reads `none`, booleans
    `true` and `false`, numbers as in JSON. `%,=[]` and what cannot be printed are written as in
    URLs, and text beyond 64 characters is cut and ends with a checksum. What is empty, NaN or
    raised is up to the metric; raises InvalidSetting. Cost per record: the metric's and about
    2 µs. State: up to `max_segments` + 1 times the metric's. Oracle: the metric on the records of
    each segment alone. Source: the slices of TensorFlow Data Validation.
    """

    memory = ("segments",)

    def __init__(self, metric: Metric, by: str | Sequence[str], max_segments: int = 100) -> None:
        names = [by] if isinstance(by, str) else list(by)
        require(hasattr(metric, "on_record"), "metric", metric, "a metric, with on_record")
        named = all(isinstance(name, str) and name for name in names)
        require(bool(names) and named, "by", by, "the names of features or fields")
        require(len(set(names)) == len(names), "by", by, "different names")
        whole = isinstance(max_segments, int) and not isinstance(max_segments, bool)
        require(whole and max_segments >= 1, "max_segments", max_segments, "a whole number >= 1")
        self.metric = metric
        self.by = names
        self.max_segments = max_segments
        self.segments: dict[str, Metric] = {}
        self._labels = [readable(name) for name in names]

    @property
    def name(self) -> str:
        """The metric's name; events add the segment in brackets."""
        return self.metric.name

    @property
    def greater_is_better(self) -> bool | None:
        """As for the metric."""
        better: bool | None = getattr(self.metric, "greater_is_better", None)
        return better

    def snapshot(self) -> dict[str, Any]:
        """What each segment remembers, in the order of their first records."""
        return {"segments": {key: remember(metric) for key, metric in self.segments.items()}}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Put a snapshot back; raises SnapshotMismatch when it is of something else."""
        if set(snapshot) != {"segments"}:
            raise SnapshotMismatch(f"Segmented remembers segments, not {sorted(snapshot)}")
        self.segments = {}
        for key, kept in snapshot["segments"].items():
            self.segments[key] = _copy(self.metric)
            recall(self.segments[key], kept)

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        texts = (_text(_value(record, name)) for name in self.by)
        segment = self._segment(self._key(texts))
        event = self.segments[segment].on_record(record)
        if type(event) is not MetricUpdated:
            return None
        told = event.payload
        bounds = None if told.n is None else (told.n, told.lower, told.upper)
        return updated(told.name + segment, told.value, record, bounds)

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        found: list[Series] = []
        for segment, rows in self._rows(batch):
            whole = len(rows) == len(batch)
            part = batch if whole else batch.take(rows)
            for name, inner, values, bounds in _series(self.segments[segment], part):
                at = rows if inner is None else rows[inner]
                found.append(Series(name + segment, at, values, bounds))
        return found

    def _key(self, texts: Iterable[str]) -> str:
        pairs = (f"{name}={text}" for name, text in zip(self._labels, texts, strict=True))
        return f"[{','.join(pairs)}]"

    def _segment(self, key: str) -> str:
        """The segment that a key belongs to, which is there from now on."""
        if key not in self.segments:
            own = len(self.segments) - (OTHER in self.segments)
            key = key if own < self.max_segments else OTHER
            if key not in self.segments:
                self.segments[key] = _copy(self.metric)
        return key

    def _rows(self, batch: Batch) -> Iterator[tuple[str, Rows]]:
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


def segmented(metric: Metric, by: str | Sequence[str], max_segments: int = 100) -> Segmented:
    """The metric for each segment: `segmented(AccuracyMetric(500), by=["country"])`."""
    return Segmented(metric, by, max_segments)


def _copy(metric: Metric) -> Metric:
    fresh: Metric = metric.fresh() if hasattr(metric, "fresh") else copy.deepcopy(metric)
    return fresh


def _series(metric: Metric, batch: Batch) -> Iterable[Series]:
    if hasattr(metric, "on_batch"):
        found: Iterable[Series] = metric.on_batch(batch)
        return found
    named: dict[str, list[tuple[int, MetricEvent]]] = {}
    for row, record in enumerate(batch):
        event = metric.on_record(record)
        if type(event) is MetricUpdated:
            named.setdefault(event.payload.name, []).append((row, event.payload))
    return [
        Series(
            name,
            np.array([row for row, _ in told]),
            np.array([payload.value for _, payload in told]),
            bounds_of([payload for _, payload in told]),
        )
        for name, told in named.items()
    ]


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
