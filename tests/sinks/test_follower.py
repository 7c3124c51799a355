"""Order, at least once, backoff, dead letters: with a sink in memory and a clock moved by hand."""

import random
import threading

import pytest
from sinkworld import DAY, Crash

from homeostat.runtime.follower import PACE
from homeostat.sinks import GiveUp, Gone, Outlet, Retry


class Memory:
    """A sink that keeps what it is given, unless `fails` raises."""

    name = "memory"

    def __init__(self, fails=lambda event: None):
        self.fails, self.got, self.tries = fails, [], []

    def send(self, event):
        self.tries.append(event.id)
        self.fails(event)
        self.got.append(event.id)


def raising(error):
    def fails(event):
        raise error

    return fails


def ids(model, n, first=1):
    return [f"{model}:{seq}" for seq in range(first, first + n)]


def of(model, got):
    return [one for one in got if one.startswith(f"{model}:")]


def test_every_event_goes_out_once_in_order_of_its_model(world):
    sink = Memory()
    follower = world.follower(sink)
    world.log("a", 250)
    world.log("b", 3)
    world.run(follower)
    assert of("a", sink.got) == ids("a", 250)
    assert of("b", sink.got) == ids("b", 3)
    assert len(sink.got) == 253
    world.log("b", 2)
    follower.wake({"b"})
    world.run(follower)
    assert sink.got[253:] == ids("b", 2, 4)


def test_a_model_that_is_new_is_met(world):
    sink = Memory()
    follower = world.follower(sink)
    world.run(follower)
    world.log("late", 2)
    follower.wake({"late"})
    world.run(follower)
    assert sink.got == ids("late", 2)


def test_it_goes_on_from_the_cursor_after_a_restart(world):
    world.run(world.follower(Memory(), start="beginning"))
    world.log("a", 5)
    first, again = Memory(), Memory()
    world.run(world.follower(first))
    world.log("a", 2)
    world.run(world.follower(again))
    assert (first.got, again.got) == (ids("a", 5), ids("a", 2, 6))


@pytest.mark.parametrize(("start", "expected"), [("now", ids("a", 1, 4)),
                                                 ("beginning", ids("a", 4))])  # fmt: skip
def test_where_a_new_sink_begins(world, start, expected):
    world.log("a", 3)
    sink = Memory()
    follower = world.follower(sink, start=start)
    world.log("a", 1)
    world.run(follower)
    assert sink.got == expected


def test_a_crash_between_delivery_and_its_note_sends_the_same_id_again(world):
    first, again = Memory(), Memory()
    follower = world.follower(first)
    world.log("a", 2)
    world.crash = True
    with pytest.raises(Crash):
        follower.step()
    world.crash = False
    world.run(world.follower(again))
    assert first.got == ["a:1"]
    assert again.got == ["a:1", "a:2"]


def test_what_the_store_did_not_take_is_told_it_again_and_nothing_is_sent_meanwhile(world):
    sink = Memory()
    follower = world.follower(sink)
    number = world.log("a", 3)
    world.crash = True
    for _ in range(3):
        with pytest.raises(Crash):
            follower.step()
    assert sink.got == ["a:1"]
    world.crash = False
    world.run(follower)
    assert sink.got == ids("a", 3)
    assert world.store.cursor("memory", number) == 3


def test_one_that_fails_holds_up_its_model_and_no_other(world):
    broken = True

    def fails(event):
        if event.model == "a" and broken:
            raise Retry("down")

    sink = Memory(fails)
    follower = world.follower(sink)
    world.log("a", 3)
    world.log("b", 3)
    follower.step()
    assert sink.got == ids("b", 3)
    (waiting,) = world.store.deliveries()
    assert (waiting.seq, waiting.tries, waiting.problem, waiting.dead) == (1, 1, "down", False)
    broken = False
    world.run(follower)
    assert of("a", sink.got) == ids("a", 3)
    assert world.store.deliveries() == []


def test_a_receiver_that_is_down_for_a_day_gets_everything_in_order(world):
    began = world.clock()

    def fails(event):
        if world.clock() - began < DAY * 1_000_000:
            raise Retry("down")

    sink = Memory(fails)
    follower = world.follower(sink)
    world.log("a", 40)
    world.log("b", 40)
    world.run(follower)
    assert of("a", sink.got) == ids("a", 40)
    assert of("b", sink.got) == ids("b", 40)
    assert world.clock() - began < (DAY + PACE.longest + 60) * 1_000_000
    assert len(sink.tries) < 250  # most of a day is spent waiting
    assert world.store.deliveries() == []


def test_a_day_down_over_many_restarts_is_the_same(world):
    began = world.clock()

    def fails(event):
        if world.clock() - began < DAY * 1_000_000:
            raise Retry("down")

    sink = Memory(fails)
    world.follower(sink)
    world.log("a", 5)
    for seed in range(10_000):
        wait = world.follower(sink, seed=seed).step()
        if wait is None:
            break
        world.clock.forward(min(wait, 600))
    assert sink.got == ids("a", 5)
    assert len(sink.tries) < 150


