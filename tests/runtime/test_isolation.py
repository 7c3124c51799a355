"""Plug-ins that raise: off from the failure on, everything else as without them, mended later."""

import numpy as np
import pytest
from shop import Shop, made

from homeostat import AccuracyMetric, LatencyMetric, MetricEvent, MetricUpdated
from homeostat.drift import ADWIN
from homeostat.engine import Engine
from homeostat.protocols import Alarms, Series
from homeostat.strategy import RetrainingStrategy, request


class Ill:
    """What makes the plug-ins of a test fail; shared, as their code is."""

    at: int | None = None


@pytest.fixture
def ill():
    Ill.at = 25
    yield Ill
    Ill.at = None


def fail(n):
    if Ill.at is not None and n >= Ill.at:
        raise RuntimeError("a fault of the user's")


class Counting:
    """A metric in the seed's form, whose memory is half changed when it fails."""

    name = "counting"

    def __init__(self):
        self.n = 0

    def on_record(self, record):
        self.n += 1
        fail(self.n)
        return MetricUpdated(
            MetricEvent(record.model_version, self.name, float(self.n), record.created_at)
        )


class Columns(Counting):
    """The same with a columnar form."""

    def on_batch(self, batch):
        values = np.arange(self.n + 1, self.n + 1 + len(batch), dtype=float)
        self.n += len(batch)
        fail(self.n)
        return [Series(self.name, None, values)]


class Junk(Columns):
    """One that answers with what is none."""

    def on_batch(self, batch):
        try:
            return super().on_batch(batch)
        except RuntimeError:
            return [Series(self.name, None, np.zeros(len(batch) + 7))]


class Unkept(Columns):
    """One whose memory cannot be kept."""

    def on_batch(self, batch):
        try:
            return super().on_batch(batch)
        except RuntimeError:
            self.what = object()
            return []


class Watching:
    """A detector that raises an alarm now and then."""

    name, on = "watching", "latency_ms"
    observed = threshold = 0.0

    def __init__(self):
        self.n = 0

    def update(self, x):
        self.n += 1
        fail(self.n)
        self.observed = float(self.n)
        return self.n % 10 == 0


class WatchingColumns(Watching):
    """The same with a columnar form, junk where it fails."""

    def alarms(self, xs):
        found = []
        try:
            found = [at for at in range(len(xs)) if self.update(xs[at])]
        except RuntimeError:
            return Alarms(np.array([10**6]), *[np.zeros(1)] * 3)
        numbers = np.array([self.n - len(xs) + at + 1.0 for at in found])
        return Alarms(np.array(found, dtype=np.int64), numbers, np.zeros(len(found)), numbers)


class Asking(RetrainingStrategy):
    """A strategy that asks every tenth event."""

    memory = ("n",)

    def __init__(self):
        self.n = 0

    def on_event(self, event):
        self.n += 1
        fail(self.n)
        return request(event, "asked") if self.n % 10 == 0 else None


ILL = {
    "metric": lambda: ([Counting()], [], None),
    "columnar metric": lambda: ([Columns()], [], None),
    "metric that answers junk": lambda: ([Junk()], [], None),
    "metric that cannot be kept": lambda: ([Unkept()], [], None),
    "detector": lambda: ([], [Watching()], None),
    "detector that answers junk": lambda: ([], [WatchingColumns()], None),
    "strategy": lambda: ([], [], Asking()),
}
each = pytest.mark.parametrize("kind", ILL)


def engines(kind):
    def engine_of(name):
        metrics, detectors, strategy = ILL[kind]() if kind else ([], [], None)
        usual = [AccuracyMetric(50), LatencyMetric(0.3)]
        return Engine([*usual, *metrics], [ADWIN(on="error"), *detectors], strategy)

    return engine_of


def records(start, end):
    return [
        made(n, label=None if n % 3 else "yes", predicted="yes" if n % 4 else "no")
        for n in range(start, end)
    ]


def run(shop):
    """Records in several requests, labels that come late, change and are taken back."""
    for start in range(0, 60, 6):
        shop.send(*records(start, start + 6))
        if start >= 30:
            shop.label((f"r{start - 29}", "no"))
    shop.label(("r4", "yes"), ("r1", "yes"))
    shop.label(("r4", None))


