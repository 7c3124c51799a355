"""A unit mistake is found where the data can tell it from growth, and only there."""

from math import log

import numpy as np
import pytest
from lending import loans

from homeostat.diagnosis import diagnose
from homeostat.diagnosis.units import UNITS, unit_change

TENS = (1000.0, 100.0, 10.0, 0.1, 0.01, 0.001)


def wide(rng, n):
    return rng.lognormal(10, 0.5, n)


def tight(rng, n):
    return rng.normal(170, 9, n)


def counted(rng, n):
    return rng.poisson(5, n).astype(float)


def called(make, factor, rows, seed):
    rng = np.random.default_rng(seed)
    return unit_change(make(rng, rows[0]), make(rng, rows[1]) * factor)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.text)
def test_every_unit_is_a_fact_where_values_are_tight(unit):
    rng = np.random.default_rng(1)
    a, b = rng.normal(25, 1, 3000), rng.normal(25, 1, 2000)
    found = unit_change(a, b * unit.scale + unit.shift)
    assert found is not None
    assert (found.unit, found.sure) == (unit, True)


@pytest.mark.parametrize("make", [wide, counted, tight])
@pytest.mark.parametrize("factor", TENS)
def test_powers_of_ten_are_found_in_500_rows(make, factor):
    found = [called(make, factor, (500, 500), seed) for seed in range(20)]
    assert sum(each is not None and each.sure for each in found) >= 18


@pytest.mark.parametrize("rows", [(500, 500), (4000, 2000)])
@pytest.mark.parametrize("make", [wide, counted, tight])
def test_growth_is_seldom_taken_for_a_unit(make, rows):
    rng = np.random.default_rng(3)
    for low, high in ((1.2, 5), (1 / 1000, 1000)):
        factors = np.exp(rng.uniform(log(low), log(high), 100))
        found = [called(make, factor, rows, seed) for seed, factor in enumerate(factors)]
        assert sum(each is not None and each.sure for each in found) <= 15  # of 100 at 10 %: 4 %


def test_what_may_be_a_coincidence_is_a_suspicion():
    found = [called(wide, 1.609344, (4000, 2000), seed) for seed in range(20)]
    assert {each.sure for each in found if each} == {False}
    assert sum(each is not None for each in found) >= 18
    assert called(wide, 3.785411784, (100, 100), 0) is None  # nearly every factor would do


def test_a_unit_is_found_beside_a_little_growth():
    for seed in range(10):
        found = called(wide, 1000 * 1.05, (50_000, 20_000), seed)
        assert found.sure
        assert found.unit.scale == 1000.0


def test_whole_numbers_stay_tied_when_a_unit_is_undone():
    found = [called(counted, 0.1, (4000, 2000), seed) for seed in range(20)]
    assert sum(each is not None and each.sure for each in found) >= 18


def test_a_mere_drift_is_no_unit():
    rng = np.random.default_rng(2)
    for seed in range(30):
        a = rng.lognormal(0, 0.7, 3000)
        b = rng.lognormal(0.3 + 0.02 * seed, 0.9, 2000)
        assert unit_change(a, b) is None


def test_a_wide_column_that_grew_is_no_temperature():
    rng = np.random.default_rng(5)
    a, b = rng.normal(30_000, 3000, 2000), rng.normal(30_000, 3000, 2000)
    found = unit_change(a, b * 1.8 + 32)
    assert found is None or not found.sure


def test_too_few_zeros_and_infinities_are_no_unit():
    a = np.arange(29.0)
    assert unit_change(a, a * 1000) is None
    zeros = np.zeros(100)
    assert unit_change(zeros, zeros + 5) is None
    assert unit_change(np.full(100, np.nan), np.full(100, np.inf)) is None


def test_a_suspected_unit_is_told_and_breaks_nothing():
    before, now = loans(31), loans(32, 1500)
    result = diagnose(before, now | {"income": now["income"] * 1.609344})
    assert result.cause != "data break"
    assert result.quarantine == []
    assert "income may be multiplied by 1.609 (miles and kilometres), but " in (
        result["covariate drift"].reason
    )
    assert not result.retrain.startswith("no: mend")


def test_a_suspected_unit_is_told_with_the_advice_to_retrain():
    before, now = loans(33), loans(34, 1500)
    label = np.where(now["debt"] > 0.35, 1 - now["ground_truth_label"], now["ground_truth_label"])
    shrunk = now | {"income": now["income"] / 1.609344, "ground_truth_label": label}
    result = diagnose(before, shrunk)
    assert result.cause == "concept drift"
    assert result.retrain == "yes: the relation has changed"
    assert "income may be divided by 1.609 (miles and kilometres), but " in result.reason
