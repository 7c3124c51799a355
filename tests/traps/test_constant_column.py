"""Trap: a column of one value gave NaN, or an alarm. It is certainly unchanged: p = 1.

Raw values alone: comparison/test_two_sample.py; several columns: multivariate/test_multivariate.py;
constant references of detectors: drift/test_error_rate.py; of metrics and detectors: the
conformance kit (laws/test_plugins.py).
"""

import numpy as np
import pytest
from samples import CASES, SIDES, batch, constant, people

import homeostat as hs


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("test", "kind"), CASES)
def test_every_test_is_certain(test, kind, side):
    reference = SIDES[side]({"x": constant(kind, 40)})
    row = hs.compare(reference, {"x": constant(kind, 30)}, tests={"x": test})["x"]
    assert (row.test, row.p_value, row.effect, row.verdict) == (test, 1.0, 0.0, "no drift")


@pytest.mark.parametrize("side", SIDES)
def test_another_constant_is_a_change(side):
    before = {"x": np.zeros(40), "c": ["a"] * 40, "b": [True] * 40}
    after = {"x": np.ones(30), "c": ["b"] * 30, "b": [False] * 30}
    assert set(hs.compare(SIDES[side](before), after).drifted) == {"x", "c", "b"}


def test_windows_of_a_constant_raise_no_alarm():
    steady = {"x": np.full(500, 3.0), "c": np.full(500, "a"), "n": np.full(500, 7)}
    engine = hs.Engine([], [hs.drift.inputs(steady, window=50)])
    assert list(engine.observe_batch(batch(steady))) == []
    assert engine.detectors[0].latest["x"].p_value == 1.0


def test_a_diagnosis_is_not_about_it():
    before, now = (people(400, seed) | {"same": np.full(400, 5.0)} for seed in (1, 2))
    found = hs.diagnose(before, now)
    assert found.cause == "none"
    by_name = {row.name: row for row in found.columns}
    assert by_name["same"].share == 0
