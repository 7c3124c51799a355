"""Accuracy sharpened by scores equals `homeostat.estimate.mean` on the window."""

import math

import numpy as np
import pytest
from metric_streams import batched, class_records, memory, record, windows

from homeostat.errors import InvalidSetting
from homeostat.estimate import mean
from homeostat.metrics.cuped import Cuped
from homeostat.testing import assert_conforms


def served(n, seed=0, share=0.3, informative=True):
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.0, 1.0, n)
    right = rng.random(n) < (scores if informative else 0.8)
    return [
        record("a", None if not given else "a" if good else "b", at, score=float(score))
        for at, (score, good, given) in enumerate(
            zip(scores, right, rng.random(n) < share, strict=True)
        )
    ]


def told(metric, records):
    events = [metric.on_record(each) for each in records]
    return [event.payload for event in events if event is not None]


def oracle(part, level):
    known = [each for each in part if each.ground_truth_label is not None]
    return mean(
        [float(each.ground_truth_label == each.predicted_label) for each in known],
        [each.score for each in known],
        [each.score for each in part],
        level,
    )


@pytest.mark.parametrize("window", [1, 25, 90, 1000])
@pytest.mark.parametrize("informative", [True, False])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_it_is_the_mean_over_the_window(window, informative, level):
    records = served(250, window, informative=informative)
    found = told(Cuped(window, level), records)
    sharpened = 0
    for got, part in zip(found, windows(records, window), strict=True):
        want = oracle(part, level)
        assert got.n == want.n
        if want.n < 2:
            assert math.isnan(got.value)
        else:
            value = min(max(want.value, 0.0), 1.0)
            assert got.value == pytest.approx(value, rel=1e-9, abs=1e-12)
        if want.n < 10:
            assert got.lower is got.upper is None
        else:
            rel = 1e-7 if want.n >= 30 else 1e-4
            assert got.lower == pytest.approx(want.lower, rel=rel, abs=1e-9)
            assert got.upper == pytest.approx(want.upper, rel=rel, abs=1e-9)
        sharpened += want.variance_removed > 0.05
    assert (sharpened > 50) == (informative and window >= 90)


def test_it_tells_the_variance_removed():
    metric, records = Cuped(200), served(400)
    told(metric, records)
    want = oracle(records[-200:], 0.95).variance_removed
    assert metric.variance_removed == pytest.approx(want, abs=1e-9)
    assert want > 0.1


def test_a_score_that_says_nothing_leaves_the_plain_mean():
    constant = [record("a", "a" if row % 3 else "b", row, score=0.3) for row in range(40)]
    metric = Cuped(40)
    last = told(metric, constant)[-1]
    assert last.value == sum(row % 3 > 0 for row in range(40)) / 40
    assert metric.variance_removed == 0.0


def test_nothing_but_right_answers_is_no_certainty():
    last = told(Cuped(50), [record("a", "a", score=row / 50) for row in range(50)])[-1]
    assert last.value == last.upper == 1.0
    assert 0.9 < last.lower < 0.95


def test_it_needs_fewer_labels_than_the_plain_mean():
    """The error over repeated samples shrinks as the interval says."""
    rng = np.random.default_rng(8)
    errors, plain, held = [], [], 0
    for _ in range(300):
        scores = np.where(rng.random(400) < 0.5, 0.95, 0.2)
        right = rng.random(400) < scores
        known = rng.permutation(400) < 60
        metric = Cuped(400, 0.9)
        (series,) = metric.on_batch(
            batched(
                [
                    record("a", None if not given else "a" if good else "b", score=float(score))
                    for score, good, given in zip(scores, right, known, strict=True)
                ]
            )
        )
        errors.append(series.values[-1] - 0.575)
        plain.append(right[known].mean() - 0.575)
        held += series.bounds.lower[-1] <= 0.575 <= series.bounds.upper[-1]
    assert np.var(errors) < 0.65 * np.var(plain)
    assert 0.85 <= held / 300 <= 0.95


def test_records_without_score_say_nothing():
    metric = Cuped(5)
    before = memory(metric)
    assert told(metric, class_records(3)) == []
    assert list(metric.on_batch(batched(class_records(3)))) == []
    assert memory(metric) == before


def test_settings_out_of_range():
    for window in (0, 2.5, "9", None):
        with pytest.raises(InvalidSetting, match="window"):
            Cuped(window)
    for level in (0, 1.0, "0.9", None, True):
        with pytest.raises(InvalidSetting, match="level"):
            Cuped(level=level)


@pytest.mark.parametrize("metric", [Cuped(2), Cuped(60, 0.5)])
def test_laws(metric):
    assert_conforms(metric)
