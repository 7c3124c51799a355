import pytest
from stall import DAY, START, WINDOW, Stall, made, trade

from homeostat.errors import ConfigError
from homeostat.runtime import retention
from homeostat.runtime.retention import Ages, Keeping, Retention
from homeostat.runtime.room import Room, size
from homeostat.service.settings import service_of
from homeostat.stores import pruning
from homeostat.times import to_micros


def test_old_facts_go_and_the_numbers_stay(stall):
    trade(stall)
    before = dict(stall.account().counters)
    hashed = stall.account().state_hash()
    stall.keep(records="7d")
    oldest = stall.rows("SELECT MIN(received) FROM journal")[0][0]
    assert stall.now - 7 * DAY <= oldest < stall.now - 6 * DAY
    counters = stall.account().counters
    assert before.items() <= counters.items()
    assert stall.account().state_hash() == hashed
    facts = "SELECT COALESCE(SUM(n), 0) FROM journal WHERE kind = 'records'"
    kept = stall.rows(facts)[0][0]
    assert 0 < kept < counters["accepted"]
    assert counters["forgotten_records"] + kept == counters["accepted"]
    assert counters["forgotten"] == stall.rows("SELECT MIN(first) FROM journal")[0][0]
    assert stall.rows("SELECT MIN(position) FROM labels")[0][0] >= counters["forgotten"]


def test_the_labels_that_went_are_counted_as_they_were_last(stall):
    trade(stall)
    labelled = stall.account().counters["labels"]
    stall.keep(records="7d")
    known = sum(
        pruning.labelled(stall.store, fact, _own(stall, fact))
        for fact in stall.store.facts(stall.account().number, 0)
        if fact.kind == "records"
    )
    assert stall.account().counters["forgotten_labels"] + known == labelled


def _own(stall, fact):
    from homeostat.stores.packing import unpack_batch

    rows, correct = unpack_batch(fact.body, "default", "").outcome
    return range(len(correct)) if rows is None else rows.tolist()


@pytest.mark.parametrize("days", [7, 12, 19])
def test_a_restart_after_it_goes_on_as_if_nothing_were_gone(tmp_path, days):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, other = Stall(tmp_path / "one"), Stall(tmp_path / "two")
    trade(one)
    trade(other)
    one.keep(records=f"{days}d")
    for stall in (one, other):
        stall.reopen()
        stall.send(*(made(number, "no") for number in range(600, 640)))
        stall.label(("r599", "yes"), ("r601", "yes"), ("r598", None))
    assert one.account().state_hash() == other.account().state_hash()
    one.reopen()
    assert one.account().state_hash() == other.account().state_hash()
    one.close()
    other.close()


def test_another_configuration_is_built_from_what_is_left(stall):
    trade(stall)
    stall.keep(records="7d")
    stall.changed(lambda: stall.rows("UPDATE snapshots SET fingerprint = 'another'"))
    stall.reopen()
    assert stall.account().latest["accuracy"][1] == WINDOW


def test_a_forgotten_record_is_new_again_and_its_label_waits(stall):
    trade(stall)
    stall.keep(records="7d")
    assert stall.label(("r1", "no")).parked == 1
    assert stall.send(made(1)).accepted == 1
    assert stall.send(made(590, "yes" if 590 % 30 % 3 == 0 else None)).duplicates == 1


def test_metrics_keep_the_labels_they_are_counted_from(stall):
    stall.send(*(made(number, "yes") for number in range(10)))
    stall.send(*(made(number) for number in range(10, 20)))
    stall.now += 100 * DAY
    stall.keep(records="7d")
    assert "forgotten" not in stall.account().counters  # 10 labels are less than two windows
    for first in range(20, 120, 20):
        stall.send(*(made(number, "yes") for number in range(first, first + 20)))
    stall.now += 100 * DAY
    stall.keep(records="7d")
    counters = stall.account().counters
    assert 2 * WINDOW <= counters["labels"] - counters["forgotten_labels"] < 4 * WINDOW


def test_what_is_in_no_snapshot_is_put_in_one_before_it_goes(stall):
    trade(stall)
    stall.send(made(900))
    assert stall.store.snapshot(1)[0] < stall.account()._position
    stall.keep(records="7d")
    assert stall.store.snapshot(1)[0] == stall.account()._position


