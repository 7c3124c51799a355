"""What a trainer gets: chosen by the configuration, the same whenever it is asked."""

from datetime import timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest
from shop import START, Shop, made

from homeostat.errors import ConfigError
from homeostat.events import (
    DecisionEvent,
    DriftDetected,
    DriftEnded,
    DriftEvent,
    EpisodeEvent,
    JobEvent,
    ModelPromoted,
    ModelRolledBack,
    RetrainQueued,
)
from homeostat.lifecycle.course import Data, course_of
from homeostat.runtime.holding import compared
from homeostat.runtime.joined import labelled_back, labelled_on
from homeostat.runtime.sampling import even_shares
from homeostat.runtime.training import TooFew, choose, write
from homeostat.stores.jobs import Job
from homeostat.times import to_micros

DAY = 86_400


@pytest.fixture
def shop(tmp_path):
    one = Shop(tmp_path)
    yield one
    one.store.close()


def chosen(shop, position=None, job=None, **data):
    account = shop.account()
    at = account.position if position is None else position
    return choose(shop.store, account.number, "default", at, Data(**{"least": 1} | data), job)


def numbers(found):
    return [int(one[1:]) for one in found.batch.column("record_id").tolist()]


def sent(shop, numbers, label="yes"):
    for number in numbers:  # a request each, so that there are many facts
        shop.send(made(number, label))


def moment(number):
    return START + timedelta(seconds=number)


def times_of(positions):
    return to_micros(START) + positions * 1_000_000


def drift(at, since, direction):
    told = DriftEvent("m", "inputs", 1.0, 2.0, moment(at), "inputs", direction, moment(since))
    return DriftDetected(told)


def ended(at):
    return DriftEnded(EpisodeEvent("m", "inputs", moment(0), 1, moment(at), "inputs", "broken"))


def job(number, **more):
    name = f"default-{number}"
    return Job(
        id=name, model=1, number=number, state="running", reason="", asked=0, created=0,
        position=20, cause=1, **more,
    )  # fmt: skip


def told(shop, *events):
    with shop.store.change():
        shop.account().tell(list(events), shop.now)
        shop.ledger.save()


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
    unseen = positions[compared(positions, times_of(positions), found.manifest)]
    assert set(unseen) & trained == set()
    assert set(unseen[unseen >= 500]) == out
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
    told(shop, drift(8, 5, "broken"), ended(10))
    found = chosen(shop)
    assert numbers(found) == [*range(5), *range(11, 20)]
    assert found.manifest["left_out"] == 6
    assert found.manifest["quarantined"] == [["2026-03-01T00:00:05Z", "2026-03-01T00:00:10Z"]]
    assert len(numbers(chosen(shop, quarantine=False))) == 20


@pytest.mark.parametrize("how", ["latest", "spread"])
def test_what_is_held_out_was_not_broken_and_nobody_is_compared_on_what_was(shop, how):
    sent(shop, range(200))
    told(shop, drift(178, 150, "broken"), ended(190))
    found = chosen(shop, held=how, held_out=40)
    positions, broken = np.arange(220), range(150, 191)
    unseen = positions[compared(positions, times_of(positions), found.manifest)].tolist()
    inside = [at for at in unseen if found.cut <= at < 200]
    assert len(inside) == found.manifest["held_out"]
    assert not {*inside, *numbers(found)} & {*broken}
    assert {*inside, *numbers(found), *broken} == {*range(200)}
    later = found.manifest["before"]
    assert {*range(later, 220)} <= {*unseen}  # whatever it is like


@pytest.mark.parametrize("turn", [ModelPromoted, ModelRolledBack])
def test_another_version_ends_what_was_broken_as_detectors_begin_anew(shop, turn):
    sent(shop, range(20))
    told(shop, drift(8, 5, "broken"))
    assert numbers(chosen(shop)) == [*range(5)]  # it goes on
    told(shop, turn(DecisionEvent("v2", "v1", "better", moment(12))))
    assert numbers(chosen(shop)) == [*range(5), *range(13, 20)]
    told(shop, drift(16, 15, "broken"))  # and may come again
    assert numbers(chosen(shop)) == [*range(5), 13, 14]


