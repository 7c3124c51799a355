"""Plug-ins that raise: off from the failure on, everything else as without them, mended later."""

import numpy as np
import pytest
from shop import Shop, made

from homeostat import AccuracyMetric, LatencyMetric, MetricEvent, MetricUpdated
from homeostat.drift import ADWIN
from homeostat.engine import Engine
from homeostat.protocols import Alarms, Series
from homeostat.runtime.mender import Mender
from homeostat.stores.faults import Damaged
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
            MetricEvent(self.name, float(self.n), record.model_version, record.created_at)
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


def broken(ill, shops, kind="columnar metric"):
    """A model with a plug-in that is off, and a snapshot of it."""
    sick = shops(kind, "sick")
    run(sick)
    sick.reopen(snapshot=True)
    ill.at = None
    return sick


def test_it_is_mended_in_pieces_while_records_come(ill, shops, monkeypatch):
    monkeypatch.setattr("homeostat.runtime.mending._PIECE", 10)
    twin, sick = shops("columnar metric", "twin"), broken(ill, shops)
    run(twin)
    mender, sent = Mender(sick.engines), 60
    while mender(sick.ledger.accounts):
        assert sick.account().engine.off == ["counting"]
        assert sick.ledger.mending() == ["default"]
        assert sick.account().mended_so_far.endswith("% of the facts")
        for shop in (twin, sick):
            shop.send(*records(sent, sent + 3))
            shop.label((f"r{sent}", "no"))
        sent += 3
    assert sent > 63
    assert (sick.account().engine.off, sick.ledger.mending()) == ([], [])
    assert sick.account().mended_so_far == "mended"
    assert sick.hash() == twin.hash()
    for shop in (twin, sick):
        shop.send(*records(sent, sent + 3))
    sick.reopen()
    assert sick.account().engine.off == []
    assert sick.hash() == twin.hash()


def test_after_a_transaction_that_failed_it_begins_anew(ill, shops, monkeypatch):
    monkeypatch.setattr("homeostat.runtime.mending._PIECE", 10)
    twin, sick = shops("columnar metric", "twin"), broken(ill, shops)
    run(twin)
    mender = Mender(sick.engines)
    assert mender(sick.ledger.accounts)
    sick.reopen()
    while mender(sick.ledger.accounts):
        pass
    sick.reopen()  # undone: it was not kept
    assert sick.account().engine.off == ["counting"]
    while mender(sick.ledger.accounts):
        pass
    assert sick.hash() == twin.hash()


def test_in_vain_it_is_not_tried_again(ill, shops):
    sick = broken(ill, shops)
    ill.at = 25
    mender = Mender(sick.engines)
    assert not mender(sick.ledger.accounts)
    assert sick.account().mended_so_far == "tried in vain"
    ill.at = None
    assert not mender(sick.ledger.accounts)
    assert sick.account().engine.off == ["counting"]


def test_where_facts_are_damaged_it_stays_off_and_says_so(ill, shops, monkeypatch):
    sick = broken(ill, shops)

    def damaged(*_):
        raise Damaged("entry 3 of the journal is damaged")

    before = sick.hash()
    monkeypatch.setattr("homeostat.runtime.folding.unpack_batch", damaged)
    sick.ledger.mend()
    assert sick.account().engine.off == ["counting"]
    assert sick.account().mended_so_far == "not mended: entry 3 of the journal is damaged"
    assert sick.hash() == before
    monkeypatch.undo()
    sick.ledger.mend()
    assert sick.account().engine.off == []


def test_where_the_good_snapshot_is_damaged_all_is_folded_from_the_first_fact(
    ill, shops, monkeypatch
):
    twin, sick = shops("columnar metric", "twin"), shops("columnar metric", "sick")
    ill.at = None
    for shop in (twin, sick):
        shop.send(*records(0, 12))
        shop.reopen(snapshot=True)
    run(twin)

    def damaged(*_):
        raise Damaged("the snapshot is damaged")

    monkeypatch.setattr("homeostat.runtime.snapshots.unsealed", damaged)
    ill.at = 25
    run(sick)
    monkeypatch.undo()
    ill.at = None
    sick.reopen()
    sick.ledger.mend()
    assert sick.account().engine.off == []
    assert sick.hash() == twin.hash()


def test_what_retention_has_taken_is_told(ill, shops, monkeypatch):
    monkeypatch.setattr("homeostat.runtime.account._MARGIN", 0)
    sick = broken(ill, shops)
    account = sick.account()
    with sick.store.change():
        oldest = list(sick.store.facts(account.number, 0))[:2]
        assert account.forget(oldest)
        account.save(sick.now)
    sick.ledger.mend()
    assert account.engine.off == []
    assert account.counters["unseen"] == 12
    assert account.mended_so_far == "without 12 facts that are gone"


def test_nothing_is_let_go_while_it_is_mended(ill, shops, monkeypatch):
    monkeypatch.setattr("homeostat.runtime.mending._PIECE", 10)
    sick = broken(ill, shops)
    account = sick.account()
    assert Mender(sick.engines)(sick.ledger.accounts)
    with sick.store.change():
        assert not account.forget(list(sick.store.facts(account.number, 0))[:2])


def test_one_that_is_barred_is_off_and_told_and_not_tried(ill, shops):
    ill.at = None
    sick = shops("columnar metric", "sick")
    sick.send(*records(0, 12))
    plain = sick.engines

    def barring(name):
        engine = plain(name)
        engine.barred = {"counting": "hung"}
        return engine

    sick.engines = barring
    sick.reopen()
    assert sick.account().engine.off == ["counting"]
    sick.send(*records(12, 60))
    assert [kind for kind, _ in events_of(sick)].count("PluginFailed") == 1
    sick.reopen(snapshot=True)
    sick.ledger.mend()
    health = sick.account().engine.health["counting"]
    assert (health.off, health.errors, health.last_error) == (True, 1, "Overdue: hung")
    twin = shops("columnar metric", "twin")
    twin.send(*records(0, 12))
    twin.send(*records(12, 60))
    sick.engines = plain
    sick.reopen()
    sick.ledger.mend()
    assert sick.hash() == twin.hash()


def test_a_metric_without_a_columnar_form_has_its_latest_value(ill, shops):
    ill.at = None
    shop = shops("metric", "plain")
    shop.send(*records(0, 12))
    assert shop.account().latest["counting"] == [12.0, 12]


@pytest.mark.parametrize("value", ["much", None], ids=["text", "nothing"])
def test_a_value_that_is_no_number_is_a_failure(value, ill, shops, monkeypatch):
    ill.at = None
    shop = shops("metric", "plain")
    monkeypatch.setattr("test_isolation.float", lambda _: value, raising=False)
    shop.send(*records(0, 12))
    assert shop.account().engine.off == ["counting"]
    assert shop.account().counters["accepted"] == 12
