"""The monitor as users hold it: builder, channel, bus, watch."""

import asyncio
import threading
from datetime import UTC, datetime

import numpy as np
import pytest

import homeostat as hs

BAD = {"predicted_label": "ok", "ground_truth_label": "bad"}


def record(**fields) -> hs.InferenceRecord:
    given = {"model_version": "v1", "latency_ms": 5, "created_at": datetime(2026, 1, 1, tzinfo=UTC)}
    return hs.InferenceRecord(**{**given, "predicted_label": "ok", **fields})


def test_the_seeds_own_test():
    """The seed's `test_monitor_triggers_retraining`, word for word in Python."""

    async def main():
        tx, rx = hs.channel(8)
        monitor = (
            hs.ModelMonitor.builder()
            .with_default_metrics()
            .with_strategy(hs.ThresholdStrategy(0.90))
            .build(rx)
        )
        sub = monitor.subscribe()
        task = asyncio.create_task(monitor.run())
        for _ in range(120):
            await tx.send(record(**BAD))
        found = False
        for _ in range(200):
            event = sub.try_recv()
            if isinstance(event, hs.RetrainRequested):
                found = True
                break
            await asyncio.sleep(0.01)
        assert found
        tx.close()
        await asyncio.wait_for(task, 10)

    asyncio.run(main())


def test_run_ends_when_the_channel_closes_and_its_own_bus_ends_with_it():
    async def main():
        tx, rx = hs.channel(1024)
        monitor = hs.ModelMonitor.builder().with_default_metrics()
        monitor = monitor.with_strategy(hs.ThresholdStrategy(0.9)).build(rx)
        sub = monitor.subscribe(hs.RetrainRequested)

        async def listen():
            return [event async for event in sub]

        async def produce():
            with tx:
                for i in range(5000):
                    await tx.send(record(**BAD, latency_ms=i))

        _, events, _ = await asyncio.wait_for(
            asyncio.gather(monitor.run(), listen(), produce()), 60
        )
        assert len(events) == 5000
        assert all(isinstance(event, hs.RetrainRequested) for event in events)
        with pytest.raises(hs.Closed, match="channel"):
            await monitor.run()

    asyncio.run(main())


def test_run_blocking_in_a_thread_with_many_senders():
    tx, rx = hs.channel(64)
    bus = hs.EventBus()
    monitor = hs.ModelMonitor(strategy=hs.ThresholdStrategy(0.9), bus=bus, receiver=rx)
    sub = monitor.subscribe(hs.RetrainRequested)
    runner = threading.Thread(target=monitor.run_blocking, daemon=True)
    runner.start()

    def produce(sender):
        with sender:
            for _ in range(500):
                sender.send_blocking(record(**BAD))

    threads = [threading.Thread(target=produce, args=(tx.clone(),)) for _ in range(3)]
    tx.close()
    for thread in threads:
        thread.start()
    runner.join(60)
    assert not runner.is_alive()
    assert not bus.closed  # a bus given by the user is the user's to close
    assert len(list(iter(sub.try_recv, None))) == 1500
    assert monitor.engine.records == 1500


def test_a_build_without_a_strategy_is_refused():
    _, rx = hs.channel(8)
    with pytest.raises(hs.InvalidSetting, match="Retraining strategy must be provided"):
        hs.ModelMonitor.builder().with_default_metrics().build(rx)


def test_the_builder_adds_what_it_is_told():
    monitor = (
        hs.ModelMonitor.builder()
        .with_default_metrics()
        .with_metric(hs.AccuracyMetric(7))
        .with_detector(hs.ADWIN())
        .with_strategy(hs.DriftStrategy())
        .with_bus(hs.EventBus(5))
        .build()
    )
    assert [metric.name for metric in monitor.engine.metrics] == [
        "accuracy", "latency_ms_ewma", "accuracy",
    ]  # fmt: skip
    assert monitor.bus.capacity == 5
    assert [type(e) for e in monitor.observe(record(**BAD))] == [hs.MetricUpdated] * 3


