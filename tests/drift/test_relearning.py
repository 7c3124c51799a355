"""The reference of inputs moves with the model that serves."""

import numpy as np
import pytest

from homeostat import AccuracyMetric, Batch, Reference
from homeostat.drift.windowed import Inputs
from homeostat.engine import Engine
from homeostat.errors import InvalidSetting


def batch(mean, n=2000, seed=1):
    rng = np.random.default_rng(seed)
    return Batch.from_columns(
        model_version="v1", predicted_label="a", latency_ms=1.0,
        created_at="2026-01-01T00:00:00Z", features={"x": rng.normal(mean, 1, n)},
        ground_truth_label=["a"] * n,
    )  # fmt: skip


def engine(relearn):
    usual = Reference.fit({"x": np.random.default_rng(0).normal(0, 1, 5000)})
    return Engine([AccuracyMetric()], [Inputs(usual, 500, relearn=relearn)])


def alarms(made, mean, seed=2):
    return sum(kind.__name__ == "DriftDetected" and n for kind, n in
               made.observe_batch(batch(mean, seed=seed)).counts().items())  # fmt: skip


def test_a_given_reference_stays_unless_it_is_to_be_learned_anew():
    kept, moved = engine(None), engine(1000)
    for made in (kept, moved):
        assert not alarms(made, 0.0)
        made.renew()
        made.observe_batch(batch(3.0))
    assert alarms(kept, 3.0)
    assert not alarms(moved, 3.0)
    assert alarms(moved, 0.0)


@pytest.mark.parametrize("n", [0, 300, 1500])
def test_it_goes_on_from_a_snapshot(n):
    one, two = engine(1000), engine(1000)
    one.renew()
    if n:
        one.observe_batch(batch(3.0, n))
    two.restore(one.snapshot())
    assert two.snapshot() == one.snapshot()
    for made in (one, two):
        made.observe_batch(batch(3.0, seed=5))
    assert two.snapshot() == one.snapshot()


def test_a_snapshot_from_before_brings_the_first_reference_back():
    made = engine(1000)
    before = made.snapshot()
    made.renew()
    made.observe_batch(batch(3.0))
    made.restore(before)
    assert made.snapshot() == before
    assert alarms(made, 3.0)


@pytest.mark.parametrize("relearn", [0, -1, 1.5, "many"])
def test_what_cannot_be(relearn):
    with pytest.raises(InvalidSetting, match="relearn"):
        engine(relearn)
