"""Trap: an improvement raised an alarm, or was answered with a retraining.

Also in drift/test_error_rate.py, drift/test_harmful.py, drift/test_episodes.py, test_watcher.py
and strategies/test_drift.py, each for one of them.
"""

import numpy as np
import pytest
from everything import detector
from samples import answers, batch, errors

import homeostat as hs

TWO_SIDED = ("adwin", "kswin", "page_hinkley")
ONE_SIDED = (
    "ddm", "rddm", "hddm_a", "hddm_w", "fhddm", "stepd", "two_window", "e_detector", "conformal",
    "ewma",
)  # fmt: skip
N = 2000
BETTER = errors(0.4, 0.01, each=N)
WORSE = errors(0.05, 0.4, each=N)


def told(watching, wrong):
    """What is told of the second half; an alarm in the first would be a false one anyway."""
    engine = hs.Engine([hs.AccuracyMetric(200)], [watching], hs.DriftStrategy())
    records = answers(wrong)
    engine.observe_batch(records[:N])
    events = engine.observe_batch(records[N:])
    return [event for event in events if event.kind != "MetricUpdated"]


def alarms(events):
    return [event.direction for event in events if event.kind == "DriftDetected"]


@pytest.mark.parametrize("name", ["error_rate", "harmful_shift"])
@pytest.mark.parametrize("wrap", [lambda x: x, hs.Episodes], ids=["bare", "episodes"])
def test_detectors_of_harm_never_alarm(name, wrap):
    """Their source has an error rate of 0.1."""
    assert alarms(told(wrap(detector(name)), errors(0.1, 0.0, each=N))) == []
    worse = WORSE if name == "error_rate" else errors(0.1, 0.4, each=N)
    found = told(wrap(detector(name)), worse)
    assert {event.kind for event in found} >= {"DriftDetected", "RetrainRequested"}


@pytest.mark.parametrize("name", ONE_SIDED)
def test_detectors_of_one_side_never_alarm(name):
    found = told(detector(name), BETTER)
    assert alarms(found) == []
    assert "RetrainRequested" not in {event.kind for event in found}
    assert "RetrainRequested" in {event.kind for event in told(detector(name), WORSE)}


@pytest.mark.parametrize("name", TWO_SIDED)
def test_detectors_of_both_sides_call_it_better_and_nothing_is_asked(name):
    found = told(detector(name), BETTER)
    assert set(alarms(found)) == {"better"}
    assert "RetrainRequested" not in {event.kind for event in found}
    assert "RetrainRequested" in {event.kind for event in told(detector(name), WORSE)}


def test_up_is_better_where_more_is_better():
    some = np.arange(N) % 5 < 2
    none = np.zeros(N, dtype=bool)
    rising = told(hs.Episodes(hs.ADWIN(on="accuracy")), np.concatenate([some, none]))
    falling = told(hs.Episodes(hs.ADWIN(on="accuracy")), np.concatenate([none, some]))
    assert set(alarms(rising)) == {"better"}
    assert set(alarms(falling)) == {"worse"}


STRATEGIES = {
    "drift": hs.DriftStrategy(),
    "threshold": hs.ThresholdStrategy(0.5),
    "performance": hs.PerformanceStrategy(0.55, tolerance=0.05),
    "cost": hs.CostAware(error_cost=1.0, retraining_cost=200.0, baseline=0.55),
    "any_of": hs.any_of(hs.DriftStrategy(), hs.ThresholdStrategy(0.5)),
    "hold": hs.ThresholdStrategy(0.5).hold(3),
    "cooldown": hs.any_of(hs.DriftStrategy(), hs.ThresholdStrategy(0.5)).cooldown("1h"),
}


def asked(strategy, wrong):
    """How often a strategy asks once the first 500 records have filled the window."""
    metric = hs.AccuracyMetric(500, level=0.999)
    detectors = [hs.Episodes(hs.ADWIN())]
    engine = hs.Engine([metric], detectors, strategy)
    records = answers(wrong)
    engine.observe_batch(records[:500])
    return len(engine.observe_batch(records[500:]).of(hs.RetrainRequested))


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_strategy_answers_it(name):
    assert asked(STRATEGIES[name], BETTER) == 0
    assert asked(STRATEGIES[name], errors(0.4, 0.8, each=N)) > 0


def test_a_better_distribution_of_inputs_does_not_exist():
    """Inputs have no good side: any change is told, and said to be one without a direction."""
    rng = np.random.default_rng(0)
    window = batch({"age": rng.normal(-3, 1, 500)})
    engine = hs.Engine([], [hs.drift.inputs({"age": rng.normal(size=2000)}, window=500)])
    (event,) = engine.observe_batch(window)
    assert event.direction == "change"
