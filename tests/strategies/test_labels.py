import math

import pytest
from asking import agrees, answers, asked, drift, value, values
from hypothesis import given
from hypothesis import strategies as st

from homeostat import InvalidSetting, ThresholdStrategy, all_of
from homeostat.strategies.labels import LabelVolume
from homeostat.testing import assert_conforms


def test_it_asks_after_every_n():
    assert asked(LabelVolume(3), values([0.5] * 8)) == [0, 0, 1, 0, 0, 1, 0, 0]
    assert asked(LabelVolume(1), values([0.5] * 3)) == [1, 1, 1]


def test_what_is_no_label_does_not_count():
    events = [value(0.5), value(math.nan), value(0.5, "recall"), drift("accuracy"), value(0.1)]
    assert asked(LabelVolume(2), events) == [0, 0, 0, 0, 1]
    assert asked(LabelVolume(1, metric="recall"), events) == [0, 0, 1, 0, 0]


def test_its_answer_says_why():
    *_, answer = answers(LabelVolume(2), values([0.5, 0.5]))
    assert answer.reason == "2 new labelled records since the last request"
    assert answer.created_at == value(0, at=1).created_at


def test_its_request_stands_until_the_group_asks():
    strategy = all_of(LabelVolume(3), ThresholdStrategy(0.5))
    xs = values([0.1, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1])
    assert asked(strategy, xs) == [0, 0, 0, 0, 1, 1, 0]  # 3 labels, then 6


def test_held_it_asks_at_every_nth_request():
    assert asked(LabelVolume(2).hold(2), values([0.5] * 8)) == [0, 0, 0, 1, 0, 1, 0, 1]


events = st.one_of(
    st.builds(value, st.sampled_from([0.1, 0.9, math.nan]), st.sampled_from(["accuracy", "f1"])),
    st.builds(drift),
)


@given(st.lists(events, max_size=40), st.integers(1, 6), st.lists(st.integers(0, 40)))
def test_batches_and_snapshots_agree(found, n, cuts):
    agrees(LabelVolume(n), found, sorted(cuts))
    agrees(LabelVolume(n, metric="f1").hold(2), found, sorted(cuts))
    agrees(all_of(LabelVolume(n), ThresholdStrategy(0.5)), found, sorted(cuts))


@pytest.mark.parametrize("strategy", [LabelVolume(1), LabelVolume(20, metric="f1").cooldown(60)])
def test_laws(strategy):
    assert_conforms(strategy)


@pytest.mark.parametrize("n", [0, -1, 1.5, "5", None, True])
def test_a_number_that_is_none_is_refused(n):
    with pytest.raises(InvalidSetting, match="n must be a whole number"):
        LabelVolume(n)


def test_a_metric_that_is_no_name_is_refused():
    with pytest.raises(InvalidSetting, match="metric must be the name of a metric"):
        LabelVolume(5, metric=None)
