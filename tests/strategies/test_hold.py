import pytest
from asking import Duck, agrees, answers, asked, drift, value, values
from hypothesis import given
from hypothesis import strategies as st

from homeostat import DriftStrategy, InvalidSetting, ThresholdStrategy, any_of
from homeostat.strategies.hold import Hold


def low():
    return ThresholdStrategy(0.5)


def test_it_asks_from_the_nth_in_a_row_on():
    xs = values([0.1, 0.1, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1])
    assert asked(low().hold(3), xs) == [0, 0, 1, 1, 0, 0, 0, 1]


def test_held_for_one_it_is_as_it_was():
    xs = values([0.1, 0.9, 0.1])
    assert asked(low().hold(1), xs) == asked(low(), xs)


def test_events_that_are_not_watched_do_not_break_the_row():
    between = [value(0.1), value(0.9, "recall"), drift(), value(0.1)]
    assert asked(low().hold(2), between) == [0, 0, 0, 1]


def test_nan_breaks_the_row():
    assert asked(low().hold(2), values([0.1, float("nan"), 0.1])) == [0, 0, 0]


def test_a_hold_of_a_hold_needs_both():
    assert asked(low().hold(2).hold(2), values([0.1] * 4)) == [0, 0, 1, 1]


def test_another_version_starts_the_count_anew():
    strategy = any_of(low().hold(2).hold(2), low().hold(3).cooldown("1h"))
    answers(strategy, values([0.1, 0.1]))
    strategy.renewed()
    assert asked(strategy, values([0.1] * 4)) == [0, 0, 1, 1]


def test_it_watches_what_the_inner_one_watches():
    assert Hold(low(), 2).watches(value(0.9))
    assert not Hold(low(), 2).watches(drift())


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", None])
def test_a_count_below_one_is_refused(n):
    with pytest.raises(InvalidSetting, match="n must be a whole number of at least 1"):
        Hold(low(), n)


def test_a_duck_watches_what_it_has_answered_before():
    xs = values([0.9, 0.1, 0.9, 0.1, 0.1])
    assert asked(Hold(Duck(), 2), xs) == [0, 0, 0, 0, 1]


@given(st.lists(st.sampled_from([0.1, 0.1, 0.9]), max_size=40), st.lists(st.integers(0, 40)))
def test_batches_and_snapshots_agree(xs, cuts):
    events = [each for x in xs for each in (value(x), value(1 - x, "recall"), drift())]
    for strategy in (
        low().hold(3),
        Hold(Duck(), 2),
        DriftStrategy().hold(2),
        low().hold(2).hold(2),
    ):
        agrees(strategy, events, sorted(cuts))
