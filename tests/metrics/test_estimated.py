"""Accuracy without labels equals CBPE's on the window, and knows when it is contradicted."""

import math
from itertools import pairwise

import numpy as np
import pytest
from metric_streams import agrees, batched, class_records, memory, record, windows
from sklearn.isotonic import isotonic_regression

from homeostat.certainty import Calibration, certainties, certainty, fitted
from homeostat.errors import InvalidInput, InvalidSetting
from homeostat.estimate import CBPE
from homeostat.metrics.estimated import Estimated
from homeostat.plugins import spec
from homeostat.testing import assert_conforms
from homeostat.testing.streams import column_batch, record_streams

RNG = np.random.default_rng(11)


def reference(n=2000, seed=0, bias=0.0):
    """Scores of predictions, and whether they were right: that often, or less by the bias."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.5, 1.0, n)
    return scores, (rng.random(n) < scores - bias).astype(float)


def served(n, seed=1, bias=0.0, labelled=0.3):
    rng = np.random.default_rng(seed)
    scores, right = reference(n, seed, bias)
    known = rng.random(n) < labelled
    return [
        record("a", None if not given else "a" if good else "b", at, score=float(score))
        for at, (score, good, given) in enumerate(zip(scores, right, known, strict=True))
    ]


def told(metric, records):
    events = [metric.on_record(each) for each in records]
    return [event.payload for event in events if event is not None]


def columns(payloads):
    table = [(each.value, each.lower, each.upper, each.n) for each in payloads]
    return np.array(table, dtype=np.float64).T


@pytest.mark.parametrize("window", [1, 40, 200])
def test_without_calibration_it_is_the_mean_score_with_the_variance_of_outcomes(window):
    records = served(120, labelled=0.0)
    value, lower, upper, n = columns(told(Estimated(window), records))
    parts = [np.array([each.score for each in part]) for part in windows(records, window)]
    agrees(value, [part.mean() for part in parts])
    assert list(n) == [len(part) for part in parts]
    half = [
        1.959963984540054 * math.sqrt((part * (1 - part)).sum()) / len(part)
        if len(part) >= 30
        else math.nan
        for part in parts
    ]
    agrees(lower, np.maximum(np.array(value) - half, 0.0), 1e-9)
    agrees(upper, np.minimum(np.array(value) + half, 1.0), 1e-9)


def test_it_says_what_cbpe_says_of_the_window():
    """CBPE sees the positive class; here every prediction is positive, so both see the same."""
    records = served(800, labelled=0.0)
    scores, right = reference(30_000)
    cbpe = CBPE(y_true="y", y_pred="p", y_score="s", metrics=["accuracy"])
    cbpe.fit({"y": right.astype(int), "s": scores})
    window = np.array([each.score for each in records[-500:]])
    (row,) = cbpe.estimate({"s": window, "p": np.ones(500, int)}).rows
    for metric in (Estimated(500), Estimated.calibrated(scores, right, window=500)):
        last = told(metric, records)[-1]
        assert last.value == pytest.approx(row.value, abs=0.005)
        assert last.upper - last.lower == pytest.approx(row.upper - row.lower, rel=0.05)


def test_the_interval_holds_what_labels_would_show():
    scores, right = reference(600, seed=3, bias=0.1)
    held = 0
    for seed in range(200):
        metric = Estimated.calibrated(scores, right, window=300, level=0.9)
        fresh, outcomes = reference(300, seed=100 + seed, bias=0.1)
        last = told(metric, [record("a", score=float(each)) for each in fresh])[-1]
        held += last.lower <= outcomes.mean() <= last.upper
    assert 0.84 <= held / 200 <= 0.99  # of one calibration, whose error all of them share


def test_an_uncertain_calibration_widens_the_interval():
    records = served(300, labelled=0.0)
    known = [[0.5, 0.5, 0.0], [1.0, 1.0, 0.0]]
    widths = []
    for error in (0.0, 0.001):
        points = [[score, chance, error] for score, chance, _ in known]
        last = told(Estimated(300, calibration=points), records)[-1]
        widths.append((last.upper - last.lower) / 2 / 1.959963984540054)
    scores = np.array([each.score for each in records])
    counts = np.array([(scores < 0.75).sum(), (scores >= 0.75).sum()])
    assert widths[1] ** 2 - widths[0] ** 2 == pytest.approx((counts**2 * 0.001).sum() / 300**2)


def test_labels_that_contradict_it_take_the_interval_away_and_agreement_gives_it_back():
    metric = Estimated(200)
    fair, broken = served(600, seed=5), served(1500, seed=6, bias=0.35)
    assert all(each.lower is not None for each in told(metric, fair)[29:])
    assert metric.believable
    found = told(metric, broken)
    assert not metric.believable
    assert (found[-1].lower, found[-1].upper, found[-1].n) == (None, None, 200)
    assert found[-1].value == pytest.approx(0.75, abs=0.05)  # the value stays
    told(metric, served(1500, seed=7))
    assert metric.believable


def test_few_labels_do_not_make_it_unbelievable():
    metric = Estimated(200)
    told(metric, [record("a", "b", score=0.9)] * 29)
    assert metric.believable
    told(metric, [record("a", "b", score=0.9)])
    assert not metric.believable


def test_a_healthy_stream_stays_believable():
    for seed in range(10):
        metric = Estimated(300)
        assert all(each.lower is not None for each in told(metric, served(2000, seed))[29:])


def test_the_score_is_that_of_the_prediction():
    for each, want in (
        (record("a"), math.nan),
        (record("a", score=0.7), 0.7),
        (record("a", scores={"a": 0.6, "b": 0.4}, score=0.1), 0.6),
        (record("c", scores={"a": 0.6, "b": 0.4}, score=0.1), math.nan),
        (record("b", scores={"a": 0.75}), 0.25),
        (record(1, scores={"0": 0.3, "1.0": 0.7}), 0.7),
        (record("a", scores={}, score=0.2), 0.2),
    ):
        assert certainty(each) == pytest.approx(want, nan_ok=True)
        assert certainties(batched([each]))[0] == pytest.approx(want, nan_ok=True)


@pytest.mark.parametrize("stream", [*record_streams(), ("columns", column_batch(200))])
def test_scores_of_a_batch_are_those_of_its_records(stream):
    batch = stream[1]
    np.testing.assert_array_equal(certainties(batch), [certainty(each) for each in batch])


def test_records_without_score_say_nothing():
    metric = Estimated(5)
    before = memory(metric)
    assert told(metric, class_records(3)) == []
    assert list(metric.on_batch(batched(class_records(3)))) == []
    assert memory(metric) == before


def test_scores_beyond_chances_are_cut():
    values = [each.value for each in told(Estimated(1), [record(score=s) for s in (-5.0, 1e9)])]
    assert values == [0.0, 1.0]


# Calibration ----------------------------------------------------------------------------------


def test_a_calibration_is_isotonic_regression_of_its_blocks():
    scores, right = RNG.random(700), (RNG.random(700) < 0.5).astype(float)
    points = np.array(fitted(scores, right))
    assert len(points) == 10
    order = np.argsort(scores)
    blocks = np.array_split(right[order], 10)
    want = isotonic_regression([b.mean() for b in blocks], sample_weight=list(map(len, blocks)))
    agrees(points[:, 1], want)
    agrees(points[:, 0], [part.mean() for part in np.array_split(scores[order], 10)])


def test_a_calibration_learns_what_scores_mean():
    scores, right = reference(20_000, bias=0.2)
    learnt = Calibration(fitted(scores, right))
    xs = np.linspace(0.55, 0.95, 9)
    agrees(learnt.chances_of(xs), xs - 0.2, 0, 0.03)
    assert learnt.chance(-1.0) == learnt.chances[0]
    assert learnt.chance(9.0) == learnt.chances[-1]


def test_one_score_and_many_give_the_same_bits():
    learnt = Calibration(fitted(*reference(900)))
    xs = np.concatenate([RNG.uniform(-0.5, 1.5, 500), learnt.scores, [-1e300, 1e300, -0.0]])
    assert learnt.chances_of(xs).tolist() == [learnt.chance(x) for x in xs.tolist()]
    assert learnt.nearest_of(xs).tolist() == [learnt.nearest(x) for x in xs.tolist()]


def test_chances_never_fall_as_scores_rise():
    for seed in range(20):
        scores, _ = reference(400, seed)
        right = (np.random.default_rng(seed).random(400) < 1.2 - scores).astype(float)
        points = fitted(np.round(scores, 1), right)
        assert all(one[1] <= other[1] for one, other in pairwise(points))
        Calibration(points)


def test_a_reference_must_be_one():
    with pytest.raises(InvalidInput, match="scores has 29 values"):
        Estimated.calibrated([0.5] * 29, [1] * 29)
    with pytest.raises(InvalidInput, match="correct must be 0 or 1"):
        Estimated.calibrated([0.5] * 40, [0.5] * 40)
    with pytest.raises(InvalidInput, match="correct has 3 values"):
        Estimated.calibrated([0.5] * 40, [1] * 3)
    gaps = Estimated.calibrated([0.5, math.nan] * 30, [1, 1] * 30)
    assert len(gaps.calibration) == 1


@pytest.mark.parametrize(
    "points",
    [
        [], "no", 5, [[0.5, 0.5]], [0.5, 0.5, 0.0], [["0.5", 0.5, 0.0]],
        [[0.5, 0.5, 0.0], [0.5, 0.6, 0.0]], [[0.1, 0.5, 0.0], [0.5, 0.4, 0.0]],
        [[0.1, -0.1, 0.0]], [[0.1, 1.1, 0.0]], [[0.1, 0.5, -1.0]], [[math.nan, 0.5, 0.0]],
        [[0.0, 0.0, 0.0], [1e-320, 1.0, 0.0]], [None],
    ],
)  # fmt: skip
def test_a_calibration_that_is_none_is_refused(points):
    with pytest.raises(InvalidSetting, match="calibration must be"):
        Estimated(calibration=points)


def test_settings_out_of_range():
    for window in (0, 1.5, "9"):
        with pytest.raises(InvalidSetting, match="window"):
            Estimated(window)
    for level in (0, 1.0, "0.9", None):
        with pytest.raises(InvalidSetting, match="level"):
            Estimated(level=level)


def test_its_settings_are_plain_data():
    metric = Estimated.calibrated(*reference(300))
    assert Estimated(**{k: v for k, v in spec(metric).items() if k != "type"}).calibration == (
        metric.calibration
    )
    given = Estimated(calibration=np.array(metric.calibration))
    assert given.calibration == metric.calibration
    extreme = [[-1e308, 0.1, 0.0], [1e308, 0.9, 0.0]]
    assert Estimated(calibration=extreme).calibration == extreme


@pytest.mark.parametrize("metric", [Estimated(7), Estimated(60, 0.5),
                                    Estimated.calibrated(*reference(400), window=50)])  # fmt: skip
def test_laws(metric):
    assert_conforms(metric)
