"""Latency quantiles and missing rates equal numpy's at every prefix."""

import math

import numpy as np
import pytest
from metric_streams import at_every_prefix, batched, record, values

from homeostat.batch import Batch
from homeostat.errors import InvalidSetting
from homeostat.metrics.latency_quantile import LatencyQuantile
from homeostat.metrics.missing_rate import MissingRate

WINDOWS = [1, 2, 17, 1000]


@pytest.mark.parametrize("q", [0, 0.05, 0.5, 0.95, 0.999, 1])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("whole", [False, True])
def test_quantiles_are_numpys_to_the_bit(q, window, whole):
    drawn = np.random.default_rng(window).exponential(20.0, 150)
    drawn = np.round(drawn).astype(int) if whole else drawn
    records = [record(latency=x) for x in drawn.tolist()]
    at_every_prefix(
        LatencyQuantile(q, window), records,
        lambda part: np.quantile([float(each.latency_ms) for each in part], q), rel=0, floor=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("q", "name"),
    [(0.5, "p50"), (0.95, "p95"), (0.999, "p99.9"), (0.07, "p7"), (1, "p100"), (0, "p0")],
)
def test_names_of_quantiles(q, name):
    assert LatencyQuantile(q).name == f"latency_ms_{name}"


@pytest.mark.parametrize("q", [-0.1, 1.1, math.nan])
def test_quantile_out_of_range(q):
    with pytest.raises(InvalidSetting, match="q must"):
        LatencyQuantile(q)


FEATURES = [
    None, {}, {"x": None}, {"x": math.nan}, {"x": 0}, {"x": ""}, {"x": False}, {"y": 1}, {"x": 1.5},
]  # fmt: skip


@pytest.mark.parametrize("window", WINDOWS)
def test_missing_rates(window):
    drawn = np.random.default_rng(0).choice(len(FEATURES), 150)
    records = [record(features=FEATURES[at]) for at in drawn]

    def oracle(part):
        return np.mean([(each.features or {}).get("x") is None for each in part])

    at_every_prefix(MissingRate("x", window), records, oracle)
    (series,) = MissingRate("x", window).on_batch(batched(records))
    assert series.values.tolist() == values(MissingRate("x", window), records)


def test_missing_in_columns():
    batch = Batch.from_columns(
        model_version="v", predicted_label="a", latency_ms=[1, 2, 3],
        created_at=np.datetime64("2026-01-01"),
        features={"x": [1.0, np.nan, 2.0], "kind": ["a", None, None]},
    )  # fmt: skip
    for feature, rates in (("x", [0, 1 / 2, 1 / 3]), ("kind", [0, 1 / 2, 2 / 3]), ("no", [1] * 3)):
        (series,) = MissingRate(feature).on_batch(batch)
        assert series.values.tolist() == rates


def test_names_of_features():
    assert MissingRate("user age").name == "missing_rate.user age"
    assert MissingRate("items[0]").name == "missing_rate.items%5B0%5D"


@pytest.mark.parametrize("feature", ["", None, 5])
def test_feature_must_be_named(feature):
    with pytest.raises(InvalidSetting, match="feature"):
        MissingRate(feature)
