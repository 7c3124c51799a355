"""Tokens are looked up beside the event loop: a store without an answer holds up nobody else."""

import asyncio
import threading

import pytest

from homeostat.service import reading, tokens
from homeostat.service.callers import FRESH, LATELY, Callers
from homeostat.service.reading import Reading
from homeostat.stores import open_store
from homeostat.stores.faults import Busy, StoreBroken


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Stuck:
    """A store that answers when it is told to, as it is told."""

    def __init__(self, store):
        self._store, self.free, self.error, self.looks = store, threading.Event(), None, 0
        self.free.set()
        self.database = self

    def execute(self, *given):
        self.looks += 1
        assert self.free.wait(60)
        if self.error is not None:
            raise self.error
        return self._store.database.execute(*given)

    def close(self):
        self._store.close()


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path)


@pytest.fixture
def stuck(store):
    return Stuck(store)


@pytest.fixture
def callers(stuck):
    looks = Reading(stuck)
    yield Callers(looks, 0.05, Clock())
    stuck.free.set()
    looks.close()


def made(store, **more):
    with store.change():
        return tokens.create(store, "read", **more)


def revoke(store, text):
    with store.change():
        tokens.revoke(store, text.split("_")[1])


def test_one_that_is_known_is_not_looked_up_again_for_a_moment(callers, stuck, store):
    text = made(store)

    async def ask():
        first = await callers(text)
        assert first == await callers(text)
        looks = stuck.looks
        callers._clock.now += FRESH
        await callers(text)
        return first.scope, looks, stuck.looks

    assert asyncio.run(ask()) == ("read", 1, 2)


def test_one_that_is_revoked_counts_no_longer_than_a_moment(callers, store):
    text = made(store)

    async def ask():
        assert await callers(text) is not None
        revoke(store, text)
        assert await callers(text) is not None
        callers._clock.now += FRESH
        assert await callers(text) is None
        assert await callers(text) is None

    asyncio.run(ask())


def test_one_that_expires_does_so_at_once(callers, store, monkeypatch):
    text = made(store, expires=1_000)
    monkeypatch.setattr(tokens, "_now", lambda: 999)

    async def ask():
        assert await callers(text) is not None
        monkeypatch.setattr(tokens, "_now", lambda: 1_000)
        assert await callers(text) is None

    asyncio.run(ask())


def test_a_new_one_counts_at_once_and_none_is_not_remembered(callers, stuck):
    async def ask():
        assert await callers("hs_0_1") is None
        assert await callers("hs_0_1") is None
        return stuck.looks

    assert asyncio.run(ask()) == 2


@pytest.mark.parametrize("error", [None, Busy("locked"), StoreBroken("gone")])
def test_without_the_store_who_was_seen_lately_is_known(callers, stuck, store, error):
    text = made(store)

    async def ask():
        assert await callers(text) is not None
        stuck.error = error
        if error is None:
            stuck.free.clear()
        callers._clock.now += LATELY - 1
        assert (await callers(text)).scope == "read"
        with pytest.raises((Busy, StoreBroken)):
            await callers("hs_0_1")
        callers._clock.now += 1
        with pytest.raises((Busy, StoreBroken)):
            await callers(text)
        stuck.error = None
        stuck.free.set()
        while callers._asked:
            await asyncio.sleep(0)
        assert await callers(text) is not None

    asyncio.run(ask())


def test_many_who_ask_with_one_token_make_one_look(callers, stuck, store):
    text = made(store)

    async def ask():
        stuck.free.clear()
        asking = [asyncio.ensure_future(callers(text)) for _ in range(50)]
        await asyncio.sleep(0)
        stuck.free.set()
        return await asyncio.gather(*asking)

    assert all(asyncio.run(ask()))
    assert stuck.looks == 1


def test_looks_that_wait_are_bounded(callers, stuck, monkeypatch):
    monkeypatch.setattr(reading, "MOST", 100)

    async def ask():
        stuck.free.clear()
        asking = [callers(f"hs_{number}_1") for number in range(150)]
        told = await asyncio.gather(*asking, return_exceptions=True)
        assert callers._reading.waiting == len(callers._asked) == 100
        return told

    assert {type(each) for each in asyncio.run(ask())} == {Busy}


def test_a_stuck_store_holds_up_nobody_else(house_of):
    house = house_of(answer=0.2)
    stuck = Stuck(house.wires._reading._store)
    house.wires._reading._store = stuck
    stuck.free.clear()

    async def ask():
        waits = asyncio.ensure_future(house.asked("GET", "/v1/models", token="read"))
        while not stuck.looks:
            await asyncio.sleep(0)
        healthy = await house.asked("GET", "/healthz", token=None)
        assert not waits.done()
        return healthy.status_code, await waits

    status, refused = house.run(ask())
    assert (status, refused.status_code) == (200, 503)
    assert int(refused.headers["retry-after"]) > 0
    stuck.free.set()
    assert house("GET", "/v1/models", token="read").status_code == 200
