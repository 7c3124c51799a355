"""The bus: bounded, exact about what was missed, the same for threads and asyncio."""

import asyncio
import gc
import threading
import time
from datetime import UTC, datetime

import pytest

import homeostat as hs

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def update(value: float) -> hs.MetricUpdated:
    return hs.MetricUpdated(hs.MetricEvent("accuracy", value, "v1", NOW))


def retrain(reason: str) -> hs.RetrainRequested:
    return hs.RetrainRequested(hs.RetrainEvent("v1", reason, NOW))


def drain(sub: hs.Subscription) -> list:
    return list(iter(sub.try_recv, None))


def test_a_subscriber_gets_what_was_sent_after_it_subscribed():
    bus = hs.EventBus()
    bus.emit(update(0.1))
    sub = bus.subscribe()
    bus.emit(update(0.2))
    bus.emit(retrain("why"))
    assert drain(sub) == [update(0.2), retrain("why")]
    assert sub.try_recv() is None


def test_a_slow_subscriber_is_told_once_and_exactly_then_continues_with_the_oldest_kept():
    bus = hs.EventBus(capacity=4)
    sub = bus.subscribe()
    for i in range(10):
        bus.emit(update(i))
    assert sub.try_recv() == hs.Lagged(6)
    assert [e.value for e in drain(sub)] == [6, 7, 8, 9]


def test_lag_in_the_middle_of_reading_is_exact():
    bus = hs.EventBus(capacity=4)
    sub = bus.subscribe()
    for i in range(4):
        bus.emit(update(i))
    assert sub.try_recv().value == 0
    for i in range(4, 7):
        bus.emit(update(i))
    assert sub.try_recv() == hs.Lagged(2)
    assert [e.value for e in drain(sub)] == [3, 4, 5, 6]


def test_exactly_capacity_events_are_no_lag():
    bus = hs.EventBus(capacity=3)
    sub = bus.subscribe()
    for i in range(3):
        bus.emit(update(i))
    assert [e.value for e in drain(sub)] == [0, 1, 2]


@pytest.mark.parametrize("capacity", [1, 2, 7, 32])
@pytest.mark.parametrize("seed", range(5))
def test_received_and_missed_add_up_and_keep_order(capacity, seed):
    import random

    rng = random.Random(seed)
    bus = hs.EventBus(capacity=capacity)
    subs = [bus.subscribe() for _ in range(3)]
    heard = [[] for _ in subs]
    sent = 0
    for _ in range(300):
        for _ in range(rng.randrange(2 * capacity)):
            bus.emit(update(sent))
            sent += 1
        reader = rng.randrange(3)
        for _ in range(rng.randrange(3)):
            if (event := subs[reader].try_recv()) is not None:
                heard[reader].append(event)
    for sub, events in zip(subs, heard, strict=True):
        expected = 0
        for event in events + drain(sub):
            if isinstance(event, hs.Lagged):
                expected += event.missed
            else:
                assert event.value == expected
                expected += 1
        assert expected == sent


def test_a_flood_of_updates_does_not_push_out_a_request():
    bus = hs.EventBus(capacity=2)
    sub = bus.subscribe(hs.RetrainRequested)
    both = bus.subscribe(hs.RetrainRequested, hs.DriftDetected)
    for i in range(1000):
        bus.emit(update(i))
        if i % 100 == 0:
            bus.emit(retrain(str(i)))
    assert [e.reason for e in drain(sub)] == [str(i) for i in range(0, 1000, 100)]
    assert len(drain(both)) == 10


def test_the_reserve_of_rare_events_is_bounded_and_honest():
    bus = hs.EventBus(capacity=2, reserve=5)
    sub = bus.subscribe(hs.RetrainRequested)
    for i in range(8):
        bus.emit(retrain(str(i)))
    assert sub.try_recv() == hs.Lagged(3)
    assert [e.reason for e in drain(sub)] == list("34567")


def test_close_delivers_the_rest_then_ends():
    bus = hs.EventBus()
    sub = bus.subscribe()
    bus.emit(update(1))
    bus.close()
    bus.emit(update(2))
    assert not sub.closed
    assert [e.value for e in sub] == [1]
    assert sub.closed
    assert sub.try_recv() is None
    with pytest.raises(hs.Closed):
        sub.recv_blocking()
    assert list(bus.subscribe()) == []


