"""Confidence sequences: the paper's formulas, their coverage, and no dependence on the cutting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from homeostat.confidence import ConfidenceSequence, upper_bound
from homeostat.errors import InvalidInput, InvalidSetting
from homeostat.state import from_bytes, to_bytes

KINDS = ["betting", "bernstein"]


def errors(n: int, seed: int, rate: float = 0.1) -> np.ndarray:
    return (np.random.default_rng([seed, 21]).random(n) < rate).astype(float)


def fractions(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng([seed, 22]).beta(2, 6, n)  # mean .25


def plug_in(xs: list[float], goal: float) -> list[float]:
    """Waudby-Smith and Ramdas, equation 26: the bet before each value."""
    bets = []
    for t in range(1, len(xs) + 1):
        means = [(0.5 + math.fsum(xs[:i])) / (i + 1) for i in range(1, t)]
        squares = math.fsum((x - m) ** 2 for x, m in zip(xs, means, strict=False))
        variance = (0.25 + squares) / t
        bets.append(math.sqrt(2 * goal / (variance * t * math.log(1 + t))))
    return bets


def betting(xs: list[float], level: float, grid: int) -> list[float]:
    """The lower bound by the hedged capital, for each mean of a grid on its own."""
    goal = math.log(2 / (1 - level))
    bets, bounds, best = plug_in(xs, goal), [], 0.0
    for t in range(1, len(xs) + 1):
        for step in range(1, grid):
            m = step / grid
            capital = math.prod(
                1 + min(bet, 0.5 / m) * (x - m) for bet, x in zip(bets[:t], xs, strict=False)
            )
            if capital >= 2 / (1 - level):
                best = max(best, m)
        bounds.append(best)
    return bounds


def bernstein(xs: list[float], level: float) -> list[float]:
    """The lower bound of their theorem 2."""
    goal = math.log(2 / (1 - level))
    bets, bounds, best = [min(bet, 0.5) for bet in plug_in(xs, goal)], [], 0.0
    for t in range(1, len(xs) + 1):
        means = [(0.5 + math.fsum(xs[:i])) / (i + 1) for i in range(t)]
        chance = math.fsum(
            4 * (x - m) ** 2 * (-math.log(1 - bet) - bet) / 4
            for x, m, bet in zip(xs, means, bets, strict=False)
        )
        middle = math.fsum(b * x for b, x in zip(bets[:t], xs, strict=False)) / math.fsum(bets[:t])
        best = max(best, middle - (goal + chance) / math.fsum(bets[:t]))
        bounds.append(best)
    return bounds


@pytest.mark.parametrize("make", [errors, fractions])
def test_betting_is_the_papers(make: object) -> None:
    xs = make(90, 1, 0.4) if make is errors else fractions(90, 1)
    lower, upper = ConfidenceSequence(0.9, grid=25).update_many(xs)
    assert lower.tolist() == pytest.approx(betting(xs.tolist(), 0.9, 25))
    assert upper.tolist() == pytest.approx([1 - b for b in betting((1 - xs).tolist(), 0.9, 25)])
    assert lower[-1] > 0.1


def test_bernstein_is_the_papers() -> None:
    xs = fractions(200, 2)
    lower, upper = ConfidenceSequence(0.9, kind="bernstein").update_many(xs)
    assert lower.tolist() == pytest.approx(bernstein(xs.tolist(), 0.9))
    assert upper.tolist() == pytest.approx([1 - b for b in bernstein((1 - xs).tolist(), 0.9)])
    assert lower[-1] > 0.1


@pytest.mark.parametrize(("kind", "n", "seeds"), [("betting", 300, 200), ("bernstein", 1_000, 300)])
def test_it_covers_the_mean_at_all_times(kind: str, n: int, seeds: int) -> None:
    for make, mean in ((errors, 0.1), (fractions, 0.25)):
        missed = 0
        for seed in range(seeds):
            bounds = ConfidenceSequence(0.8, kind=kind, grid=200).update_many(make(n, seed))
            missed += bool(((bounds[0] > mean) | (bounds[1] < mean)).any())
        assert missed <= 0.2 * seeds + 3 * math.sqrt(0.2 * 0.8 * seeds)
        assert missed > 0  # the whole of [0, 1] would cover, too


def test_it_narrows() -> None:
    xs = errors(10_000, 3)
    widths = {}
    for kind in KINDS:
        lower, upper = ConfidenceSequence(kind=kind).update_many(xs)
        assert (np.diff(lower) >= 0).all()
        assert (np.diff(upper) <= 0).all()
        widths[kind] = upper[-1] - lower[-1]
    assert widths["betting"] < widths["bernstein"] + 0.002  # two steps of the grid
    assert max(widths.values()) < 0.035
    one = ConfidenceSequence(side="lower")
    one.update_many(xs)
    both = ConfidenceSequence()
    both.update_many(xs)
    assert one.lower > both.lower
    assert one.upper == 1.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", ["both", "lower", "upper"])
def test_cutting_and_stopping_change_no_bit(kind: str, side: str) -> None:
    xs, rng = fractions(700, 5), np.random.default_rng(5)
    xs[rng.random(700) < 0.1] = np.nan
    whole = ConfidenceSequence(kind=kind, side=side, grid=100)
    want = whole.update_many(xs)
    cut = ConfidenceSequence(kind=kind, side=side, grid=100)
    found, start = [], 0
    while start < 700:
        stop = start + int(rng.choice([0, 1, 2, 63, 64, 65]))
        found.append(np.stack(cut.update_many(xs[start:stop])))
        again = cut.fresh()
        again.restore(from_bytes(to_bytes(cut.snapshot())))
        cut, start = again, stop
    assert np.concatenate(found, axis=1).tobytes() == np.stack(want).tobytes()
    assert to_bytes(cut.snapshot()) == to_bytes(whole.snapshot())
    single = ConfidenceSequence(kind=kind, side=side, grid=100)
    pairs = [single.update(x) for x in xs[:80].tolist()]
    assert pairs == list(zip(want[0][:80].tolist(), want[1][:80].tolist(), strict=True))


def test_other_units_are_the_same_bounds() -> None:
    xs = fractions(400, 6)
    plain = ConfidenceSequence().update_many(xs)
    scaled = ConfidenceSequence(low=-10, high=30).update_many(40 * xs - 10)
    for own, other in zip(plain, scaled, strict=True):
        np.testing.assert_allclose(40 * own - 10, other, atol=0.0401)  # one step of the grid


def test_a_change_of_the_mean_crosses_the_bounds() -> None:
    sequence = ConfidenceSequence()
    sequence.update_many(errors(5_000, 1, 0.1))
    sequence.update_many(errors(50_000, 2, 0.5))
    assert sequence.lower > sequence.upper


def test_no_observation() -> None:
    sequence = ConfidenceSequence(low=-1, high=1)
    assert sequence.update(math.nan) == (-1.0, 1.0)
    lower, upper = sequence.update_many([])
    assert lower.tolist() == upper.tolist() == []
    sequence.update_many([0.1] * 100)
    assert sequence.update(math.nan) == (sequence.lower, sequence.upper)


def test_values_outside_are_refused_before_any_is_taken() -> None:
    sequence = ConfidenceSequence()
    before = to_bytes(sequence.snapshot())
    with pytest.raises(InvalidInput, match=r"xs\[2\]"):
        sequence.update_many([0.5, math.nan, 1.5])
    assert to_bytes(sequence.snapshot()) == before


def test_settings_outside_their_range_are_refused() -> None:
    for settings in (
        {"level": 0.0}, {"level": 1}, {"level": "high"}, {"low": 1.0}, {"high": math.inf},
        {"low": None}, {"kind": "normal"}, {"side": "left"}, {"grid": 1}, {"grid": 2.5},
    ):  # fmt: skip
        with pytest.raises(InvalidSetting):
            ConfidenceSequence(**settings)


@pytest.mark.parametrize(("ones", "n"), [(0, 1), (0, 50), (1, 60), (200, 2_000), (59, 60)])
def test_the_bound_for_errors_is_scipys(ones: int, n: int) -> None:
    xs = np.repeat([1.0, 0.0], [ones, n - ones])
    assert upper_bound(xs, 0.9) == pytest.approx(stats.beta.ppf(0.9, ones + 1, n - ones), rel=1e-9)


def test_the_bound_for_fractions_covers() -> None:
    bounds = [upper_bound(fractions(300, seed), 0.8) for seed in range(300)]
    missed = sum(bound < 0.25 for bound in bounds)
    assert 0 < missed <= 0.2 * 300 + 3 * math.sqrt(0.2 * 0.8 * 300)
    assert np.median(bounds) < 0.27
    assert upper_bound(np.ones(5)) == upper_bound(np.empty(0)) == 1.0
    with pytest.raises(InvalidInput, match="within"):
        upper_bound(np.array([0.5, 2.0]))
