import numpy as np
import pytest
from asking import agrees, asked, drift, value, values
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat import DriftStrategy, InvalidSetting, ThresholdStrategy, all_of, any_of
from homeostat import config as configuration
from homeostat.strategies.cost import CostAware
from homeostat.strategies.schedule import Schedule
from homeostat.strategies.unsettled import Unsettled
from homeostat.testing import assert_conforms

ALWAYS = ThresholdStrategy(2.0)  # asks at every value
SMALL = {"window": 4, "sure": 2.0, "within": 2, "calm": 3}


def wrong_at(chances, seed=0):
    """Accuracy of single records that are wrong with these chances."""
    return (np.random.default_rng(seed).random(len(chances)) >= chances).astype(float)


def places(strategy, xs):
    return np.flatnonzero(asked(strategy, values(xs))).tolist()


def test_it_is_silent_until_a_full_window_is_surely_worse():
    xs = [1.0] * 8 + [0.0] * 4
    # means of 4 after the change: .75, .5, .25, 0; 2 standard errors of them: .43, .5, .43, 0
    assert places(ALWAYS.unsettled(**SMALL), xs) == [10, 11]


def test_it_goes_on_for_a_while_after_the_last_that_was():
    found = places(ALWAYS.unsettled(**SMALL), [1.0] * 8 + [0.0] * 3 + [1.0] * 20)
    # means of 4 from 10 on: .25, .25, .5, so 11 is the last that is surely worse than 1
    assert found == [10, 11, 12, 13, 14]


def test_a_level_that_stays_becomes_the_usual_one():
    strategy = ALWAYS.unsettled(window=100, sure=5.0, within=3, calm=50)
    found = places(strategy, wrong_at([0.02] * 1_000 + [0.5] * 5_000))
    assert 1_000 < found[0] < 1_050
    assert found[-1] < 1_000 + (3 + 2) * 100 + 50
    assert found == list(range(found[0], found[-1] + 1))


@pytest.mark.parametrize("chance", [0.05, 0.2])
def test_a_healthy_stream_is_settled(chance):
    xs = values(wrong_at([chance] * 20_000, seed=3))
    assert sum(asked(CostAware(1.0, 5.0).unsettled(), xs)) == 0
    assert sum(asked(CostAware(1.0, 5.0), xs)) > 50


def test_errors_and_other_rates_are_worse_above():
    always = ThresholdStrategy(-1, above=True, metric="wrong")
    strategy = Unsettled(always, metric="wrong", above=True, **SMALL)
    events = values([0.0] * 8 + [1.0] * 4, "wrong")
    assert np.flatnonzero(asked(strategy, events)).tolist() == [10, 11]


def test_nan_and_what_is_no_rate_count_nothing():
    xs = [1.0] * 8 + [0.0] * 4
    mixed = [each for x in xs for each in (x, float("nan"), -3.0, 1.5, float("inf"))]
    events = values(mixed)
    rates = [place // 5 for place in range(0, len(mixed), 5)]
    found = asked(ALWAYS.unsettled(**SMALL), events)
    assert [at for at in rates if found[5 * at]] == [10, 11]


def test_other_events_pass_while_it_is_open():
    events = [*values([1.0] * 8), drift(), *values([0.0] * 3), drift(), value(0.5, "f1"), drift()]
    assert asked(DriftStrategy().unsettled(**SMALL), events) == [0] * 12 + [1, 0, 1]


def test_a_promotion_leaves_it():
    strategy = ALWAYS.unsettled(**SMALL)
    assert places(strategy, [1.0] * 8 + [0.0] * 3) == [10]
    strategy.renewed()
    assert places(strategy, [1.0]) == [0]


def test_what_it_needs_is_checked():
    text = '[[metrics]]\ntype = "accuracy"\n[strategy]\ntype = "schedule"\nevery = "1d"\n'
    with pytest.raises(
        configuration.ConfigError, match="unsettled waits for values of 'accurracy'"
    ):
        configuration.parse(text + 'unsettled = "accurracy"\n')
    strategy = configuration.parse(text + 'unsettled = "accuracy"\n').engine().strategy
    assert isinstance(strategy, Unsettled)
    assert isinstance(strategy.strategy, Schedule)


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": 3}, {"above": 1}, {"sure": 0}, {"sure": float("inf")}, {"sure": float("nan")},
        {"window": 0}, {"window": 1.5}, {"within": 0}, {"calm": -1}, {"calm": 2**60},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(InvalidSetting):
        Unsettled(ALWAYS, **wrong)


rates = st.lists(st.sampled_from([0.0, 1.0, 1.0, 1.0, 0.3, float("nan"), 7.0]), max_size=60)


@pytest.mark.parametrize("gated", [
    lambda make: make(ALWAYS), lambda make: make(DriftStrategy()),
    lambda make: make(ThresholdStrategy(0.5).hold(2)), lambda make: make(Schedule(5)),
    lambda make: make(CostAware(1.0, 2.0, 0.7)),
    lambda make: make(any_of(DriftStrategy(), Schedule(7))),
    lambda make: all_of(make(ALWAYS), DriftStrategy()), lambda make: make(ALWAYS).hold(2),
], ids=["always", "drift", "hold", "schedule", "cost", "any_of",
        "all_of around", "hold around"])  # fmt: skip
@settings(deadline=None)
@given(
    rates, st.integers(1, 6), st.integers(1, 3), st.integers(0, 7),
    st.sampled_from([0.1, 1.0, 2.0]), st.booleans(), st.lists(st.integers(0, 80)),
)  # fmt: skip
def test_batches_and_snapshots_agree(gated, xs, window, within, calm, sure, above, cuts):
    chosen = {"window": window, "within": within, "calm": calm, "sure": sure, "above": above}
    events = []
    for place, event in enumerate(values(xs)):
        events.append(event)
        if place % 3 == 1:
            events.append(drift(at=float(place)))
    agrees(gated(lambda inner: inner.unsettled(**chosen)), events, sorted(cuts))


def test_long_batches_agree():
    xs = wrong_at(np.repeat([0.05, 0.4, 0.1], [3_000, 800, 4_000]))
    agrees(CostAware(1.0, 5.0).unsettled(), values(xs), [10, 499, 500, 3_500])


@pytest.mark.parametrize("strategy", [
    DriftStrategy().unsettled(window=5, calm=3), CostAware(1.0, 2.0, learn=7).unsettled(window=9),
    ThresholdStrategy(0.5).hold(2).unsettled(**SMALL),
], ids=["drift", "cost", "hold"])  # fmt: skip
def test_laws(strategy):
    assert_conforms(strategy)