def test_observe_and_observe_batch_agree_and_snapshots_carry_over():
    rng = np.random.default_rng(1)
    records = [
        record(ground_truth_label="bad" if rng.random() < 0.4 else "ok", latency_ms=int(i % 90))
        for i in range(500)
    ]
    one = hs.ModelMonitor(detectors=[hs.ADWIN()], strategy=hs.ThresholdStrategy(0.7))
    two = hs.ModelMonitor(detectors=[hs.ADWIN()], strategy=hs.ThresholdStrategy(0.7))
    single = [event for each in records for event in one.observe(each)]
    assert (
        list(two.observe_batch(hs.Batch.from_records(records[:200])))
        == single[: _upto(200, records)]
    )
    three = hs.ModelMonitor(detectors=[hs.ADWIN()], strategy=hs.ThresholdStrategy(0.7))
    three.restore(two.snapshot())
    rest = three.observe_batch(hs.Batch.from_records(records[200:]))
    assert list(rest) == single[-len(rest) :]
    assert three.snapshot() == one.snapshot()


def _upto(n, records):
    monitor = hs.ModelMonitor(detectors=[hs.ADWIN()], strategy=hs.ThresholdStrategy(0.7))
    return sum(len(monitor.observe(each)) for each in records[:n])


def test_batch_events_are_columns_until_looked_at():
    records = [record(ground_truth_label="ok" if i % 4 else "bad") for i in range(100)]
    monitor = hs.ModelMonitor(strategy=hs.ThresholdStrategy(0.9))
    events = monitor.observe_batch(hs.Batch.from_records(records))
    accuracy = events.metric_values("accuracy")
    assert accuracy.dtype == np.float64
    assert len(accuracy) == 100
    assert len(events.metric_values("nothing")) == 0
    requests = events.of(hs.RetrainRequested)
    assert np.asarray(requests).tolist() == np.flatnonzero(accuracy < 0.9).tolist()
    assert requests[0].reason == f"Accuracy dropped below 0.90: observed {accuracy[0]:.4f}"
    assert "RetrainRequested 100" in repr(events)


def test_watch_measures_and_never_changes_the_result():
    monitor = hs.ModelMonitor()
    sub = monitor.subscribe(hs.MetricUpdated)

    @monitor.watch
    def predict(x):
        """Says it."""
        return "spam" if x > 0 else "ham"

    assert predict(3) == "spam"
    assert predict.__doc__ == "Says it."
    event = sub.try_recv()
    assert event.name == "latency_ms_ewma"
    assert event.value >= 0
    assert monitor.health["watch"].ok


def test_watch_takes_arrays_as_many_predictions():
    monitor = hs.ModelMonitor([hs.LatencyMetric()])
    seen = []
    monitor.engine.metrics[0].on_record = lambda r: seen.append(r)

    @monitor.watch(
        model_version=lambda: "v9",
        score=lambda y: [0.5] * len(y),
        features=lambda xs: [{"x": x} for x in xs],
    )
    def predict(xs):
        return np.array([x * 2.5 for x in xs])

    assert predict([1, 2]).tolist() == [2.5, 5.0]
    assert [(r.predicted_label, r.model_version, r.score, r.features) for r in seen] == [
        (2.5, "v9", 0.5, {"x": 1}),
        (5.0, "v9", 0.5, {"x": 2}),
    ]


def test_watch_works_on_coroutines():
    monitor = hs.ModelMonitor()

    @monitor.watch(model_version="v2", label=lambda answer: answer["class"])
    async def predict(x):
        await asyncio.sleep(0)
        return {"class": "cat"}

    assert asyncio.run(predict(1)) == {"class": "cat"}
    assert monitor.engine.records == 1


def test_watch_never_makes_the_caller_fail():
    monitor = hs.ModelMonitor()

    @monitor.watch
    def predict(x):
        return {"no": "label"}

    assert predict(1) == {"no": "label"}
    health = monitor.health["watch"]
    assert (health.ok, health.errors) == (False, 1)
    assert "predicted_label" in health.last_error


def test_watch_passes_the_callers_own_errors_on():
    monitor = hs.ModelMonitor()

    @monitor.watch
    def predict(x):
        raise KeyError(x)

    with pytest.raises(KeyError):
        predict(1)
    assert monitor.engine.records == 0


