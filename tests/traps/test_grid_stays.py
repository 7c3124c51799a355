"""Traps: one new category made PSI explode; one outlier in the current data moved the bins.

First found in comparison/test_compare.py and test_counts_on_grid.py for some tests; here for all.
"""

import numpy as np
import pytest
from samples import CASES, SIDES, batch, people

import homeostat as hs
from homeostat.comparison import TESTS

CATEGORICAL = [
    test for test, kind in CASES if kind == "category" and test not in ("fisher", "z_proportions")
]
NUMERIC = [
    test for test, kind in CASES if kind == "number" and test not in ("fisher", "z_proportions")
]
OF_VALUES = ("welch_t", "wasserstein", "energy", "epps_singleton")
"""Tests in which the size of an outlier counts; in all others only its place."""


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("test", CATEGORICAL)
def test_one_new_category_is_next_to_nothing(test, side):
    reference = SIDES[side]({"c": ["a", "b"] * 500})
    one = hs.compare(reference, {"c": ["a", "b"] * 499 + ["a", "new"]}, tests=test)["c"]
    assert one.effect < 0.03
    assert one.p_value > 0.3
    many = hs.compare(reference, {"c": ["a", "b", "new"] * 300}, tests=test)["c"]
    assert many.drift
    assert np.isfinite(many.statistic)


@pytest.mark.parametrize("side", SIDES)
def test_a_hundred_new_categories_leave_psi_a_number_to_read(side):
    reference = SIDES[side]({"c": ["a", "b"] * 500})
    new = [f"new {at}" for at in range(100)]
    row = hs.compare(reference, {"c": ["a", "b"] * 450 + new}, tests="psi")["c"]
    assert row.drift
    assert 0.1 < row.statistic < 1


def test_one_new_category_in_a_window_raises_no_alarm():
    features = people(500, 1)
    features["city"] = np.where(np.arange(500) == 250, "Atlantis", features["city"])
    engine = hs.Engine([], [hs.drift.inputs(people(5000, 0), window=500, tests="psi")])
    assert list(engine.observe_batch(batch(features))) == []
    assert engine.detectors[0].latest["city"].statistic < 0.02


@pytest.mark.parametrize("far", [1e12, 1e160, 1e300, np.finfo(float).max])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("test", NUMERIC)
def test_an_outlier_moves_nothing(test, side, far):
    before, now = np.random.default_rng(3).normal(size=(2, 1000))
    moved = np.where(np.arange(1000) == now.argmax(), far, now)
    reference = SIDES[side]({"x": before})
    plain, odd = (hs.compare(reference, {"x": x}, tests={"x": test})["x"] for x in (now, moved))
    assert not odd.drift
    if test not in OF_VALUES:
        assert odd.statistic == plain.statistic
        assert odd.p_value == plain.p_value


@pytest.mark.parametrize("test", [test for test in NUMERIC if test not in OF_VALUES])
def test_an_infinite_value_is_but_the_largest(test):
    before, now = np.random.default_rng(3).normal(size=(2, 1000))
    moved = np.where(np.arange(1000) == now.argmax(), np.inf, now)
    plain, odd = (hs.compare({"x": before}, {"x": x}, tests={"x": test})["x"] for x in (now, moved))
    assert odd.statistic == plain.statistic


def test_nothing_in_the_current_data_is_written_into_a_reference():
    reference = hs.Reference.fit(people(2000, 0))
    bytes_before, identity = reference.to_bytes(), reference.grids.identity
    odd = people(500, 1) | {"age": np.full(500, 1e300), "city": np.full(500, "Atlantis")}
    profile = reference.profile(odd)
    for test in TESTS:
        hs.compare(reference, profile, tests=test)
    hs.Engine([], [hs.drift.inputs(reference, window=100)]).observe_batch(batch(odd))
    assert reference.to_bytes() == bytes_before
    assert profile.grids.identity == identity
