import pytest
from asking import agrees, answers, asked, drift, value
from hypothesis import given
from hypothesis import strategies as st

from homeostat import DriftStrategy

events = st.one_of(
    st.builds(
        drift,
        st.sampled_from(["error", "accuracy", "latency_ms"]),
        st.sampled_from(["worse", "better", "change", None]),
    ),
    st.builds(value, st.floats(0, 1)),
)


@pytest.mark.parametrize(
    ("direction", "asks"), [("worse", 1), ("change", 1), (None, 1), ("better", 0)]
)
def test_it_asks_unless_things_got_better(direction, asks):
    assert asked(DriftStrategy(), [drift(direction=direction)]) == [asks]


def test_it_can_be_narrowed_to_one_series():
    strategy = DriftStrategy("accuracy")
    assert asked(strategy, [drift("error"), drift("accuracy")]) == [0, 1]
    assert [strategy.watches(drift(name)) for name in ("error", "accuracy")] == [False, True]


def test_values_are_not_its_business():
    assert asked(DriftStrategy(), [value(0.0)]) == [0]
    assert not DriftStrategy().watches(value(0.0))


def test_an_improvement_is_watched_and_not_answered():
    assert asked(DriftStrategy().hold(2), [drift(), drift(direction="better"), drift()]) == [0] * 3


def test_its_answer_says_what_was_seen():
    (answer,) = answers(DriftStrategy(), [drift(at=9)])
    assert answer.reason == "Drift in error: adwin observed 0.2500 over 0.1000"
    assert (answer.model_version, answer.created_at) == ("v1", drift(at=9).created_at)
    (answer,) = answers(DriftStrategy(), [drift(detector=None)])
    assert "detector observed" in answer.reason


@given(st.lists(events, max_size=30), st.lists(st.integers(0, 30)))
def test_batches_and_snapshots_agree(found, cuts):
    agrees(DriftStrategy(), found, sorted(cuts))
    agrees(DriftStrategy("accuracy"), found, sorted(cuts))
