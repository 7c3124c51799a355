import numpy as np
import pytest
from asking import Duck, agrees, answers, asked, drift, value
from hypothesis import given
from hypothesis import strategies as st

from homeostat import (
    DriftStrategy,
    InvalidSetting,
    ThresholdStrategy,
    all_of,
    any_of,
    at_least,
)
from homeostat.strategies.combine import AnyOf, AtLeast
from homeostat.strategies.cost import CostAware
from homeostat.strategies.labels import LabelVolume
from homeostat.strategies.schedule import Schedule
from homeostat.strategy import RetrainingStrategy
from homeostat.testing.events import Given


def low(name="accuracy"):
    return ThresholdStrategy(0.5, metric=name)


A, B, C = (lambda x, n=n: value(x, n) for n in ("accuracy", "recall", "f1"))


def test_any_of_answers_when_one_does():
    assert asked(any_of(low(), DriftStrategy()), [A(0.1), A(0.9), drift()]) == [1, 0, 1]


def test_any_of_answers_with_the_first():
    both = any_of(ThresholdStrategy(0.5), ThresholdStrategy(0.9))
    assert ["0.50" in a.reason for a in answers(both, [A(0.1), A(0.7)])] == [True, False]
    assert "0.90" in answers(any_of(ThresholdStrategy(0.9), low()), [A(0.1)])[0].reason


def test_any_of_lets_all_of_them_see_every_event():
    ducks = Duck(), Duck()
    asked(any_of(*ducks), [A(0.1), A(0.2)])
    assert [duck.asked for duck in ducks] == [2, 2]


def test_what_was_asked_of_another_version_is_forgotten():
    strategy = all_of(low("accuracy"), low("recall"))
    assert asked(strategy, [A(0.1)]) == [0]
    strategy.renewed()
    assert asked(strategy, [B(0.1), A(0.1)]) == [0, 1]


def test_all_of_answers_when_all_are_asking():
    strategy = all_of(low("accuracy"), low("recall"))
    events = [A(0.1), B(0.9), B(0.1), A(0.1), B(0.1)]
    assert asked(strategy, events) == [0, 0, 1, 0, 1]


def test_one_that_stops_asking_must_ask_again():
    strategy = all_of(low("accuracy"), low("recall"))
    assert asked(strategy, [A(0.1), A(0.9), B(0.1), A(0.1)]) == [0, 0, 0, 1]


def test_an_alarm_goes_on_asking():
    strategy = all_of(DriftStrategy(), low())
    assert asked(strategy, [drift(), A(0.9), A(0.9), A(0.1), A(0.1)]) == [0, 0, 0, 1, 0]


def test_at_least_two_of_three():
    strategy = at_least(2, low("accuracy"), low("recall"), low("f1"))
    assert asked(strategy, [A(0.1), B(0.9), C(0.1), B(0.1), A(0.1)]) == [0, 0, 1, 0, 1]


def test_reasons_are_joined():
    strategy = all_of(low("accuracy"), low("recall"))
    *_, answer = answers(strategy, [A(0.1), B(0.2)])
    assert answer.reason == (
        "Accuracy dropped below 0.50: observed 0.1000; Recall dropped below 0.50: observed 0.2000"
    )


def test_ducks_can_be_members():
    strategy = all_of(Duck("accuracy"), Duck("recall"))
    assert asked(strategy, [A(0.1), B(0.1), A(0.1), A(0.9), B(0.1)]) == [0, 1, 0, 0, 0]


def test_fresh_members_share_nothing_with_the_old():
    strategy = any_of(Duck(), low().hold(2))
    asked(strategy, [A(0.1)] * 3)
    again = strategy.fresh()
    assert again.strategies[0].strategy.asked == 0
    assert again.strategies[1].run == 0
    assert strategy.strategies[0].strategy.asked == 3


@pytest.mark.parametrize("k", [0, 3, 1.5, -1])
def test_a_number_beyond_the_members_is_refused(k):
    with pytest.raises(InvalidSetting, match="k must be within 1 and"):
        at_least(k, low(), low())


