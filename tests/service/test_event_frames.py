"""What event streams are told: the log as it is, read once for all, and to one after another."""

import asyncio
import json
import random

import pytest

from homeostat.service import frames
from homeostat.service.bell import Bell
from homeostat.service.frames import AT_ONCE, Frames
from homeostat.service.turns import Turns
from homeostat.stores.faults import Busy
from homeostat.stores.store import Stored


class Log:
    """The events of one model, some numbers of which may be gone; counts how often it is read."""

    def __init__(self, numbers):
        self.numbers, self.reads, self.broken = list(numbers), 0, False
        self.bell = Bell()
        self.frames = Frames(self._read, self.bell.rings)

    async def _read(self, look):
        self.reads += 1
        await asyncio.sleep(0)
        if self.broken:
            raise Busy("locked")
        return look(self)

    def events(self, model, after, most):
        body = b'{"n": %d}'
        return [Stored(n, "Kind", body % n) for n in self.numbers if n > after][:most]

    def last_event(self, model):
        return self.numbers[-1] if self.numbers else 0

    def add(self, *numbers):
        self.numbers += numbers
        self.bell._ring({"shop"})

    async def after(self, number):
        return await self.frames.after("shop", 1, number)


def read_to_the_end(log, after):
    """The numbers that a listener hears of, from one on."""

    async def read():
        heard, at = [], after
        while True:
            page = await log.after(at)
            for number, frame in zip(page.numbers, page.frames, strict=True):
                lines = frame.decode().split("\n")
                assert lines[0] == f"id: {number}"
                assert json.loads(lines[2].removeprefix("data: "))["event"] == {"n": number}
            heard += page.numbers
            at = heard[-1] if heard else at
            if not page.full:
                return heard

    return asyncio.run(read())


@pytest.mark.parametrize("seed", range(5))
def test_a_listener_hears_all_that_is_in_the_log_whatever_is_gone(seed):
    chance = random.Random(seed)
    numbers = [n for n in range(1, 1_500) if chance.random() < (1.0, 0.9, 0.3, 0.01, 0.0)[seed]]
    log = Log(numbers)
    for after in (0, 1, 199, 200, 201, 700, *chance.sample(range(1_500), 20), 1_499, 2_000):
        assert read_to_the_end(log, after) == [n for n in numbers if n > after]


def test_a_thousand_at_one_place_are_one_read():
    log = Log(range(1, 50))

    async def all_of_them():
        return await asyncio.gather(*(log.after(20) for _ in range(1_000)))

    pages = asyncio.run(all_of_them())
    assert log.reads == 1
    assert all(page.numbers == list(range(21, 50)) for page in pages)


def test_a_full_page_is_read_once_and_another_when_the_bell_has_rung():
    log = Log(range(1, AT_ONCE + 10))
    for _ in range(3):
        assert read_to_the_end(log, 0)[-1] == AT_ONCE + 9
    assert log.reads == 2
    log.add(AT_ONCE + 10)
    assert read_to_the_end(log, 0)[-1] == AT_ONCE + 10
    assert log.reads == 3


def test_what_comes_while_a_page_is_read_is_not_missed():
    log = Log([1])

    async def read():
        first = asyncio.ensure_future(log.after(0))
        await asyncio.sleep(0)  # it is on its way
        log.add(2)
        second = asyncio.ensure_future(log.after(0))
        return (await first).numbers, (await second).numbers

    first, second = asyncio.run(read())
    assert second == [1, 2]
    assert first in ([1], [1, 2])
    assert read_to_the_end(log, 0) == [1, 2]


def test_a_read_that_fails_is_not_kept():
    log = Log([1])
    log.broken = True
    with pytest.raises(Busy):
        read_to_the_end(log, 0)
    log.broken = False
    assert read_to_the_end(log, 0) == [1]


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(frames, "_KEPT", 3)
    log = Log(range(1, 2_000))
    read_to_the_end(log, 0)
    assert len(log.frames._pages) == 3
    assert log.frames._asked == {}


def test_turns_are_apart_and_a_lone_listener_waits_for_none():
    now = [10.0]
    turns = Turns(0.5, lambda: now[0])
    assert [turns.wait() for _ in range(4)] == [0.0, 0.5, 1.0, 1.5]
    now[0] = 11.75
    assert turns.wait() == 0.25
    now[0] = 20.0
    assert turns.wait() == 0.0
