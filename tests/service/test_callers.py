"""Tokens are looked up beside the event loop: a store without an answer holds up nobody else."""

import asyncio
import threading
from contextlib import suppress

import pytest
from clocks import Clock

from homeostat.service import reading, tokens
from homeostat.service.callers import FRESH, LATELY, Callers
from homeostat.service.reading import Reading
from homeostat.service.uses import Uses
from homeostat.stores import open_store
from homeostat.stores.faults import Busy, StoreBroken, StoreFull


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


def test_a_use_is_told_and_a_text_that_is_none_is_no_use(stuck, store):
    text, used = made(store), []
    looks = Reading(stuck)
    callers = Callers(looks, 30.0, Clock(), used.append)

    async def ask():
        await callers(text)
        await callers(text)
        await callers("hs_0_1")
        await callers(text + "x")

    asyncio.run(ask())
    looks.close()
    assert used == [text.split("_")[1]]


def test_uses_are_written_down_once_a_minute(store):
    number, now = made(store).split("_")[1], Clock()
    now.now = 10**15
    uses = Uses(now)

    def kept():
        with store.change():
            uses.keep(store)
        return tokens.listed(store)[0]["used"]

    assert kept() is None
    for second, told in ((0, 0), (30, 0), (61, 61), (62, 61), (-3600, -3600)):
        now.now = 10**15 + second * 10**6
        uses.note(number)
        assert kept() == 10**15 + told * 10**6


def test_uses_that_cannot_be_written_down_are_not_tried_again_and_again(store, monkeypatch):
    number, now, tries = made(store).split("_")[1], Clock(), []

    def full(*_):
        tries.append(now.now)
        raise StoreFull("no room")

    monkeypatch.setattr(tokens, "keep_used", full)
    now.now, uses = 10**15, Uses(now)
    for _ in range(120):
        uses.note(number)
        with suppress(StoreFull), store.change():
            uses.keep(store)
        now.now += 10**6
    assert tries == [10**15, 10**15 + 60 * 10**6]


def test_a_service_knows_which_tokens_are_used(house):
    house("GET", "/v1/models", token="read")
    house.run(house.wires.changed(house.wires._tend))
    used = {each["scope"]: each["used"] for each in tokens.listed(house.wires.reader)}
    assert used["read"] is not None
    assert used["ingest"] is None


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
