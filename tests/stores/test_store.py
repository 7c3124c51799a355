"""What every store has to do, whatever the database."""

import numpy as np
import pytest

from homeostat.stores import open_store
from homeostat.stores.faults import Busy, StoreError
from homeostat.stores.identities import sorted_run
from homeostat.stores.schema import STEPS, NewerSchema, version
from homeostat.stores.store import RECORDS, Model, Parked


def test_a_change_is_kept_whole_or_not_at_all(store):
    with store.change():
        store.keep_note("a", "1")

    def fails():
        with store.change():
            store.keep_note("a", "2")
            store.add_model("m", 0)
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert (store.note("a"), store.models()) == ("1", [])


def test_it_is_there_after_it_was_closed(where):
    first = open_store(where)
    with first.change():
        model = first.add_model("m", 5)
        first.keep_model(Model(model.number, "m", 7, {"accepted": 3}))
        salt = first.salt()
    first.close()
    again = open_store(where)
    assert again.models() == [Model(1, "m", 7, {"accepted": 3})]
    with again.change():
        assert again.salt() == salt
    again.close()


def test_facts_in_order_and_back(store):
    with store.change():
        for first, body in ((0, b"a"), (3, b"\0\xff"), (4, b"c")):
            store.append(1, first, 3 if first == 0 else 1, RECORDS, 0, body)
        store.append(2, 0, 1, RECORDS, 0, b"other")
    assert [bytes(fact.body) for fact in store.facts(1, 0)] == [b"a", b"\0\xff", b"c"]
    assert [fact.first for fact in store.facts(1, 1)] == [3, 4]
    assert [fact.first for fact in store.facts_back(1, 4)] == [3, 0]
    assert store.fact_at(1, 2).first == 0
    assert store.fact_at(1, 5) is None
    assert [fact.model for fact in store.facts_after(0)] == [1, 1, 1, 2]


def test_a_position_is_taken_once(store):
    with store.change():
        store.append(1, 0, 1, RECORDS, 0, b"a")
    with pytest.raises(StoreError), store.change():
        store.append(1, 0, 1, RECORDS, 0, b"b")
    assert [bytes(fact.body) for fact in store.facts(1, 0)] == [b"a"]


def test_the_last_label_counts(store):
    with store.change():
        store.keep_labels(1, [(3, '"a"', None), (4, '"b"', 9)])
        store.keep_labels(1, [(3, None, 10)])
    assert store.labels(1, [3, 4, 5]) == {3: None, 4: '"b"'}
    assert store.labels(1, range(2_000)) == {3: None, 4: '"b"'}


def test_many_labels_at_once_and_the_last_of_each(store):
    rows = [(at % 500, f'"{at}"', at) for at in range(1_300)]
    with store.change():
        store.keep_labels(1, rows)
        store.keep_labels(1, [])
    assert store.labels(1, range(500)) == {at: label for at, label, _ in rows}


def test_labels_wait(store):
    with store.change():
        store.park(1, [Parked("a", '"x"', None), Parked("b", '"y"', 4)], now=10)
        store.park(1, [Parked("a", '"z"', 5)], now=20)
    assert store.parked(1, ["a", "b", "c"]) == {
        "a": Parked("a", '"z"', 5), "b": Parked("b", '"y"', 4)}  # fmt: skip
    with store.change():
        assert store.unpark_before(1, 15) == 1
        store.unpark(1, ["nothing"])
    assert store.waiting(1) == 1


def test_runs_of_ids(store):
    run = sorted_run(np.array([2**64 - 1, 5], np.uint64), np.array([1, 2]), newest=3)
    with store.change():
        number = store.keep_run(run)
    again = store.run(number)
    assert (again.keys.tolist(), again.places.tolist(), again.newest) == ([5, 2**64 - 1], [2, 1], 3)
    assert store.runs() == [number]


def test_snapshots_and_cells_are_replaced(store):
    with store.change():
        for body in (b"old", b"new"):
            store.keep_snapshot(1, 4, "print", body)
            store.keep_cells(1, [("v1", 60, body), ("v2", 60, body)])
    assert store.snapshot(1) == (4, "print", b"new")
    assert store.snapshot(2) is None
    assert store.cell(1, "v1", 60) == b"new"
    assert store.cells(1, 0, 61, 10) == [("v1", 60, b"new"), ("v2", 60, b"new")]
    assert store.cells(1, 61, 100, 10) == []


def test_events_have_no_gap(store):
    with store.change():
        store.add_events(1, 1, [("A", b"1"), ("B", b"2")], now=0)
        store.add_events(1, 3, [("C", b"3")], now=0)
    assert [(e.seq, e.kind) for e in store.events(1, 1, 10)] == [(2, "B"), (3, "C")]
    assert (store.last_event(1), store.last_event(2)) == (3, 0)


def test_cursors_and_answers(store):
    with store.change():
        store.keep_cursor("hook", 1, 4)
        store.keep_cursor("hook", 1, 5)
        store.keep_answer("key", "digest", "{}", now=0)
    assert (store.cursor("hook", 1), store.cursor("hook", 2)) == (5, 0)
    assert store.answer("key") == ("digest", "{}")
    with store.change():
        store.forget_answers(1)
    assert store.answer("key") is None


def test_text_of_any_kind(store):
    odd = "‮é\U0001f600'; DROP TABLE models; -- %s ?"
    with store.change():
        store.add_model(odd, 0)
    assert [model.name for model in store.models()] == [odd]


def test_a_text_with_a_nul_stops_nobody(store):
    with store.change():
        store.keep_note("a\0b", "c\0d")
        store.park(1, [Parked("x\0", '"y"', None)], now=1)
    assert store.note("a\0b") in ("c\0d", "c\ufffdd")  # PostgreSQL has no such text
    assert store.waiting(1) == 1
    assert store.note("a") is None


def test_one_that_only_reads_sees_what_is_committed(where, store):
    reader = open_store(where, read_only=True)
    with store.change():
        store.keep_note("a", "1")
        assert reader.note("a") is None
    assert reader.note("a") == "1"
    with pytest.raises(StoreError):
        reader.keep_note("a", "2")
    reader.close()


def test_tables_of_a_newer_version_are_refused(where, store):
    with store.change():
        store.keep_note("schema", str(len(STEPS) + 1))
    store.close()
    with pytest.raises(NewerSchema, match="upgrade"):
        open_store(where)


def test_up_to_date(store):
    assert version(store.database) == len(STEPS)


def test_two_services_on_one_server_are_refused(where, store):
    if store.database.name != "postgres":
        pytest.skip("a folder is locked by the service")
    with pytest.raises(Busy, match="another service"):
        open_store(where)
