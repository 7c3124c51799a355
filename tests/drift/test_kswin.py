"""KSWIN: River's alarms at the same records, given the same draws; SciPy's p-values; its laws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from drifting import assert_same_bits_in_any_cut
from river import drift
from scipy.stats import ks_2samp

from homeostat.drift.kswin import KSWIN, _chance, _distances, _least_significant
from homeostat.errors import InvalidInput, InvalidSetting
from homeostat.state import to_bytes
from homeostat.testing import check


def stepping(seed: int, kind: str = "normal") -> np.ndarray:
    """A series of 1,200 values whose level jumps every 200 values."""
    rng = np.random.default_rng(seed)
    level = np.repeat([0.0, 1.5, 0.0, -1.0, 2.0, 0.0], 200)
    xs = rng.normal(level)
    return {"normal": xs, "ties": np.round(xs), "errors": (xs > 0.5).astype(float)}[kind]


class Draws:
    """Stands in for River's generator: test n draws by the smallest numbers of its own row."""

    def __init__(self, seed: int) -> None:
        self.seed, self.tests = seed, 0

    def sample(self, population: range, k: int) -> list[int]:
        row = -(-len(population) // 4)  # Philox counts in fours
        philox = np.random.Philox(key=self.seed).advance(self.tests * row)
        self.tests += 1
        keys = np.random.Generator(philox).random(len(population))
        return np.argsort(keys)[:k].tolist()


class Mended(drift.KSWIN):
    """River's, which keeps the latest part of the window after an alarm, as it meant to."""

    def __init__(self, draws: Draws, *args: Any) -> None:
        self.draws = draws
        super().__init__(*args)

    def _reset(self) -> None:
        latest = getattr(self, "window", None)
        super()._reset()
        self._rng = self.draws
        self.window = self.window if latest is None else latest


@pytest.mark.parametrize("kind", ["normal", "ties", "errors"])
@pytest.mark.parametrize(
    ("alpha", "window", "stat", "seed"),
    [(0.005, 100, 30, 0), (0.0001, 150, 41, 7), (0.05, 40, 20, 2**64 - 1)],
)
def test_alarms_are_rivers(alpha: float, window: int, stat: int, seed: int, kind: str) -> None:
    xs = stepping(1, kind)
    mended, want = Mended(Draws(seed), alpha, window, stat), []
    for at, x in enumerate(xs.tolist()):
        mended.update(x)
        if mended.drift_detected:
            want.append(at)
    assert len(want) > 2
    assert KSWIN(alpha, window, stat, seed).update_many(xs).tolist() == want
    alone = KSWIN(alpha, window, stat, seed)
    assert [at for at, x in enumerate(xs.tolist()) if alone.update(x)] == want


@pytest.mark.parametrize("n", [1, 2, 7, 30, 100])
def test_chances_are_scipys(n: int) -> None:
    for h in range(1, n + 1):
        first = np.arange(n)
        second = first + h - 0.5  # h of the first lie below all of these
        chance = _chance(n, h)
        if chance < 0.99:  # nearer to 1 SciPy may find its exact sum above 1, and gives it up
            found = ks_2samp(first, second, method="exact")
            assert round(found.statistic * n) == h
            assert chance == pytest.approx(found.pvalue, rel=1e-9)


@pytest.mark.parametrize(("n", "alpha"), [(30, 0.005), (30, 0.0001), (500, 0.01), (1_000, 0.5)])
def test_the_least_distance_is_just_significant(n: int, alpha: float) -> None:
    least = _least_significant(n, alpha)
    assert _chance(n, least) <= alpha
    assert _chance(n, least - 1) > alpha or 10 * (least - 1) <= n


def test_distances_are_scipys() -> None:
    rng = np.random.default_rng(3)
    first, second = np.round(rng.normal(size=(2, 200, 12)), 1)
    want = [ks_2samp(a, b).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(_distances(first, second) / 12, want, atol=1e-12)


def test_draws_are_without_putting_back_and_uniform() -> None:
    drawn = KSWIN()._drawn(4_000)
    assert all(len(set(row)) == 30 for row in drawn.tolist())
    counts = np.bincount(drawn.ravel(), minlength=70)
    expected = 4_000 * 30 / 70
    # a place is in or out, with variance 30/70 * 40/70 a test, and one place less is free
    statistic = ((counts - expected) ** 2).sum() / (expected * 40 / 70) * 69 / 70
    assert 35 < statistic < 115  # chi-square of 69 degrees: beyond with a chance of .0005


def test_another_seed_draws_otherwise() -> None:
    xs = stepping(4)
    assert KSWIN(0.05).update_many(xs).tolist() != KSWIN(0.05, seed=1).update_many(xs).tolist()


@pytest.mark.parametrize("detector", [KSWIN(), KSWIN(0.01, 20, 7, seed=5)], ids=repr)
def test_laws(detector: KSWIN) -> None:
    for result in check(detector):
        assert result.ok, str(result)
        assert not result.skipped, str(result)


def test_cutting_changes_nothing() -> None:
    xs = np.concatenate([stepping(seed) for seed in range(3)])
    xs[np.random.default_rng(3).random(len(xs)) < 0.1] = np.nan
    assert_same_bits_in_any_cut(lambda: KSWIN(0.01), xs)


def test_an_alarm_tells_what_happened() -> None:
    detector = KSWIN(0.0001)
    assert math.isnan(detector.observed)
    assert detector.threshold == 17 / 30
    rng = np.random.default_rng(5)
    xs = np.concatenate([rng.normal(size=300), rng.normal(-4, 1, size=60)])
    found = detector.alarms(xs)
    assert 300 <= found.positions[0] < 325
    assert (found.observed >= found.threshold).all()
    assert found.change[0] < -1.5
    assert detector.width == min(30 + 359 - int(found.positions[-1]), 100)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, 1e101])
def test_values_beyond_are_refused_before_any_is_taken(bad: float) -> None:
    detector = KSWIN()
    before = to_bytes(detector.snapshot())
    with pytest.raises(InvalidInput, match="x must be"):
        detector.update(bad)
    with pytest.raises(InvalidInput, match=r"xs\[2\]"):
        detector.update_many([math.nan, 1.0, bad])
    assert to_bytes(detector.snapshot()) == before


@pytest.mark.parametrize(
    "settings",
    [
        {"alpha": 0.0},
        {"alpha": 1.0},
        {"alpha": "small"},
        {"window_size": 0},
        {"window_size": 100.0},
        {"stat_size": 0},
        {"stat_size": 51},
        {"stat_size": "30"},
        {"stat_size": 3},  # even the largest distance of 3 values is no evidence
        {"seed": -1},
        {"seed": 2**64},
        {"seed": None},
        {"on": ""},
        {"on": 3},
    ],
)
def test_settings_outside_their_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        KSWIN(**settings)
