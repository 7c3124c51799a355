"""What `/metrics` tells: of sinks, of the loop, and while the keeper does not answer."""

import threading
from collections import Counter
from concurrent.futures import Future
from datetime import UTC, datetime
from types import SimpleNamespace

import msgspec
import pytest
from house import record
from prometheus_client.parser import text_string_to_metric_families

from homeostat.errors import Closed
from homeostat.events import FailureEvent, PluginFailed
from homeostat.service import figures
from homeostat.service.figures import Copied, Latest
from homeostat.service.wires import now
from homeostat.sinks import GiveUp, Gone, Outlet, Retry
from homeostat.stores import jobs
from homeostat.stores.jobs import Job


def read(text):
    """Samples of an exposition: by name, and the values of the labels in their names' order."""
    return {
        (
            sample.name.removeprefix("homeostat_"),
            *(sample.labels[name] for name in sorted(sample.labels)),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def metrics(house):
    reply = house("GET", "/metrics")
    assert reply.status_code == 200, reply.text
    return read(reply.text)


def tell(house, n, model="default"):
    """So many events in the log of a model."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    events = [PluginFailed(FailureEvent("plug", str(i), at)) for i in range(n)]
    house.run(house.wires.changed(lambda led: led.accounts[model].tell(events, now())))


class Sink:
    """One that does what it is told, and says when it was asked so often."""

    def __init__(self, name, does=lambda: None, asked=1):
        self.name, self._does, self._left = name, does, asked
        self.asked = threading.Event()

    def send(self, event):
        self._left -= 1
        if not self._left:
            self.asked.set()
        self._does()


def raising(error):
    def does():
        raise error

    return does


def test_sinks(house_of):
    sinks = [
        Sink("fine", asked=3),
        Sink("dead", raising(GiveUp("no")), asked=3),
        Sink("gone", raising(Gone("enough"))),
        Sink("down", raising(Retry("later", after=3000.0))),
    ]
    deaf = Sink("deaf")
    outlets = (*(Outlet(sink) for sink in sinks), Outlet(deaf, models=["other-*"]))
    house = house_of(sinks=outlets)
    house.send(record(0))
    tell(house, 3)
    for sink in sinks:
        assert sink.asked.wait(30)
    house.wires.followers.close(30)  # what was on its way is noted
    told = metrics(house)
    names = ("delivered_total", "failed_total", "dead_total", "gone", "dead_letters", "waiting",
             "lag_events")  # fmt: skip
    shown = {
        sink.name: tuple(int(told[f"sink_{name}", sink.name]) for name in names)
        for sink in (*sinks, deaf)
    }
    assert shown == {
        "fine": (3, 0, 0, 0, 0, 0, 0),
        "dead": (0, 0, 3, 0, 3, 0, 0),
        "gone": (0, 1, 0, 1, 0, 1, 3),
        "down": (0, 1, 0, 0, 0, 1, 3),
        "deaf": (0, 0, 0, 0, 0, 0, 0),
    }


def test_jobs_by_state(house):
    house.send(record(0))

    def add(ledger):
        for number, state in enumerate(("succeeded", "failed", "failed", "running"), 1):
            jobs.keep(ledger.store, Job(
                id=f"default-{number}", model=1, number=number, state=state, reason="", asked=1,
                created=1, position=1,
            ))  # fmt: skip

    before = metrics(house)
    house.run(house.wires.changed(add))
    after = metrics(house)
    states = ("waiting", "queued", "running", "succeeded", "failed", "cancelled", "lost")
    assert [before["jobs", state] for state in states] == [0] * 7
    assert [after["jobs", state] for state in states] == [0, 0, 1, 1, 2, 0, 0]


def test_a_comparison_that_runs(house):
    house.send(record(0))

    class Compared:
        accounts = house.run(house.wires.changed(lambda led: dict(led.accounts)))

        def __init__(self, store):
            self.store, self.counters = store, Counter()

        def loop(self, name):
            return SimpleNamespace(pairs=SimpleNamespace(shown=lambda: {"n": 17}))

    copied = house.run(house.wires.changed(lambda led: Copied(Compared(led.store))))
    (told,) = [figure for figure in copied.figures() if figure.name == "comparison_pairs"]
    assert told.rows == [(("default",), 17.0)]


def test_an_event_counts_beside_those_told_as_nothing(house):
    house.send(record(0))
    assert metrics(house)["events_total", "PluginFailed", "default"] == 0
    tell(house, 2)
    told = metrics(house)
    assert told["events_total", "PluginFailed", "default"] == 2
    assert told["events_total", "DriftDetected", "default"] == 0


def test_what_is_refused_is_told_by_kind(house):
    house.send(record(0, latency_ms=-1), record(1))
    house.send({"record_id": "x", "label": 1, "model": "nobody"}, path="/v1/labels")
    told = metrics(house)
    assert (told["refused_total",], told["refused_labels_total",]) == (2, 1)


def test_the_busiest_models_have_series_of_their_own(house, monkeypatch):
    monkeypatch.setattr(figures, "SERIES", 60)
    for n, model in enumerate(("least", "less", "most"), 1):
        house.send(*(record(f"{model}{i}", model=model) for i in range(n)))
    told = metrics(house)
    shown = {key[1]: n for key, n in told.items() if key[0] == "records_accepted_total"}
    assert shown == {"most": 3, "less": 2, "__other__": 1}


# A keeper that does not answer --------------------------------------------------------------------


def test_the_last_figures_that_are_known_and_how_old_they_are(house):
    house.send(record(0))
    fresh = metrics(house)
    clock = house.wires.latest._clock
    house.wires.latest._clock = lambda: clock() + 1000
    house.wires.settings = msgspec.structs.replace(house.settings, answer=0.05)
    freed = house.stick()
    try:
        stuck = metrics(house)
    finally:
        freed.set()
    assert stuck["records_accepted_total", "default"] == 1
    assert stuck["figures_age_seconds",] >= 1000 > fresh["figures_age_seconds",]
    assert stuck.keys() == fresh.keys()


def test_where_nothing_was_ever_seen_the_service_tells_of_itself(house_of):
    house = house_of(answer=0.05, sinks=(Outlet(Sink("one")),))
    house.send(record(0))
    freed = house.stick()
    try:
        told = metrics(house)
    finally:
        freed.set()
    assert told["sink_delivered_total", "one"] == 0
    assert "up_seconds" in {name for name, *_ in told}
    assert not {name for name, *_ in told} & {"figures_age_seconds", "records_accepted_total",
                                              "models", "sink_lag_events"}  # fmt: skip


def test_a_service_that_ends_still_tells(house):
    house.send(record(0))
    metrics(house)
    house.wires.keeper.close()
    assert metrics(house)["records_accepted_total", "default"] == 1


class Queue:
    """A keeper's door: what was submitted waits there."""

    def __init__(self):
        self.waiting = []

    def submit(self, do):
        future = Future()
        self.waiting.append(future)
        return future


def test_one_look_waits_however_many_ask():
    queue = Queue()
    latest = Latest(queue.submit)
    assert [latest.waited(0), latest.waited(0), latest.waited(0)] == [None] * 3
    (looking,) = queue.waiting
    looking.set_result("late")
    assert latest.waited(0) == "late"  # what came after all is not lost
    assert len(queue.waiting) == 2


@pytest.mark.parametrize("error", [Closed("over"), TimeoutError()], ids=["closed", "slow"])
def test_a_look_that_fails_leaves_what_was_seen(error):
    queue = Queue()
    latest = Latest(queue.submit)
    latest.waited(0)
    queue.waiting[0].set_result("seen")
    latest.waited(0)
    queue.waiting[1].set_exception(error)
    assert latest.waited(0) == "seen"
