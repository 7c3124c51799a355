"""The engine: batches and single records agree, snapshots resume, a fault stays where it is."""

import math
from collections import Counter, defaultdict, deque
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import homeostat as hs
from homeostat import (
    AccuracyMetric,
    Batch,
    DriftDetected,
    DriftStrategy,
    Engine,
    InvalidSetting,
    LatencyMetric,
    MetricEvent,
    MetricUpdated,
    PluginFailed,
    RetrainingStrategy,
    RetrainRequested,
    SnapshotMismatch,
    Stateful,
    ThresholdStrategy,
    all_of,
    any_of,
)
from homeostat.drift.adwin import ADWIN
from homeostat.drift.page_hinkley import PageHinkley
from homeostat.protocols import Alarms, Series
from homeostat.strategy import request
from homeostat.testing.compare import difference
from homeostat.testing.streams import column_batch, record_streams

STREAMS = {stream.name: stream.items for stream in record_streams()}
USUAL = STREAMS["classes, some labels late"]


class Longest:
    """The seed's way: a name, on_record, and attributes."""

    name = "longest"

    def __init__(self):
        self.longest = 0.0

    def on_record(self, record):
        self.longest = max(self.longest, float(record.latency_ms))
        return told(self.name, self.longest, record)


class Gaps(Stateful):
    """NaN at every third record."""

    name = "gaps"
    memory = ("n",)

    def __init__(self):
        self.n = 0

    def on_record(self, record):
        self.n += 1
        return told(self.name, math.nan if self.n % 3 == 0 else float(self.n), record)


class Every:
    """A detector without a columnar form: alarms at every n-th number."""

    name = "every"
    threshold = 3

    def __init__(self, n=3, on="error"):
        self.n, self.on, self.seen, self.observed = n, on, [], 0

    def update(self, x):
        self.seen = [*self.seen[-9:], x]
        self.observed += 1
        return self.observed % self.n == 0


class EveryOther:
    """A strategy of the seed's kind."""

    def __init__(self):
        self.n = 0

    def on_event(self, event):
        self.n += 1
        return request(event, f"event {self.n}") if self.n % 2 else None


def told(name, value, record):
    return MetricUpdated(MetricEvent(name, value, record.model_version, record.created_at))


def low():
    return ThresholdStrategy(0.7)


BUILDS = {
    "nothing": lambda: Engine(),
    "the seed": lambda: Engine([AccuracyMetric(10), LatencyMetric()], strategy=low()),
    "detectors": lambda: Engine(
        [AccuracyMetric(10), LatencyMetric()],
        [
            ADWIN(0.3, clock=4, on="accuracy"), PageHinkley(5, threshold=1, on="error"),
            Every(5, on="latency_ms"), ADWIN(0.5, clock=8, on="score"),
            PageHinkley(5, threshold=500, on="latency_ms_ewma"), Every(4, on="accuracy"),
        ],
        any_of(DriftStrategy(), low().hold(2).cooldown(30)),
    ),
    "the simple way": lambda: Engine([Longest(), Gaps()], [Every(2, on="gaps")], EveryOther()),
    "mixed": lambda: Engine(
        [Longest(), AccuracyMetric(7), Gaps()],
        [Every(3, on="longest"), Every(2, on="gaps"), Every(7, on="score")],
        all_of(low(), EveryOther()).hold(2),
    ),
    "namesakes": lambda: Engine(
        [AccuracyMetric(3), AccuracyMetric(50)], [Every(4, on="accuracy")], low().hold(3)
    ),
}  # fmt: skip
each_build = pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
each_stream = pytest.mark.parametrize("items", STREAMS.values(), ids=STREAMS)


def lines(events):
    return [event.to_json() for event in events]


def singly(engine, items):
    return [line for record in items for line in lines(engine.observe(record))]


def in_batches(engine, items, cuts):
    edges = sorted({0, *(min(cut, len(items)) for cut in cuts), len(items)})
    parts = [items[start:end] for start, end in pairwise(edges)]
    return [line for part in parts for line in lines(engine.observe_batch(part))]


cuttings = st.lists(st.integers(0, 300), max_size=12)


@each_build
@each_stream
def test_one_batch_gives_the_events_of_single_records(build, items):
    one, many = build(), build()
    assert in_batches(many, items, []) == singly(one, items)
    assert many.snapshot() == one.snapshot()
    assert many.records == len(items)


@each_build
@given(cuts=cuttings)
@settings(max_examples=15, deadline=None)
def test_any_cutting_gives_the_same_events_and_memory(build, cuts):
    for items in (USUAL, STREAMS["columns"], STREAMS["hostile records"]):
        one, many = build(), build()
        assert in_batches(many, items, cuts) == singly(one, items)
        assert many.snapshot() == one.snapshot()


