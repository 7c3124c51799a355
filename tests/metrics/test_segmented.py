"""A segmented metric is the metric on the records of each segment alone."""

import math

import numpy as np
import pytest
from metric_streams import batched, bits, memory, record, said, said_in_batches

from homeostat.engine import Engine
from homeostat.errors import InvalidSetting, SnapshotMismatch
from homeostat.events import MetricEvent, MetricUpdated
from homeostat.metrics.accuracy import AccuracyMetric
from homeostat.metrics.mae import MAE
from homeostat.metrics.precision import Precision
from homeostat.metrics.segmented import Segmented, segmented
from homeostat.plugins import build, spec

COUNTRIES = ["DE", "FR", "US", None]


def records(seed=0, n=300):
    rng = np.random.default_rng(seed)

    def one_of(*choices):
        return choices[rng.integers(len(choices))]

    return [
        record(
            one_of("a", "b"),
            one_of("a", "b", "a", "b", None),
            features={"country": one_of(*COUNTRIES), "device": one_of("ios", "pc")},
            metadata=one_of({"tier": 1}, {"tier": 2}, None),
        )
        for _ in range(n)
    ]


def alone(metric, chosen, name):
    """What a metric says of some rows alone, under another name."""
    rows, items = zip(*chosen, strict=True)
    return [(rows[row], name, value) for row, _, value in said(metric, items)]


@pytest.mark.parametrize("metric", [AccuracyMetric(9), Precision(window=9), Precision("micro")])
def test_equal_to_the_metric_on_each_segment_alone(metric):
    items = records()
    want = []
    for country in COUNTRIES:
        for device in ("ios", "pc"):
            chosen = [
                (row, each) for row, each in enumerate(items)
                if (each.features["country"], each.features["device"]) == (country, device)
            ]  # fmt: skip
            name = f"{metric.name}[country={country or 'none'},device={device}]"
            want += alone(metric.fresh(), chosen, name)
    got = said(segmented(metric, by=["country", "device"]), items)
    assert got == sorted(want)


@pytest.mark.parametrize("cap", [1, 2, 100])
def test_segments_beyond_the_cap_are_one(cap):
    items = records(1)
    order = list(dict.fromkeys(each.features["country"] or "none" for each in items))
    want = []
    for at, country in enumerate(order[:cap]):
        chosen = [
            (row, each) for row, each in enumerate(items)
            if (each.features["country"] or "none") == country
        ]  # fmt: skip
        want += alone(AccuracyMetric(9), chosen, f"accuracy[country={order[at]}]")
    rest = [
        (row, each) for row, each in enumerate(items)
        if (each.features["country"] or "none") in order[cap:]
    ]  # fmt: skip
    want += alone(AccuracyMetric(9), rest, "accuracy[other]") if rest else []
    metric = segmented(AccuracyMetric(9), "country", max_segments=cap)
    assert said(metric, items) == sorted(want)
    assert len(metric.segments) == min(cap, 4) + (cap < 4)


class Plain:
    """A metric that has neither a columnar form nor a snapshot."""

    name = "count"

    def __init__(self):
        self.seen = 0

    def on_record(self, each):
        self.seen += 1
        if each.ground_truth_label is None:
            return None
        return MetricUpdated(
            MetricEvent("count", float(self.seen), each.model_version, each.created_at)
        )


def test_a_metric_without_columns_or_snapshot():
    items = records(2)
    single, cut, resumed = (segmented(Plain(), ["country", "metadata.tier"]) for _ in range(3))
    told = said(single, items)
    assert told[-1][1].startswith("count[country=")
    assert said_in_batches(cut, batched(items), [100, 1, 199]) == told
    assert memory(cut) == memory(single)
    first = said(resumed, items[:100])
    again = resumed.fresh()
    again.restore(resumed.snapshot())
    rest = [(row + 100, name, value) for row, name, value in said(again, items[100:])]
    assert first + rest == told


NUMBERS = [1, 1.0, True, 0, False, -0.0, 2, 2.5, 10**30, -(10**30)]
VALUES = [
    *NUMBERS, None, math.nan, "none", "true", "1", "", "a,b=c[d]", "100%", "new\nline", "日本",
    "x" * 64, "x" * 65, "x" * 500, "x" * 499 + "y",
]  # fmt: skip


def names_by(by, items):
    return [name for _, name, _ in said(segmented(AccuracyMetric(), by), items)]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (1, "1"), (1.0, "1"), (True, "true"), (False, "false"), (-0.0, "0"), (2.5, "2.5"),
        (10**30, "1e+30"),
        (None, "none"), (math.nan, "none"), ("", ""), ("DE", "DE"), ("a,=[]", "a%2C%3D%5B%5D"),
        ("100%", "100%25"), ("a b", "a b"), ("\n", "%0A"), ("日本", "日本"), ("x" * 64, "x" * 64),
    ],
)  # fmt: skip
def test_how_values_read(value, read):
    items = [record("a", "a", features={"x": value})]
    assert names_by(["x"], items) == [f"accuracy[x={read}]"]


