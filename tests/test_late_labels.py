"""Labels that come after their records, in the engine."""

from datetime import UTC, datetime, timedelta

import pytest

from homeostat import (
    AccuracyMetric,
    InferenceRecord,
    LatencyMetric,
    MetricUpdated,
    ModelMonitor,
    segmented,
)
from homeostat.batch import Batch
from homeostat.drift import ADWIN, PageHinkley
from homeostat.engine import Engine
from homeostat.plugins import TABLE, load
from homeostat.protocols import follows_labels

START = datetime(2026, 1, 1, tzinfo=UTC)


def made(n, truth=None):
    return InferenceRecord(
        model_version="v1", predicted_label="a", ground_truth_label=truth, latency_ms=n,
        created_at=START + timedelta(seconds=n), features={"country": "NO" if n % 2 else "SE"},
    )  # fmt: skip


def plugins():
    return (
        [AccuracyMetric(10), segmented(AccuracyMetric(10), by="country"), LatencyMetric(0.3)],
        [ADWIN(on="error"), PageHinkley(on="latency_ms"), ADWIN(on="accuracy")],
    )


def test_records_then_labels_is_records_with_labels():
    together, apart = Engine(*plugins()), Engine(*plugins())
    truths = ["a" if n % 3 else "b" for n in range(60)]
    whole = Batch.from_records([made(n, truth) for n, truth in enumerate(truths)])
    together.observe_batch(whole)
    bare = Batch.from_records([made(n) for n in range(60)])
    apart.observe_batch(bare)
    events = list(apart.settle(bare.with_truth(truths[:25] + [None] * 35)))
    events += apart.settle(bare[25:].with_truth(truths[25:]))
    assert {event.name for event in events if isinstance(event, MetricUpdated)} == {
        "accuracy", "accuracy[country=NO]", "accuracy[country=SE]"}  # fmt: skip
    assert apart.records == 60
    assert apart.snapshot() == together.snapshot()


def test_after_a_change_the_metrics_are_counted_anew():
    engine = Engine(*plugins())
    bare = Batch.from_records([made(n) for n in range(30)])
    engine.observe_batch(bare.with_truth(["a"] * 30))
    latency = engine.metrics[2].snapshot()
    detectors = [detector.snapshot() for detector in engine.detectors]
    values = engine.recount(bare[20:].with_truth(["a"] * 5 + ["b"] * 5))
    assert values["accuracy"][-1] == 0.5
    assert engine.metrics[2].snapshot() == latency
    assert [detector.snapshot() for detector in engine.detectors] == detectors
    assert engine.recount(Batch.from_records([]))["accuracy"].size == 0
    assert engine.metrics[0].seen == 0


def test_a_monitor_takes_labels_later():
    monitor = ModelMonitor([AccuracyMetric(10)])
    batch = Batch.from_records([made(n) for n in range(4)])
    assert not monitor.observe_batch(batch)
    heard = monitor.subscribe(MetricUpdated)
    events = monitor.settle(batch.with_truth(["a", "a", None, "b"]))
    assert events.metric_values("accuracy").tolist() == pytest.approx([1, 1, 2 / 3])
    assert [heard.try_recv().value for _ in range(3)] == pytest.approx([1, 1, 2 / 3])


RECORDS = {"latency_ms_ewma", "latency_quantile", "missing_rate", "volume", "estimated", "cuped"}


@pytest.mark.parametrize("name", sorted(TABLE["metrics"]))
def test_every_metric_that_needs_labels_follows_them(name):
    if name in ("segmented", "windowed", "disparity"):
        return  # as the metric, or the kind, that they are given
    assert follows_labels(load("metrics", name)) == (name not in RECORDS)
