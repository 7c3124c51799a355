"""The channel: strictly bounded, many senders, ends when the last one is gone."""

import asyncio
import gc
import threading

import pytest

import homeostat as hs


def test_items_come_out_in_order_and_the_bound_is_strict():
    tx, rx = hs.channel(2)
    tx.try_send(1)
    tx.try_send(2)
    with pytest.raises(hs.Full, match="2 items"):
        tx.try_send(3)
    assert rx.try_recv() == 1
    tx.try_send(3)
    assert [rx.try_recv(), rx.try_recv(), rx.try_recv()] == [2, 3, None]


def test_the_receiver_ends_when_every_sender_is_closed():
    tx, rx = hs.channel(8)
    with tx:
        other = tx.clone()
        tx.try_send("a")
    other.try_send("b")
    other.close()
    other.close()
    assert list(rx) == ["a", "b"]
    with pytest.raises(hs.Closed):
        rx.recv_blocking()
    with pytest.raises(hs.Closed, match="this sender is closed"):
        tx.try_send("c")
    with pytest.raises(hs.Closed):
        tx.clone()


def test_a_dropped_sender_counts_as_closed():
    tx, rx = hs.channel(8)
    tx.try_send(1)
    del tx
    gc.collect()
    assert list(rx) == [1]


def test_sending_to_a_closed_receiver_is_refused():
    tx, rx = hs.channel(1)
    tx.try_send(1)
    waiting = threading.Timer(0.02, rx.close)
    waiting.start()
    with pytest.raises(hs.Closed, match="receiver"):
        tx.send_blocking(2)
    with pytest.raises(hs.Closed):
        asyncio.run(tx.send(3))


def test_blocking_ends_time_out():
    tx, rx = hs.channel(1)
    with pytest.raises(TimeoutError):
        rx.recv_blocking(timeout=0.01)
    tx.try_send(1)
    with pytest.raises(TimeoutError):
        tx.send_blocking(2, timeout=0.01)
    assert len(rx) == 1


@pytest.mark.parametrize("capacity", [1, 3, 64])
def test_threads_lose_nothing_and_never_exceed_the_bound(capacity):
    tx, rx = hs.channel(capacity)
    got, longest = [], 0

    def produce(sender, start):
        with sender:
            for i in range(start, start + 500):
                sender.send_blocking(i)

    senders = [tx.clone() for _ in range(4)]
    tx.close()
    threads = [
        threading.Thread(target=produce, args=(sender, 1000 * at), daemon=True)
        for at, sender in enumerate(senders)
    ]
    for thread in threads:
        thread.start()
    while items := rx.recv_many_blocking(10, timeout=20):
        longest = max(longest, len(rx))
        got += items
    assert longest <= capacity
    assert sorted(got) == [1000 * at + i for at in range(4) for i in range(500)]
    for at in range(4):
        own = [i for i in got if i // 1000 == at]
        assert own == sorted(own)


def test_coroutines_wait_for_room_and_for_items():
    async def main():
        tx, rx = hs.channel(2)

        async def produce():
            with tx:
                for i in range(100):
                    await tx.send(i)

        async def consume():
            return [item async for item in rx]

        _, got = await asyncio.wait_for(asyncio.gather(produce(), consume()), 20)
        assert got == list(range(100))
        with pytest.raises(hs.Closed):
            await rx.recv()

    asyncio.run(main())


def test_threads_feed_a_loop():
    async def main():
        tx, rx = hs.channel(4)

        def produce():
            with tx:
                for i in range(1000):
                    tx.send_blocking(i)

        thread = threading.Thread(target=produce, daemon=True)
        thread.start()
        got = []
        while items := await asyncio.wait_for(rx.recv_many(16), 20):
            got += items
        assert got == list(range(1000))

    asyncio.run(main())


def test_a_cancelled_send_sends_nothing():
    async def main():
        tx, rx = hs.channel(1)
        await tx.send(1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(tx.send(2), 0.01)
        assert await rx.recv() == 1
        await tx.send(3)
        assert await rx.recv() == 3

    asyncio.run(main())


@pytest.mark.parametrize("capacity", [0, -1, 2.5, "8"])
def test_a_capacity_that_is_none_is_refused(capacity):
    with pytest.raises(hs.InvalidSetting, match="capacity"):
        hs.channel(capacity)
