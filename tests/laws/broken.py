"""A sound metric, detector and strategy, and one with a fault for every law of the kit."""

import random
import time
from collections import deque
from datetime import UTC, datetime
from typing import ClassVar

import numpy as np

from homeostat import MetricEvent, MetricUpdated, RetrainingStrategy, Series, Stateful
from homeostat.protocols import Alarms, Note
from homeostat.strategy import Answers, as_keys, request

# Metrics --------------------------------------------------------------------------------------


class Errors(Stateful):
    """The share of wrong labelled predictions since the start: sound."""

    name = "errors"
    memory = ("wrong", "seen")

    def __init__(self, scale: float = 1.0):
        self.scale = scale
        self.wrong = 0
        self.seen = 0

    def value(self):
        return self.scale * self.wrong / self.seen

    def on_record(self, record):
        if record.ground_truth_label is None:
            return None
        self.seen += 1
        self.wrong += int(record.ground_truth_label != record.predicted_label)
        return self.told(record)

    def told(self, record, name=None, value=None):
        value = self.value() if value is None else value
        return MetricUpdated(
            MetricEvent(name or self.name, value, record.model_version, record.created_at)
        )

    def on_batch(self, batch):
        rows, values = [], []
        for row, record in enumerate(batch):
            event = self.on_record(record)
            if event is not None:
                rows.append(row)
                values.append(event.value)
        return [Series(self.name, np.array(rows, dtype=np.int64), np.array(values, np.float64))]

    def merge(self, other):
        self.wrong += other.wrong
        self.seen += other.seen


class Nameless(Errors):
    name = ""


class OtherName(Errors):
    def on_record(self, record):
        event = super().on_record(record)
        return event and self.told(record, name="mistakes", value=event.value)

    def on_batch(self, batch):
        (series,) = super().on_batch(batch)
        return [series._replace(name="mistakes")]


class WholeNumber(Errors):
    def on_record(self, record):
        event = super().on_record(record)
        return event and self.told(record, value=self.wrong)


class WallClock(Errors):
    def on_record(self, record):
        event = super().on_record(record)
        now = datetime.now(UTC)
        return event and MetricUpdated(MetricEvent(self.name, event.value, "v1", now))


class BareFloat(Errors):
    def on_record(self, record):
        event = super().on_record(record)
        return event and event.value


class TwoValues(Errors):
    def on_batch(self, batch):
        return list(super().on_batch(batch)) * 2


class FallingRows(Errors):
    def on_batch(self, batch):
        (series,) = super().on_batch(batch)
        return [Series(self.name, series.rows[::-1].copy(), series.values[::-1].copy())]


class ListOfValues(Errors):
    def on_batch(self, batch):
        (series,) = super().on_batch(batch)
        return [series._replace(values=series.values.tolist())]


class ZeroAtFirst(Errors):
    """Says 0.0 where nothing is known yet, as many libraries do."""

    def value(self):
        return self.wrong / self.seen if self.seen else 0.0

    def on_record(self, record):
        return super().on_record(record) or self.told(record)


class FailsOnOneClass(Errors):
    def on_record(self, record):
        event = super().on_record(record)
        if event:
            1 / (self.wrong + (self.seen < 60))
        return event


class FailsOnEmptyBatch(Errors):
    def on_batch(self, batch):
        batch.latency_ms.max()
        return super().on_batch(batch)


class MergesTwice(Errors):
    def merge(self, other):
        self.wrong += 2 * other.wrong
        self.seen += 2 * other.seen


class MergesLeft(Errors):
    def merge(self, other):
        self.wrong, self.seen = other.wrong, other.seen


class EatsTheOther(Errors):
    def merge(self, other):
        super().merge(other)
        other.wrong = other.seen = 0


class ForgetsInBatches(Errors):
    """Its columnar form starts from nothing each time."""

    def on_batch(self, batch):
        self.wrong = self.seen = 0
        return super().on_batch(batch)


class LastBits(Errors):
    """Its columnar form adds up in another order."""

    memory = ("total",)

    def __init__(self):
        self.total = 0.0

    def on_record(self, record):
        self.total += record.latency_ms
        return self.told(record, value=self.total)

    def on_batch(self, batch):
        totals = np.cumsum(batch.latency_ms) + self.total
        self.total = float(totals[-1]) if len(totals) else self.total
        return [Series(self.name, None, totals)]


class ForgetsAPart(Errors):
    memory = ("wrong",)


