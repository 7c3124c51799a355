import random

import numpy as np
import pytest
from shop import Shop, made

from homeostat import AccuracyMetric, LatencyMetric
from homeostat.batch import Batch
from homeostat.drift import ADWIN
from homeostat.engine import Engine
from homeostat.runtime.answers import Sent
from homeostat.runtime.cells import Cell, unpack_cell
from homeostat.runtime.ledger import Limits, Part, Refused


def test_a_record_counts_once(shop):
    assert shop.send(made(1), made(2)).accepted == 2
    again = shop.send(made(1), made(2), made(3))
    assert (again.accepted, again.duplicates) == (1, 2)
    assert shop.account().counters["accepted"] == 3


def test_twice_in_one_request(shop):
    answer = shop.send(made(1), made(1), made(2))
    assert (answer.accepted, answer.duplicates) == (2, 1)


def test_another_content_is_a_conflict_and_nothing_is_taken(shop):
    shop.send(made(1))
    with pytest.raises(Refused) as refused:
        shop.send(made(2), made(1, predicted="no"))
    assert refused.value.conflict
    assert [told["row"] for told in refused.value.rejected] == [1]
    assert shop.account().counters["accepted"] == 1


def test_in_part_the_rest_is_taken(shop):
    shop.send(made(1))
    answer = shop.send(made(2), made(1, predicted="no"), partial=True)
    assert (answer.accepted, [told["row"] for told in answer.rejected]) == (1, [1])


def test_the_same_id_in_two_models_is_two_records(shop):
    assert shop.send(made(1), made(1, model="other")).accepted == 2
    answer = shop.label(("r1", "yes"), partial=True)
    assert answer.rejected[0]["field"] == "model"
    assert shop.label(("r1", "yes"), model="other").accepted == 1
    assert shop.account("other").counters["labels"] == 1


def test_a_record_from_the_future_is_refused(shop):
    shop.now = 0
    with pytest.raises(Refused, match="ahead of now"):
        shop.send(made(1))


def test_more_models_than_there_may_be(tmp_path):
    shop = Shop(tmp_path, limits=Limits(models=1))
    shop.send(made(1))
    answer = shop.send(made(2), made(3, model="other"), partial=True)
    assert (answer.accepted, answer.rejected[0]["field"]) == (1, "model")
    shop.store.close()


def test_labels_before_their_record(shop):
    assert shop.label(("r1", "yes"), ("r2", "no")).parked == 2
    assert shop.send(made(1), made(2), made(3)).accepted == 3
    assert shop.account().counters["labels"] == 2
    assert shop.account().latest["accuracy"] == [0.5, 2]
    assert shop.ledger.waiting("default") == 0


def test_a_parked_label_can_be_taken_back(shop):
    shop.label(("r1", "yes"))
    shop.label(("r1", None))
    shop.send(made(1))
    assert shop.account().counters.get("labels", 0) == 0


def test_no_more_labels_wait_than_may(tmp_path):
    shop = Shop(tmp_path, limits=Limits(parked=2))
    answer = shop.label(("a", "x"), ("b", "x"), ("c", "x"), partial=True)
    assert (answer.parked, len(answer.rejected)) == (2, 1)
    shop.store.close()


def test_a_label_twice_changed_and_taken_back(shop):
    shop.send(made(1), made(2))
    shop.label(("r1", "yes"), ("r2", "yes"))
    assert shop.account().latest["accuracy"] == [1.0, 2]
    assert shop.label(("r1", "yes")).duplicates == 1
    assert shop.label(("r1", "no")).corrected == 1
    assert shop.account().latest["accuracy"] == [0.5, 2]
    assert shop.label(("r1", None)).retracted == 1
    assert shop.account().latest["accuracy"] == [1.0, 1]
    again = shop.label(("r1", "no"))
    assert (again.corrected, again.restored) == (0, 1)
    kinds = ("corrected", "retracted", "restored")
    assert [shop.account().counters[kind] for kind in kinds] == [1, 1, 1]
    assert shop.account().latest["accuracy"] == [0.5, 2]
    assert shop.account().counters["labels"] == 2


def test_labels_leave_what_a_recomputation_gives(shop):
    chance = random.Random(5)
    truth = {}
    for start in range(0, 400, 40):
        shop.send(*(made(n, predicted=chance.choice("ab")) for n in range(start, start + 40)))
    for _ in range(60):
        some = chance.sample(range(500), 12)
        labels = [(f"r{n}", chance.choice(["a", "b", None])) for n in some]
        shop.label(*labels)
        truth |= dict(labels)
    shop.send(*(made(n, predicted="a") for n in range(400, 500)))
    cells = shop.store.cells(shop.account().number, -(1 << 62), 1 << 62, 1000)
    whole = Cell()
    for *_, body in cells:
        whole.merge(unpack_cell(body, "cell"))
    known = {one: label for one, label in truth.items() if label is not None}
    assert whole.records == 500
    assert whole.labelled == len(known) == shop.account().counters["labels"]
    assert sum(whole.pairs.values()) == len(known)


