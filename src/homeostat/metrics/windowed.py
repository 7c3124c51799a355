"""Any metric once a window, by count or by the records' own time, instead of at every record."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from homeostat.batch import Batch
from homeostat.columnar import updated
from homeostat.errors import require
from homeostat.event_batch import bounds_of, surely
from homeostat.events import MetricEvent, MetricUpdated, SystemEvent
from homeostat.protocols import Metric, Series, follows_labels
from homeostat.record import InferenceRecord
from homeostat.state import Stateful, recall, remember
from homeostat.times import EPOCH
from homeostat.windows import Span, Windows


class Windowed(Stateful):
    """A metric over whole windows: `Windowed(AccuracyMetric(100_000), "1h")`.

    metric: any with one series; each window has a fresh copy of it, whose own window should be as
    large as a window of records. window: a number of records, or a time like "1h", whose windows
    begin at multiples of it since 1970, UTC. lateness: how long records are waited for; later ones
    are left out, and counted in `late`.

    An event is called as the metric's, followed by `_per_` and the window (`accuracy_per_1h`), and
    comes with the record that completes the window; its value is the metric's last in the window,
    NaN where it gave none. Raises InvalidSetting. Cost per record: the metric's, and a copy of a
    window's records; state: the metric's for each open window. Oracle: the metric on the records of
    each window alone.
    """

    def __init__(self, metric: Metric, window: int | str, lateness: float | str = 0) -> None:
        fits = hasattr(metric, "on_record") and not isinstance(metric, type)
        require(fits, "metric", metric, "a metric, with on_record")
        self.metric = metric
        self.window = window
        self.lateness = lateness
        self.name = f"{metric.name}_per_{''.join(str(window).split())}"
        span = Span.of(window, None, lateness)
        self._windows: Windows[_Pane] = Windows(lambda: _Pane(_copy(metric)), span)

    @property
    def late(self) -> int:
        """Records that came for a closed window."""
        return self._windows.late

    @property
    def greater_is_better(self) -> bool | None:
        """As for the metric."""
        better: bool | None = getattr(self.metric, "greater_is_better", None)
        return better

    @property
    def follows(self) -> str:
        """As the metric does."""
        return "labels" if follows_labels(self.metric) else "records"

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        for closed in self._windows.take(record):
            told = closed.content.latest
            bounds = None if told.n is None else (told.n, told.lower, told.upper)
            return updated(self.name, told.value, record, bounds)
        return None

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        closed = self._windows.take_many(batch)
        rows = np.array([window.row for window in closed], dtype=np.int64)
        told = [window.content.latest for window in closed]
        values = np.array([payload.value for payload in told], dtype=np.float64)
        return [Series(self.name, rows, values, bounds_of(told))] if len(rows) else []

    def snapshot(self) -> dict[str, Any]:
        """What each open window remembers."""
        return self._windows.snapshot()

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Put a snapshot back; raises SnapshotMismatch when it is of something else."""
        self._windows.restore(snapshot)


class _Pane:
    """A metric over one window, and what it said last."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.latest = _said(math.nan)

    def update(self, batch: Batch) -> None:
        if not hasattr(self.metric, "on_batch"):
            for record in batch:
                event = self.metric.on_record(record)
                if type(event) is MetricUpdated:
                    told = event.payload
                    self.latest = _said(told.value, told.n, told.lower, told.upper)
            return
        for _, _, values, bounds in self.metric.on_batch(batch):
            if len(values):
                last = None if bounds is None else bounds.at(np.array([len(values) - 1]))
                sure = () if last is None else surely(*(column.item() for column in last))
                self.latest = _said(float(values[-1]), *sure)

    def merge(self, other: Any) -> None:
        raise NotImplementedError("windows of a metric do not slide")

    def fresh(self) -> _Pane:
        return _Pane(_copy(self.metric))

    def snapshot(self) -> dict[str, Any]:
        told = self.latest
        return {
            "metric": remember(self.metric),
            "latest": [told.value, told.n, told.lower, told.upper],
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        recall(self.metric, snapshot["metric"])
        self.latest = _said(*snapshot["latest"])


def _said(value: float, *bounds: Any) -> MetricEvent:
    """A value without a record: its name, version and time are those of the one that tells it."""
    return MetricEvent("", value, "", EPOCH, *bounds)


def _copy(metric: Any) -> Any:
    return metric.fresh() if hasattr(metric, "fresh") else copy.deepcopy(metric)
