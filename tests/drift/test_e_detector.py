"""The e-detector: the paper's formula, its run length for any law, what it must not alarm at."""

from __future__ import annotations

import math

import numpy as np
import pytest

from homeostat.budget import AlarmBudget
from homeostat.drift.e_detection import EDetector, e_detector
from homeostat.errors import InvalidInput, InvalidSetting
from homeostat.plugins import build, spec
from homeostat.testing import parametrize

ODDS = (1.5, 2.1, 3.2, 8.0, 30.0)  # the alternatives that the bets are on


@parametrize(
    EDetector(0.1),
    EDetector(0.05, 0.02, 2_000, "cusum", on="loss"),
    EDetector(0.2, block=7, run_length=500),
)
def test_laws(law):
    result = law.result()
    assert result.ok, result.detail


def errors(n: int, rate: float, seed: int) -> np.ndarray:
    return (np.random.default_rng([seed, 31]).random(n) < rate).astype(float)


def defined(xs: list[float], null: float, kind: str, limit: float) -> list[tuple[int, float]]:
    """Section 2 of the paper: products of gains from every start, summed or the largest."""
    found, since = [], 0
    for t in range(len(xs)):
        levels = []
        for grown in ODDS:
            odds = null / (1 - null) * grown
            q = odds / (1 + odds)
            gains = [x * q / null + (1 - x) * (1 - q) / (1 - null) for x in xs[since : t + 1]]
            products = [math.prod(gains[start:]) for start in range(len(gains))]
            levels.append(math.fsum(products) if kind == "sr" else max(products))
        evidence = math.fsum(levels) / len(levels)
        if evidence >= limit:
            found.append((t, evidence))
            since = t + 1
    return found


@pytest.mark.parametrize("kind", ["sr", "cusum"])
@pytest.mark.parametrize("whole", [True, False])
def test_it_is_what_the_paper_defines(kind: str, whole: bool) -> None:
    rng = np.random.default_rng(3)
    xs = errors(250, 0.4, 1) if whole else rng.beta(2, 4, 250)
    want = defined(xs.tolist(), 0.2 + 0.03, kind, 200.0)
    found = EDetector(0.2, 0.03, 200, kind).alarms(xs)
    assert len(want) >= 2
    assert found.positions.tolist() == [place for place, _ in want]
    assert found.observed.tolist() == pytest.approx([evidence for _, evidence in want])
    assert set(found.threshold.tolist()) == {200.0}


def test_a_block_is_its_mean() -> None:
    xs = errors(4_000, 0.2, 2)
    means = xs.reshape(-1, 8).mean(axis=1)
    whole = EDetector(0.1, run_length=400, block=8).alarms(xs)
    single = EDetector(0.1, run_length=50).alarms(means)
    assert len(single.positions) > 5
    assert whole.positions.tolist() == (single.positions * 8 + 7).tolist()
    assert whole.observed.tolist() == single.observed.tolist()


