"""Accuracy equals scikit-learn's, its interval SciPy's Wilson interval, at every prefix."""

import math

import numpy as np
import pytest
from metric_streams import (
    agrees,
    batched,
    class_records,
    from_memory,
    labelled,
    memory,
    record,
    values,
    windows,
)
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score

from homeostat.batch import Batch
from homeostat.errors import InvalidSetting
from homeostat.events import SystemEvent
from homeostat.intervals import students_t, two_sided
from homeostat.metrics.accuracy import AccuracyMetric
from homeostat.state import settings
from homeostat.testing import assert_conforms


def told(metric, records):
    """Value, n and interval of every event."""
    events = [metric.on_record(each) for each in records]
    payloads = [event.payload for event in events if event is not None]
    return [(each.value, each.n, each.lower, each.upper) for each in payloads]


@pytest.mark.parametrize("window", [1, 7, 40])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_value_and_interval(window, level):
    records = labelled(class_records(window, n=80))
    value, n, lower, upper = zip(*told(AccuracyMetric(window, level), records), strict=True)
    pairs = [
        ([each.ground_truth_label for each in part], [each.predicted_label for each in part])
        for part in windows(records, window)
    ]
    right = [sum(t == p for t, p in zip(*pair, strict=True)) for pair in pairs]
    assert list(n) == [len(truth) for truth, _ in pairs]
    agrees(value, [accuracy_score(*pair) for pair in pairs])
    wilson = [binomtest(k, m).proportion_ci(level, "wilson") for k, m in zip(right, n, strict=True)]
    agrees(lower, [each.low for each in wilson], 1e-9, 1e-12)
    agrees(upper, [each.high for each in wilson], 1e-9, 1e-12)


def test_the_interval_holds_the_accuracy_as_often_as_it_says():
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(400):
        outcomes = rng.random(60) < 0.85
        *_, (_, _, lower, upper) = told(
            AccuracyMetric(60, 0.9), [record("a", "a" if each else "b") for each in outcomes]
        )
        held += lower <= 0.85 <= upper
    assert 0.86 <= held / 400 <= 0.95


def test_without_a_level_nothing_is_added():
    records = class_records(3)
    for value, *bounds in told(AccuracyMetric(9), records):
        assert bounds == [None, None, None]
        assert math.isfinite(value)
    (series,) = AccuracyMetric(9).on_batch(batched(records))
    assert series.bounds is None
    assert AccuracyMetric(9).on_record(record("a", "a")).to_json() == (
        '{"MetricUpdated":{"name":"accuracy","value":1.0,"model_version":"v1",'
        '"created_at":"2026-03-01T00:00:00Z"}}'
    )


def test_a_level_changes_no_value_and_no_memory():
    records = class_records(4)
    plain, sure = AccuracyMetric(20), AccuracyMetric(20, 0.95)
    assert values(plain, records) == values(sure, records)
    assert memory(plain) == memory(sure)
    again = from_memory(sure, memory(plain))
    assert told(again, records[:5]) == told(sure, records[:5])


def test_the_interval_is_read_back_from_json():
    event = AccuracyMetric(9, 0.95).on_record(record("a", "b"))
    assert SystemEvent.from_json(event.to_json()) == event
    assert (event.n, event.lower) == (1, 0.0)


def test_unlabelled_batches_say_nothing():
    (series,) = AccuracyMetric(9, 0.95).on_batch(batched([record("a")] * 3))
    assert [len(each) for each in (series.values, *series.bounds)] == [0, 0, 0, 0]
    (series,) = AccuracyMetric(9, 0.95).on_batch(Batch.from_records([]))
    assert len(series.values) == 0


@pytest.mark.parametrize("given", [(1, 0.95), (37, 0.5), (100_000, 0.999)])
def test_laws(given):
    assert_conforms(AccuracyMetric(*given))


def test_settings():
    assert settings(AccuracyMetric(5, 0.9)) == {"window": 5, "level": 0.9}
    for level in (0, 1, -0.5, math.nan, "0.95", True, [0.9]):
        with pytest.raises(InvalidSetting, match="level must be"):
            AccuracyMetric(level=level)
    for window in (0, 1.5, "100", None, True):
        with pytest.raises(InvalidSetting, match="window must be"):
            AccuracyMetric(window)


@pytest.mark.parametrize(("level", "df", "rel"), [(0.95, 8, 1e-4), (0.95, 28, 1e-7),
                                                  (0.99, 8, 1e-3), (0.5, 8, 1e-5)])  # fmt: skip
def test_students_t(level, df, rel):
    from scipy.stats import t

    assert students_t(two_sided(level), df) == pytest.approx(t.ppf(0.5 + level / 2, df), rel=rel)
