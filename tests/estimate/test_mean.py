import math

import numpy as np
import pytest
from scipy import stats

from homeostat.errors import InvalidInput, InvalidSetting
from homeostat.estimate import difference, mean, suggest
from homeostat.estimate.quantiles import t_quantile


@pytest.mark.parametrize("df", [1, 2, 3, 4, 5, 8, 13, 30, 99, 100, 101, 1000, 10**6])
@pytest.mark.parametrize("p", [0.5, 0.6, 0.9, 0.975, 0.995, 0.9999, 0.05])
def test_t_quantile_equals_scipys(p, df):
    assert t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-7, abs=1e-12)


def population(rng, n):
    x = rng.beta(6, 1, n)
    return x, (rng.random(n) < x).astype(float)


@pytest.mark.parametrize("n", [5, 20, 100, 400])
def test_intervals_cover_with_random_labels(n):
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(800):
        x, y = population(rng, 8000)
        found = mean(y[:n], x[:n], x)
        hits += found.lower <= 6 / 7 <= found.upper
    assert 0.93 <= hits / 800 <= (0.99 if n <= 20 else 0.97)


def test_intervals_cover_for_any_number_and_few_labels():
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(2000):
        x = rng.normal(3, 2, 500)
        y = 2 * x + rng.normal(0, 1, 500)
        found = mean(y[:14], x[:14], x)
        hits += found.lower <= 6 <= found.upper
    assert hits / 2000 == pytest.approx(0.95, abs=0.015)


def test_it_removes_what_the_covariate_explains():
    rng = np.random.default_rng(3)
    errors, plain, told = [], [], []
    for _ in range(400):
        x = rng.normal(0, 1, 10_000)
        y = x + rng.normal(0, 1, 10_000)
        found = mean(y[:200], x[:200], x)
        errors.append(found.value)
        plain.append(y[:200].mean())
        told.append(found.variance_removed)
    ratio = np.var(errors) / np.var(plain)
    assert ratio == pytest.approx(0.5 + 0.5 * 200 / 10_000, abs=0.08)
    assert np.mean(told) == pytest.approx(1 - ratio, abs=0.08)


def test_a_useless_covariate_leaves_the_plain_mean():
    rng = np.random.default_rng(4)
    y = rng.normal(size=50)
    for x in (np.ones(50), np.tile([1.0, -1.0], 25)):
        y_even = np.repeat(y[:25], 2)  # not correlated with the second x at all
        found = mean(y_even, x, np.concatenate([x, x]))
        expected = stats.t.interval(0.95, 49, y_even.mean(), stats.sem(y_even))
        assert found.value == pytest.approx(y_even.mean())
        assert (found.lower, found.upper) == pytest.approx(expected)
        assert found.variance_removed == pytest.approx(0)


def test_no_error_seen_is_not_certainty():
    found = mean(np.ones(30), np.linspace(0.8, 1, 30), np.linspace(0.8, 1, 300))
    assert found.value == 1
    assert found.upper == 1
    assert 0.85 < found.lower < 0.92


def test_too_few_labels_say_how_many_are_needed():
    none = mean([], [], [0.5, 0.6])
    one = mean([1.0], [0.5], [0.5, 0.6])
    assert math.isnan(none.value)
    assert one.value == 1
    assert math.isnan(one.lower)
    assert none.needed == one.needed == 2
    assert "too few" in repr(one)


def test_missing_values_are_unlabelled_rows():
    rng = np.random.default_rng(5)
    x, y = population(rng, 300)
    with_gaps = y[:100].copy()
    with_gaps[::5] = np.nan
    kept = np.isfinite(with_gaps)
    assert mean(with_gaps, x[:100], x) == mean(y[:100][kept], x[:100][kept], x)


def test_several_covariates_remove_more():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(5000, 2))
    y = x @ [1, 1] + rng.normal(size=5000)
    both = mean(y[:300], x[:300], x)
    one = mean(y[:300], x[:300, 0], x[:, 0])
    assert both.variance_removed > one.variance_removed + 0.2