class LosesItsWindow:
    """A plain class whose windows, one a class, come back from bytes without their bound."""

    name = "per_class"

    def __init__(self):
        self.windows = {}

    def on_record(self, record):
        label = str(record.predicted_label)[:1]
        window = self.windows.setdefault(label, deque(maxlen=5))
        window.append(float(record.latency_ms))
        value = sum(window) / len(window)
        return MetricUpdated(MetricEvent(self.name, value, record.model_version, record.created_at))


class CannotBeKept(Errors):
    memory = ("wrong", "seen", "rng")

    def __init__(self):
        super().__init__()
        self.rng = random.Random(1)


class AliasedSnapshot:
    name = "aliased"

    def __init__(self):
        self.counts = [0]

    def on_record(self, record):
        self.counts[0] += 1
        value = float(self.counts[0])
        return MetricUpdated(MetricEvent(self.name, value, record.model_version, record.created_at))

    def snapshot(self):
        return {"counts": self.counts}

    def restore(self, snapshot):
        self.counts = snapshot["counts"]


class GlobalRandom(Errors):
    def value(self):
        return super().value() + 0 * np.random.random()  # noqa: NPY002


class Unseeded(Errors):
    def value(self):
        return super().value() + time.perf_counter()


class KeepsAll(Errors):
    memory = ("wrong", "seen", "all")

    def __init__(self):
        super().__init__()
        self.all = []

    def on_record(self, record):
        self.all.append(record.latency_ms)
        return super().on_record(record)


class KeepsClasses(Errors):
    memory = ("wrong", "seen", "classes")

    def __init__(self):
        super().__init__()
        self.classes = {}

    def on_record(self, record):
        label = str(record.predicted_label)
        self.classes[label] = self.classes.get(label, 0) + 1
        return super().on_record(record)


class SortsTheBatch(Errors):
    def on_batch(self, batch):
        batch.latency_ms.sort()
        return super().on_batch(batch)


class PopsAFeature(Errors):
    def on_record(self, record):
        if record.features:
            record.features.pop("x", None)
        return super().on_record(record)


class HidesItsSetting(Errors):
    def __init__(self, factor: float = 1.0):
        super().__init__()
        self._factor = factor


class ChangesItsSetting(Errors):
    def __init__(self, scale: float = 2.0):
        super().__init__(scale / 2)


class FreshIsItself(Errors):
    def fresh(self):
        return self


class Silent(Errors):
    def on_record(self, record):
        return None


# Detectors ------------------------------------------------------------------------------------


class Jump(Stateful):
    """Two halves of a window of 200 whose means differ by more than `bound`: sound."""

    name = "jump"
    memory = ("window", "observed", "change")

    def __init__(self, bound: float = 0.4, on: str = "error"):
        self.bound = bound
        self.on = on
        self.window = []
        self.observed = float("nan")
        self.change = float("nan")

    @property
    def threshold(self):
        return self.bound

    def update(self, x):
        if x != x:
            return False
        self.window = [*self.window[-199:], float(x)]
        return len(self.window) == 200 and self.differs()

    def differs(self):
        change = sum(self.window[100:]) / 100 - sum(self.window[:100]) / 100
        if abs(change) <= self.bound or len(set(self.window)) == 1:
            return False
        self.report(change)
        return True

    def report(self, change):
        self.observed, self.change = abs(change), change
        self.window = []


class OnNothing(Jump):
    on = ""

    def __init__(self):
        super().__init__(on="")


class ReportsLate(Jump):
    def report(self, change):
        self.window = []


class CountsFromOne(Jump):
    def update_many(self, xs):
        return np.flatnonzero([self.update(x) for x in xs]) + 1


class SkipsThePast(Jump):
    """Its columnar form forgets what came before the array."""

    def alarms(self, xs):
        self.window = []
        raised = [
            (at, self.observed, self.threshold, self.change)
            for at, x in enumerate(xs.tolist())
            if self.update(x)
        ]
        columns = np.array(raised, dtype=np.float64).reshape(-1, 4).T
        return Alarms(columns[0].astype(np.int64), *columns[1:])


class Nervous(Jump):
    def differs(self):
        self.report(1.0)
        return True


class TakesNaN(Jump):
    def update(self, x):
        return super().update(0.0 if x != x else x)


class Blind(Jump):
    def differs(self):
        return False


class Once(Jump):
    memory = ("window", "observed", "change", "done")

    def __init__(self):
        super().__init__()
        self.done = False

    def differs(self):
        self.done = self.done or super().differs()
        return self.done and self.window == []


class Stuck(Once):
    """Stops listening after its first alarm."""

    def update(self, x):
        return not self.done and super().update(x)