@pytest.fixture
def shops(tmp_path):
    made_here = []

    def shop(kind, name):
        (tmp_path / name).mkdir()
        made_here.append(Shop(tmp_path / name, engines(kind)))
        return made_here[-1]

    yield shop
    for one in made_here:
        one.store.close()


def events_of(shop):
    stored = shop.store.events(shop.account().number, 0, 10_000)
    return [(each.kind, each.body) for each in stored]


def memories(shop):
    """The memories of the plug-ins that every engine here has."""
    engine = shop.account().engine
    plugins = [*engine.metrics[:2], engine.detectors[0]]
    return [each.snapshot() for each in plugins]


@each
def test_only_the_one_that_fails_is_off(kind, ill, shops):
    sick, without = shops(kind, "sick"), shops(None, "without")
    run(sick)
    run(without)
    account = sick.account()
    (label,) = account.engine.off
    assert sick.ledger.off() == {"default": [label]}
    assert account.engine.health[label].errors == 1
    assert [kind for kind, _ in events_of(sick)].count("PluginFailed") == 1
    assert account.counters["event.PluginFailed"] == 1
    assert account.counters["accepted"] == 60
    assert memories(sick) == memories(without)
    for name in ("accuracy", "latency_ms_ewma"):
        assert account.latest[name] == without.account().latest[name]


@each
@pytest.mark.parametrize("snapshot", [False, True], ids=["killed", "ended"])
def test_off_survives_a_restart(kind, snapshot, ill, shops):
    sick = shops(kind, "sick")
    run(sick)
    before, off = sick.hash(), sick.account().engine.off
    sick.reopen(snapshot)
    assert (sick.hash(), sick.account().engine.off) == (before, off)
    sick.send(*records(60, 70))
    assert [kind for kind, _ in events_of(sick)].count("PluginFailed") == 1


@each
@pytest.mark.parametrize("early", [0, 12], ids=["from the beginning", "from a snapshot"])
def test_mended_it_is_as_if_it_had_never_failed(kind, early, ill, shops):
    twin, sick = shops(kind, "twin"), shops(kind, "sick")
    ill.at = None
    for shop in (twin, sick):
        if early:
            shop.send(*records(0, early))
            shop.reopen(snapshot=True)
    run(twin)
    ill.at = 25
    run(sick)
    sick.reopen()
    ill.at = None
    sick.ledger.mend()
    assert sick.account().engine.off == []
    assert sick.account().latest == twin.account().latest
    assert sick.hash() == twin.hash()
    for shop in (twin, sick):
        shop.send(*records(60, 90))
        shop.label(("r55", "no"))
    assert sick.hash() == twin.hash()
    sick.reopen()
    assert sick.hash() == twin.hash()


@each
def test_tried_anew_in_vain_it_is_off_as_before(kind, ill, shops):
    sick = shops(kind, "sick")
    run(sick)
    before, told = sick.hash(), events_of(sick)
    sick.reopen()
    off = sick.account().engine.off
    sick.ledger.mend()
    sick.send(*records(0, 1))
    assert (sick.hash(), events_of(sick), sick.account().engine.off) == (before, told, off)
    ill.at = None
    sick.ledger.mend()
    assert sick.account().engine.off == []


def test_one_that_fails_only_when_read_again_is_told(ill, shops):
    ill.at = None
    sick = shops("metric", "sick")
    sick.send(*records(0, 60))
    ill.at = 25
    sick.reopen()
    assert sick.account().engine.off == ["counting"]
    sick.send(*records(60, 61))
    assert [kind for kind, _ in events_of(sick)].count("PluginFailed") == 1


def test_mended_it_may_remember_something_else(ill, shops, monkeypatch):
    sick = shops("strategy", "sick")
    ill.at = None
    sick.send(*records(0, 12))
    sick.reopen(snapshot=True)
    ill.at = 25
    sick.send(*records(12, 60))
    monkeypatch.setattr(Asking, "memory", ("n", "more"))
    monkeypatch.setattr(Asking, "more", 0, raising=False)
    ill.at = None
    sick.reopen()
    sick.ledger.mend()
    engine = sick.account().engine
    assert (engine.off, engine.records) == ([], 60)
    assert engine.strategy.n > 60
