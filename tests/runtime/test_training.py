"""What a trainer gets: chosen by the configuration, the same whenever it is asked."""

from datetime import timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest
from shop import START, Shop, made

from homeostat.events import DriftDetected, DriftEnded, DriftEvent, EpisodeEvent
from homeostat.lifecycle.course import Data
from homeostat.runtime.holding import compared
from homeostat.runtime.joined import labelled_back, labelled_on
from homeostat.runtime.training import TooFew, choose, write

DAY = 86_400


@pytest.fixture
def shop(tmp_path):
    one = Shop(tmp_path)
    yield one
    one.store.close()


def chosen(shop, position=None, **data):
    account = shop.account()
    at = account.position if position is None else position
    return choose(shop.store, account.number, "default", at, Data(**{"least": 1} | data))


def numbers(found):
    return [int(one[1:]) for one in found.batch.column("record_id").tolist()]


def sent(shop, numbers, label="yes"):
    for number in numbers:  # a request each, so that there are many facts
        shop.send(made(number, label))


def test_only_labelled_records_with_the_labels_of_then(shop):
    sent(shop, range(5), None)
    shop.label(("r1", "no"), ("r3", "yes"))
    before = shop.account().position
    shop.label(("r3", "no"), ("r4", "yes"))
    assert numbers(chosen(shop)) == [1, 3, 4]
    then = chosen(shop, before)
    assert numbers(then) == [1, 3]
    assert then.batch.ground_truth_label.tolist() == ["no", "yes"]
    shop.label(("r1", None))
    assert numbers(chosen(shop)) == [3, 4]
    assert chosen(shop, before).manifest == then.manifest


def test_the_latest_so_many(shop):
    sent(shop, range(30))
    found = chosen(shop, window=10)
    assert numbers(found) == list(range(20, 30))
    assert found.manifest["records"] == 10
    assert found.manifest["from"] == "2026-03-01T00:00:20Z"


def test_those_of_so_long(shop):
    sent(shop, [0, DAY, 2 * DAY, 3 * DAY, 4 * DAY])
    assert numbers(chosen(shop, window="2d")) == [2 * DAY, 3 * DAY, 4 * DAY]
    assert len(numbers(chosen(shop, window=None))) == 5


def test_those_held_out_come_last_and_are_not_in_it(shop):
    sent(shop, range(10))
    found = chosen(shop, held_out=3, held="latest")
    assert numbers(found) == list(range(7))
    assert found.cut == 7
    assert found.manifest["cut"] == 7
    assert found.manifest["held_out"] == 3


def test_those_held_out_are_of_the_whole_window(shop):
    shop.send(*(made(n, "yes") for n in range(1_000)))
    shop.send(*(made(n, "yes") for n in range(1_000, 2_000)))
    found = chosen(shop, window=1_500, held_out=300)
    trained, every = set(numbers(found)), found.manifest["held_every"]
    out = set(range(500, 2_000)) - trained
    assert every == 5
    assert len(out) == found.manifest["held_out"] == 1_500 - len(trained)
    assert 240 < len(out) < 360
    thirds = [sum(low <= n < low + 500 for n in out) for low in (500, 1_000, 1_500)]
    assert min(thirds) > 60  # the newest are in both, as the oldest are
    assert found.cut == min(out)
    positions = np.arange(2_000)
    assert set(positions[compared(positions, found.manifest)]) & trained == set()
    assert set(positions[compared(positions, found.manifest) & (positions >= 500)]) == out
    assert found.manifest == chosen(shop, window=1_500, held_out=300).manifest


def test_where_more_are_to_be_held_out_than_there_are_half_stay(shop):
    shop.send(*(made(n, "yes") for n in range(100)))
    found = chosen(shop, held_out=5_000)
    assert found.manifest["held_every"] == 2
    assert 25 < len(numbers(found)) < 75