@pytest.mark.parametrize("drifted", [False, True])
def test_suggested_labels_stay_valid_and_are_worth_more(drifted):
    rng = np.random.default_rng(7)
    x, y = population(rng, 5000)
    if drifted:  # the model is wrong where it is sure
        y = np.where(x > 0.95, rng.random(5000) < 0.6, y).astype(float)
    errors, hits = [], 0
    for seed in range(600):
        rows, _, weights = suggest(x, 250, seed=seed)
        found = mean(y[rows], x[rows], x, weights=weights)
        errors.append(found.value - y.mean())
        hits += found.lower <= y.mean() <= found.upper
    ratio = np.mean(np.square(errors)) / (y.var() / 250)
    assert 0.925 <= hits / 600 <= 0.985
    assert ratio < (1.5 if drifted else 0.8)


def test_suggestions_have_the_probabilities_they_state():
    x = np.linspace(0, 1, 40)
    counts = np.zeros(40)
    for seed in range(3000):
        counts[suggest(x, 10, seed=seed).rows] += 1
    stated = np.full(40, np.nan)
    for seed in range(60):
        rows, chances, weights = suggest(x, 10, seed=seed)
        stated[rows] = chances
        assert len(rows) == 10
        assert np.allclose(weights, 1 / chances)
    assert np.allclose(counts / 3000, stated, atol=0.04, equal_nan=True)
    assert stated[20] > 2 * stated[0]


def test_suggestion_takes_all_where_all_are_wanted():
    rows, chances, _ = suggest([0.2, 0.9, np.nan], 10)
    assert rows.tolist() == [0, 1, 2]
    assert chances.tolist() == [1, 1, 1]
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    suggest(np.linspace(0, 1, 50), 5)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_suggestion_for_numbers_takes_their_spread():
    rng = np.random.default_rng(8)
    x = rng.normal(10, 3, 2000)
    spread = np.where(x > 12, 5.0, 0.5)
    y = x + rng.normal(size=2000) * spread
    errors = []
    for seed in range(200):
        rows, _, weights = suggest(x, 100, uncertainty=spread, seed=seed)
        errors.append(mean(y[rows], x[rows], x, weights=weights).value - y.mean())
    assert np.mean(np.square(errors)) < 0.4 * y.var() / 100


def test_difference_of_two_windows():
    rng = np.random.default_rng(9)
    hits = 0
    for _ in range(500):
        a, b = rng.normal(1, 1, 12), rng.normal(0, 3, 30)
        found = difference(mean(a, a * 0, [0.0]), mean(b, b * 0, [0.0]))
        hits += found.lower <= 1 <= found.upper
    assert hits / 500 == pytest.approx(0.95, abs=0.03)
    assert math.isnan(difference(mean([], [], []), mean([1, 2], [0, 0], [0])).lower)


def test_what_cannot_be_taken():
    with pytest.raises(InvalidInput, match="x has 1 rows where y has 2"):
        mean([1, 0], [1], [1])
    with pytest.raises(InvalidInput, match="columns"):
        mean([1, 0], [[1, 2], [3, 4]], [1])
    with pytest.raises(InvalidInput, match="weights"):
        mean([1, 0], [1, 0], [1, 0], weights=[1, 0])
    with pytest.raises(InvalidSetting):
        mean([1, 0], [1, 0], [1, 0], level=1.0)
    with pytest.raises(InvalidSetting):
        suggest([0.1], 0)
    with pytest.raises(InvalidInput):
        suggest([], 1)
    with pytest.raises(InvalidInput):
        suggest([0.1], 1, uncertainty=[-1])


def test_labels_for_a_width():
    rng = np.random.default_rng(10)
    x, y = population(rng, 20_000)
    found = mean(y[:200], x[:200], x)
    wanted = found.labels_for(0.02)
    again = mean(y[:wanted], x[:wanted], x)
    assert (again.upper - again.lower) / 2 == pytest.approx(0.02, rel=0.25)
    assert mean([1], [1], [1]).labels_for(0.1) == 2