@each_build
@given(stop=st.integers(0, 240), cuts=cuttings)
@settings(max_examples=10, deadline=None)
def test_restored_it_goes_on_as_if_never_stopped(build, stop, cuts):
    straight, again = build(), build()
    in_batches(straight, USUAL[:stop], cuts)
    again.restore(straight.snapshot())
    assert again.snapshot() == straight.snapshot()
    assert in_batches(again, USUAL[stop:], cuts) == singly(straight, USUAL[stop:])
    assert again.snapshot() == straight.snapshot()


@pytest.mark.parametrize("name", BUILDS)
def test_a_snapshot_of_another_build_is_refused(name):
    engine = BUILDS[name]()
    for other, build in BUILDS.items():
        if other != name:
            with pytest.raises(SnapshotMismatch, match="the snapshot is of"):
                engine.restore(build().snapshot())


def test_a_snapshot_of_other_settings_is_refused_and_changes_nothing():
    engine, other = Engine([AccuracyMetric(5)]), Engine([AccuracyMetric(6)])
    singly(other, USUAL)
    before = engine.snapshot()
    for data in (other.snapshot(), b"", b"\x80", b"nonsense", b"\xc1"):
        with pytest.raises(SnapshotMismatch):
            engine.restore(data)
    assert engine.snapshot() == before


def test_values_that_are_not_finite_reach_no_detector():
    for watch in ("gaps", "score"):
        engine = Engine([Gaps()], [Every(on=watch)])
        singly(engine, STREAMS["hostile records"])
        in_batches(engine, USUAL, [50])
        assert np.isfinite(engine.detectors[0].seen).all()


def test_what_a_detector_watches_must_be_given():
    with pytest.raises(InvalidSetting, match="did you mean 'accuracy'"):
        Engine([AccuracyMetric()], [Every(on="acuracy")])


def test_alarms_follow_the_value_that_they_are_about():
    engine = BUILDS["detectors"]()
    events = list(engine.observe_batch(USUAL))
    for before, event in pairwise(events):
        if type(event) is DriftDetected and event.metric == "accuracy":
            assert type(before) is not DriftDetected or before.metric == "accuracy"
            assert before.created_at == event.created_at
        if type(event) is RetrainRequested:
            assert before.created_at == event.created_at


def test_settings_given_as_whole_numbers_read_the_same_in_both_forms():
    one, many = (Engine([], [PageHinkley(5, threshold=1, on="error")]) for _ in range(2))
    got = singly(one, USUAL)
    assert any('"threshold":1.0' in line for line in got)
    assert in_batches(many, USUAL, [7]) == got


def test_whole_numbers_beyond_the_floats_are_compared_exactly():
    batch = Batch.from_columns(
        model_version="v1",
        predicted_label=np.array([2**53 + 1, 2**53, 5]),
        ground_truth_label=np.array([2.0**53, 2.0**53, 5.0]),
        latency_ms=[1, 1, 1],
        created_at=np.array(["2026-01-31"] * 3, dtype="datetime64[us]"),
    )
    one, many = Engine([AccuracyMetric()]), Engine([AccuracyMetric()])
    assert in_batches(many, batch, []) == singly(one, batch)
    assert one.metrics[0].right == 2


# Faults ---------------------------------------------------------------------------------------


class Fault(Exception):
    pass


class FailingMetric(Longest):
    """Raises at the records numbered in `at`."""

    name = "failing"

    def __init__(self, at):
        super().__init__()
        self.at, self.n = at, 0

    def on_record(self, record):
        self.n += 1
        if self.n - 1 in self.at:
            raise Fault(f"record {self.n - 1}")
        return super().on_record(record)


class FailingDetector(Every):
    def __init__(self, at, on="latency_ms"):
        super().__init__(3, on)
        self.at, self.calls = at, 0

    def update(self, x):
        self.calls += 1
        if self.calls - 1 in self.at:
            raise Fault(f"number {self.calls - 1}")
        return super().update(x)


class FailingStrategy(EveryOther):
    def __init__(self, at):
        super().__init__()
        self.at, self.calls = at, 0

    def on_event(self, event):
        self.calls += 1
        if self.calls - 1 in self.at:
            raise Fault(f"event {self.calls - 1}")
        return super().on_event(event)


class FailsInColumns(AccuracyMetric):
    name = "columns"
    fails = True

    def on_batch(self, batch):
        if self.fails:
            raise Fault("a batch")
        return super().on_batch(batch)


class AlarmsFail(Every):
    def alarms(self, xs) -> Alarms:
        raise Fault("an array")


