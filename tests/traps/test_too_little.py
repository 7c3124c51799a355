"""Trap: too few values were given an answer, as 0, as drift or as an exception.

Too little is NaN, and how much it takes; with as much as that there is an answer. Also, for one
each: comparison/test_compare.py, multivariate/test_multivariate.py, diagnosis/test_diagnose.py,
parity/test_fairness.py, estimate/; metrics: the law "emptiness" (laws/test_plugins.py).
"""

import math
import warnings

import numpy as np
import pytest
from everything import Means, served
from samples import CASES, SIDES, batch, column, for_test, people

import homeostat as hs


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("test", "kind"), CASES)
def test_tests_say_how_many_values_they_need(test, kind, side):
    reference = SIDES[side]({"x": for_test(test, kind, 100)})
    few = hs.compare(reference, {"x": for_test(test, kind, 9, 1)}, tests={"x": test})["x"]
    assert (few.p_value, few.needed, few.verdict) == (None, 10, "too little data")
    assert math.isnan(few.statistic)
    assert math.isnan(few.effect)
    assert not few.drift
    assert "10 values" in few.note
    enough = hs.compare(reference, {"x": for_test(test, kind, few.needed, 1)}, tests={"x": test})[
        "x"
    ]
    assert enough.needed is None
    assert enough.verdict != "too little data"


@pytest.mark.parametrize("side", SIDES)
def test_a_small_reference_as_well(side):
    row = hs.compare(SIDES[side]({"x": column("number", 9)}), {"x": column("number", 100)})["x"]
    assert (row.p_value, row.needed) == (None, 10)


def test_values_count_and_rows_do_not():
    holes = np.where(np.arange(100) < 9, np.arange(100.0), np.nan)
    row = hs.compare({"x": column("number", 100)}, {"x": holes})["x"]
    assert (row.n_current, row.needed) == (9, 10)
    assert row.missing.drift  # which is another question


def test_small_windows_raise_no_alarm():
    moved = {"age": np.full(9, 1e6), "city": np.full(9, "Atlantis")}
    engine = hs.Engine([], [hs.drift.inputs(people(500, 0), window=9, columns=["age", "city"])])
    moved |= {"kids": np.zeros(9, int), "member": np.zeros(9, bool)}
    assert list(engine.observe_batch(batch(moved))) == []
    latest = engine.detectors[0].latest
    assert [row.needed for row in latest] == [10, 10]


@pytest.mark.parametrize("name", hs.multivariate.TESTS)
def test_several_columns_together(name):
    few = hs.multivariate.test(people(100, 0), people(4, 1), name)
    assert few.p_value is None
    assert math.isnan(few.statistic)
    sides = people(few.needed, 0), people(few.needed, 1)
    enough = hs.multivariate.test(*sides, name, permutations=19)
    assert enough.p_value is not None
    assert enough.needed is None


NAMES = {"y_true": "y", "y_pred": "pred"}
ESTIMATES = {
    "CBPE": lambda: hs.estimate.CBPE(**NAMES, y_score="score", metrics=["accuracy"]),
    "ATC": lambda: hs.estimate.ATC(**NAMES, y_score="score"),
    "DLE": lambda: hs.estimate.DLE(**NAMES, features=["age"], model=Means, metrics=["mae"]),
}


@pytest.mark.parametrize("name", ESTIMATES)
def test_estimates_say_how_many_records_they_need(name):
    made = ESTIMATES[name]().fit(served(500, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hs.estimate.EstimateWarning)
        (few,) = made.estimate(served(3, 2))
        assert np.isnan([few.value, few.lower, few.upper]).all()
        assert few.n == 3
        (short,) = made.estimate(served(few.needed - 1, 2))
        assert math.isnan(short.value)
        (enough,) = made.estimate(served(few.needed, 2))
    assert enough.lower <= enough.value <= enough.upper
    assert enough.needed == 0


def test_a_mean_says_how_many_labels_it_needs():
    few = hs.estimate.mean([1.0], [0.5], [0.5] * 10)
    assert math.isnan(few.lower)
    labels = np.arange(few.needed) % 2
    enough = hs.estimate.mean(labels, [0.5] * few.needed, [0.5] * 10)
    assert math.isfinite(enough.lower)


def test_segments_say_how_many_records_they_need():
    def gap(n):
        sides = ["a"] * 100 + ["b"] * n
        data = {"side": sides, "taken": np.arange(100 + n) % 2 == 0}
        return hs.fairness(data, by="side", prediction="taken", label=None, positive=True)["b"]

    few = gap(5).demographic_parity
    assert math.isnan(few.value)
    assert gap(few.needed - 1).demographic_parity.needed == few.needed
    assert math.isfinite(gap(few.needed).demographic_parity.value)


def test_metrics_say_what_they_rest_on():
    first, *_ = hs.Engine([hs.AccuracyMetric(100, level=0.95)]).observe_batch(batch(people(1, 0)))
    assert (first.value, first.n) == (1.0, 1)
    assert first.lower < 0.3  # one right answer is no certainty
    assert first.upper == 1.0


@pytest.mark.parametrize(
    "metric",
    [
        hs.ROCAUC(positive="a"),
        hs.Disparity("city", "accuracy", least=30),
        hs.R2(),
        hs.Volume("1h"),
        hs.Skill(),
        hs.MCC(),
    ],
    ids=lambda metric: metric.name,
)
def test_metrics_without_enough_are_nan_or_silent(metric):
    record = batch(people(1, 0))[0]
    event = metric.on_record(record)
    assert event is None or math.isnan(event.value)