def test_emitting_without_subscribers_keeps_nothing():
    bus = hs.EventBus()
    sub = bus.subscribe()
    with sub:
        bus.emit(update(1))
    assert not bus._rings
    sub = bus.subscribe(hs.DriftDetected)
    del sub
    gc.collect()
    assert not bus._rings
    bus.emit(update(2))


def test_recv_blocking_times_out_and_wakes():
    bus = hs.EventBus()
    sub = bus.subscribe()
    with pytest.raises(TimeoutError):
        sub.recv_blocking(timeout=0.01)
    threading.Timer(0.02, bus.emit, [update(5)]).start()
    assert sub.recv_blocking(timeout=10).value == 5


def test_many_threads_hear_everything():
    bus = hs.EventBus(capacity=10_000)
    heard = [[] for _ in range(5)]

    def listen(sub, into):
        into.extend(event.value for event in sub)

    threads = [
        threading.Thread(target=listen, args=(bus.subscribe(), into), daemon=True) for into in heard
    ]
    for thread in threads:
        thread.start()
    for i in range(5_000):
        bus.emit(update(i))
    bus.close()
    for thread in threads:
        thread.join(20)
    assert all(into == list(range(5_000)) for into in heard)


def test_coroutines_hear_events_from_their_loop_and_from_threads():
    async def main():
        bus = hs.EventBus(capacity=1000)
        subs = [bus.subscribe() for _ in range(3)]

        async def listen(sub):
            return [event.value async for event in sub]

        tasks = [asyncio.create_task(listen(sub)) for sub in subs]
        await asyncio.sleep(0)
        bus.emit(update(0))
        await asyncio.sleep(0.01)

        def produce():
            for i in range(1, 100):
                bus.emit(update(i))
                if i % 10 == 0:
                    time.sleep(0.001)
            bus.close()

        await asyncio.to_thread(produce)
        return await asyncio.wait_for(asyncio.gather(*tasks), 20)

    assert asyncio.run(main()) == [list(range(100))] * 3


def test_cancelling_one_waiter_leaves_the_others_waiting():
    async def main():
        bus = hs.EventBus()
        first, second = bus.subscribe(), bus.subscribe()
        one = asyncio.create_task(first.recv())
        two = asyncio.create_task(second.recv())
        await asyncio.sleep(0)
        one.cancel()
        await asyncio.sleep(0)
        bus.emit(update(3))
        assert (await asyncio.wait_for(two, 10)).value == 3
        assert first.try_recv().value == 3

    asyncio.run(main())


def test_a_dead_loop_does_not_hurt_the_producer():
    bus = hs.EventBus()
    sub = bus.subscribe()

    async def give_up():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sub.recv(), 0.01)

    asyncio.run(give_up())
    bus.emit(update(1))
    assert sub.try_recv().value == 1


@pytest.mark.parametrize("setting", ["capacity", "reserve"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "32"])
def test_a_capacity_that_is_none_is_refused(setting, value):
    with pytest.raises(hs.InvalidSetting, match=setting):
        hs.EventBus(**{setting: value})


def test_a_batch_of_events_is_heard_as_its_single_events_would_be():
    records = [
        hs.InferenceRecord(
            model_version="v1", predicted_label="ok", latency_ms=i, created_at=NOW,
            ground_truth_label="ok" if i % 3 else "bad",
        )
        for i in range(50)
    ]  # fmt: skip

    def heard(capacity, *kinds, batch):
        monitor = hs.ModelMonitor(
            strategy=hs.ThresholdStrategy(0.9), bus=hs.EventBus(capacity=capacity)
        )
        sub = monitor.subscribe(*kinds)
        if batch:
            monitor.observe_batch(hs.Batch.from_records(records))
        else:
            for record in records:
                monitor.observe(record)
        return drain(sub)

    for capacity in (1, 3, 32, 1000):
        for kinds in ((), (hs.RetrainRequested,), (hs.MetricUpdated, hs.RetrainRequested)):
            one, many = (heard(capacity, *kinds, batch=flag) for flag in (False, True))
            assert one == many
            assert one