class AnswersFail(RetrainingStrategy):
    name = "answers"

    def on_event(self, event):
        return None

    def on_events(self, events):
        raise Fault("some events")


SICK = {
    "metric": lambda at: Engine([FailingMetric(at), AccuracyMetric(5)], strategy=EveryOther()),
    "detector": lambda at: Engine([AccuracyMetric(5)], [FailingDetector(at)], low()),
    "watcher": lambda at: Engine([LatencyMetric()], [FailingDetector(at, "latency_ms_ewma")]),
    "strategy": lambda at: Engine([LatencyMetric()], strategy=FailingStrategy(at)),
}
each_sick = pytest.mark.parametrize("build", SICK.values(), ids=SICK)


def failures(events):
    return [event for event in events if type(event) is PluginFailed]


@each_sick
def test_a_fault_is_told_once_until_it_works_again(build):
    engine = build({3, 4, 5, 9})
    told = [len(failures(engine.observe(record))) for record in USUAL[:12]]
    assert told == [0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0]
    assert engine.records == 12
    (health,) = (each for each in engine.health.values() if each.errors)
    assert (health.ok, health.errors) == (True, 4)
    assert health.last_error.startswith("Fault: ")


@each_sick
@given(at=st.sets(st.integers(0, 60)), cuts=cuttings)
@settings(max_examples=20, deadline=None)
def test_a_fault_gives_the_same_events_in_batches(build, at, cuts):
    one, many = build(at), build(at)
    assert in_batches(many, USUAL[:80], cuts) == singly(one, USUAL[:80])
    assert many.health == one.health
    assert difference(many.spec(), one.spec()) is None


@each_sick
def test_a_fault_is_remembered_in_the_snapshot(build):
    straight, again = build({3, 4, 5}), build({3, 4, 5})
    singly(straight, USUAL[:4])
    again.restore(straight.snapshot())
    assert singly(again, USUAL[4:20]) == singly(straight, USUAL[4:20])
    assert again.health == straight.health


@pytest.mark.parametrize("item", ["metric", "detector", "strategy"])
def test_a_fault_in_columns_costs_that_batch_alone(item):
    broken = {"metric": FailsInColumns(5), "detector": AlarmsFail(), "strategy": AnswersFail()}
    engine = Engine(
        [LatencyMetric(), *([broken[item]] if item == "metric" else [])],
        [broken[item]] if item == "detector" else [],
        broken[item] if item == "strategy" else None,
    )
    healthy = Engine([LatencyMetric()])
    for start in (0, 50, 100):
        events = engine.observe_batch(USUAL[start : start + 50])
        assert len(failures(events)) == (start == 0)
        others = healthy.observe_batch(USUAL[start : start + 50])
        assert [e for e in events if type(e) is not PluginFailed] == list(others)
    assert engine.records == 150
    (health,) = (each for each in engine.health.values() if not each.ok)
    assert health.errors == 3


def test_it_is_well_again_with_the_next_batch():
    metric = FailsInColumns(5)
    engine = Engine([metric])
    engine.observe_batch(USUAL[:10])
    metric.fails = False
    assert not failures(engine.observe_batch(USUAL[10:20]))
    assert engine.health["columns"].ok
    metric.fails = True
    assert len(failures(engine.observe_batch(USUAL[20:30]))) == 1


def test_namesakes_are_told_apart_when_one_fails():
    engine = Engine([AccuracyMetric(5), FailingMetric({1, 2, 3})])
    engine.metrics[1].name = "accuracy"
    engine = Engine(engine.metrics)
    told = sum(len(failures(engine.observe(record))) for record in USUAL[:10])
    assert told == 1
    assert engine.health["accuracy #2"].errors == 3
    assert engine.health["accuracy"].errors == 0


def test_a_duck_typed_strategy_is_called_by_its_own_name():
    assert set(Engine(strategy=EveryOther()).health) == {"EveryOther"}


# The events of a batch ------------------------------------------------------------------------


def test_an_event_batch_is_a_sequence():
    events = BUILDS["mixed"]().observe_batch(USUAL)
    whole = list(events)
    assert len(whole) == len(events) > 400
    for piece in (
        slice(None),
        slice(3, 90),
        slice(None, None, -1),
        slice(-5, None, 2),
        slice(5, 5),
    ):
        assert lines(events[piece]) == lines(whole[piece])
    assert events[-1].to_json() == whole[-1].to_json()
    assert events[np.int64(7)].to_json() == whole[7].to_json()
    with pytest.raises(IndexError):
        events[len(events)]
    assert np.all(np.diff(np.asarray(events)) >= 0)
    assert sum(events.counts().values()) == len(events)


