"""Trap: identical reference and current data of twenty rows were called drifted.

Raw 0/1 values: comparison/test_compare.py; several columns: multivariate/test_multivariate.py.
"""

import numpy as np
import pytest
from samples import CASES, SIDES, batch, for_test, people

import homeostat as hs


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("test", "kind"), CASES)
def test_every_test_is_calm(test, kind, side):
    x = {"x": for_test(test, kind, 20)}
    row = hs.compare(SIDES[side](x), x, tests={"x": test}, alpha=0.4)["x"]
    assert not row.drift
    if test == "epps_singleton" and row.p_value is None:  # with counts, or without a spread
        assert row.note
        return
    assert row.p_value > 0.5


def test_a_window_of_the_references_own_rows():
    features = people(20, 0)
    engine = hs.Engine([], [hs.drift.inputs(features, window=20, budget="1 per 100 records")])
    assert list(engine.observe_batch(batch(features))) == []
    latest = engine.detectors[0].latest
    assert latest.alpha == pytest.approx(0.2)
    assert [row.p_value > 0.9 for row in latest] == [True] * 4


def test_a_diagnosis_and_segments():
    features = people(20, 0)
    rows = features | {"predicted_label": np.ones(20), "ground_truth_label": np.arange(20) % 2}
    assert hs.diagnose(rows, rows).cause == "none"
    twice = {name: np.tile(values, 2) for name, values in rows.items()} | {
        "half": [0] * 20 + [1] * 20
    }
    found = hs.fairness(twice, by="half", prediction="member", label=None, positive=True, least=20)
    assert not any(found.unequal.values())
    assert found[1].demographic_parity.value == 0