def healthy(kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Series whose next value has, given all before it, the mean .1."""
    if kind == "errors":
        return (rng.random(n) < 0.1).astype(float)
    if kind == "fractions":
        return rng.beta(1, 9, n)
    wild = np.repeat(rng.random(n // 50) < 0.5, 50)  # spells of errors, and of steady values
    return np.where(wild, rng.random(n) < 0.1, 0.1).astype(float)


@pytest.mark.parametrize("kind", ["errors", "fractions", "spells"])
@pytest.mark.parametrize("gathered", ["sr", "cusum"])
def test_the_run_length_is_kept_whatever_the_law(kind: str, gathered: str) -> None:
    n, length = 1_000_000, 2_000
    found = EDetector(0.1, run_length=length, kind=gathered).update_many(
        healthy(kind, n, np.random.default_rng(9))
    )
    assert len(found) <= n / length + 3 * math.sqrt(n / length)
    if (kind, gathered) == ("errors", "sr"):
        assert len(found) > n / length / 2  # the bound is nearly reached


def test_a_reference_keeps_to_the_budget() -> None:
    found = 0
    for seed in range(60):
        xs = errors(52_000, 0.1, seed)
        found += len(e_detector(xs[:2_000], "1 per 50000 records").update_many(xs[2_000:]))
    assert 0 < found <= 60


@pytest.mark.parametrize(("changed", "limit"), [(0.2, 280), (0.3, 85)])
def test_delays(changed: float, limit: float) -> None:
    delays = []
    for seed in range(80):
        xs = np.concatenate([errors(5_000, 0.1, seed), errors(3_000, changed, seed + 1_000)])
        found = e_detector(xs[:2_000]).update_many(xs[2_000:])
        if not (found < 3_000).any():
            delays.append(found[0] - 2_999)
    assert len(delays) > 70
    assert np.median(delays) <= limit


def test_an_improvement_never_alarms() -> None:
    detector = EDetector(0.1, run_length=10_000)
    assert detector.update_many(errors(200_000, 0.04, 4)).tolist() == []


def test_tolerance_is_a_rise_that_does_not_matter() -> None:
    xs = errors(50_000, 0.13, 5)
    assert len(EDetector(0.1).update_many(xs)) > 20
    assert len(EDetector(0.1, 0.04).update_many(xs)) <= 1


def test_bursts_need_blocks() -> None:
    rng = np.random.default_rng(6)
    anew = rng.random(102_000) < 2 / 3
    anew[0] = True
    drawn = errors(102_000, 0.1, 7)
    xs = drawn[np.maximum.accumulate(np.where(anew, np.arange(len(drawn)), 0))]
    detector = e_detector(xs[:2_000])
    assert detector.block == 10
    assert len(detector.update_many(xs[2_000:])) <= 1
    assert len(EDetector(0.1).update_many(xs)) > 20
    assert e_detector(drawn[:2_000]).block == 1


def test_an_alarm_tells_by_how_much_and_since_when() -> None:
    changes, starts = [], []
    for seed in range(40):
        xs = np.concatenate([errors(3_000, 0.1, seed), errors(1_000, 0.4, seed + 500)])
        found = EDetector(0.1).alarms(xs)
        assert found.since is not None
        changes.append(found.change[0])
        starts.append(found.positions[0] - found.since[0])
    assert np.median(changes) == pytest.approx(0.3, abs=0.1)
    assert np.median(starts) == pytest.approx(3_000, abs=5)
    fresh = EDetector(0.1)
    assert fresh.since == -1
    assert math.isnan(fresh.observed)
    assert math.isnan(fresh.change)


def test_the_reference_sets_the_baseline() -> None:
    xs = errors(2_000, 0.1, 8)
    bounds = [e_detector(xs, level=level).baseline for level in (0.5, 0.8, 0.95)]
    assert xs.mean() < bounds[0] < bounds[1] < bounds[2] < xs.mean() + 0.02
    monthly = e_detector(xs, AlarmBudget("1 per month"), records_per_day=1_000, tolerance=0.01)
    assert monthly.threshold == pytest.approx(30_437.5)
    assert spec(build("detectors", spec(monthly))) == spec(monthly)


def test_bad_input_is_refused_before_any_is_taken() -> None:
    detector = EDetector(0.1)
    with pytest.raises(InvalidInput, match=r"xs\[1\]"):
        detector.update_many([1.0, 1.5])
    assert detector.update_many([]).tolist() == []
    with pytest.raises(InvalidInput, match="within"):
        e_detector([0.5, -1.0] * 50)
    with pytest.raises(InvalidSetting, match="at least 50 values, got 3"):
        e_detector([0.0, 1.0, math.nan, 0.0])
    with pytest.raises(InvalidSetting, match="baseline"):
        e_detector(np.ones(100))


def test_settings_outside_their_range_are_refused() -> None:
    for settings in (
        {"baseline": 0.0}, {"baseline": 1.0}, {"baseline": "low"}, {"tolerance": -0.1},
        {"tolerance": 0.95}, {"run_length": 1}, {"run_length": math.inf}, {"run_length": None},
        {"kind": "sum"}, {"block": 0}, {"block": 2.0}, {"on": ""}, {"on": 3},
    ):  # fmt: skip
        with pytest.raises(InvalidSetting):
            EDetector(**{"baseline": 0.1, **settings})


def test_it_keeps_to_another_budget() -> None:
    detector = EDetector(0.1, 0.02, kind="cusum", block=4, on="score")
    other = detector.within(AlarmBudget("1 per day"), 5_000)
    assert spec(other) == spec(detector) | {"run_length": 5_000.0}
    assert detector.within(AlarmBudget("1 per 3 records")).run_length == 8.0  # two blocks