class KeepsNumbers(Jump):
    memory = ("window", "observed", "change", "all")

    def __init__(self):
        super().__init__()
        self.all = []

    def update(self, x):
        if x == x:
            self.all.append(x)
        return super().update(x)


class Variance(Jump):
    exempt: ClassVar = {"finds a step": "it looks for something else", "finds the next": "the same"}

    def differs(self):
        return False


class Slow(Stateful):
    """A detector of records: alarms at every latency beyond 400 ms. Sound."""

    name, on = "slow", "records"
    memory = ("observed",)

    def __init__(self):
        self.observed = float("nan")
        self.threshold = 400.0
        self.note = None

    def update(self, record):
        if record.latency_ms <= self.threshold:
            return False
        self.observed = float(record.latency_ms)
        self.note = Note("latency", {"version": record.model_version}, alarms=1)
        return True

    def alarms(self, batch):
        rows = [row for row, record in enumerate(batch) if self.update(record)]
        found = [batch[row] for row in rows]
        observed = np.array([float(record.latency_ms) for record in found])
        notes = [Note("latency", {"version": r.model_version}, alarms=1) for r in found]
        bounds = np.full(len(rows), self.threshold)
        changes = np.full(len(rows), np.nan)
        return Alarms(np.array(rows, np.int64), observed, bounds, changes, None, notes)


class SlowUnsaid(Slow):
    def update(self, record):
        raised = super().update(record)
        self.observed = float("nan")
        return raised


class SlowAnonymous(Slow):
    def alarms(self, batch):
        return super().alarms(batch)._replace(notes=None)


# Strategies -----------------------------------------------------------------------------------


class Low(RetrainingStrategy):
    """Asks while a metric is below a bound: sound."""

    name = "low"

    def __init__(self, bound: float = 0.5, metric: str = "accuracy"):
        self.bound = bound
        self.metric = metric

    def watches(self, event):
        return type(event) is MetricUpdated and event.payload.name == self.metric

    def on_event(self, event):
        if self.watches(event) and event.payload.value < self.bound:
            return self.answer(event)
        return None

    def answer(self, event):
        return request(event, f"{self.metric} is low")


class AnswersNow(Low):
    def answer(self, event):
        made = super().answer(event)
        payload = made.payload.__class__("v1", "low", datetime.now(UTC))
        return type(made)(payload)


class NoReason(Low):
    def answer(self, event):
        return request(event, "")


class AnswersTrue(Low):
    def answer(self, event):
        return True


class AnyMetric(Low):
    def watches(self, event):
        return type(event) is MetricUpdated


class NaNIsLow(Low):
    def on_event(self, event):
        if self.watches(event) and not event.payload.value >= self.bound:
            return self.answer(event)
        return None


class WatchesNothing(Low):
    def on_event(self, event):
        if type(event) is MetricUpdated and event.payload.name == self.metric:
            return self.answer(event) if event.payload.value < self.bound else None
        return None

    def watches(self, event):
        return False


class CountsLooks(Low):
    memory = ("looks",)
    looks = 0

    def watches(self, event):
        self.looks += 1
        return super().watches(event)


class EveryThird(Low):
    """Sound: asks at every third value that is low."""

    memory = ("low",)

    def __init__(self):
        super().__init__()
        self.low = 0

    def answer(self, event):
        self.low = (self.low + 1) % 3
        return super().answer(event) if self.low == 0 else None


class ForgetsTheCount(EveryThird):
    memory = ()


class CountsPerBatch(EveryThird):
    def on_events(self, events):
        self.low = 0
        return super().on_events(events)


class AnswersTheUnwatched(Low):
    def on_events(self, events):
        found = super().on_events(events)
        return Answers(lambda: as_keys([]), found.answered, found.make, found.kind)


class SharesTheInner(RetrainingStrategy):
    """A wrapper whose fresh copy goes on with the same inner strategy."""

    name = "wrapper"
    memory = ("inner",)

    def __init__(self):
        self.inner = EveryThird()

    def on_event(self, event):
        return self.inner.on_event(event)

    def watches(self, event):
        return self.inner.watches(event)

    def fresh(self):
        again = type(self)()
        again.inner = self.inner
        return again


class Duck:
    """Sound, and knows nothing of homeostat's classes."""

    def __init__(self):
        self.low = 0

    def on_event(self, event):
        if event.kind != "MetricUpdated" or event.name != "accuracy" or not event.value < 0.5:
            return None
        self.low += 1
        return request(event, "low again") if self.low % 2 else None


class Unheard(Low):
    def on_event(self, event):
        return None
