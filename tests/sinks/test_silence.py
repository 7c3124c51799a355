"""A model that is silenced: nobody is woken for it, and nothing is lost to archives."""

from sinkworld import DAY

from homeostat.stores import silences
from homeostat.stores.silences import Silence


class Heard:
    """A sink that keeps the ids of what it is sent."""

    name = "heard"

    def __init__(self, keeps):
        self.keeps, self.ids = keeps, []

    def send(self, event):
        self.ids.append(event.id)


def told(world, sink):
    """What a sink hears of three events, the second within a silence; and of another model's."""
    follower = world.follower(sink)
    world.log("m")
    world.run(follower)
    world.clock.forward(60)
    now = world.clock()
    with world.store.change():
        silences.keep(world.store, "m", Silence(now, now + DAY * 1_000_000, "token:x", "known"))
    world.log("m")
    world.log("other")
    follower.wake({"m", "other"})
    world.run(follower)
    world.clock.forward(DAY)
    world.log("m")
    follower.wake({"m"})
    world.run(follower)
    return [[one for one in sink.ids if one.startswith(model)] for model in ("m:", "other:")]


def test_who_wakes_people_passes_over_what_came_in_the_silence(world):
    assert told(world, Heard(keeps=False)) == [["m:1", "m:3"], ["other:1"]]


def test_an_archive_hears_everything(world):
    assert told(world, Heard(keeps=True)) == [["m:1", "m:2", "m:3"], ["other:1"]]


def test_a_silence_that_ended_early_covers_no_more(world):
    sink = Heard(keeps=False)
    follower = world.follower(sink)
    number = world.log("m")
    with world.store.change():
        silences.keep(world.store, "m", Silence(0, 1, "token:x"))
    world.run(follower)
    assert sink.ids == ["m:1"]
    assert world.store.cursor("heard", number) == 1
    assert silences.all_of(world.store) == {"m": Silence(0, 1, "token:x")}