def test_no_members_are_refused():
    with pytest.raises(InvalidSetting, match="at least one strategy"):
        any_of()
    with pytest.raises(InvalidSetting):
        all_of()


happenings = st.lists(
    st.one_of(
        st.builds(value, st.sampled_from([0.1, 0.9]), st.sampled_from(["accuracy", "recall"])),
        st.builds(drift, st.just("error"), st.sampled_from(["worse", "better"])),
    ),
    max_size=40,
)
BUILDS = {
    "any": lambda: any_of(low(), DriftStrategy()),
    "any of one": lambda: any_of(low()),
    "any, tied": lambda: any_of(low().hold(2), low(), Duck()),
    "any of any": lambda: AnyOf([any_of(low("recall"), Duck()), low().cooldown(0)]),
    "all": lambda: all_of(low(), low("recall")),
    "at least": lambda: at_least(2, low(), Duck("recall"), DriftStrategy()),
    "at least one": lambda: at_least(1, low(), low("recall"), Duck("recall")),
    "the same thrice": lambda: at_least(2, low(), low(), low().hold(2)),
    "of groups": lambda: all_of(at_least(1, low(), DriftStrategy()), any_of(low("recall"), Duck())),
    "standing": lambda: at_least(2, LabelVolume(3), Schedule(5), CostAware(1, 1, 0.5), low()),
    "nested": lambda: any_of(all_of(low(), Duck("recall")).hold(2), DriftStrategy().hold(2)),
}


def test_a_request_from_an_earlier_batch_is_heard_with_its_reason():
    strategy = all_of(low("accuracy"), low("recall"))
    strategy.on_events(Given([A(0.1), C(0.1)]).events())
    told = strategy.on_events(Given([B(0.9), B(0.2), B(0.3)]).events())
    (answer,) = told.make(np.arange(len(told.answered)))
    assert answer.reason == (
        "Accuracy dropped below 0.50: observed 0.1000; Recall dropped below 0.50: observed 0.2000"
    )
    assert strategy.asking == [None, "Recall dropped below 0.50: observed 0.3000"]


def test_some_answers_can_be_made_without_the_others():
    events = [A(0.1), B(0.1), B(0.2), A(0.2), B(0.3)]
    told = all_of(low("accuracy"), low("recall")).on_events(Given(events).events())
    every = told.make(np.arange(len(told.answered)))
    assert len(every) == 2
    assert told.make(np.array([1])) == every[1:]
    assert told.make(np.array([1, 0])) == every[::-1]


def test_a_group_with_a_columnar_form_is_no_loop():
    assert AtLeast.on_events is not RetrainingStrategy.on_events


@pytest.mark.parametrize("seed", range(5))
def test_many_events_at_once_and_as_a_loop_over_each(seed):
    rng = np.random.default_rng(seed)
    names = rng.choice(["accuracy", "recall", "f1"], 3000)
    xs = rng.choice([0.1, 0.9], 3000, p=[0.3, 0.7])
    events = Given(
        [value(float(x), str(n), at) for at, (x, n) in enumerate(zip(xs, names, strict=True))]
    )
    for k in (1, 2, 3):
        one, other = (at_least(k, low(), low("recall"), low("f1").hold(2)) for _ in range(2))
        got = one.on_events(events.events())
        want = RetrainingStrategy.on_events(other, events.events())
        assert got.answered.tolist() == want.answered.tolist()
        assert got.watched.tolist() == want.watched.tolist()
        places = np.arange(len(got.answered))
        assert got.make(places) == want.make(places)
        assert one.snapshot() == other.snapshot()


@pytest.mark.parametrize("name", BUILDS)
@given(events=happenings, cuts=st.lists(st.integers(0, 40)))
def test_batches_and_snapshots_agree(name, events, cuts):
    agrees(BUILDS[name](), events, sorted(cuts))
