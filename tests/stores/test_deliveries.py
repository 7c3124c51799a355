"""What a store keeps for followers, and a follower over each database."""

import random

import pytest

from homeostat.runtime.follower import Follower
from homeostat.sinks import GiveUp, Outlet, Retry
from homeostat.stores import open_store
from homeostat.stores.store import Delivery

ONE = Delivery("hook", 1, 7, 2, 1_790_000_000_000_000, "down")


def test_deliveries_are_kept_changed_listed_and_ended(store):
    dead = Delivery("hook", 1, 3, 9, 5, "never", dead=True)
    other = Delivery("chat", 2, 1, 1, 6, "slow")
    with store.change():
        for each in (ONE, dead, other):
            store.keep_delivery(each)
    assert store.deliveries() == [other, dead, ONE]
    assert store.deliveries("hook") == [dead, ONE]
    assert store.deliveries(dead=False) == [other, ONE]
    assert store.deliveries("hook", dead=True) == [dead]
    assert store.deliveries(limit=1) == [other]
    with store.change():
        store.keep_delivery(ONE._replace(tries=3, problem="still down"))
        store.end_delivery("chat", 2, 1)
    assert store.deliveries() == [dead, ONE._replace(tries=3, problem="still down")]


@pytest.mark.parametrize(("asked", "revived"), [
    (("hook",), {1, 2, 3}), (("hook", 1), {1, 2}), (("hook", 1, 2), {2}), (("hook", 2), {3}),
    (("hook", 1, 3), set()), (("chat",), set()),
])  # fmt: skip
def test_only_dead_ones_that_were_asked_for_come_back(store, asked, revived):
    with store.change():
        for model, seq in ((1, 1), (1, 2), (2, 3)):
            store.keep_delivery(Delivery("hook", model, seq, 9, 5, "never", dead=True))
        store.keep_delivery(ONE)
        assert store.revive(77, *asked) == len(revived)
    back = [row for row in store.deliveries(dead=False) if row != ONE]
    assert {row.seq for row in back} == revived
    assert all((row.tries, row.due) == (0, 77) for row in back)


def test_events_tell_when_they_came(store):
    with store.change():
        number = store.add_model("m", 0).number
        store.add_events(number, 1, [("PluginFailed", b"{}")], 1_790_000_000_000_000)
    (event,) = store.events(number, 0, 10)
    assert event == (1, "PluginFailed", b"{}", 1_790_000_000_000_000)


class Flaky:
    """A sink that fails now and then, and refuses one event for good."""

    name = "flaky"

    def __init__(self):
        self.got, self._chance = [], random.Random(3)

    def send(self, event):
        if event.seq == 4:
            raise GiveUp("not this one")
        if self._chance.random() < 0.5:
            raise Retry("now and then")
        self.got.append(event.seq)


def test_a_follower_delivers_in_order_over_restarts(where, store):
    now, sink = [1_790_000_000_000_000], Flaky()
    readers = []

    def opened():
        readers.append(open_store(where, read_only=True))
        return readers[-1]

    def kept(do):
        with store.change():
            return do(store)

    def follower(seed):
        one = Follower(Outlet(sink), opened, kept, clock=lambda: now[0],
                       chance=random.Random(seed))  # fmt: skip
        kept(one.begin)
        return one

    follower(0)
    with store.change():
        number = store.add_model("m", 0).number
        store.add_events(number, 1, [("PluginFailed", b'{"PluginFailed":{}}')] * 10, now[0])
    for seed in range(60):
        wait = follower(seed).step()
        if wait is None:
            break
        now[0] += round(wait * 1e6) + 1
    for reader in readers:
        reader.close()
    assert sink.got == [1, 2, 3, 5, 6, 7, 8, 9, 10]
    assert [row.seq for row in store.deliveries()] == [4]
    assert store.cursor("flaky", number) == 10
