from datetime import timedelta

import pytest
from asking import Duck, agrees, answers, asked, drift, value, values
from hypothesis import given
from hypothesis import strategies as st

from homeostat import DriftStrategy, InvalidSetting, ThresholdStrategy, all_of, any_of
from homeostat import config as configuration
from homeostat.strategies.again import Again
from homeostat.strategies.cooldown import Cooldown
from homeostat.strategies.schedule import Schedule
from homeostat.testing import assert_conforms


def low():
    return ThresholdStrategy(0.5)


def usual(*seconds):
    return [value(0.9, at=each) for each in seconds]


def test_it_asks_again_after_twice_as_long_each_time():
    events = [value(0.1, at=0), *usual(*range(1, 200))]
    found = [place for place, said in enumerate(asked(low().again(10, times=4), events)) if said]
    assert found == [0, 10, 30, 70, 150]


def test_it_asks_so_many_times_at_most():
    events = [value(0.1, at=0), *usual(*range(1, 200))]
    assert sum(asked(low().again(10, times=2), events)) == 3


def test_before_the_first_answer_it_asks_nothing():
    assert asked(low().again(10), usual(0, 10, 1_000)) == [0, 0, 0]


def test_a_new_answer_begins_anew():
    events = [value(0.1, at=0), *usual(10), value(0.1, at=15), *usual(24, 25, 44, 45)]
    assert asked(low().again(10), events) == [1, 1, 1, 0, 1, 0, 1]


def test_after_a_gap_it_asks_once_and_counts_from_there():
    events = [value(0.1, at=0), *usual(95, 114, 115)]
    assert asked(low().again(10), events) == [1, 1, 0, 1]


def test_any_event_tells_the_time():
    events = [drift(at=0), value(0.5, "f1", at=5), value(0.5, "f1", at=10)]
    assert asked(DriftStrategy().again(10), events) == [1, 0, 1]


def test_its_reason_says_which_it_is():
    events = [drift(at=0), *usual(10, 30)]
    *_, second, third = answers(DriftStrategy().again("10s", times=2), events)
    assert second.reason == "Again: 1 of 2 since the last reason"
    assert third.reason == "Again: 2 of 2 since the last reason"
    assert third.model_version == "v1"


def test_a_promotion_leaves_it():
    strategy = low().again(10)
    assert asked(strategy, [value(0.1, at=0)]) == [1]
    strategy.renewed()
    assert asked(strategy, usual(9, 10)) == [0, 1]


def test_its_own_request_stands_in_a_group():
    events = [drift(at=0), *usual(5, 10, 20)]
    group = all_of(DriftStrategy().again(10), ThresholdStrategy(0.95))
    assert asked(group, events)[2] == 1


def test_in_a_configuration_it_stands_beside_the_settings():
    text = '[[metrics]]\ntype = "accuracy"\n[strategy]\ntype = "threshold"\nthreshold = 0.5\n'
    strategy = configuration.parse(text + 'cooldown = "5s"\nagain = "1d"\n').engine().strategy
    assert isinstance(strategy, Again)
    assert isinstance(strategy.strategy, Cooldown)
    assert (strategy.after, strategy.times) == (86_400.0, 6)


@pytest.mark.parametrize(
    ("after", "times"),
    [
        (0, 6),
        (-1, 6),
        (float("inf"), 6),
        ("soon", 6),
        (None, 6),
        ("1d", 0),
        ("1d", 1.5),
        ("1d", 21),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(after, times):
    with pytest.raises(InvalidSetting):
        low().again(after, times)


@pytest.mark.parametrize("after", [90, 90.0, "90s", "1m 30s", timedelta(seconds=90)], ids=str)
def test_durations(after):
    assert asked(low().again(after), [value(0.1, at=0), *usual(89, 90)]) == [1, 0, 1]


gaps = st.lists(st.sampled_from([0.0, 1e-6, 1.0, 5.0, 10.0, 47.0, -3.0, -30.0]), max_size=40)


@given(gaps, st.sampled_from([1e-6, 1.0, 10.0]), st.integers(1, 3), st.lists(st.integers(0, 80)))
def test_batches_and_snapshots_agree(steps, after, times, cuts):
    now, events = 0.0, []
    for place, step in enumerate(steps):
        now += step
        events.append(value(0.1 if place % 7 in (2, 3) else 0.9, at=now))
        if place % 5 == 1:
            events.append(drift(at=now))
    for strategy in (low(), DriftStrategy(), low().hold(2), Duck(), any_of(low(), Schedule(20)),
                     DriftStrategy().cooldown(10)):  # fmt: skip
        agrees(Again(strategy, after, times), events, sorted(cuts))


def test_a_time_beyond_all_calendars_is_never_due():
    strategy = low().again("3650d", times=20)
    strategy.last, strategy.asked = 0, 19
    agrees(strategy, usual(1, 2, 3))
    assert asked(strategy, usual(4)) == [0]


def test_a_long_silence_in_one_batch():
    agrees(low().again(100), values([0.1] * 3 + [0.9] * 30_000), [10, 700])


@pytest.mark.parametrize("strategy", [
    DriftStrategy().again("1m"), low().again(3600, 1), low().cooldown("1h").again("2h"),
], ids=["drift", "threshold", "cooldown"])  # fmt: skip
def test_laws(strategy):
    assert_conforms(strategy)