def test_waits_double_with_full_jitter_up_to_the_longest():
    chance = random.Random(1)
    for tries in range(1, 60):
        top = min(PACE.longest, PACE.first * 2.0 ** (tries - 1))
        waits = [PACE.wait(tries, chance) for _ in range(200)]
        assert all(0 <= wait <= top for wait in waits)
        assert min(waits) < 0.1 * top
        assert max(waits) > 0.9 * top


def test_the_receiver_says_how_long_to_wait_and_the_whole_sink_does(world):
    replies = [Retry("slow down", after=300)]

    def fails(event):
        if replies:
            raise replies.pop()

    sink = Memory(fails)
    follower = world.follower(sink)
    world.log("a", 2)
    world.log("b", 2)
    assert follower.step() == pytest.approx(300)
    world.clock.forward(299)
    follower.wake({"b"})
    assert follower.step() == pytest.approx(1)
    assert sink.got == []
    world.clock.forward(1.1)
    world.run(follower)
    assert sorted(sink.got) == ids("a", 2) + ids("b", 2)


def test_a_receiver_cannot_ask_for_a_wait_without_end(world):
    sink = Memory(raising(Retry("come back next year", after=1e12)))
    follower = world.follower(sink)
    world.log("a")
    assert follower.step() <= PACE.longest


def test_after_three_days_it_is_dead_and_the_next_has_its_turn(world):
    def fails(event):
        if event.seq == 1:
            raise Retry("never")

    sink = Memory(fails)
    follower = world.follower(sink)
    number = world.log("a", 3)
    began = world.clock()
    world.run(follower)
    assert sink.got == ids("a", 2, 2)
    assert 3 * DAY <= (world.clock() - began) / 1e6 <= 3 * DAY + PACE.longest
    (dead,) = world.store.deliveries(dead=True)
    assert (dead.follower, dead.model, dead.seq, dead.problem) == ("memory", number, 1, "never")
    assert (follower.delivered, follower.dead) == (2, 1)


def test_an_old_event_is_not_given_up_at_the_first_failure(world):
    failures = 3
    sink = Memory()

    def fails(event):
        if len(sink.tries) <= failures:
            raise Retry("starting")

    sink.fails = fails
    follower = world.follower(sink)
    world.log("a", 2)
    world.clock.forward(30 * DAY)  # the service was off
    world.run(follower)
    assert sink.got == ids("a", 2)


def test_dead_events_are_replayed_in_order_before_what_is_new(world):
    broken = True

    def fails(event):
        if broken:
            raise GiveUp("cannot be")

    sink = Memory(fails)
    follower = world.follower(sink)
    number = world.log("a", 3)
    world.run(follower)
    assert [row.seq for row in world.store.deliveries(dead=True)] == [1, 2, 3]
    broken = False
    world.log("a", 1)
    with world.store.change():
        assert world.store.revive(world.clock(), "memory", number, 9) == 0
        assert world.store.revive(world.clock(), "another") == 0
        assert world.store.revive(world.clock(), "memory", number) == 3
    follower.replay()
    world.run(follower)
    assert sink.got == ids("a", 4)
    assert world.store.deliveries() == []
    assert world.store.cursor("memory", number) == 4


def test_one_dead_event_can_be_replayed_alone(world):
    broken = True
    sink = Memory(lambda event: raising(GiveUp("no"))(event) if broken else None)
    follower = world.follower(sink)
    number = world.log("a", 3)
    world.run(follower)
    broken = False
    with world.store.change():
        assert world.store.revive(world.clock(), "memory", number, 2) == 1
    follower.replay()
    world.run(follower)
    assert sink.got == ["a:2"]
    assert [row.seq for row in world.store.deliveries(dead=True)] == [1, 3]
    assert world.store.cursor("memory", number) == 3


def test_a_replayed_event_that_retention_has_taken_is_let_go(world):
    sink = Memory(raising(GiveUp("no")))
    follower = world.follower(sink)
    number = world.log("a", 2)
    world.run(follower)
    with world.store.change():
        world.store.database.execute("DELETE FROM events WHERE seq = 1")
        world.store.revive(world.clock(), "memory", number)
    sink.fails = lambda event: None
    follower.replay()
    world.run(follower)
    assert sink.got == ["a:2"]
    assert world.store.deliveries() == []
    assert follower.lost == 1


def forget(world, below):
    """As retention does."""
    with world.store.change():
        world.store.database.execute("DELETE FROM events WHERE seq < ?", (below,))


def test_events_that_retention_takes_from_a_sink_that_rests_are_counted(world, caplog):
    gone = False
    sink = Memory(lambda event: raising(Gone("410"))(event) if gone else None)
    follower = world.follower(sink)
    world.log("a", 3)
    world.run(follower)
    gone = True
    world.log("a", 400)
    follower.wake({"a"})
    assert follower.step() is None
    forget(world, 301)
    gone, follower = False, world.follower(sink)
    world.run(follower)
    assert sink.got == [*ids("a", 3), *ids("a", 103, first=301)]
    assert len(sink.got) + follower.lost == 403
    assert "retention took 296 events of a before they were delivered" in caplog.text


