"""What is taken out of a store, in pieces, over each database."""

import numpy as np
import pytest

from homeostat.stores import pruning
from homeostat.stores.identities import sorted_run
from homeostat.stores.store import LABELS, RECORDS, Parked


def facts(store, n, model=1, size=10):
    with store.change():
        for at in range(n):
            kind = LABELS if at % 3 == 2 else RECORDS
            store.append(model, at * size, size, kind, at, b"x")


def test_the_oldest_facts_but_never_the_newest(store):
    facts(store, 5)
    facts(store, 1, model=2)
    assert [fact.first for fact in pruning.oldest_facts(store, 1, 3)] == [0, 10, 20]
    assert [fact.first for fact in pruning.oldest_facts(store, 1, 99)] == [0, 10, 20, 30]
    assert pruning.oldest_facts(store, 1, 0) == []
    assert pruning.oldest_facts(store, 2, 99) == pruning.oldest_facts(store, 3, 99) == []


def test_a_piece_is_bounded_by_facts_and_by_rows(store, monkeypatch):
    facts(store, 100)
    assert len(pruning.oldest_facts(store, 1, 99)) == 64
    monkeypatch.setattr(pruning, "_ROWS", 35)
    assert len(pruning.oldest_facts(store, 1, 99)) == 3
    monkeypatch.setattr(pruning, "_ROWS", 5)
    assert len(pruning.oldest_facts(store, 1, 99)) == 1  # also where one is more than a piece


def test_facts_go_with_their_late_labels(store):
    facts(store, 4)
    with store.change():
        store.keep_labels(1, [(9, '"x"', 1), (10, '"x"', 1), (25, None, 1)])
        store.keep_labels(2, [(9, '"x"', 1)])
        pruning.forget_facts(store, 1, 10)
    assert pruning.floor(store, 1) == 10
    assert pruning.floor(store, 2) == 0
    assert [fact.first for fact in store.facts(1, 0)] == [10, 20, 30]
    assert store.labels(1, range(40)) == {10: '"x"', 25: None}
    assert store.labels(2, [9]) == {9: '"x"'}
    assert store.fact_at(1, 9) is None


def test_how_many_of_a_fact_have_a_label(store):
    facts(store, 2)
    (fact, _) = store.facts(1, 0)
    assert pruning.labelled(store, fact, [0, 1, 2]) == 3
    with store.change():  # one more, one that had one, one taken back, one never there
        store.keep_labels(1, [(5, '"x"', 1), (0, '"y"', 1), (1, None, 1), (7, None, 1)])
        store.keep_labels(1, [(10, '"x"', 1)])  # of the next fact
    assert pruning.labelled(store, fact, [0, 1, 2]) == 3


def test_the_oldest_events_but_never_the_newest(store, monkeypatch):
    monkeypatch.setattr(pruning, "PIECE", 10)
    with store.change():
        for seq in range(1, 26):
            store.add_events(1, seq, [("A", b"{}")], now=seq)
        gone = [pruning.forget_events(store, 1, 13) for _ in range(3)]
        assert gone == [10, 2, 0]
        assert [event.seq for event in store.events(1, 0, 2)] == [13, 14]
        assert [pruning.forget_events(store, 1, 99) for _ in range(3)] == [10, 2, 0]
    assert (store.last_event(1), len(store.events(1, 0, 9))) == (25, 1)


def test_cells_by_version(store, monkeypatch):
    monkeypatch.setattr(pruning, "PIECE", 3)
    odd = ["B", "a", "\u00e9", "z", "'; --"]
    with store.change():
        for name in odd:
            store.keep_cells(1, [(name, start, b"x") for start in range(-2, 6)])
        store.keep_cells(2, [("other", 0, b"x")])
    assert sorted(pruning.versions(store, 1)) == sorted(odd)
    assert pruning.versions(store, 3) == []
    with store.change():
        assert [pruning.forget_cells(store, 1, "a", 5) for _ in range(4)] == [3, 3, 1, 0]
    assert [start for name, start, _ in store.cells(1, -9, 99, 99) if name == "a"] == [5]
    assert len(store.cells(1, -9, 99, 99)) == 33
    with store.change():
        pruning.forget_cells(store, 1, "a", 9)
    assert sorted(pruning.versions(store, 1)) == sorted(set(odd) - {"a"})


def pieces(forget):
    """What each piece said, until there is nothing more."""
    after, told = "", []
    while after is not None:
        after, n = forget(after)
        told.append(n)
    return told


def test_old_answers(store, monkeypatch):
    monkeypatch.setattr(pruning, "PIECE", 3)
    keys = ["a K", "A k", "\u00e9", "z", "'; --", "b", "c_%"]
    with store.change():
        for at, key in enumerate(keys):
            store.keep_answer(key, "d", "{}", now=at)
        pieces(lambda after: (pruning.forget_answers(store, after, 4), 0))
    assert [key for key in keys if store.answer(key)] == keys[4:]


def test_labels_that_waited_too_long(store, monkeypatch):
    monkeypatch.setattr(pruning, "PIECE", 3)
    ids = ["a K", "A k", "\u00e9", "z", "'; --", "b", "c_%"]
    with store.change():
        for at, one in enumerate(ids):
            store.park(1, [Parked(one, None, None)], now=at)
        store.park(2, [Parked("a K", None, None)], now=0)
        told = pieces(lambda after: pruning.forget_parked(store, 1, after, 4))
    assert sum(told) == 4
    assert store.parked(1, ids).keys() == set(ids[4:])
    assert (store.waiting(1), store.waiting(2)) == (3, 1)


def test_runs_of_ids_whose_records_are_gone(store):
    facts(store, 6)
    entries = [fact.id for fact in store.facts_after(0)]
    with store.change():
        numbers = [
            store.keep_run(sorted_run(np.array([7], np.uint64), np.array([1]), newest))
            for newest in (entries[1], entries[3])
        ]
    assert pruning.empty_run(store) is None
    with store.change():
        pruning.forget_facts(store, 1, 10)
    assert pruning.empty_run(store) is None
    with store.change():
        pruning.forget_facts(store, 1, 20)
    assert pruning.empty_run(store) == numbers[0]
    with store.change():
        pruning.forget_run(store, numbers[0])
    assert pruning.empty_run(store) is None
    assert store.runs() == numbers[1:]


@pytest.mark.parametrize("undone", [True, False])
def test_a_piece_is_whole_or_not_at_all(store, undone):
    facts(store, 4)

    def piece():
        with store.change():
            pruning.forget_facts(store, 1, 20)
            if undone:
                raise KeyError

    if undone:
        with pytest.raises(KeyError):
            piece()
    else:
        piece()
    assert pruning.floor(store, 1) == (0 if undone else 20)
