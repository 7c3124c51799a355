"""Volumes equal a plain count by time."""

import math
from datetime import timedelta

import numpy as np
import pytest
from metric_streams import agrees, batched, bits, memory, record, said, said_in_batches, values

from homeostat.errors import InvalidSetting
from homeostat.metrics.volume import Volume


def by_counting(times, per):
    """The definition: buckets of per/60, the latest 60 of them, late ones left out."""
    width = per / 60
    kept, late = [], 0
    first = latest = int(times[0] // width)
    for time in times:
        bucket = int(time // width)
        latest = max(latest, bucket)
        if bucket > latest - 60:
            kept.append(bucket)
        else:
            late += 1
        count = sum(latest - 60 < each <= latest for each in kept)
        yield (float(count) if latest - first >= 60 else math.nan), late


def streams():
    rng = np.random.default_rng(5)
    steady = np.arange(300) * 0.5
    yield steady
    yield steady + rng.normal(0, 3, 300)  # out of order
    yield np.cumsum(rng.exponential(2.0, 300))
    yield np.cumsum(rng.choice([0.0, 0.25, 1.0, 59.0, 60.0, 61.0, 500.0, -70.0, -3.0], 300))
    yield np.repeat(steady[:30] * 11, 10)
    yield steady - 1e9  # long before 1970


def on(times):
    return [record(at=float(np.round(time * 4) / 4)) for time in times]


def seconds(records):
    return [each.created_at.timestamp() for each in records]


@pytest.mark.parametrize("times", list(streams()))
@pytest.mark.parametrize("per", [60, "2m", timedelta(seconds=15)])
def test_equal_to_counting(times, per):
    records = on(times)
    metric = Volume(per)
    want = list(by_counting(seconds(records), metric.per))
    agrees(values(metric, records), [value for value, _ in want], 0)
    assert metric.late == want[-1][1]


@pytest.mark.parametrize("times", list(streams()))
def test_cutting_changes_nothing(times):
    records = on(times)
    single = Volume()
    told = bits(said(single, records))
    rng = np.random.default_rng(1)
    for cuts in ([], range(1, 300, 7), rng.integers(0, 300, 40)):
        sizes = np.diff(np.sort([0, *cuts, 300])).tolist()
        cut = Volume()
        assert bits(said_in_batches(cut, batched(records), sizes)) == told
        assert memory(cut) == memory(single)


def test_not_known_before_a_whole_period():
    told = values(Volume("1m"), on(np.arange(100)))
    assert np.isnan(told[:60]).all()
    assert told[60:] == [60.0] * 40


@pytest.mark.parametrize(
    ("per", "name"),
    [(60, "1m"), ("90s", "90s"), ("1h", "1h"), ("1d", "1d"), ("36h", "36h"), (0.48, "0.48s")],
)
def test_names(per, name):
    assert Volume(per).name == f"volume_{name}"


@pytest.mark.parametrize("per", [0, -60, "soon", 0.5000001, 1e-6, None])
def test_period_out_of_range(per):
    with pytest.raises(InvalidSetting):
        Volume(per)
