"""The pure heart: records in, events out, in the order that one record after another gives.

No clock, no threads, no I/O. For every record, metric by metric: its new value, then the alarms of
the detectors that watch that value; then those of the detectors that watch the record itself. The
strategy sees each event at once, and its answer follows its cause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch, Rows
from homeostat.errors import InvalidInput, InvalidSetting, SnapshotMismatch, did_you_mean
from homeostat.event_batch import (
    AnswerColumn,
    Column,
    EventBatch,
    Keys,
    MetricColumn,
    ObjectColumn,
)
from homeostat.events import MetricUpdated, PluginFailed, SystemEvent
from homeostat.health import Guard, Health, Ward, name_of
from homeostat.hearing import check_hearing
from homeostat.plugins import checked_plugins, spec
from homeostat.protocols import Alarms, Detector, Metric, Series, Strategy, follows_labels
from homeostat.record import InferenceRecord
from homeostat.series import LABEL_SERIES, RECORD_SERIES, column_of, value_of
from homeostat.state import Stateful, from_bytes, recall, remember, to_bytes
from homeostat.strategy import RetrainingStrategy, adopt
from homeostat.watcher import Stamp, Watcher

SNAPSHOT_VERSION = 2

_ANSWERS = (SystemEvent, type(None))
_Keyed = list[tuple[int, SystemEvent]]


class Engine:
    """Folds records into metrics, steps detectors, asks the strategy; all in one step.

    `observe` takes one record, `observe_batch` many; both give the same events and leave the same
    state. A plug-in that raises is set aside for that record (in its columnar form: for that
    batch), reported once by `PluginFailed`, and tried again with the next. With `lenient = False`
    it is off from then on: not called, and not remembered, whatever state it was left in.
    """

    def __init__(
        self,
        metrics: Sequence[Metric] = (),
        detectors: Sequence[Detector] = (),
        strategy: Strategy | None = None,
        *,
        lenient: bool = True,
    ) -> None:
        self.metrics = checked_plugins("metrics", metrics, ("name", "on_record"))
        self.detectors = checked_plugins("detectors", detectors, ("on", "update"))
        self.strategy: RetrainingStrategy | None = None if strategy is None else adopt(strategy)
        self.records = 0
        plugins = [*self.metrics, *self.detectors, *([self.strategy] if self.strategy else [])]
        self._ward = Ward(plugins, lenient)
        self.barred: Mapping[str, str] = {}
        """Plug-ins, as `health` calls them, that `bar` ends, and why."""
        self._sick, self._off = self._ward.sick, self._ward.closed
        self._sides: dict[str, bool | None] = dict.fromkeys((*LABEL_SERIES, "latency_ms"), False)
        self._sides |= {m.name: getattr(m, "greater_is_better", None) for m in self.metrics}
        _check_watched(self.detectors, self.metrics)
        if self.strategy is not None:
            check_hearing(self.strategy, self.metrics, self.detectors)
        self._pristine = [
            None if isinstance(plugin, Stateful) else remember(plugin)
            for plugin in (*self.metrics, *self.detectors)
        ]
        self.watchers = [Watcher(detector, self._direction) for detector in self.detectors]
        numbered = list(enumerate(self.watchers))
        self._on_records = [each for each in numbered if each[1].detector.on in RECORD_SERIES]
        self._on_events = [each for each in numbered if each[1].detector.on not in RECORD_SERIES]
        self._group = 1 + len(self.detectors)  # slots of one metric: its value, then its watchers
        self._stride = 2 * (len(self.metrics) * self._group + len(self.detectors) + 1)

    # One record at a time ---------------------------------------------------------------------

    def observe(self, record: InferenceRecord) -> list[SystemEvent]:
        """Take one record; the events it gives, in order.

        Raises InvalidInput, and counts nothing, when it is no record.
        """
        if not isinstance(record, InferenceRecord):
            raise InvalidInput("record", f"must be an InferenceRecord, got {type(record).__name__}")
        self.records += 1
        events: list[SystemEvent] = []
        for metric in self.metrics:
            if id(metric) in self._off:
                continue
            try:
                event = metric.on_record(record)
                if not isinstance(event, _ANSWERS):
                    raise _no_event(event)
            except Exception as error:
                events += self._ward.failed(metric, error, record.created_at)
                continue
            if self._sick:
                self._ward.well(metric)
            if event is not None:
                self._publish(event, events)
                if self._on_events and type(event) is MetricUpdated:
                    self._step_watchers(event, record, events)
        for _, watcher in self._on_records:
            self._step(watcher, value_of(watcher.detector.on, record), record, events)
        return events

    def _publish(self, event: SystemEvent, events: list[SystemEvent]) -> None:
        """Let the strategy see an event, and its answer follow."""
        events.append(event)
        strategy = self.strategy
        if strategy is None or id(strategy) in self._off:
            return
        try:
            answer = strategy.on_event(event)
            if not isinstance(answer, _ANSWERS):
                raise _no_event(answer)
        except Exception as error:
            events += self._ward.failed(strategy, error, event.payload.created_at)
            return
        if self._sick:
            self._ward.well(strategy)
        if answer is not None:
            events.append(answer)

    def _step_watchers(
        self, event: SystemEvent, record: InferenceRecord, events: list[SystemEvent]
    ) -> None:
        for _, watcher in self._on_events:
            if watcher.detector.on == event.payload.name:
                self._step(watcher, event.payload.value, record, events)

    def _step(
        self, watcher: Watcher, x: Any, record: InferenceRecord, events: list[SystemEvent]
    ) -> None:
        if x is not record:
            if x is None or not np.isfinite(x):
                return
            x = float(x)
        detector = watcher.detector
        if id(detector) in self._off:
            return
        try:
            told = self._updated(watcher, x, (record.model_version, record.created_at))
        except Exception as error:
            events += self._ward.failed(detector, error, record.created_at)
            return
        if self._sick:
            self._ward.well(detector)
        if told is not None:
            self._publish(told, events)

    @staticmethod
    def _updated(watcher: Watcher, x: Any, stamp: Stamp) -> SystemEvent | None:
        alarm = watcher.detector.update(x)
        watcher.saw(stamp[1])
        return watcher.alarm(stamp) if alarm else None

    # Many records at once ---------------------------------------------------------------------

    def observe_batch(self, batch: Batch) -> EventBatch:
        """Take many records; their events as columns, equal to those of one after another."""
        self.records += len(batch)
        return self._fold(batch, late=False)

    def settle(self, batch: Batch) -> EventBatch:
        """Take records again whose labels have come since; only what follows labels sees them.

        In the order in which the labels became known; each record once. Its events are told with
        the version and time of the prediction.
        """
        return self._fold(batch, late=True)

    def recount(self, batch: Batch) -> dict[str, NDArray[np.float64]]:
        """Build the metrics that follow labels anew from these records, after a label changed.

        Their values, by name. Nothing is told to detectors or the strategy, which have seen what
        they have seen.
        """
        metrics = [(at, each) for at, each in enumerate(self.metrics) if follows_labels(each)]
        columns: list[Column] = []
        for at, metric in metrics:
            if not self._emptied(at, metric):
                continue
            columns += self._metric_columns(at, metric, batch) if len(batch) else []
        told = EventBatch(batch, columns, self._stride)
        return {metric.name: told.metric_values(metric.name) for _, metric in metrics}

    def _fold(self, batch: Batch, late: bool) -> EventBatch:
        if not len(batch):
            return EventBatch(batch, [], self._stride)
        columns: list[Column] = []
        for at, metric in enumerate(self.metrics):
            if not late or follows_labels(metric):
                columns += self._metric_columns(at, metric, batch)
        updates = EventBatch(batch, columns, self._stride)
        for at, watcher in self._on_events:
            watched = updates.metric(watcher.detector.on)
            keys = watched.keys + 2 * (1 + at)
            columns += self._alarm_columns(watcher, batch, keys, watched.values)
        first = 2 * len(self.metrics) * self._group
        for at, watcher in self._on_records:
            if late and not follows_labels(watcher.detector):
                continue
            rows, values = column_of(watcher.detector.on, batch)
            keys = rows * self._stride + first + 2 * at
            columns += self._alarm_columns(watcher, batch, keys, values)
        return EventBatch(batch, columns + self._answers(batch, columns), self._stride)

    def _metric_columns(self, at: int, metric: Metric, batch: Batch) -> list[Column]:
        slot = 2 * at * self._group
        if id(metric) in self._off:
            return []
        if not hasattr(metric, "on_batch"):
            return list(self._looped(metric, batch, slot))
        try:
            found = self._ward.guarded(metric, _all_series)(metric, batch)
        except Exception as error:
            return self._failed_column(metric, error, batch, slot)
        self._ward.well(metric)
        return [MetricColumn(batch, series, slot, self._stride) for series in found]

    def _looped(self, metric: Metric, batch: Batch, slot: int) -> list[ObjectColumn]:
        keyed: _Keyed = []
        on_record = self._ward.guarded(metric, metric.on_record)
        for row, record in enumerate(batch):
            key = row * self._stride + slot
            try:
                event = on_record(record)
                if not isinstance(event, _ANSWERS):
                    raise _no_event(event)
                if not self.lenient:
                    _check_value(event)
                self._ward.well(metric)
            except Exception as error:
                keyed += self._failed_at(metric, error, record, key)
                if id(metric) in self._off:
                    break
                continue
            if event is not None:
                keyed.append((key, event))
        return ObjectColumn.by_kind(keyed, self._stride)

    def _alarm_columns(
        self, watcher: Watcher, batch: Batch, keys: Keys, values: Batch | NDArray[np.float64]
    ) -> list[Column]:
        if not isinstance(values, Batch):
            finite = np.isfinite(values)
            if not finite.all():
                keys, values = keys[finite], values[finite]
        if not len(values):
            return []
        detector = watcher.detector
        if id(detector) in self._off:
            return []
        if not hasattr(detector, "alarms"):
            return list(self._stepped(watcher, batch, keys, values))
        try:
            alarms: Alarms = self._ward.guarded(detector, detector.alarms)(values)
            raised = keys[alarms.positions]
            rows = raised // self._stride
            events = watcher.alarms(
                alarms, lambda: batch.created_at[keys // self._stride], batch.stamps(rows)
            )
        except Exception as error:
            return self._failed_column(detector, error, batch, int(keys[0]))
        self._ward.well(detector)
        return list(
            ObjectColumn.by_kind(list(zip(raised.tolist(), events, strict=True)), self._stride)
        )

    def _stepped(
        self, watcher: Watcher, batch: Batch, keys: Keys, values: Batch | NDArray[np.float64]
    ) -> list[ObjectColumn]:
        """The alarms of a detector without a columnar form, and its failures, one by one."""
        keyed: _Keyed = []
        items = values if isinstance(values, Batch) else values.tolist()
        updated = self._ward.guarded(watcher.detector, self._updated)
        for key, x in zip(keys.tolist(), items, strict=True):
            row = key // self._stride
            try:
                told = updated(watcher, x, (batch.version(row), batch.moment(row)))
                self._ward.well(watcher.detector)
            except Exception as error:
                keyed += self._failed_at(watcher.detector, error, batch[row], key)
                if id(watcher.detector) in self._off:
                    break
                continue
            if told is not None:
                keyed.append((key, told))
        return ObjectColumn.by_kind(keyed, self._stride)

    def _answers(self, batch: Batch, columns: list[Column]) -> list[Column]:
        if self.strategy is None or id(self.strategy) in self._off:
            return []
        seen = [column for column in columns if column.kind is not PluginFailed]
        events = EventBatch(batch, seen, self._stride)
        if type(self.strategy).on_events is RetrainingStrategy.on_events:
            return list(self._asked(self.strategy, events))
        try:
            watched = self._ward.guarded(self.strategy, self.strategy.on_events)(events)
            kind, keys, make = watched.kind, watched.answered + 1, watched.make
            if kind is not None and self.lenient:
                self._ward.well(self.strategy)
                return [AnswerColumn(kind, keys, make, self._stride)]
            answers = self._ward.guarded(self.strategy, make)(np.arange(len(keys)))
            keyed = list(zip(keys.tolist(), answers, strict=True))
        except Exception as error:
            return self._failed_column(self.strategy, error, batch, self._stride - 1)
        self._ward.well(self.strategy)
        return list(ObjectColumn.by_kind(keyed, self._stride))

    def _asked(self, strategy: RetrainingStrategy, events: EventBatch) -> list[ObjectColumn]:
        """The answers of a strategy without a columnar form, and its failures, one by one."""
        keyed: _Keyed = []
        on_event = self._ward.guarded(strategy, strategy.on_event)
        for key, event in zip(events.keys.tolist(), events, strict=True):
            try:
                answer = on_event(event)
                if not isinstance(answer, _ANSWERS):
                    raise _no_event(answer)
                self._ward.well(strategy)
            except Exception as error:
                keyed += self._failed_at(strategy, error, event.payload, key + 1)
                if id(strategy) in self._off:
                    break
                continue
            if answer is not None:
                keyed.append((key + 1, answer))
        return ObjectColumn.by_kind(keyed, self._stride)

    # Health -----------------------------------------------------------------------------------

    @property
    def lenient(self) -> bool:
        """Whether a plug-in that failed is tried again with the next record."""
        return self._ward.lenient

    @lenient.setter
    def lenient(self, lenient: bool) -> None:
        self._ward.lenient = lenient

    @property
    def health(self) -> dict[str, Health]:
        """How each plug-in is doing, by what it is called in reports."""
        return self._ward.health

    @property
    def off(self) -> list[str]:
        """The plug-ins that are called no more, as `health` calls them."""
        return self._ward.off

    @property
    def labels(self) -> dict[str, object]:
        """The plug-ins, as `health` calls them."""
        plugins = [*self.metrics, *self.detectors, *([self.strategy] if self.strategy else [])]
        return {self._ward.labels[id(plugin)]: plugin for plugin in plugins}

    def guarded(self, guard: Guard) -> None:
        """Put a guard around the calls of plug-ins over many records, and around remembering."""
        self._ward.guard = guard

    def bar(self) -> None:
        """Call those that are `barred` no more."""
        self._ward.bar(self.barred)

    def _failed_column(
        self, plugin: object, error: Exception, batch: Batch, key: int
    ) -> list[Column]:
        keyed = self._failed_at(plugin, error, batch[key // self._stride], key)
        return list(ObjectColumn.by_kind(keyed, self._stride))

    def _failed_at(self, plugin: object, error: Exception, at: Any, key: int) -> _Keyed:
        return [(key, event) for event in self._ward.failed(plugin, error, at.created_at)]

    def _direction(self, on: str, change: float) -> str:
        greater_is_better = self._sides.get(on.partition("[")[0])
        if greater_is_better is None or not np.isfinite(change):
            return "change"
        return "better" if (change > 0) == greater_is_better else "worse"

    # Memory -----------------------------------------------------------------------------------

    def renew(self) -> None:
        """Another model serves from now on: metrics and detectors start anew.

        The strategy forgets what it has seen of the other; a cooldown outlives the model.
        """
        for at, plugin in enumerate((*self.metrics, *self.detectors)):
            if self._emptied(at, plugin) and hasattr(plugin, "renewed"):
                self._ward.safely(plugin, plugin.renewed)
        for watcher in self.watchers:
            watcher.restore(Watcher(watcher.detector, self._direction).snapshot())
        if self.strategy is not None:
            self._ward.safely(self.strategy, self.strategy.renewed)

    def _emptied(self, at: int, plugin: Any) -> bool:
        """Whether a plug-in is empty now; not where it is off."""
        return self._ward.safely(plugin, lambda: self._empty(at, plugin))

    def _empty(self, at: int, plugin: Any) -> None:
        """Take its memory from the metric or detector at a place."""
        pristine = self._pristine[at]
        recall(plugin, remember(plugin.fresh()) if isinstance(plugin, Stateful) else pristine)

    def spec(self) -> dict[str, Any]:
        """What this engine is built of, as plain data."""
        return {
            "metrics": [spec(metric) for metric in self.metrics],
            "detectors": [spec(detector) for detector in self.detectors],
            "strategy": None if self.strategy is None else spec(self.strategy),
        }

    def snapshot(self) -> bytes:
        """Everything it remembers, to continue from later, here or elsewhere."""
        return to_bytes({"version": SNAPSHOT_VERSION, "spec": self.spec(), **self._memory()})

    def essence(self) -> bytes:
        """What `snapshot` holds but for health: the same for all that have seen the same."""
        return to_bytes({**self._memory(), "health": None})

    def restore(self, snapshot: bytes) -> None:
        """Continue exactly from a snapshot; raises SnapshotMismatch unless built the same.

        When it raises, whatever for, nothing has changed.
        """
        kept = from_bytes(snapshot)
        if not isinstance(kept, dict) or kept.get("version") != SNAPSHOT_VERSION:
            raise SnapshotMismatch(f"this is no snapshot of version {SNAPSHOT_VERSION}")
        if kept["spec"] != self.spec():
            raise SnapshotMismatch(
                f"the snapshot is of {kept['spec']}, this was built as {self.spec()}; "
                "build it the same way, or start without the snapshot"
            )
        before = self._memory()
        try:
            self._recall(kept)
        except Exception:
            self._recall(before)
            raise

    def _memory(self) -> dict[str, Any]:
        plugins = {  # before health, which changes where one of them cannot be remembered
            "metrics": [self._remembered(metric) for metric in self.metrics],
            "detectors": [self._remembered(detector) for detector in self.detectors],
            "watchers": [
                None if id(watcher.detector) in self._off else watcher.snapshot()
                for watcher in self.watchers
            ],
            "strategy": None if self.strategy is None else self._remembered(self.strategy),
        }
        return {
            "records": self.records,
            "health": self._ward.memory(),
            **plugins,
        }

    def _remembered(self, plugin: object) -> Any:
        """The memory of a plug-in; None where it is off, or is off from now on."""
        if self.lenient:
            return remember(plugin)
        kept: list[Any] = []
        self._ward.safely(plugin, lambda: kept.append(from_bytes(to_bytes(remember(plugin)))))
        return kept[0] if kept else None

    def _recall(self, kept: dict[str, Any]) -> None:
        self.records = kept["records"]
        self._ward.recall(kept["health"])
        plugins: list[object] = [*self.metrics, *self.detectors]
        memories = kept["metrics"] + kept["detectors"]
        if self.strategy is not None:
            plugins, memories = [*plugins, self.strategy], [*memories, kept["strategy"]]
        for plugin, memory in zip(plugins, memories, strict=True):
            self._ward.safely(plugin, partial(recall, plugin, memory))
        for watcher, memory in zip(self.watchers, kept["watchers"], strict=True):
            if id(watcher.detector) not in self._off:
                watcher.restore(memory)


def _no_event(answer: object) -> TypeError:
    return TypeError(f"answered {answer!r}, which is no event; answer MetricUpdated(...) or None")


def _check_value(event: SystemEvent | None) -> None:
    """Raise TypeError, or ValueError, unless the value that an event may tell is a number."""
    if isinstance(event, MetricUpdated):
        told = event.payload
        if not isinstance(told.name, str):
            raise TypeError(f"answered a value of {told.name!r}, which is no name")
        float(told.value)
        if told.n is not None:
            index(told.n)
        for end in (told.lower, told.upper):
            if end is not None:
                float(end)


def _all_series(metric: Any, batch: Batch) -> list[Series]:
    """What a metric says of a batch; raises TypeError where that is no series."""
    return [_series(each, batch) for each in metric.on_batch(batch)]


def _series(found: Any, batch: Batch) -> Series:
    """What a metric says of a batch, when it is a series over its rows; raises TypeError."""
    if isinstance(found, Series) and isinstance(found.values, np.ndarray):
        rows = found.rows
        if rows is None and len(found.values) == len(batch):
            return found
        if rows is not None and len(rows) == len(found.values) and _within(rows, len(batch)):
            return found
    raise TypeError(f"answered {found!r:.200}, which is no Series over {len(batch)} rows")


def _within(rows: Rows, n: int) -> bool:
    return not len(rows) or bool(rows[0] >= 0 and rows[-1] < n)


def _check_watched(detectors: Sequence[Detector], metrics: Sequence[Metric]) -> None:
    names = {*RECORD_SERIES, *(metric.name for metric in metrics)}
    for detector in detectors:
        if detector.on.partition("[")[0] not in names:
            raise InvalidSetting(
                f"{name_of(detector)} watches {detector.on!r}, which no metric gives; "
                f"{did_you_mean(detector.on, names)}"
            )