def test_long_values_are_cut_and_stay_apart():
    texts = ["x" * 65, "x" * 500, "x" * 499 + "y"]
    names = names_by("x", [record("a", "a", features={"x": text}) for text in texts])
    assert len(set(names)) == 3
    assert all(len(name) == len("accuracy[x=]") + 64 for name in names)


def test_any_cutting_gives_the_same_segments():
    rng = np.random.default_rng(3)
    drawn = [VALUES[at] for at in rng.integers(0, len(VALUES), 200)]
    drawn[:40] = [NUMBERS[at] for at in rng.integers(0, 8, 40)]
    items = [
        record(
            "a", "a", features={"x": value}, metadata={"x": None if value != value else value},
        )
        for value in drawn
    ]  # fmt: skip
    for by in ("x", "metadata.x", "features.x"):
        single = segmented(AccuracyMetric(3), by)
        told = bits(said(single, items))
        for sizes in ([200], [3] * 66 + [2], [1] * 40 + [160]):
            cut = segmented(AccuracyMetric(3), by)
            assert bits(said_in_batches(cut, batched(items), sizes)) == told
            assert memory(cut) == memory(single)


def test_what_a_record_can_be_cut_by():
    one = record(
        1, 1.0, features={"model": "f", "x": 3}, metadata={"a": {"b": [1, None]}, "t": True},
        model="m",
    )  # fmt: skip
    for by, read in (
        ("model", "model=m"),
        ("model_version", "model_version=v1"),
        ("predicted_label", "predicted_label=1"),
        ("ground_truth_label", "ground_truth_label=1"),
        ("features.model", "features.model=f"),
        ("x", "x=3"),
        ("metadata.t", "metadata.t=true"),
        ("metadata.a", 'metadata.a={"b":%5B1%2Cnull%5D}'),
        ("metadata.none", "metadata.none=none"),
        ("absent", "absent=none"),
    ):
        assert names_by([by], [one]) == [f"accuracy[{read}]"]
        (series,) = segmented(AccuracyMetric(), [by]).on_batch(batched([one]))
        assert series.name == f"accuracy[{read}]"


def test_segments_in_segments():
    inner = segmented(AccuracyMetric(5), "country", max_segments=2)
    outer = segmented(inner, "device")
    items = records(4)
    told = said(outer, items)
    assert told[0][1].count("[") == 2
    cut = segmented(inner, "device")
    assert said_in_batches(cut, batched(items), [150, 150]) == told
    assert memory(cut) == memory(outer)


def test_made_again_from_its_description():
    metric = segmented(MAE(window=7), ["country", "model_version"], max_segments=3)
    assert spec(metric) == {
        "type": "segmented",
        "metric": {"type": "mae", "window": 7},
        "by": ["country", "model_version"],
        "max_segments": 3,
    }
    assert spec(build("metrics", spec(metric))) == spec(metric)


def test_in_an_engine():
    items = records(5)
    engine = Engine([AccuracyMetric(9), segmented(AccuracyMetric(9), ["country"])])
    other = Engine([AccuracyMetric(9), segmented(AccuracyMetric(9), ["country"])])
    one_by_one = [event for each in items for event in engine.observe(each)]
    assert list(other.observe_batch(batched(items))) == one_by_one
    assert other.snapshot() == engine.snapshot()
    other.restore(engine.snapshot())
    assert other.snapshot() == engine.snapshot()


def test_the_side_that_is_better_is_the_metrics():
    assert segmented(MAE(), "x").greater_is_better is False
    assert segmented(AccuracyMetric(), "x").greater_is_better is True
    assert segmented(Plain(), "x").greater_is_better is None


def test_a_snapshot_of_something_else():
    with pytest.raises(SnapshotMismatch, match="segments"):
        segmented(MAE(), "x").restore(MAE().snapshot())


@pytest.mark.parametrize(
    ("given", "about"),
    [
        ({"metric": "accuracy"}, "metric"),
        ({"by": []}, "by"),
        ({"by": [""]}, "by"),
        ({"by": ["x", "x"]}, "by"),
        ({"by": [5]}, "by"),
        ({"max_segments": 0}, "max_segments"),
        ({"max_segments": 2.5}, "max_segments"),
    ],
)
def test_settings_out_of_range(given, about):
    with pytest.raises(InvalidSetting, match=about):
        Segmented(**{"metric": MAE(), "by": ["x"]} | given)
