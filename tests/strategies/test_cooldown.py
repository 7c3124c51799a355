from datetime import timedelta

import pytest
from asking import Duck, agrees, asked, value, values
from hypothesis import given
from hypothesis import strategies as st

from homeostat import InvalidSetting, ThresholdStrategy
from homeostat.strategies.cooldown import Cooldown


def low():
    return ThresholdStrategy(0.5)


def at(*seconds):
    return [value(0.1, at=each) for each in seconds]


def test_it_is_silent_until_the_time_has_gone_by():
    assert asked(low().cooldown(10), at(0, 1, 9.999999, 10, 11, 20)) == [1, 0, 0, 1, 0, 1]


def test_only_an_answer_starts_it():
    events = [value(0.9, at=0), *at(1, 2), value(0.9, at=11), *at(12)]
    assert asked(low().cooldown(10), events) == [0, 1, 0, 0, 1]


def test_time_that_goes_backwards_is_no_time_gone_by():
    assert asked(low().cooldown(10), at(100, 5, 109, 110, 0)) == [1, 0, 0, 1, 0]


def test_records_of_one_instant_ask_once():
    assert asked(low().cooldown("1ms"), at(0, 0, 0)) == [1, 0, 0]


@pytest.mark.parametrize("duration", [90, 90.0, "90s", "1m 30s", timedelta(seconds=90)])
def test_durations(duration):
    assert asked(low().cooldown(duration), at(0, 89, 90)) == [1, 0, 1]


@pytest.mark.parametrize("duration", [-1, "6 hours", "", None, True, float("nan"), float("inf")])
def test_a_duration_that_is_none_is_refused(duration):
    with pytest.raises(InvalidSetting):
        low().cooldown(duration)


def test_a_suppressed_answer_is_watched():
    assert asked(low().cooldown(10).hold(2), at(0, 1, 2)) == [0, 0, 0]
    assert asked(low().hold(2).cooldown(10), at(0, 1, 2)) == [0, 1, 0]


times = st.lists(st.sampled_from([0.0, 1e-6, 1.0, 5.0, 10.0, 10.000001, -3.0, -30.0]), max_size=40)


@given(times, st.sampled_from([0.0, 1e-6, 1.0, 10.0]), st.lists(st.integers(0, 40)))
def test_batches_and_snapshots_agree(steps, duration, cuts):
    now, events = 0.0, []
    for place, step in enumerate(steps):
        now += step
        events.append(value(0.9 if place % 5 == 4 else 0.1, at=now))
    for strategy in (low(), low().hold(2), Duck()):
        agrees(Cooldown(strategy, duration), events, sorted(cuts))


def test_a_long_silence_in_one_batch():
    agrees(low().cooldown(1000), values([0.1] * 3000), [10, 700])