def test_a_job_that_is_begun_again_knows_no_more_alarms_than_at_first(shop):
    sent(shop, range(20))
    told(shop, RetrainQueued(JobEvent("v1", "default-1", "because", moment(19))))
    first = chosen(shop, 20, job(1))
    told(shop, drift(8, 5, "broken"))
    told(shop, RetrainQueued(JobEvent("v1", "default-2", "because", moment(19))))
    again = chosen(shop, 20, job(1))
    assert again.manifest == first.manifest
    assert numbers(again) == [*range(20)]
    assert numbers(chosen(shop, 20, job(2))) == [*range(5)]


def test_spans_of_the_configuration_are_left_out_whatever_was_said(shop):
    sent(shop, range(20))
    spans = ((moment(3), moment(4)), (moment(9), moment(10)))
    for quarantine in (True, False):
        found = chosen(shop, without=spans, quarantine=quarantine)
        assert numbers(found) == [0, 1, 2, 5, 6, 7, 8, *range(11, 20)]
        assert found.manifest["left_out"] == 4
        assert found.manifest["quarantined"][0] == ["2026-03-01T00:00:03Z", "2026-03-01T00:00:04Z"]


@pytest.mark.parametrize(
    "span",
    [
        ["2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z"],
        ["2026-03-01T00:00:00", "2026-03-02T00:00:00"],
    ],
    ids=["backwards", "no zone"],
)
def test_a_span_that_is_none_is_refused(span):
    with pytest.raises(ConfigError, match=r"retraining\.data: without must be of two moments"):
        course_of({"data": {"without": [span]}}, "retraining")


# A mix of regimes ---------------------------------------------------------------------------------


def of_each(found):
    """How many records of history there are of three regimes, from 0, 1,500 and 1,900 on."""
    past = [n for n in numbers(found) if n < 2_000]
    return [
        sum(low <= n < high for n in past) for low, high in ((0, 1500), (1500, 1900), (1900, 2000))
    ]


def test_as_many_of_each_regime_between_two_drifts(shop):
    for start in range(0, 2_100, 700):
        shop.send(*(made(n, "yes") for n in range(start, start + 700)))
    told(shop, drift(1_520, 1_500, "worse"), drift(1_910, 1_900, "better"))
    even = chosen(shop, window=100, history=300)
    assert of_each(even)[0] > 200
    assert "regimes" not in even.manifest
    mixed = chosen(shop, window=100, history=300, mix="regimes")
    assert of_each(mixed) == [100, 100, 100]
    assert mixed.manifest["regimes"] == [
        [None, 100], ["2026-03-01T00:25:00Z", 100], ["2026-03-01T00:31:40Z", 100],
    ]  # fmt: skip
    assert mixed.manifest["of_history"] == 300
    assert numbers(mixed) == sorted(numbers(mixed))
    first = [n for n in numbers(mixed) if n < 1_500]
    assert min(sum(low <= n < low + 500 for n in first) for low in (0, 500, 1_000)) > 15
    assert mixed.manifest == chosen(shop, window=100, history=300, mix="regimes").manifest


def test_what_a_short_regime_lacks_the_others_have(shop):
    for start in range(0, 2_100, 700):
        shop.send(*(made(n, "yes") for n in range(start, start + 700)))
    told(shop, drift(1_520, 1_500, "change"), drift(1_910, 1_900, "change"))
    assert of_each(chosen(shop, window=100, history=700, mix="regimes")) == [300, 300, 100]


def test_data_that_were_broken_are_no_regime(shop):
    sent(shop, range(40))
    told(shop, drift(25, 20, "broken"), ended(29))
    found = chosen(shop, window=5, history=100, mix="regimes")
    assert found.manifest["regimes"] == [[None, 25]]


@pytest.mark.parametrize(
    ("there", "most", "given"),
    [
        ([], 5, []), ([3], 5, [3]), ([9, 9], 5, [2, 3]), ([9, 1, 9], 11, [5, 1, 5]),
        ([0, 9], 4, [0, 4]), ([2, 2], 9, [2, 2]),
    ],
)  # fmt: skip
def test_shares_are_as_equal_as_can_be(there, most, given):
    assert even_shares(there, most) == given


def test_too_few(shop):
    sent(shop, range(5))
    with pytest.raises(TooFew, match="5 labelled records"):
        chosen(shop, least=10)


def test_the_hash_is_of_what_is_in_it(shop):
    sent(shop, range(10))
    first = chosen(shop).manifest["hash"]
    assert chosen(shop).manifest["hash"] == first
    assert chosen(shop, window=9).manifest["hash"] != first
    assert chosen(shop, half_life="1d").manifest["hash"] != first  # a weight is in the file, too
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
