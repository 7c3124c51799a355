"""The conformal detector: ranks by definition, its run length for any law, and heavy tails."""

from __future__ import annotations

import math

import numpy as np
import pytest

import homeostat as hs
from homeostat.drift.martingale import ConformalMartingale, conformal
from homeostat.errors import InvalidInput, InvalidSetting
from homeostat.plugins import build, spec
from homeostat.testing import parametrize


@parametrize(
    ConformalMartingale(),
    ConformalMartingale(warm_up=50, kind="cusum", mode="both", run_length=500, on="score"),
    ConformalMartingale([0.0, 1.0, 0.5, 0.2] * 25, block=5, run_length=2_000, mode="down"),
)
def test_laws(law):
    result = law.result()
    assert result.ok, result.detail


def errors(n: int, rate: float, seed: int) -> np.ndarray:
    return (np.random.default_rng([seed, 51]).random(n) < rate).astype(float)


def drawn(seed: int, place: int) -> float:
    """SplitMix64, in whole numbers."""
    golden, most = 0x9E3779B97F4A7C15, 2**64
    state = (seed * 0xD1342543DE82EF95 + (place + 1) * golden) % most
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % most
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % most
    return (((state ^ (state >> 31)) >> 12) + 0.5) / 2**52


def defined(xs: list[float], reference: int, limit: float, step: float, seed: int) -> list[tuple]:
    """Few distinct values, so that every one is a bin: ranks, bets and sums by definition."""
    ranked, gains, found = xs[reference // 2 : reference], [], []
    for place, x in enumerate(xs[reference:], start=reference):
        ranked = [*ranked, x]
        above, equal = sum(y > x for y in ranked), sum(y == x for y in ranked)
        p = (above + drawn(seed, place) * equal) / len(ranked)
        row = [eps * p ** (eps - 1) for eps in (1 / 8, 4 / 8, 7 / 8)]
        for grown in (2.0, 3.5):
            q = step * grown / (step * grown + 1 - step)
            row.append(q / step if p <= step else (1 - q) / (1 - step))
        gains.append(row)
        levels = [
            math.fsum(math.prod(own[start:]) for start in range(len(own)))
            for own in zip(*gains, strict=True)
        ]
        if math.fsum(levels) / len(levels) >= limit:
            found.append((place, math.fsum(levels) / len(levels)))
            return found
    return found


@pytest.mark.parametrize("seed", [0, 7])
def test_it_is_what_the_papers_define(seed: int) -> None:
    xs = np.concatenate([errors(200, 0.2, 1), errors(150, 0.5, 2)])
    step = xs[:30].mean()  # the share of the ones in the half that the bins are from
    want = defined(xs.tolist(), 60, 500.0, float(step), seed)
    found = ConformalMartingale(warm_up=60, run_length=500, seed=seed).alarms(xs)
    assert found.positions[:1].tolist() == [place for place, _ in want]
    assert found.observed[:1].tolist() == pytest.approx([evidence for _, evidence in want])


def healthy(kind: str, n: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    if kind == "errors":
        return (rng.random(n) < 0.1).astype(float)
    if kind == "rare":
        return (rng.random(n) < 0.002).astype(float)
    if kind == "counts":
        return rng.poisson(3.0, n).astype(float)
    return np.abs(rng.standard_cauchy(n))


@pytest.mark.parametrize("kind", ["errors", "rare", "counts", "cauchy"])
@pytest.mark.parametrize("settings", [{}, {"mode": "both", "kind": "cusum"}, {"block": 5}])
def test_the_run_length_is_kept_whatever_the_law(kind: str, settings: dict) -> None:
    n, length = 400_000, 2_000
    detector = ConformalMartingale(warm_up=200, run_length=length, **settings)
    found = detector.update_many(healthy(kind, n))
    assert len(found) <= n / length + 3 * math.sqrt(n / length)
    assert len(found) > 0


@pytest.mark.parametrize(("changed", "limit"), [(0.2, 200), (0.3, 80)])
def test_delays(changed: float, limit: float) -> None:
    delays = []
    for seed in range(80):
        xs = np.concatenate([errors(7_000, 0.1, seed), errors(3_000, changed, seed + 1_000)])
        found = conformal(xs[:2_000]).update_many(xs[2_000:])
        if not (found < 5_000).any():
            delays.append(found[0] - 4_999 if len(found) else math.inf)
    assert len(delays) > 70
    assert np.median(delays) <= limit


def test_heavy_tails() -> None:
    rng = np.random.default_rng(6)
    xs = np.abs(rng.standard_cauchy(4_000))
    xs[3_000:] *= 4
    found = ConformalMartingale().update_many(xs)
    assert 3_000 <= found[0] < 3_050


def test_sides() -> None:
    rng = np.random.default_rng(7)
    xs = rng.normal(size=3_000)
    xs[2_000:] -= 1.5
    firsts = {
        mode: ConformalMartingale(mode=mode).update_many(xs[:2_400]).tolist()
        for mode in ("up", "down", "both")
    }
    assert firsts["up"] == []
    assert 2_000 <= firsts["down"][0] < 2_030
    assert 2_000 <= firsts["both"][0] < 2_040


@pytest.mark.parametrize("constant", [0.0, 1.0, -3.5, 1e9])
def test_a_constant_never_alarms(constant: float) -> None:
    detector = ConformalMartingale(warm_up=20, run_length=20)
    assert detector.update_many(np.full(50_000, constant)).tolist() == []
    assert len(detector.update_many(np.full(30, constant + 1))) > 0


def test_monotone_changes_of_scale_change_nothing() -> None:
    xs = np.random.default_rng(8).normal(size=5_000)
    xs[3_000:] += 1
    plain = ConformalMartingale().alarms(xs)
    bent = ConformalMartingale().alarms(np.exp(xs))
    assert len(plain.positions) > 0
    assert plain.positions.tolist() == bent.positions.tolist()
    assert plain.observed.tolist() == bent.observed.tolist()


def test_with_a_reference_it_goes_on_alarming_without_one_it_learns_anew() -> None:
    xs = np.concatenate([errors(2_000, 0.1, 3), errors(20_000, 0.3, 4)])
    assert len(conformal(xs[:2_000]).update_many(xs[2_000:])) > 100
    assert len(ConformalMartingale(block=10).update_many(xs)) < 5


def test_an_alarm_tells_by_how_much_and_since_when() -> None:
    rng = np.random.default_rng(9)
    xs = rng.normal(size=3_000)
    xs[2_500:] += 2
    found = ConformalMartingale().alarms(xs)
    assert found.change[0] == pytest.approx(2.0, abs=0.8)
    assert found.since is not None
    assert found.positions[0] - found.since[0] == pytest.approx(2_500, abs=5)
    detector = ConformalMartingale()
    assert detector.since == -1
    assert math.isnan(detector.observed)
    assert math.isnan(detector.change)


def test_ties_are_broken_by_the_seed() -> None:
    xs = np.concatenate([errors(3_000, 0.1, 5), errors(500, 0.3, 6)])
    observed = [ConformalMartingale(seed=seed).alarms(xs).observed[0] for seed in (1, 1, 2, 2**70)]
    assert observed[0] == observed[1]
    assert len(set(observed)) == 3


def test_it_is_described_by_plain_data() -> None:
    detector = conformal(errors(300, 0.1, 7), "1 per month", records_per_day=100, mode="both")
    again = build("detectors", spec(detector))
    assert spec(again) == spec(detector)
    assert again.threshold == pytest.approx(304.375)
    xs = errors(2_000, 0.4, 8)
    assert again.update_many(xs).tolist() == detector.update_many(xs).tolist()


def test_bad_input_is_refused() -> None:
    detector = ConformalMartingale()
    with pytest.raises(InvalidInput, match=r"xs\[1\]"):
        detector.update_many([1.0, math.inf])
    assert detector.update(math.nan) is False
    with pytest.raises(InvalidSetting, match="20 to"):
        ConformalMartingale([0.0] * 19)
    with pytest.raises(InvalidSetting, match="200 to"):
        conformal([0.0, math.nan] * 199)


def test_settings_outside_their_range_are_refused() -> None:
    for settings in (
        {"warm_up": 19}, {"warm_up": 10.5}, {"warm_up": 100_001}, {"warm_up": 100, "block": 6},
        {"run_length": 1}, {"run_length": math.inf}, {"run_length": "long"}, {"kind": "sum"},
        {"mode": "left"}, {"block": 0}, {"seed": -1}, {"seed": 0.5}, {"on": ""}, {"on": None},
    ):  # fmt: skip
        with pytest.raises(InvalidSetting):
            ConformalMartingale(**settings)


def test_it_keeps_to_another_budget() -> None:
    detector = conformal(errors(300, 0.1, 7), mode="both", block=4, seed=3, on="score")
    other = detector.within(hs.AlarmBudget("1 per day"), 5_000)
    assert spec(other) == spec(detector) | {"run_length": 5_000.0}
    assert (
        detector.within(hs.AlarmBudget("1 per 3 records")).run_length == 8.0
    )  # two blocks, at least