def test_event_batches_are_compared_by_their_events():
    build = BUILDS["the seed"]
    events, again = build().observe_batch(USUAL), build().observe_batch(USUAL)
    assert events == again == list(again)
    assert events != list(again)[:-1]
    assert events != 5


@pytest.mark.parametrize("kind", [MetricUpdated, DriftDetected, RetrainRequested])
def test_the_events_of_one_kind(kind):
    events = BUILDS["detectors"]().observe_batch(column_batch(300))
    assert lines(events.of(kind)) == lines(event for event in events if type(event) is kind)
    assert len(events.of(PluginFailed)) == 0


@pytest.mark.parametrize("name", ["accuracy", "longest", "gaps", "nothing"])
def test_the_values_of_one_metric(name):
    events = BUILDS["mixed"]().observe_batch(USUAL)
    want = [e.value for e in events if type(e) is MetricUpdated and e.name == name]
    np.testing.assert_array_equal(events.metric_values(name), want)


def test_no_records_give_no_events():
    for items in (Batch.from_records([]), USUAL[:0]):
        events = BUILDS["mixed"]().observe_batch(items)
        assert (len(events), list(events), list(events.rows)) == (0, [], [])


def test_a_metric_of_several_series():
    class Parity(Stateful):
        """Latency of even rows under one name, of odd ones under another."""

        name = "parity"
        memory = ("n",)
        n = 0

        def on_record(self, record):
            self.n += 1
            return told(f"parity[odd={self.n % 2}]", float(record.latency_ms), record)

        def on_batch(self, batch):
            odd = np.arange(self.n + 1, self.n + len(batch) + 1) % 2
            self.n += len(batch)
            for side in (0, 1):
                rows = np.flatnonzero(odd == side)
                yield Series(f"parity[odd={side}]", rows, batch.latency_ms[rows])

    def build():
        return Engine([Parity()], [Every(on="parity[odd=1]")], EveryOther())

    one, many = build(), build()
    assert in_batches(many, USUAL, [1, 8, 9, 100]) == singly(one, USUAL)
    assert many.snapshot() == one.snapshot()


# Memory of plug-ins without snapshot and restore ------------------------------------------------


class Keeper:
    """Keeps one of everything, in slots and out of them."""

    name = "keeper"
    __slots__ = ("__dict__", "last")

    def __init__(self):
        self.seen, self.pair, self.counts = set(), (0, 0), Counter()
        self.groups, self.recent, self.raw = defaultdict(list), deque(maxlen=3), bytearray(2)

    def on_record(self, record):
        label = str(record.predicted_label)
        self.last = label
        self.seen.add(label)
        self.counts[label] += 1
        self.groups[label[:1]].append(len(label))
        self.groups[label[:1]] = self.groups[label[:1]][-5:]
        self.pair = (self.pair[1], self.pair[0] + len(self.seen))
        self.recent.append(record.latency_ms)
        self.raw[0] = len(self.recent)
        if len(self.seen) > 2:
            self.many = True
        return told(self.name, float(sum(self.recent) + hash(self.pair) % 7), record)


@pytest.mark.parametrize("stop", [0, 1, 2, 50, 240])
def test_attributes_come_back_as_they_were(stop):
    straight, again = Engine([Keeper()]), Engine([Keeper()])
    singly(straight, USUAL[:stop])
    singly(again, STREAMS["hostile records"])  # what is restored into need not be new
    again.restore(straight.snapshot())
    one, other = straight.metrics[0], again.metrics[0]
    for name, value in vars(one).items():
        assert type(getattr(other, name)) is type(value)
        assert getattr(other, name) == value
    assert hasattr(other, "many") == hasattr(one, "many")
    assert singly(again, USUAL[stop:]) == singly(straight, USUAL[stop:])


def test_what_is_no_plain_data_is_named_with_the_mend():
    class Odd(Longest):
        def __init__(self):
            super().__init__()
            self.helper = object()

    with pytest.raises(TypeError, match="cannot hold a object; keep plain data"):
        Engine([Odd()]).snapshot()


def test_a_restore_that_fails_changes_nothing():
    class Fussy(hs.Stateful):
        name = "fussy"
        memory = ("seen",)

        def __init__(self):
            self.seen = 0

        def on_record(self, record):
            self.seen += 1

        def restore(self, snapshot):
            if snapshot["seen"] > 3:
                raise RuntimeError("too much to remember")
            super().restore(snapshot)

    def engine_after(n):
        engine = hs.Engine([hs.AccuracyMetric(5), Fussy()])
        for _ in range(n):
            engine.observe(hs.InferenceRecord.dummy_ok())
        return engine

    engine = engine_after(2)
    before = engine.snapshot()
    with pytest.raises(RuntimeError):
        engine.restore(engine_after(7).snapshot())
    assert engine.snapshot() == before