def test_events_answers_minutes_and_waiting_labels_go(stall):
    trade(stall)
    stall.label(("nobody", "yes"))
    stall.label(("noone", "yes"), model="default")
    events = [("Custom", b"{}")] * 1200
    number = stall.account().number
    last = stall.account().counters.get("events", 0)
    stall.changed(lambda: stall.store.add_events(number, last + 1, events, stall.now))
    stall.now += 8 * DAY
    stall.keep(events="1d", series="5d", parked="7d", answers="7d")
    assert stall.rows("SELECT seq FROM events") == [(last + 1200,)]  # the newest stays
    assert stall.rows("SELECT COUNT(*) FROM requests") == [(0,)]
    assert stall.rows("SELECT COUNT(*) FROM parked") == [(0,)]
    assert stall.ledger.waiting("default") == 0
    newest = to_micros(made(599).created_at)
    assert stall.rows("SELECT MIN(start) FROM cells")[0][0] >= newest - 5 * DAY


def test_young_things_stay(stall):
    trade(stall, days=3)
    stall.label(("nobody", "yes"))
    tables = ("journal", "events", "cells", "requests", "parked", "labels")
    counted = [stall.rows(f"SELECT COUNT(*) FROM {name}") for name in tables]
    stall.keep()
    assert [stall.rows(f"SELECT COUNT(*) FROM {name}") for name in tables] == counted


def test_a_model_may_have_its_own_ages(stall):
    for model in ("short", "long"):
        for first in range(0, 100, 50):
            records = (made(at, "yes", model) for at in range(first, first + 50))
            stall.send(*records)
    stall.now += 40 * DAY
    stall.send(made(200, "yes", "short"), made(200, "yes", "long"))
    stall.keep(models={"long": Ages(records="90d")})
    assert stall.account("short").counters["forgotten_records"] == 50
    assert "forgotten_records" not in stall.account("long").counters


def test_runs_of_ids_go_with_their_records(stall, monkeypatch):
    monkeypatch.setattr("homeostat.stores.identities.MOST", 64)
    trade(stall)
    before = stall.store.runs()
    stall.keep(records="7d")
    after = stall.store.runs()
    assert len(before) > len(after) > 0
    assert after == before[-len(after) :]
    assert stall.send(made(1)).accepted == 1  # none of the runs that are gone is asked for
    stall.reopen()
    assert stall.send(made(1)).duplicates == 1


def test_one_piece_a_call_and_a_pass_every_ten_minutes(stall, monkeypatch):
    monkeypatch.setattr(pruning, "_ROWS", 100)
    trade(stall)
    keeping = Keeping(Retention(records="7d"), lambda: stall.now)
    assert stall.changed(lambda: keeping(stall.ledger))
    first = stall.account().counters["forgotten"]
    while stall.changed(lambda: keeping(stall.ledger)):
        pass
    assert stall.account().counters["forgotten"] > first
    stall.now += 30 * DAY
    assert stall.changed(lambda: keeping(stall.ledger))  # due again


def test_a_damaged_fact_stops_its_own_model_only(stall, caplog):
    for model in ("default", "other"):
        for first in range(0, 100, 50):
            stall.send(*(made(at, "yes", model) for at in range(first, first + 50)))
    stall.changed(lambda: stall.rows("UPDATE journal SET body = ? WHERE id = 1", bytes(40)))
    stall.now += 40 * DAY
    stall.keep()
    assert "forgotten" not in stall.account().counters
    assert stall.account("other").counters["forgotten_records"] == 50
    assert "nothing more of default is let go" in caplog.text


def test_a_piece_that_failed_is_undone_and_begun_again(stall):
    trade(stall)
    keeping = Keeping(Retention(records="7d"), lambda: stall.now)
    stall.store.database.begin()
    assert keeping(stall.ledger)
    stall.store.database.rollback()
    stall.reopen()
    assert not stall.account().counters.get("forgotten")
    stall.now += 600_000_000
    while stall.changed(lambda: keeping(stall.ledger)):
        pass
    assert stall.account().counters["forgotten"]