@pytest.mark.parametrize(("start", "lost"), [("now", 4), ("beginning", 0)])
def test_what_was_gone_before_a_sink_began_is_not_its_loss(world, start, lost):
    """One that begins at the beginning takes what there is; a model that came later is its own."""
    sink = Memory()
    follower = world.follower(sink, start=start)
    world.log("a", 10)
    forget(world, 5)
    world.run(follower)
    assert sink.got == ids("a", 6, first=5)
    assert follower.lost == lost


def test_one_that_is_gone_rests_until_it_is_replayed(world):
    gone = True
    sink = Memory(lambda event: raising(Gone("410"))(event) if gone else None)
    follower = world.follower(sink)
    world.log("a", 3)
    assert follower.step() is None
    world.clock.forward(10 * DAY)
    follower.wake({"a"})
    assert follower.step() is None
    assert (sink.tries, follower.gone) == (["a:1"], "410")
    assert world.store.deliveries(dead=True) == []  # nothing is lost by it
    gone = False
    follower.replay()
    world.run(follower)
    assert (sink.got, follower.gone) == (ids("a", 3), None)


def test_only_what_is_asked_for_goes_out_and_the_cursor_goes_on(world):
    sink = Memory()
    outlet = Outlet(sink, "mine", models=["churn*"], kinds=["PluginFailed"])
    follower = world.follower(outlet)
    number = world.log("churn-de", 150)
    world.log("fraud", 2, "PluginFailed")
    world.run(follower)
    assert sink.got == []
    assert world.store.cursor("mine", number) == 150
    world.log("churn-de", 1, "PluginFailed")
    follower.wake({"churn-de", "fraud"})
    world.run(follower)
    assert sink.got == ["churn-de:151"]


def test_whatever_a_sink_raises_is_tried_again_and_its_text_is_not_told(world):
    replies = [ValueError("https://user:hunter2@host"), RuntimeError("hunter2")]

    def fails(event):
        if replies:
            raise replies.pop(0)

    sink = Memory(fails)
    follower = world.follower(sink)
    world.log("a")
    follower.step()
    assert [row.problem for row in world.store.deliveries()] == ["raised ValueError"]
    world.run(follower)
    assert sink.got == ["a:1"]
    assert follower.failed == 2


def test_a_clock_that_is_set_back_does_not_stop_it(world):
    replies = [Retry("once", after=600)]

    def fails(event):
        if replies:
            raise replies.pop()

    sink = Memory(fails)
    follower = world.follower(sink)
    world.log("a")
    follower.step()
    world.clock.forward(-10 * DAY)
    follower.step()
    assert sink.got == ["a:1"]


def test_two_sinks_of_one_store_know_nothing_of_each_other(world):
    up, down = Memory(), Memory(raising(Retry("down")))
    first, second = world.follower(up, name="up"), world.follower(down, name="down")
    world.log("a", 3)
    second.step()
    world.run(first)
    assert up.got == ids("a", 3)
    assert [row.follower for row in world.store.deliveries()] == ["down"]


def test_the_thread_delivers_when_it_is_woken_and_ends_when_told(world):
    arrived = threading.Semaphore(0)
    sink = Memory(lambda event: arrived.release())
    follower = world.follower(sink)
    lock = threading.Lock()
    plain = follower._kept

    def kept(do):
        with lock:
            return plain(do)

    follower._kept = kept
    follower.start()
    for at in range(3):
        with lock:
            world.log("a")
        follower.wake({"a"})
        assert arrived.acquire(timeout=30)
        assert sink.tries == ids("a", at + 1)
    follower.stop()
    follower.join(30)
    assert not follower._thread.is_alive()


def test_a_step_that_is_stopped_sends_nothing_more(world):
    sink = Memory()
    follower = world.follower(sink)
    sink.fails = lambda event: follower.stop()
    world.log("a", 5)
    follower.step()
    assert sink.got == ["a:1"]


def test_random_failures_and_crashes_lose_nothing_and_keep_the_order(world):
    chance = random.Random(7)

    def fails(event):
        if chance.random() < 0.4:
            raise Retry("now and then")

    sink = Memory(fails)
    follower = world.follower(sink)
    for step in range(400):
        if chance.random() < 0.5 and step < 300:
            model = chance.choice("abc")
            world.log(model, chance.randint(1, 3))
            follower.wake({model})
        world.crash = step < 300 and chance.random() < 0.2
        try:
            wait = follower.step()
        except Crash:
            follower = world.follower(sink, seed=step)
            continue
        world.clock.forward(wait or 1)
    world.crash = False
    world.run(follower)
    for model in world.store.models():
        got = of(model.name, sink.got)
        once = list(dict.fromkeys(got))
        assert once == ids(model.name, world.store.last_event(model.number))
        assert got == sorted(got, key=lambda one: int(one.partition(":")[2]))  # again, never back
