"""One metric, kept apart for every segment of the records."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from homeostat.batch import Batch
from homeostat.columnar import updated
from homeostat.errors import SnapshotMismatch, require
from homeostat.event_batch import bounds_of
from homeostat.events import MetricEvent, MetricUpdated, SystemEvent
from homeostat.protocols import Metric, Series, follows_labels
from homeostat.record import InferenceRecord
from homeostat.segments import Segments
from homeostat.state import Stateful, recall, remember


class Segmented(Stateful):
    """A metric of its own for each segment: the records that share the values of `by`.

    metric: any metric; each segment has a fresh copy of it. by: one name or several, of features,
    of the fields model, model_version, predicted_label and ground_truth_label, or
    "metadata.<key>"; "features.<name>" for a feature named like a field. max_segments: at least
    1; values that come after so many segments share the segment "other".

    An event is called as the metric's, followed by `[country=DE]`, `[country=DE,device=ios]` or
    `[other]`; how values read is told in `homeostat.segments`. What is empty, NaN or raised is up
    to the metric; raises InvalidSetting. Cost per record: the metric's and about 2 µs. State: up to
    `max_segments` + 1 times the metric's. Oracle: the metric on the records of each segment alone.
    Source: the slices of TensorFlow Data Validation.
    """

    def __init__(self, metric: Metric, by: str | Sequence[str], max_segments: int = 100) -> None:
        require(hasattr(metric, "on_record"), "metric", metric, "a metric, with on_record")
        self._segments: Segments[Metric] = Segments(by, max_segments, lambda: _copy(metric))
        self.metric = metric
        self.by = self._segments.by
        self.max_segments = max_segments

    @property
    def segments(self) -> dict[str, Metric]:
        """The metric of each segment."""
        return self._segments.parts

    @property
    def name(self) -> str:
        """The metric's name; events add the segment in brackets."""
        return self.metric.name

    @property
    def greater_is_better(self) -> bool | None:
        """As for the metric."""
        better: bool | None = getattr(self.metric, "greater_is_better", None)
        return better

    @property
    def follows(self) -> str:
        """As the metric does."""
        return "labels" if follows_labels(self.metric) else "records"

    def snapshot(self) -> dict[str, Any]:
        """What each segment remembers, in the order of their first records."""
        return {"segments": {key: remember(metric) for key, metric in self.segments.items()}}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Put a snapshot back; raises SnapshotMismatch when it is of something else."""
        if set(snapshot) != {"segments"}:
            raise SnapshotMismatch(f"Segmented remembers segments, not {sorted(snapshot)}")
        self._segments.parts = {}
        for key, kept in snapshot["segments"].items():
            self.segments[key] = _copy(self.metric)
            recall(self.segments[key], kept)

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        segment = self._segments.of(record)
        event = self.segments[segment].on_record(record)
        if type(event) is not MetricUpdated:
            return None
        told = event.payload
        bounds = None if told.n is None else (told.n, told.lower, told.upper)
        return updated(told.name + segment, told.value, record, bounds)

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        found: list[Series] = []
        for segment, rows in self._segments.rows(batch):
            whole = len(rows) == len(batch)
            part = batch if whole else batch.take(rows)
            for name, inner, values, bounds in _series(self.segments[segment], part):
                at = rows if inner is None else rows[inner]
                found.append(Series(name + segment, at, values, bounds))
        return found


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
