"""Regression metrics, and sums over windows, equal their oracles at every prefix."""

import math
from fractions import Fraction

import numpy as np
import pytest
from metric_streams import at_every_prefix, batched, labelled, number_records, record, said, values
from sklearn import metrics as sk

from homeostat.batch import Batch
from homeostat.errors import InvalidSetting
from homeostat.metrics.bias import Bias
from homeostat.metrics.mae import MAE
from homeostat.metrics.mape import MAPE
from homeostat.metrics.r2 import R2
from homeostat.metrics.rmse import RMSE
from homeostat.sliding import SlidingMoments, SlidingSum

WINDOWS = [1, 2, 21, 1000]


def r2(true, predicted):
    return math.nan if len(set(true)) < 2 else sk.r2_score(true, predicted)


ORACLES = {
    MAE: sk.mean_absolute_error,
    RMSE: sk.root_mean_squared_error,
    MAPE: sk.mean_absolute_percentage_error,
    R2: r2,
    Bias: lambda true, predicted: np.mean(np.subtract(predicted, true)),
}


def columns(window):
    pairs = [(each.ground_truth_label, each.predicted_label) for each in window]
    return [list(each) for each in zip(*pairs, strict=True)]


@pytest.mark.parametrize("make", ORACLES)
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("seed", [1, 2])
def test_equal_to_the_oracle(make, window, seed):
    records = labelled(number_records(seed, n=130))
    at_every_prefix(make(window), records, lambda part: ORACLES[make](*columns(part)), rel=1e-11)


@pytest.mark.parametrize("make", ORACLES)
def test_a_large_offset_costs_no_digits(make):
    """A running sum of squares would have lost all of them."""
    records = labelled(number_records(3, offset=1e9))
    at_every_prefix(make(25), records, lambda part: ORACLES[make](*columns(part)), rel=1e-6)


@pytest.mark.parametrize("make", [MAE, RMSE, R2, Bias])
def test_an_outlier_leaves_nothing_behind(make):
    records = labelled(number_records(4, missing=0))
    records[20] = record(1e18, -1e18)
    told = values(make(10), records)
    assert told[40:] == pytest.approx(values(make(10), records[31:])[9:], rel=1e-9)


@pytest.mark.parametrize("make", ORACLES)
def test_what_is_no_number_says_nothing(make):
    records = [
        record(1.0, None), record("1.0", 2.0), record(1.0, "2.0"), record("a", "a"),
        record(10**400, 1), record(1.0, 2), record(True, 3.0), record(2.5, 1.0),
    ]  # fmt: skip
    assert [row for row, _, _ in said(make(), records)] == [5, 6, 7]
    (series,) = make().on_batch(batched(records))
    assert series.rows.tolist() == [5, 6, 7]
    np.testing.assert_array_equal(series.values, values(make(), records))


@pytest.mark.parametrize("make", ORACLES)
def test_text_columns_say_nothing(make):
    batch = Batch.from_columns(
        model_version="v", latency_ms=1, created_at=np.datetime64("2026-01-01"),
        predicted_label=np.array(["1", "2"]), ground_truth_label=np.array([1.0, np.nan]),
    )  # fmt: skip
    assert all(len(series.values) == 0 for series in make().on_batch(batch))


@pytest.mark.parametrize("make", ORACLES)
def test_beyond_floats_is_infinite_or_nan_and_passes(make):
    records = [record(1e300, -1e300), record(-1e308, 1e308), record(1e308, -1e308)]
    records += [record(float(n % 3), float(n % 2)) for n in range(12)]
    (series,) = make(3).on_batch(batched(records))
    np.testing.assert_array_equal(series.values, values(make(3), records))
    assert np.isfinite(series.values[9:]).all()


def test_r2_without_spread_is_nan():
    constant = [record(float(n), 0.1) for n in range(30)]
    assert np.isnan(values(R2(7), constant)).all()
    assert np.isnan(values(R2(1), labelled(number_records(1)))).all()
    varied = [record(1.0, float(n < 9)) for n in range(30)]
    assert np.isnan(values(R2(7), varied)).tolist() == [n < 9 or n > 14 for n in range(30)]


def test_mape_near_a_truth_of_zero_is_huge_and_finite():
    (value,) = values(MAPE(), [record(1.0, 0.0)])
    assert value == sk.mean_absolute_percentage_error([0.0], [1.0])


def test_every_rounding_is_that_of_two_short_chains():
    """No sum is off by more than the roundings of its own window's additions."""
    xs = np.random.default_rng(0).normal(size=500) * 10.0 ** np.arange(500)[::-1].clip(0, 30)
    window = 40
    sums = SlidingSum(window).extend(xs)
    for end in range(window, 500):
        part = xs[end - window + 1 : end + 1]
        exact = sum(map(Fraction, part.tolist()))
        bound = window * np.finfo(float).eps * float(np.abs(part).sum())
        assert abs(float(Fraction(float(sums[end])) - exact)) <= bound


@pytest.mark.parametrize("make", [SlidingSum, SlidingMoments])
@pytest.mark.parametrize("window", [1, 2, 3, 50])
def test_cutting_changes_no_bit(make, window):
    rng = np.random.default_rng(window)
    xs = np.concatenate([rng.normal(size=150), [-0.0, 0.0, -0.0], np.full(60, -0.0), [1e200] * 2])
    single = make(window)
    want = np.array([single.push(x) for x in xs.tolist()])
    for pieces in ([], [100], [1, 2, 3, 50, 51, 99], rng.integers(0, len(xs), 9)):
        cut = make(window)
        got = np.concatenate([cut.extend(part) for part in np.split(xs, np.sort(pieces))])
        assert got.tobytes() == want.tobytes()
        for name in make.memory:
            assert np.array_equal(getattr(cut, name), getattr(single, name), equal_nan=True)


@pytest.mark.parametrize("window", [0, -1, 1.5, "9", None, True])
@pytest.mark.parametrize("make", ORACLES)
def test_window_out_of_range(make, window):
    with pytest.raises(InvalidSetting, match="window"):
        make(window)