def test_many_threads_may_observe_at_once():
    monitor = hs.ModelMonitor([hs.AccuracyMetric(10)])
    threads = [
        threading.Thread(target=lambda: [monitor.observe(record(**BAD)) for _ in range(300)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert monitor.engine.records == 1200


def test_what_is_no_record_is_refused_or_set_aside():
    monitor = hs.ModelMonitor()
    for call in (monitor.observe, monitor.engine.observe):
        with pytest.raises(hs.InvalidInput, match="must be an InferenceRecord, got dict"):
            call({"a": 1})
    assert monitor.engine.records == 0
    with pytest.raises(hs.InvalidInput, match="row 1: record must be an InferenceRecord"):
        monitor.observe_batch([record(), {"a": 1}])
    assert len(monitor.observe_batch([record(), record()])) == 2
    tx, rx = hs.channel(8)
    monitor = hs.ModelMonitor(receiver=rx)
    sub = monitor.subscribe(hs.PluginFailed)
    with tx:
        for item in (record(), {"a": 1}, record(), None):
            tx.try_send(item)
    monitor.run_blocking()
    assert monitor.engine.records == 2
    assert monitor.health["channel"].errors == 2
    assert [event.plugin for event in sub] == ["channel"]


def test_one_bad_prediction_does_not_cost_the_others():
    monitor = hs.ModelMonitor()
    sub = monitor.subscribe(hs.PluginFailed)

    @monitor.watch
    def predict(xs):
        return np.array(xs)

    predict([1.0, float("nan"), 2.0])
    assert monitor.engine.records == 2
    assert (monitor.health["watch"].ok, monitor.health["watch"].errors) == (False, 1)
    assert sub.try_recv().plugin == "watch"
    predict([1.0])
    assert monitor.health["watch"].ok


def test_watch_says_when_scores_do_not_fit_and_takes_async_objects():
    monitor = hs.ModelMonitor()

    @monitor.watch(score=lambda y: [0.5])
    def predict(xs):
        return xs

    predict([1, 2])
    assert "1 values for 2 predictions" in monitor.health["watch"].last_error
    assert monitor.engine.records == 0

    class Model:
        async def __call__(self, x):
            return x

    assert asyncio.run(monitor.watch(Model())("yes")) == "yes"
    assert monitor.engine.records == 1
    with pytest.raises(TypeError, match="settings go by name"):
        monitor.watch("v1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metrics": [hs.AccuracyMetric]}, r"write AccuracyMetric\(\.\.\.\)"),
        ({"metrics": hs.AccuracyMetric()}, "must be a list"),
        ({"metrics": ["accuracy"]}, "has no 'name'"),
        ({"strategy": "drift"}, "has no 'on_event'"),
        ({"strategy": hs.ThresholdStrategy}, "is a class"),
        ({"detectors": [hs.ADWIN]}, "is a class"),
        ({"metrics": [hs.AccuracyMetric()] * 2}, "twice"),
    ],
)
def test_what_is_no_plugin_is_refused(arguments, message):
    with pytest.raises(hs.InvalidSetting, match=message):
        hs.ModelMonitor(**arguments)


def test_a_plugin_that_answers_no_event_is_reported():
    class Number:
        name = "number"

        def on_record(self, record):
            return 0.5

    monitor = hs.ModelMonitor([Number()], strategy=hs.ThresholdStrategy(0.9, metric="number"))
    (event,) = monitor.observe(record())
    assert isinstance(event, hs.PluginFailed)
    assert "answered 0.5" in event.error
    assert not monitor.health["number"].ok


def test_renew_starts_every_metric_anew():
    class Counts:
        name = "counts"

        def __init__(self):
            self.n = 0

        def on_record(self, record):
            self.n += 1

    counts = Counts()
    monitor = hs.ModelMonitor([counts, hs.AccuracyMetric(5)])
    monitor.observe(record(**BAD))
    monitor.renew()
    assert counts.n == 0
    assert monitor.observe(record(ground_truth_label="ok"))[0].value == 1.0


def test_renewed_a_hold_begins_anew_and_a_cooldown_goes_on():
    """Bad answers of the version before do not count against the one that serves now."""
    held = hs.ThresholdStrategy(0.9).hold(3)
    monitor = hs.ModelMonitor([hs.AccuracyMetric(5)], strategy=held)
    cooled = hs.ModelMonitor(
        [hs.AccuracyMetric(5)], strategy=hs.ThresholdStrategy(0.9).cooldown("1h")
    )
    asked = lambda one: one.observe_batch(  # noqa: E731
        hs.Batch.from_records([record(**BAD)] * 2)
    ).of(hs.RetrainRequested)
    assert (len(asked(monitor)), len(asked(cooled))) == (0, 1)
    monitor.renew()
    cooled.renew()
    assert (len(asked(monitor)), len(asked(cooled))) == (0, 0)
    assert len(asked(monitor)) == 2