def test_the_keeper_does_it_when_nobody_asks(tmp_path):
    import threading

    from stall import engine_of

    from homeostat.runtime.keeper import Keeper
    from homeostat.runtime.ledger import Ledger, Limits
    from homeostat.stores import open_store

    asked = threading.Event()
    left = iter([True, True, False])

    def tend(ledger):
        more = next(left, False)
        if not more:
            asked.set()
        return more

    keeper = Keeper(
        lambda: open_store(tmp_path),
        lambda store: Ledger(store, engine_of, lambda: to_micros(START), Limits()),
        tend=tend,
    )
    keeper.start()
    assert asked.wait(30)
    keeper.close(30)
    assert next(left, None) is None


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"records": "6d"}, "retention.records: cannot be less than 7d"),
        ({"events": "soon"}, "retention.events: 'soon' is no duration"),
        ({"parked": "1s"}, "retention.parked: '1s' must be at least 60s"),
        ({"models": {"a": {"records": "1d"}}}, r"retention.models.a.records: cannot be less"),
        ({"evnets": "1d"}, "evnets"),
    ],
    ids=["short", "no duration", "nothing", "of a model", "unknown"],
)
def test_ages_that_cannot_be(given, where):
    with pytest.raises(ConfigError, match=where):
        service_of({"retention": given}, "service")


def test_what_is_configured_is_what_is_kept():
    settings = service_of({"retention": {"records": "30d", "models": {"a": {"events": "2d"}}}}, "")
    assert settings.retention.age("events", "a") == 2 * DAY
    assert settings.retention.age("records", "a") == 30 * DAY
    assert retention.check(settings.retention, "") is None


def test_labels_that_stay_longer_than_their_records(stall):
    stall.send(*(made(number) for number in range(50)))
    for day in range(1, 9):
        stall.now += DAY
        stall.send(*(made(day * 100 + at, "yes") for at in range(50)))
    stall.label(*((f"r{number}", "no") for number in range(30)))  # just before these go
    stall.keep(records="7d")
    assert stall.account().counters["forgotten_records"] >= 50
    stall.label(("r800", "no"))  # counts again, past the labels of what is gone
    correct = sum(number % 3 > 0 for number in range(830, 850))
    assert stall.account().latest["accuracy"] == [correct / WINDOW, WINDOW]
    hashed = stall.account().state_hash()
    stall.reopen()
    assert stall.account().state_hash() == hashed


def test_the_newest_entry_stays_so_that_numbers_go_on(stall):
    for first in range(3):
        stall.send(made(first))
    stall.now += 40 * DAY
    stall.keep()
    assert stall.rows("SELECT id, first FROM journal") == [(3, 2)]
    assert all(first >= 2 for _, first in stall.ledger.records._cache)
    stall.send(made(3))
    stall.reopen()
    assert stall.send(made(3), made(2)).duplicates == 2
    assert stall.rows("SELECT id, first FROM journal") == [(3, 2), (4, 3)]


# By size ------------------------------------------------------------------------------------------


def taken(stall, *models):
    numbers = [stall.account(name).number for name in models or stall.ledger.accounts]
    statement = "SELECT COALESCE(SUM(LENGTH(body)), 0) FROM journal WHERE model = ?"
    return sum(int(stall.rows(statement, number)[0][0]) for number in numbers)


def kept_within(stall, most, **own):
    """Keep the journal within so many bytes, which are fewer than a configuration may say."""
    room = Room(most, own.get)
    pieces = room.pieces(stall.ledger)
    while stall.changed(lambda: next(pieces, "done")) != "done":
        pass
    return room


def test_the_oldest_go_until_the_rest_has_room(stall):
    trade(stall)
    before, hashed = dict(stall.account().counters), stall.account().state_hash()
    most = taken(stall) // 3
    kept_within(stall, most)
    assert most * 0.7 < taken(stall) <= most
    counters = stall.account().counters
    assert before.items() <= counters.items()
    assert stall.account().state_hash() == hashed
    assert counters["forgotten_for_room"] == counters["forgotten_records"] > 0
    assert counters["forgotten"] == stall.rows("SELECT MIN(first) FROM journal")[0][0]
    assert stall.label(("r1", "no")).parked == 1
    stall.reopen()
    assert stall.account().state_hash() == hashed


def test_where_there_is_room_nothing_goes(stall):
    trade(stall)
    there = taken(stall)
    kept_within(stall, there)
    assert (taken(stall), stall.account().counters.get("forgotten")) == (there, None)
    kept_within(stall, None, default=None)
    kept_within(stall, there - 1)
    assert taken(stall) < there


