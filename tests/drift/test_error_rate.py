"""The default detector: its budget, its delays, what it must not alarm at, and its own laws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from homeostat.budget import AlarmBudget
from homeostat.drift.error_rate import ErrorRate, _run_lengths, _steps, error_rate
from homeostat.errors import InvalidInput, InvalidSetting, SnapshotMismatch
from homeostat.plugins import build, spec
from homeostat.state import from_bytes, to_bytes

BUDGET = AlarmBudget(false_alarms=1, per=100_000)


def chain(rates: np.ndarray, correlation: float, rng: np.random.Generator) -> np.ndarray:
    """Errors at these rates, whose neighbours correlate."""
    drawn = rng.random(len(rates)) < rates
    anew = rng.random(len(rates)) >= correlation
    anew[0] = True
    return drawn[np.maximum.accumulate(np.where(anew, np.arange(len(rates)), 0))].astype(float)


def source(kind: str, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A reference of 2,000 and n healthy records after it."""
    rng = np.random.default_rng([seed, 5])
    rates = np.full(n + 2_000, 0.1)
    if kind == "cycle":
        rates += 0.02 * np.sin(2 * np.pi * (np.arange(n + 2_000) / 5_000 + rng.random()))
    xs = chain(rates, {"bursts": 1 / 3}.get(kind, 0.0), rng)
    return xs[:2_000], xs[2_000:]


