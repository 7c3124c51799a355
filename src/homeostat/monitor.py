"""The monitor that users hold: the engine, wired to a channel, a bus and their functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from threading import Lock
from typing import Any, Self, TypeVar, overload

from homeostat.batch import Batch
from homeostat.budget import AlarmBudget
from homeostat.bus import EventBus, Subscription
from homeostat.channel import Receiver
from homeostat.engine import Engine
from homeostat.errors import Closed, InvalidSetting
from homeostat.event_batch import EventBatch
from homeostat.events import FailureEvent, PluginFailed, SystemEvent
from homeostat.health import Health
from homeostat.metrics.accuracy import AccuracyMetric
from homeostat.metrics.latency import LatencyMetric
from homeostat.protocols import Detector, Metric, Strategy
from homeostat.record import InferenceRecord
from homeostat.watch import Look, watched

F = TypeVar("F", bound=Callable[..., Any])

_MICRO_BATCH = 4096  # records taken from the channel at once
_WORTH_A_BATCH = 32  # fewer are cheaper one by one


class ModelMonitor:
    """Consumes records, updates metrics, steps detectors, asks the strategy, publishes events.

    Use it in place (`observe`, `observe_batch`, `watch`), or give it the receiver of a channel and
    `run` it. Its methods may be called from several threads; records are then taken one at a time.
    Without `metrics` it has the defaults: accuracy over 100 records and latency with alpha 0.3.
    A `budget` of false alarms, an AlarmBudget or its text, is divided over all detectors; one per
    time needs `records_per_day`.
    """

    def __init__(
        self,
        metrics: Sequence[Metric] | None = None,
        detectors: Sequence[Detector] = (),
        strategy: Strategy | None = None,
        bus: EventBus | None = None,
        receiver: Receiver[InferenceRecord] | None = None,
        *,
        budget: AlarmBudget | str | None = None,
        records_per_day: float | None = None,
    ) -> None:
        chosen = default_metrics() if metrics is None else metrics
        if budget is not None:
            detectors = AlarmBudget.of(budget).over(detectors, records_per_day)
        self.engine = Engine(chosen, detectors, strategy)
        self.bus = bus if bus is not None else EventBus()
        self._owns_bus = bus is None
        self._receiver = receiver
        self._edges = {"watch": Health(), "channel": Health()}
        self._lock = Lock()

    def __repr__(self) -> str:
        engine = self.engine
        counts = f"{len(engine.metrics)} metrics, {len(engine.detectors)} detectors"
        strategy = "no strategy" if engine.strategy is None else repr(engine.strategy)
        return f"<ModelMonitor: {counts}, {strategy}, {engine.records:,} records>"

    def _repr_html_(self) -> str:
        from homeostat import monitor_view  # here: who shows nothing need not load it

        return monitor_view.html(self.engine, self.health)

    @staticmethod
    def builder() -> ModelMonitorBuilder:
        """Build one step by step, as the seed does."""
        return ModelMonitorBuilder()

    def subscribe(self, *kinds: type[SystemEvent]) -> Subscription:
        """Hear the events of these kinds (all, when none is named) from now on."""
        return self.bus.subscribe(*kinds)

    def observe(self, record: InferenceRecord) -> list[SystemEvent]:
        """Take one record; its events, which the bus has broadcast too."""
        with self._lock:
            events = self.engine.observe(record)
            for event in events:  # within the lock, so that all hear them in one order
                self.bus.emit(event)
        return events

    def observe_batch(self, batch: Batch | Iterable[InferenceRecord]) -> EventBatch:
        """Take many records; the same events as one after another, as columns.

        A data frame goes through `Batch.from_frame`; InvalidInput says so.
        """
        columns = batch if isinstance(batch, Batch) else Batch.from_records(batch)
        with self._lock:
            events = self.engine.observe_batch(columns)
            self.bus.emit_batch(events)
        return events

    def settle(self, batch: Batch | Iterable[InferenceRecord]) -> EventBatch:
        """Take records again whose labels have come since: only what follows labels sees them.

        `batch.with_truth(labels)` gives a batch its labels. In the order in which they became
        known, each record once; the events are told with the version and time of the prediction.
        """
        columns = batch if isinstance(batch, Batch) else Batch.from_records(batch)
        with self._lock:
            events = self.engine.settle(columns)
            self.bus.emit_batch(events)
        return events

    async def run(self) -> None:
        """Consume the channel until every sender is closed."""
        import asyncio  # here, so that programs without coroutines need not load it

        receiver = self._take_receiver()
        try:
            while records := await receiver.recv_many(_MICRO_BATCH):
                self._consume(records)
                await asyncio.sleep(0)  # subscribers of this loop get their turn
        finally:
            self._end(receiver)

    def run_blocking(self) -> None:
        """Consume the channel in this thread until every sender is closed."""
        receiver = self._take_receiver()
        try:
            while records := receiver.recv_many_blocking(_MICRO_BATCH):
                self._consume(records)
        finally:
            self._end(receiver)

    @overload
    def watch(self, function: F, /) -> F: ...
    @overload
    def watch(
        self,
        function: None = None,
        /,
        *,
        model_version: str | Callable[[], str] = ...,
        model: str = ...,
        label: Callable[[Any], Any] | None = ...,
        score: Callable[[Any], Any] | None = ...,
        features: Callable[..., Any] | None = ...,
    ) -> Callable[[F], F]: ...
    def watch(
        self,
        function: F | None = None,
        /,
        *,
        model_version: str | Callable[[], str] = "unversioned",
        model: str = "default",
        label: Callable[[Any], Any] | None = None,
        score: Callable[[Any], Any] | None = None,
        features: Callable[..., Any] | None = None,
    ) -> Any:
        """Wrap a predict function, sync or async: measure its latency and record what it says.

        The result is never changed and the caller never fails because of it: what goes wrong in
        the watching is counted under `health["watch"]`. A list, array or series counts as one
        prediction per element. `label` and `score` read them from another kind of result,
        `features` reads them from the call's arguments; `model_version` may be a function.
        """
        chosen = Look(model_version, model, label, score, features)

        def wrap(inner: F) -> F:
            if not callable(inner):
                raise TypeError(f"watch wraps a function, got {inner!r}; settings go by name")
            return watched(inner, chosen, self._submit, partial(self._complain, "watch"))

        return wrap if function is None else wrap(function)

    @property
    def health(self) -> dict[str, Health]:
        """How each plug-in is doing, and the ways in: watched functions, and the channel."""
        return {**self.engine.health, **self._edges}

    def snapshot(self) -> bytes:
        """Everything the monitor remembers, to continue from later."""
        with self._lock:
            return self.engine.snapshot()

    def restore(self, snapshot: bytes) -> None:
        """Continue from a snapshot; raises SnapshotMismatch unless built the same."""
        with self._lock:
            self.engine.restore(snapshot)

    def renew(self) -> None:
        """Another model serves from now on: metrics and detectors start anew."""
        with self._lock:
            self.engine.renew()

    def _submit(self, records: list[InferenceRecord]) -> None:
        self._take(records)
        self._edges["watch"].ok = True

    def _complain(self, edge: str, error: Exception) -> None:
        """Count what went wrong before a record was one, and say so when it begins."""
        health = self._edges[edge]
        with self._lock:
            began, health.ok = health.ok, False
            health.errors += 1
            health.last_error = f"{type(error).__name__}: {error}"
            if began:
                payload = FailureEvent(edge, health.last_error, datetime.now(UTC))
                self.bus.emit(PluginFailed(payload))

    def _consume(self, items: list[Any]) -> None:
        """Take what came through the channel; what is no record is counted and set aside."""
        if set(map(type, items)) - {InferenceRecord}:
            for item in items:
                if not isinstance(item, InferenceRecord):
                    what = type(item).__name__
                    self._complain("channel", TypeError(f"got a {what} instead of a record"))
            items = [item for item in items if isinstance(item, InferenceRecord)]
        self._take(items)

    def _take(self, records: list[InferenceRecord]) -> None:
        if len(records) < _WORTH_A_BATCH:
            for record in records:
                self.observe(record)
        else:
            self.observe_batch(Batch.from_records(records))

    def _take_receiver(self) -> Receiver[InferenceRecord]:
        if self._receiver is None:
            raise Closed(
                "this monitor has no channel to run on (or has run already); build it with the "
                "receiver of hs.channel(capacity), or call observe"
            )
        receiver, self._receiver = self._receiver, None
        return receiver

    def _end(self, receiver: Receiver[InferenceRecord]) -> None:
        receiver.close()
        if self._owns_bus:
            self.bus.close()


class ModelMonitorBuilder:
    """Builds a ModelMonitor step by step; every step returns the builder."""

    def __init__(self) -> None:
        self._metrics: list[Metric] = []
        self._detectors: list[Detector] = []
        self._strategy: Strategy | None = None
        self._bus: EventBus | None = None
        self._budget: AlarmBudget | str | None = None
        self._records_per_day: float | None = None

    def with_default_metrics(self) -> Self:
        """Accuracy over the latest 100 labelled records, and latency with alpha 0.3."""
        self._metrics += default_metrics()
        return self

    def with_metric(self, metric: Metric) -> Self:
        """One more metric."""
        self._metrics.append(metric)
        return self

    def with_detector(self, detector: Detector) -> Self:
        """One more detector."""
        self._detectors.append(detector)
        return self

    def with_budget(self, budget: AlarmBudget | str, records_per_day: float | None = None) -> Self:
        """How many false alarms all detectors together may raise."""
        self._budget, self._records_per_day = budget, records_per_day
        return self

    def with_strategy(self, strategy: Strategy) -> Self:
        """The strategy that asks for retrainings."""
        self._strategy = strategy
        return self

    def with_bus(self, bus: EventBus) -> Self:
        """A bus of your own, which the monitor leaves open when it ends."""
        self._bus = bus
        return self

    def build(self, receiver: Receiver[InferenceRecord] | None = None) -> ModelMonitor:
        """The monitor; raises InvalidSetting when no strategy was given."""
        if self._strategy is None:
            raise InvalidSetting(
                "Retraining strategy must be provided: call "
                ".with_strategy(hs.ThresholdStrategy(0.85)) before .build(...)"
            )
        return ModelMonitor(
            self._metrics, self._detectors, self._strategy, self._bus, receiver,
            budget=self._budget, records_per_day=self._records_per_day,
        )  # fmt: skip


def default_metrics() -> list[Metric]:
    """The seed's defaults."""
    return [AccuracyMetric(100), LatencyMetric(0.3)]
