import math

import numpy as np
import pytest
from asking import agrees, answers, asked, drift, value
from hypothesis import given
from hypothesis import strategies as st

from homeostat import AccuracyMetric, InferenceRecord, InvalidSetting, MetricEvent, MetricUpdated
from homeostat.batch import Batch
from homeostat.engine import Engine
from homeostat.metrics.cuped import Cuped
from homeostat.metrics.estimated import Estimated
from homeostat.strategies.performance import (
    CupedStrategy,
    EstimatedStrategy,
    PerformanceStrategy,
)
from homeostat.testing import assert_conforms
from homeostat.testing.streams import START


def sure(lower, upper, n=50, name="accuracy", x=None, at=0.0):
    plain = value((lower or 0.0) / 2 + (upper or 0.0) / 2 if x is None else x, name, at)
    told = plain.payload
    return MetricUpdated(MetricEvent(name, told.value, "v1", told.created_at, n, lower, upper))


def test_it_asks_when_the_whole_interval_is_below():
    events = [sure(0.7, 0.8), sure(0.7, 0.95), sure(0.7, 0.9), sure(0.91, 1.0)]
    assert asked(PerformanceStrategy(0.9), events) == [1, 0, 0, 0]


def test_a_tolerance_is_harmless():
    events = [sure(0.7, 0.86), sure(0.7, 0.84)]
    assert asked(PerformanceStrategy(0.9, tolerance=0.05), events) == [0, 1]


def test_above_it_asks_when_the_whole_interval_is_above():
    events = [sure(3.1, 9.0, name="mae"), sure(2.9, 9.0, name="mae"), sure(4.0, 5.0)]
    strategy = PerformanceStrategy(2.0, tolerance=1.0, metric="mae", above=True)
    assert asked(strategy, events) == [1, 0, 0]


def test_without_an_interval_it_never_asks():
    events = [
        value(0.1), sure(None, None, x=0.1), sure(None, 0.2, x=0.1), sure(0.1, None, x=0.1),
        sure(0.1, 0.2, n=0), sure(0.1, 0.2, n=None), sure(0.1, 0.2, x=math.nan),
    ]  # fmt: skip
    assert asked(PerformanceStrategy(0.9), events) == [0] * len(events)
    for event in events:
        agrees(PerformanceStrategy(0.9), [event], [])


def test_other_metrics_and_other_events_are_not_its_business():
    others = [sure(0.1, 0.2, name="recall"), drift("accuracy")]
    assert asked(PerformanceStrategy(0.9), others) == [0, 0]
    assert [PerformanceStrategy(0.9).watches(each) for each in (*others, value(1.0))] == [0, 0, 1]


def test_its_answer_says_how_sure_it_is():
    (answer,) = answers(PerformanceStrategy(0.9, tolerance=0.02), [sure(0.7, 0.8, at=5)])
    assert answer.reason == (
        "Accuracy is surely below 0.88: 0.7500, between 0.7000 and 0.8000 (n=50)"
    )
    assert answer.created_at == value(0, at=5).created_at


def test_the_thin_ones_watch_their_own_metric():
    for make, name in (
        (EstimatedStrategy, "estimated_accuracy"),
        (CupedStrategy, "cuped_accuracy"),
    ):
        strategy = make(0.9, tolerance=0.01)
        assert asked(strategy, [sure(0.1, 0.2), sure(0.1, 0.2, name=name)]) == [0, 1]
        assert (strategy.metric, strategy.fresh().tolerance) == (name, 0.01)


def served(n, accuracy):
    rng = np.random.default_rng(4)
    score = rng.choice([accuracy - 0.1, accuracy + 0.1], n)
    right = rng.random(n) < score
    return Batch.from_columns(
        model_version="v1",
        predicted_label=np.ones(n),
        ground_truth_label=np.where(rng.random(n) < 0.5, right.astype(float), np.nan),
        latency_ms=1.0,
        created_at=np.datetime64(START.replace(tzinfo=None), "us") + np.arange(n),
        score=score,
    )


@pytest.mark.parametrize(
    ("metric", "make"),
    [
        (AccuracyMetric(400, level=0.95), PerformanceStrategy),
        (Estimated(400), EstimatedStrategy),
        (Cuped(400), CupedStrategy),
    ],
)
def test_each_metric_with_intervals_makes_it_ask_when_accuracy_falls(metric, make):
    engine = Engine([metric], strategy=make(0.8, tolerance=0.02))
    assert not [each for each in engine.observe_batch(served(2000, 0.8)) if "Retrain" in each.kind]
    events = engine.observe_batch(served(2000, 0.65))
    requests = [each for each in events if "Retrain" in each.kind]
    assert len(requests) > 500
    assert "surely below 0.78" in requests[0].reason


def test_it_needs_no_object_of_an_event_it_does_not_answer(monkeypatch):
    monkeypatch.setattr(InferenceRecord, "__post_init__", None)  # none is made
    engine = Engine([AccuracyMetric(100, level=0.95)], strategy=PerformanceStrategy(0.1))
    assert engine.observe_batch(served(500, 0.8)).counts().keys() == {MetricUpdated}


ends = st.sampled_from([None, 0.0, 0.4, 0.5, math.nextafter(0.5, 0), 0.9, -1.0, math.nan])
events = st.one_of(
    st.builds(sure, ends, ends, st.sampled_from([None, 0, 1, 50])),
    st.builds(sure, ends, ends, st.just(5), st.just("recall")),
    st.builds(value, st.floats(0, 1)),
    st.builds(drift),
)


@given(st.lists(events, max_size=30), st.booleans(), st.lists(st.integers(0, 30)))
def test_batches_and_snapshots_agree(found, above, cuts):
    agrees(PerformanceStrategy(0.5, above=above), found, sorted(cuts))
    agrees(PerformanceStrategy(0.5, above=above).hold(2), found, sorted(cuts))


def walk(n=200):
    rng = np.random.default_rng(3)
    found = []
    for at in range(n):
        middle = float(rng.choice([0.3, 0.5, 0.7]))
        half = float(rng.choice([0.05, 0.15, 0.3]))
        plain = rng.random() < 0.2
        found.append(value(middle, at=at) if plain else sure(middle - half, middle + half, at=at))
    return found


@pytest.mark.parametrize(
    "strategy", [PerformanceStrategy(0.5), PerformanceStrategy(0.6, tolerance=0.1).hold(2),
                 EstimatedStrategy(0.5, metric="accuracy"), CupedStrategy(0.5, metric="accuracy")]
)  # fmt: skip
def test_laws(strategy):
    assert_conforms(strategy, stream=walk())


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"bound": math.nan}, "bound"), ({"bound": "0.9"}, "bound"), ({"bound": None}, "bound"),
        ({"bound": 0.9, "tolerance": -0.1}, "tolerance"),
        ({"bound": 0.9, "tolerance": "0"}, "tolerance"),
        ({"bound": 0.9, "metric": 5}, "metric"), ({"bound": 0.9, "above": "yes"}, "above"),
    ],
)  # fmt: skip
def test_settings_that_are_none_are_refused(given, named):
    with pytest.raises(InvalidSetting, match=f"{named} must be"):
        PerformanceStrategy(**given)
