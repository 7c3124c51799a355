import numpy as np
import pytest

from homeostat.errors import HomeostatError, InvalidInput, InvalidSetting
from homeostat.estimate import LabelDelay, mean


def waiting(rng, n):
    """Two kinds of record: labels of the second are often wrong, and come slowly."""
    kind = (rng.random(n) < 0.5).astype(int)
    right = (rng.random(n) < np.where(kind, 0.6, 0.95)).astype(float)
    delay = rng.exponential(np.where(kind, 10.0, 1.0))
    age = rng.uniform(0, 20, n)
    return kind, right, np.where(delay <= age, delay, np.nan), age


def test_the_delay_distribution_is_found_among_open_cases():
    rng = np.random.default_rng(51)
    kind, _, delay, age = waiting(rng, 20_000)
    learnt = LabelDelay().fit(delay, age, by=kind)
    at = np.array([1.0, 5.0, 15.0])
    assert learnt.chance(at, by=[0, 0, 0]) == pytest.approx(1 - np.exp(-at), abs=0.02)
    assert learnt.chance(at, by=[1, 1, 1]) == pytest.approx(1 - np.exp(-at / 10), abs=0.02)
    assert np.isnan(learnt.chance([1.0], by=[7])).all()


def test_weights_undo_what_comes_early():
    rng = np.random.default_rng(52)
    truth, naive, weighted, hits = 0.775, [], [], 0
    for _ in range(150):
        kind, right, delay, age = waiting(rng, 2000)
        come = ~np.isnan(delay)
        weights = LabelDelay().fit(delay, age, by=kind).weights(age, by=kind)
        found = mean(right[come], kind[come], kind, weights=weights[come])
        hits += found.lower <= truth <= found.upper
        weighted.append(found.value)
        naive.append(right[come].mean())
    assert np.mean(naive) > truth + 0.03
    assert np.mean(weighted) == pytest.approx(truth, abs=0.005)
    assert hits / 150 > 0.9


def test_coverage_says_provisional_or_final():
    rng = np.random.default_rng(53)
    delay = rng.exponential(1.0, 5000)
    never = rng.random(5000) < 0.2
    learnt = LabelDelay().fit(np.where(never, np.nan, delay), np.full(5000, 30.0))
    young = learnt.coverage([True, False], [0.5, 0.5])
    old = learnt.coverage([True, False], [20.0, 20.0])
    assert young.maturity == pytest.approx(1 - np.exp(-0.5), abs=0.03)
    assert not young.final
    assert old.final
    assert old.eventual == pytest.approx(0.8, abs=0.02)
    assert not learnt.coverage([], []).final
    assert not learnt.coverage([True], [np.nan]).final
    assert np.isnan(learnt.coverage([True], [1.0], by=[9]).maturity)


def test_misuse_is_explained():
    with pytest.raises(HomeostatError, match="fit"):
        LabelDelay().chance([1.0])
    with pytest.raises(InvalidInput, match="below 0"):
        LabelDelay().fit([1.0], [-1.0])
    with pytest.raises(InvalidInput, match="delays"):
        LabelDelay().fit([1.0], [1.0, 2.0])
    with pytest.raises(InvalidInput, match="by"):
        LabelDelay().fit([1.0], [1.0], by=[1, 2])
    with pytest.raises(InvalidSetting):
        LabelDelay().fit([1.0], [1.0]).weights([1.0], floor=0.0)
    with pytest.raises(InvalidSetting):
        LabelDelay().fit([1.0], [1.0]).coverage([True], [1.0], enough=0.0)


def test_nothing_has_come_yet():
    learnt = LabelDelay().fit([np.nan, np.nan], [1.0, 2.0])
    assert learnt.chance([5.0]).tolist() == [0.0]
    assert np.isnan(learnt.weights([5.0])).all()
    assert not learnt.coverage([False], [5.0]).final
