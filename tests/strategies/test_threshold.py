import math

import pytest
from asking import agrees, answers, asked, drift, value, values
from hypothesis import given
from hypothesis import strategies as st

from homeostat import InvalidSetting, RetrainRequested, ThresholdStrategy
from homeostat.strategies.threshold import ThresholdStrategy as Direct

floats = st.sampled_from([0.0, 0.3, 0.5, math.nextafter(0.5, 0), 1.0, -1.0, math.nan, math.inf])


def test_it_asks_at_every_value_below():
    assert asked(ThresholdStrategy(0.5), values([0.6, 0.5, 0.49, 0.2, 0.7])) == [0, 0, 1, 1, 0]


def test_above_it_asks_at_every_value_above():
    strategy = ThresholdStrategy(250, metric="latency_ms_ewma", above=True)
    assert asked(strategy, values([250, 251, 10, 900], "latency_ms_ewma")) == [0, 1, 0, 1]


@pytest.mark.parametrize("above", [False, True])
def test_nan_never_asks(above):
    assert asked(ThresholdStrategy(0.5, above=above), values([math.nan] * 3)) == [0, 0, 0]


def test_other_metrics_and_other_events_are_not_its_business():
    strategy = ThresholdStrategy(0.5)
    others = [value(0.1, "recall"), value(0.1, "accuracy[country=DE]"), drift("accuracy")]
    assert asked(strategy, others) == [0, 0, 0]
    assert not any(map(strategy.watches, others))
    assert strategy.watches(value(0.9))


def test_its_answer_says_why_and_is_of_its_cause():
    (answer,) = answers(ThresholdStrategy(0.85), [value(0.8, at=5, version="v7")])
    assert type(answer) is RetrainRequested
    assert answer.reason == "Accuracy dropped below 0.85: observed 0.8000"
    assert (answer.model_version, answer.created_at) == ("v7", value(0, at=5).created_at)


def test_a_threshold_that_is_no_number_is_refused():
    with pytest.raises(InvalidSetting, match="threshold must be a number"):
        ThresholdStrategy(math.nan)


def test_the_facade_and_the_file_are_one():
    assert Direct is ThresholdStrategy


@given(st.lists(floats, max_size=30), st.booleans(), st.lists(st.integers(0, 30)))
def test_batches_and_snapshots_agree(xs, above, cuts):
    agrees(ThresholdStrategy(0.5, above=above), values(xs), sorted(cuts))