def test_in_order_it_says_what_the_library_says(shop):
    records = [made(n, label=random.Random(n).choice(["yes", "no"])) for n in range(300)]
    metric = AccuracyMetric(50)
    for record in records:
        event = metric.on_record(record)
    for start in range(0, 300, 7):
        shop.send(*records[start : start + 7])
    assert shop.account().latest["accuracy"] == [event.value, 50]


@pytest.mark.parametrize("snapshot", [False, True])
def test_a_restart_changes_no_bit(shop, snapshot):
    chance = random.Random(3)
    shop.send(*(made(n, label=chance.choice(["yes", "no", None])) for n in range(200)))
    shop.label(*((f"r{n}", "yes") for n in range(0, 260, 3)))
    before = shop.hash(), shop.account().latest, shop.account().counters
    shop.reopen(snapshot)
    assert (shop.hash(), shop.account().latest, shop.account().counters) == before
    shop.send(*(made(n) for n in range(200, 260)))
    after = shop.hash()
    shop.reopen()
    assert shop.hash() == after


def test_how_requests_were_cut_does_not_matter(tmp_path):
    records = [made(n, predicted="ab"[n % 2], label=None if n % 3 else "a") for n in range(240)]
    labels = [(f"r{n}", "ab"[n % 5 == 0]) for n in range(1, 240, 2)]
    hashes = set()
    for size in (1, 7, 240):
        (tmp_path / str(size)).mkdir()
        shop = Shop(tmp_path / str(size))
        for at in range(0, 240, size):
            shop.send(*records[at : at + size])
        for at in range(0, len(labels), size):
            shop.label(*labels[at : at + size])
        hashes.add(shop.hash())
        shop.store.close()
    assert len(hashes) == 1


def test_requests_of_one_transaction_are_folded_together_and_read_as_if_not(tmp_path):
    def engines(name):
        return Engine([AccuracyMetric(50), LatencyMetric(0.3)], [ADWIN(0.05, on="error")])

    records = [made(n, predicted="ab"[n % 2], label="ab"[(n + (n > 150)) % 2]) for n in range(300)]
    states = []
    for together in (False, True):
        (tmp_path / str(together)).mkdir()
        shop = Shop(tmp_path / str(together), engines)
        pieces = [records[at : at + 30] for at in range(0, 300, 30)]
        if together:
            with shop.store.change():
                for piece in pieces:
                    part = Part("default", Batch.from_records(piece), np.arange(30))
                    shop.ledger.take_records([part], [], False)
                hashed = shop.hash()
                seen = dict(shop.account().latest)
                shop.ledger.save()
            assert (hashed, seen) == (shop.hash(), shop.account().latest)
        else:
            for piece in pieces:
                shop.send(*piece)
        assert shop.account().counters["events"] > 0
        states.append((shop.hash(), shop.account().latest, shop.account().counters))
        shop.store.close()
    assert states[0] == states[1]


def test_the_same_id_in_two_parts_of_a_request(shop):
    parts = [Part("default", Batch.from_records([made(1)]), np.array([row])) for row in (0, 1)]
    with shop.store.change():
        answer = shop.ledger.take_records(parts, [], False)
        shop.ledger.save()
    assert (answer.accepted, answer.duplicates) == (1, 1)


def test_a_refused_request_makes_no_model(shop):
    shop.now = 0
    with pytest.raises(Refused):
        shop.send(made(1, model="new"))
    assert shop.send(made(2, model="new"), partial=True).accepted == 0
    assert shop.store.models() == []
    assert shop.ledger.counters["refused"] == 2


def test_labels_of_one_transaction_are_folded_together_and_read_as_if_not(tmp_path):
    """First labels wait to be folded until something else comes; a change, or another record."""
    records = [made(n, predicted="ab"[n % 2]) for n in range(120)]
    steps = [
        ("send", records[:60]),
        ("label", [(f"r{n}", "a") for n in range(20)]),
        ("label", [(f"r{n}", "ab"[n % 3 == 0]) for n in range(20, 40)]),
        ("label", [("r3", "b"), ("r45", "a"), ("r21", None), ("r46", "b")]),
        ("label", [("r47", "a"), ("r47", "b")]),
        ("send", records[60:]),
        ("label", [(f"r{n}", "b") for n in range(41, 110)]),
    ]
    states = []
    for together in (False, True):
        (tmp_path / str(together)).mkdir()
        shop = Shop(tmp_path / str(together))
        if together:
            with shop.store.change():
                for name, given in steps:
                    _taken(shop, name, given)
                shop.ledger.save()
        else:
            for name, given in steps:
                with shop.store.change():
                    _taken(shop, name, given)
                    shop.ledger.save()
        before = shop.hash(), shop.account().latest, shop.account().counters
        shop.reopen()
        assert (shop.hash(), shop.account().latest, shop.account().counters) == before
        states.append((*before, cells(shop)))
        shop.store.close()
    assert states[0] == states[1]


def _taken(shop, name, given):
    if name == "send":
        part = Part("default", Batch.from_records(given), np.arange(len(given)))
        shop.ledger.take_records([part], [], False)
    else:
        sent = [Sent(row, one, label, None, None) for row, (one, label) in enumerate(given)]
        shop.ledger.take_labels(sent, [], False)


def cells(shop):
    return [bytes(body) for *_, body in shop.store.cells(1, 0, 2**62, 1000)]