def test_a_sample_of_history_is_even_and_the_same(shop):
    shop.send(*(made(n, "yes") for n in range(2_000)))
    shop.send(*(made(n, "yes") for n in range(2_000, 2_100)))
    found = chosen(shop, window=100, history=200)
    past = numbers(found)[:-100]
    assert len(past) == 200
    assert past == sorted(past)
    assert max(past) < 2_000
    thirds = [sum(low <= n < low + 500 for n in past) for low in range(0, 2_000, 500)]
    assert min(thirds) > 25
    assert found.manifest == chosen(shop, window=100, history=200).manifest
    assert found.manifest["of_history"] == 200


def test_what_came_while_the_data_were_broken_is_left_out(shop):
    sent(shop, range(20))
    moment = [START + timedelta(seconds=n) for n in range(20)]
    broken = DriftEvent("m", "inputs", 1.0, 2.0, moment[8], "inputs", "broken", moment[5])
    ended = EpisodeEvent("m", "inputs", moment[8], 1, moment[10], "inputs", "broken")
    with shop.store.change():
        shop.account().tell([DriftDetected(broken), DriftEnded(ended)], shop.now)
        shop.ledger.save()
    found = chosen(shop)
    assert numbers(found) == [*range(5), *range(11, 20)]
    assert found.manifest["left_out"] == 6
    assert len(numbers(chosen(shop, quarantine=False))) == 20


def test_too_few(shop):
    sent(shop, range(5))
    with pytest.raises(TooFew, match="5 labelled records"):
        chosen(shop, least=10)


def test_the_hash_is_of_what_is_in_it(shop):
    sent(shop, range(10))
    first = chosen(shop).manifest["hash"]
    assert chosen(shop).manifest["hash"] == first
    assert chosen(shop, window=9).manifest["hash"] != first
    shop.reopen(snapshot=True)
    assert chosen(shop).manifest["hash"] == first


def test_the_file_can_be_run_again(shop, tmp_path):
    shop.send(*(
        made(n, n % 2 == 0, predicted=True, features={"a": n / 2, "b": "x" if n % 3 else None},
             scores={"True": 0.5}) for n in range(6)
    ))  # fmt: skip
    path = tmp_path / "records.parquet"
    write(chosen(shop, half_life="2s"), path)
    table = pq.read_table(path)
    assert table["features.a"].to_pylist() == [0, 0.5, 1, 1.5, 2, 2.5]
    assert table["features.b"].to_pylist() == [None, "x", "x", None, "x", "x"]
    assert table["ground_truth_label"].to_pylist() == [True, False] * 3
    weights = table["weight"].to_pylist()
    assert weights[-1] == 1.0
    assert weights[-3] == pytest.approx(0.5)


# Forth --------------------------------------------------------------------------------------------


def forth(shop, start, least=0):
    account = shop.account()
    found = labelled_on(shop.store, account.number, "default", start, least)
    return [(end, joined.positions.tolist()) for end, joined in found]


def test_records_in_the_order_in_which_their_labels_became_known(shop):
    shop.send(made(0), made(1, "yes"), made(2))
    shop.label(("r2", "yes"), ("r0", "no"))
    shop.label(("r2", "no"))
    assert forth(shop, 0) == [(3, [1]), (5, [2, 0]), (6, [])]
    assert forth(shop, 3) == [(5, [2, 0]), (6, [])]
    assert forth(shop, 0, least=1) == [(3, [1]), (5, [2]), (6, [])]
    assert forth(shop, 1) == forth(shop, 0)  # within the first fact


def test_both_ways_find_the_same_records(shop):
    for at in range(20):
        shop.send(*(made(n, "yes" if n % 3 else None) for n in range(at * 10, at * 10 + 10)))
        shop.label((f"r{at * 6}", "no"))
    account = shop.account()
    back = labelled_back(shop.store, account.number, "default", account.position)
    there = {p for joined in back for p in joined.positions.tolist()}
    assert there == {p for _, positions in forth(shop, 0) for p in positions}
    assert len(there) > 130