def stepping(seed: int, n: int = 9_000, fractions: bool = False) -> np.ndarray:
    """A series whose rate jumps every few hundred records."""
    rng = np.random.default_rng(seed)
    rates = np.repeat(rng.choice([0.05, 0.1, 0.1, 0.2, 0.5], size=n // 500), 500)
    if fractions:
        return rng.beta(8 * rates, 8 * (1 - rates))
    return (rng.random(len(rates)) < rates).astype(float)


@pytest.mark.parametrize(("kind", "seeds"), [("independent", 40), ("bursts", 40), ("cycle", 80)])
def test_false_alarms_keep_to_the_budget(kind: str, seeds: int) -> None:
    found = 0
    for seed in range(seeds):
        reference, xs = source(kind, 100_000, seed)
        found += len(error_rate(reference, BUDGET).update_many(xs))
    assert found <= seeds
    assert found > 0  # a detector that never alarms would keep to any budget


def test_a_lifetime_budget_is_kept() -> None:
    alarmed = 0
    for seed in range(60):
        reference, xs = source("independent", 50_000, seed)
        budget = AlarmBudget(lifetime=0.05, records=50_000)
        alarmed += len(error_rate(reference, budget).update_many(xs)) > 0
    assert alarmed <= 7  # of a true share of .05, P(more than 7) is .006


@pytest.mark.parametrize(("changed", "limit"), [(0.2, 175), (0.3, 65)])
def test_delays(changed: float, limit: float) -> None:
    delays = []
    for seed in range(150):
        reference, xs = source("independent", 5_000, seed)
        rng = np.random.default_rng([seed, 7])
        after = (rng.random(4_000) < changed).astype(float)
        found = error_rate(reference, BUDGET).update_many(np.concatenate([xs, after]))
        if not (found < 5_000).any():
            delays.append(found[0] - 4_999 if len(found) else math.inf)
    assert len(delays) > 130
    assert np.median(delays) <= limit


def test_dependence_is_measured_and_paid_for_where_it_is() -> None:
    alone = [error_rate(source("independent", 0, seed)[0], BUDGET) for seed in range(50)]
    burst = [error_rate(source("bursts", 0, seed)[0], BUDGET) for seed in range(50)]
    assert np.mean([detector.dependence == 1.0 for detector in alone]) > 0.9
    assert 1.7 < np.median([detector.dependence for detector in burst]) < 2.6


def test_steady_fractions_are_found_sooner() -> None:
    rng = np.random.default_rng(4)
    reference = rng.beta(10, 90, 2_000)  # mean .1, a tenth of the spread that 0/1 would have
    detector = error_rate(reference, BUDGET)
    assert detector.dependence < 0.05
    assert detector.update_many(rng.beta(10, 90, 50_000)).tolist() == []
    assert detector.update_many(rng.beta(13, 87, 2_000))[0] < 200


@pytest.mark.parametrize(("rate", "seeds"), [(0.002, 100), (0.02, 20), (0.4, 20), (0.9, 20)])
def test_other_rates_keep_to_the_budget(rate: float, seeds: int) -> None:
    found = 0  # of rare errors more seeds: a reference with too few of them alarms repeatedly
    for seed in range(seeds):
        rng = np.random.default_rng([seed, int(rate * 1000)])
        xs = (rng.random(102_000) < rate).astype(float)
        found += len(error_rate(xs[:2_000], BUDGET).update_many(xs[2_000:]))
    assert found <= seeds


def test_a_small_reference_keeps_to_the_budget() -> None:
    found = 0
    for seed in range(30):
        rng = np.random.default_rng([seed, 100, 10])
        xs = (rng.random(100_100) < 0.1).astype(float)
        found += len(error_rate(xs[:100], BUDGET).update_many(xs[100:]))
    assert found <= 30


def test_an_improvement_never_alarms() -> None:
    rng = np.random.default_rng(8)
    for seed in range(10):
        reference, _ = source("independent", 0, seed)
        detector = error_rate(reference, "1 per 2000 records")
        xs = (rng.random(20_000) < 0.02).astype(float)
        assert detector.update_many(xs).tolist() == []
        assert detector.estimation > 0.06  # it is still measured against the reference


def test_a_lasting_rise_cannot_become_normal() -> None:
    for seed in range(5):
        reference, _ = source("independent", 0, seed)
        detector = error_rate(reference, BUDGET)
        rng = np.random.default_rng([seed, 3])
        found = detector.update_many((rng.random(60_000) < 0.2).astype(float))
        assert (found > 50_000).sum() >= 5
        assert detector.estimation < 0.14


def test_tolerance_is_a_rise_that_does_not_matter() -> None:
    rng = np.random.default_rng(5)
    reference, _ = source("independent", 0, 0)
    xs = (rng.random(50_000) < 0.14).astype(float)
    assert len(error_rate(reference, BUDGET).update_many(xs)) > 10
    assert len(error_rate(reference, BUDGET, tolerance=0.05).update_many(xs)) <= 1


def test_a_larger_budget_has_a_lower_threshold() -> None:
    budgets = ["1 per 1000 records", "1 per 10000 records", "1 per 1000000 records"]
    thresholds = [ErrorRate(0.1, 2_000, budget=text).threshold for text in budgets]
    assert thresholds == sorted(thresholds)
    assert len(set(thresholds)) == 3
    more = [ErrorRate(0.1, n).threshold for n in (1_500, 20_000)]
    assert more[0] > more[1]
    monthly = ErrorRate(0.1, 2_000, budget="1 per month", records_per_day=1_000_000 / 30.4375)
    assert monthly.threshold == thresholds[2]


def test_run_lengths_are_those_of_a_simulation() -> None:
    steps = _steps(0.1, 2.7)
    rates = np.array([0.1, 0.13])
    lengths = _run_lengths(4.0, steps, rates)
    for rate, length in zip(rates, lengths, strict=True):
        rng, level, resets = np.random.default_rng(1), np.zeros(2_000), 0
        for _ in range(3_000):
            level = np.maximum(level + np.where(rng.random(2_000) < rate, *steps), 0.0)
            resets += int((level >= 4.0).sum())
            level[level >= 4.0] = 0.0
        assert 3_000 * 2_000 / resets == pytest.approx(length, rel=0.12)


def columns(found: Any) -> list[bytes]:
    return [column.tobytes() for column in found[:5]]


@pytest.mark.parametrize("fractions", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_cutting_changes_nothing(seed: int, fractions: bool) -> None:
    make = lambda: ErrorRate(0.1, 1_000, 0.7, "1 per 2000 records")  # noqa: E731
    xs = stepping(seed, fractions=fractions)
    xs[np.random.default_rng(seed).random(len(xs)) < 0.1] = np.nan
    whole = make()
    want = whole.alarms(xs)
    assert len(want.positions) > 5
    alone = make()
    rows = []
    for at, x in enumerate(xs.tolist()):
        if alone.update(x):
            rows.append((at, alone.observed, alone.change))
    assert [row[0] for row in rows] == want.positions.tolist()
    assert [row[1] for row in rows] == want.observed.tolist()
    assert [row[2] for row in rows] == want.change.tolist()
    assert to_bytes(alone.snapshot()) == to_bytes(whole.snapshot())
    rng, pieces, start = np.random.default_rng(seed), make(), 0
    found = []
    while start < len(xs):
        stop = start + int(rng.choice([0, 1, 7, 499, 1_500]))
        found += [start + at for at in pieces.update_many(xs[start:stop]).tolist()]
        start = stop
    assert found == want.positions.tolist()
    assert to_bytes(pieces.snapshot()) == to_bytes(whole.snapshot())


def test_a_snapshot_goes_on_as_if_nothing_had_happened() -> None:
    xs = stepping(5)
    whole = ErrorRate(0.1, 1_000)
    first, second = whole.alarms(xs[:4_321]), whole.alarms(xs[4_321:])
    before = ErrorRate(0.1, 1_000)
    assert columns(before.alarms(xs[:4_321])) == columns(first)
    after = before.fresh()
    after.restore(from_bytes(to_bytes(before.snapshot())))
    assert columns(after.alarms(xs[4_321:])) == columns(second)
    assert to_bytes(after.snapshot()) == to_bytes(whole.snapshot())
    with pytest.raises(SnapshotMismatch):
        after.restore({"threshold": 1.0})


def test_it_is_described_by_plain_data() -> None:
    detector = error_rate(stepping(1), AlarmBudget("1 per month"), records_per_day=5_000, on="x")
    again = build("detectors", spec(detector))
    assert spec(again) == spec(detector)
    assert again.threshold == detector.threshold
    assert again.on == "x"


def test_an_alarm_tells_what_happened() -> None:
    detector = ErrorRate(0.1, 5_000)
    assert math.isnan(detector.observed)
    assert math.isnan(detector.change)
    rng = np.random.default_rng(2)
    found = detector.alarms((rng.random(2_000) < 0.4).astype(float))
    assert (found.observed >= found.threshold).all()
    assert 0.15 < np.median(found.change) < 0.6


@pytest.mark.parametrize("bad", [1.5, -0.1, math.inf])
def test_values_outside_are_refused_before_any_is_taken(bad: float) -> None:
    detector = ErrorRate(0.1, 1_000)
    before = to_bytes(detector.snapshot())
    with pytest.raises(InvalidInput, match="x must be"):
        detector.update(bad)
    with pytest.raises(InvalidInput, match=r"xs\[2\]"):
        detector.update_many([math.nan, 1.0, bad])
    assert to_bytes(detector.snapshot()) == before
    with pytest.raises(InvalidInput):
        error_rate([0.0, 1.0, bad] * 100)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_constant_reference_is_one(value: float) -> None:
    detector = error_rate(np.full(2_000, value))
    assert detector.update_many(np.full(50_000, value)).tolist() == []
    assert (detector.update_many(np.full(100, 1.0)).size == 0) is (value == 1.0)


def test_settings_outside_their_range_are_refused() -> None:
    with pytest.raises(InvalidSetting, match="at least 50 values, got 3"):
        error_rate([0.0, 1.0, math.nan, 0.0])
    for settings in (
        {"baseline": 0.0},
        {"baseline": 1.0},
        {"n": 49},
        {"n": 100.0},
        {"dependence": 0.0},
        {"dependence": math.nan},
        {"tolerance": -0.1},
        {"tolerance": 1.0},
        {"on": ""},
        {"budget": "1 per moth"},
        {"budget": "1 per month"},
    ):
        with pytest.raises(InvalidSetting):
            ErrorRate(**{"baseline": 0.1, "n": 1_000, **settings})


def test_a_small_rise_is_found_that_the_sums_and_the_reference_do_not_show() -> None:
    found = early = 0
    for seed in range(12):
        rng = np.random.default_rng([77, seed])
        rates = np.where(np.arange(18_000) < 8_000, 0.217, 0.269)
        xs = (rng.random(18_000) < rates).astype(float)
        alarms = error_rate(xs[:2_000]).alarms(xs[2_000:])
        early += int((alarms.positions < 6_000).sum())
        after = alarms.positions >= 6_000
        if after.any():
            found += 1
            first = int(np.argmax(after))
            assert 0.02 < alarms.change[first] < 0.4
            assert alarms.positions[first] - alarms.since[first] > 3_000
    assert found >= 10
    assert early <= 1


@pytest.mark.parametrize(
    ("errors", "n", "changed", "limit"),
    [
        (0, 200, 0.1, 400),
        (0, 200, 0.2, 120),
        (0, 1_000, 0.05, 500),
        (0, 1_000, 0.1, 250),
        (1, 1_000, 0.05, 500),
        (1, 2_000, 0.01, 3_000),
        (2, 2_000, 0.01, 3_000),
        (4, 2_000, 0.02, 1_500),
    ],
)
def test_a_large_rise_is_found_after_a_reference_of_few_errors(
    errors: int, n: int, changed: float, limit: int
) -> None:
    reference = np.zeros(n)
    reference[(np.arange(errors) + 0.5).astype(int) * (n // max(errors, 1))] = 1.0
    for seed in range(8):
        rng = np.random.default_rng([seed, errors, n])
        found = error_rate(reference).update_many((rng.random(2 * limit) < changed).astype(float))
        assert len(found)
        assert found[0] < 2 * limit
        if seed == 0:
            assert found[0] < limit


@pytest.mark.parametrize(("n", "rate"), [(200, 0.01), (1_000, 0.001), (2_000, 0.001)])
def test_references_that_show_fewer_errors_than_the_truth_keep_to_the_budget(
    n: int, rate: float
) -> None:
    found = unlucky = 0
    for seed in range(40):
        rng = np.random.default_rng([seed, n, round(rate * 1e4)])
        xs = (rng.random(n + 50_000) < rate).astype(float)
        unlucky += int(not xs[:n].any())
        found += len(error_rate(xs[:n]).update_many(xs[n:]))
    assert unlucky > 2  # references without any error, though there are some
    assert found <= 20


def test_few_errors_raise_the_start_no_further_than_their_exact_limit() -> None:
    for errors, n in ((0, 200), (0, 1_000), (1, 1_000), (2, 2_000)):
        detector = ErrorRate((errors + 0.5) / (n + 1), n)
        odds = detector.baseline / (1 - detector.baseline) * math.exp(detector._raised)
        limit = stats.beta.ppf(stats.norm.cdf(2.5), errors + 1, n - errors)
        assert detector.baseline < odds / (1 + odds) < limit * 1.01


def test_runs_that_never_end_are_not_taken_for_short_ones() -> None:
    lengths = _run_lengths(12.8, _steps(0.3, 2.1), np.array([1e-6, 0.001, 0.01, 0.1, 0.3]))
    assert (np.diff(lengths) <= 0.01 * lengths[:-1]).all()  # more errors, shorter runs
    assert (lengths > 1e4).all()
