"""Trap: a current column without a value, or a chunk without a row, crashed or said NaN is drift.

Raw values by the default tests: comparison/test_compare.py; several columns:
multivariate/test_multivariate.py; estimates: estimate/test_cbpe.py and test_dle.py; diagnosis:
diagnosis/test_breaks.py; metrics and detectors: the law "emptiness" (laws/test_plugins.py).
"""

import math

import numpy as np
import pytest
from everything import detector
from samples import CASES, SIDES, batch, column, for_test, people

import homeostat as hs
from homeostat.comparison import two_sample
from homeostat.state import to_bytes

MISSING = ([None] * 30, np.full(30, np.nan), np.full(30, np.datetime64("NaT", "us")))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("test", "kind"), CASES)
def test_all_missing_is_a_change_of_the_missing_share_alone(test, kind, side):
    reference = SIDES[side]({"x": for_test(test, kind, 40)})
    for missing in MISSING:
        row = hs.compare(reference, {"x": missing}, tests={"x": test})["x"]
        assert (row.p_value, row.needed, row.n_current) == (None, 10, 0)
        assert math.isnan(row.statistic)
        assert row.missing.drift
        assert row.verdict == "missing values"


def test_all_missing_features_are_a_broken_pipe():
    lost = people(100, 1) | {"age": np.full(100, np.nan)}
    engine = hs.Engine([], [hs.drift.inputs(people(2000, 0), window=100)], hs.DriftStrategy())
    (event,) = engine.observe_batch(batch(lost))
    assert (event.metric, event.direction) == ("schema", "broken")
    assert event.evidence["schema"] == ["'age' is gone"]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", ["number", "truth", "category", "time"])
def test_zero_rows_are_too_little_data(kind, side):
    some = column(kind, 40)
    for before, after in ((some, some[:0]), (some[:0], some), (some[:0], some[:0])):
        row = hs.compare(SIDES[side]({"x": before}), {"x": after}, {"x": "psi"})["x"]
        assert (row.verdict, row.p_value, row.needed) == ("too little data", None, 10)
        assert not row.drift


def test_a_chunk_of_no_rows_changes_nothing():
    stream = batch(people(450, 1), wrong=np.arange(450) % 10 == 0)

    def engine():
        inputs = hs.drift.inputs(people(2000, 0), window=100, budget="1 per 200 records")
        by_city = hs.drift.BySegment(detector("error_rate"), by="city")
        metrics = [hs.AccuracyMetric(50), hs.MAE(), hs.Windowed(hs.F1(window=30), window=40)]
        return hs.Engine(metrics, [inputs, by_city, hs.Episodes(hs.ADWIN())])

    plain, chunked = engine(), engine()
    events = list(plain.observe_batch(stream))
    found = list(chunked.observe_batch(stream[:0]))
    assert found == []
    for start in range(0, 450, 150):
        found += chunked.observe_batch(stream[start : start + 150])
        assert list(chunked.observe_batch(stream[:0])) == []
    assert found == events
    assert to_bytes(chunked.snapshot()) == to_bytes(plain.snapshot())


def test_a_profile_of_no_rows_changes_nothing():
    reference = hs.Reference.fit(people(200, 0))
    profile = reference.profile(people(100, 1))
    before = to_bytes(profile.snapshot())
    profile.update({name: values[:0] for name, values in people(1, 0).items()})
    profile.merge(reference.profile())
    assert to_bytes(profile.snapshot()) == before


def test_nothing_at_all_gets_an_answer():
    nothing = {name: values[:0] for name, values in people(1, 0).items()}
    assert hs.Reference.fit(nothing).rows == 0
    assert hs.diagnose(people(100, 0), nothing).retrain == "not known: too little data"
    assert hs.multivariate.test(people(100, 0), nothing).p_value is None
    assert not hs.compare({}, {}).drift
    assert math.isnan(two_sample("ks", [], [1.0]).p_value)
    fair = hs.fairness(nothing, by="city", prediction="member", label=None, positive=True)
    assert fair.unequal == {}