def test_of_all_models_the_oldest_go_first(stall):
    for day in range(20):
        stall.now += DAY
        for name, n in (("a", 30), ("b", 30)) if day % 2 else (("a", 30),):
            stall.send(*(made(day * 30 + at, "yes", name) for at in range(n)))
    kept_within(stall, taken(stall) // 2)
    oldest = [row[0] for row in stall.rows("SELECT MIN(received) FROM journal GROUP BY model")]
    newer, older = max(oldest), min(oldest)
    assert newer - older <= 2 * DAY
    assert all(stall.account(name).counters["forgotten_for_room"] for name in "ab")


def test_a_model_has_a_bound_of_its_own(stall):
    for name in ("a", "b"):
        for first in range(0, 600, 30):
            stall.send(*(made(first + at, "yes", name) for at in range(30)))
    other = taken(stall, "b")
    kept_within(stall, None, a=other // 4)
    assert (taken(stall, "a") <= other // 4, taken(stall, "b")) == (True, other)
    kept_within(stall, other)
    assert taken(stall) <= other


def test_what_metrics_are_counted_from_stays_and_that_is_told(stall, caplog):
    trade(stall)
    with caplog.at_level("INFO", "homeostat.retention"):
        kept_within(stall, 1)
    counters = stall.account().counters
    assert counters["labels"] - counters["forgotten_labels"] >= 2 * WINDOW
    said = caplog.text
    assert "more than service.retention.bytes" in said
    assert f"{counters['forgotten_for_room']:,} records of default went before their age" in said


def test_what_goes_by_age_is_room_and_what_comes_is_counted(stall):
    trade(stall)
    room = kept_within(stall, 1 << 30)
    for before in (stall.now - 12 * DAY, stall.now - 10 * DAY):
        for _ in retention._facts(stall.ledger, stall.account(), room, before):
            pass
    assert room._sum(stall.ledger.accounts.values()) == taken(stall)
    stall.send(*(made(number, "yes") for number in range(700, 800)))
    for _ in room._count(stall.store):
        pass
    assert room._sum(stall.ledger.accounts.values()) == taken(stall)


def test_a_pass_keeps_within_it_and_a_lost_transaction_is_counted_anew(stall):
    trade(stall)
    ages = Retention(records="300d", bytes="1 MiB", models={"default": Ages(bytes="2 MiB")})
    keeping = Keeping(ages, lambda: stall.now)
    keeping._ages = SmallRoom(ages, taken(stall) // 2)
    keeping._room = keeping._ages.room()
    assert stall.changed(lambda: keeping(stall.ledger))
    stall.reopen()  # as after a transaction that was undone
    stall.changed(lambda: keeping(stall.ledger))
    stall.now += DAY  # the next pass begins
    while stall.changed(lambda: keeping(stall.ledger)):
        pass
    assert taken(stall) <= keeping._ages.most
    assert keeping._room._sum(stall.ledger.accounts.values()) == taken(stall)


class SmallRoom:
    """A retention with a bound that is less than a configuration may say."""

    def __init__(self, ages, most):
        self._given, self.most = ages, most
        self.age = ages.age

    def room(self):
        return Room(self.most, lambda _: None)


def test_a_size_is_read():
    assert size("20 GiB", "p") == 20 << 30
    assert size("1.5MB", "p") == 1_500_000
    assert size("2000000", "p") == 2_000_000
    for wrong in ("20 gigs", "", "-1 GiB", "GiB", "30d"):
        with pytest.raises(ConfigError, match="is no size"):
            size(wrong, "p")
    with pytest.raises(ConfigError, match="at least 1 MiB"):
        size("1 kB", "p")


def test_bounds_are_checked_where_they_stand():
    given = {"bytes": "20 GiB", "models": {"fraud": {"bytes": "2 GiB", "records": "90d"}}}
    made_of = service_of({"retention": given}, "service").retention
    room = made_of.room()
    assert (room._most, room._own("fraud"), room._own("other")) == (20 << 30, 2 << 30, None)
    for wrong, path in (
        ({"bytes": "20"}, "service.retention.bytes"),
        ({"models": {"m": {"bytes": "x"}}}, r"service.retention.models.m.bytes"),
    ):
        with pytest.raises(ConfigError, match=path):
            service_of({"retention": wrong}, "service")
    with pytest.raises(ConfigError, match=r"models.m.retention.bytes: must be a size like"):
        retention.own_ages({"m": {"bytes": 5}}, "f")
    with pytest.raises(ConfigError, match=r"models.m.retention.bytes: '7d' is no size"):
        retention.own_ages({"m": {"bytes": "7d"}}, "f")
