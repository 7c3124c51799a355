"""TwoWindow: the ratios computed anew from the values, its false alarms and delays, its laws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from drifting import assert_same_bits_in_any_cut

from homeostat.drift.two_window import TwoWindow
from homeostat.errors import InvalidInput, InvalidSetting
from homeostat.plugins import build, spec
from homeostat.state import to_bytes
from homeostat.testing import check


def errors(rates: Any, seed: int) -> np.ndarray:
    rates = np.asarray(rates)
    return (np.random.default_rng(seed).random(len(rates)) < rates).astype(float)


def stepping(seed: int, kind: str, n: int = 12_000) -> np.ndarray:
    """A series whose level jumps every 500 values."""
    rng = np.random.default_rng(seed)
    rates = np.repeat(rng.choice([0.05, 0.1, 0.2, 0.4, 0.8], size=n // 500), 500)
    if kind == "errors":
        return (rng.random(len(rates)) < rates).astype(float)
    if kind == "fractions":
        return rng.beta(4 * rates, 4 * (1 - rates))
    return rng.normal(10 + 3 * rates, 0.7)


def bernoulli(values: list[float]) -> float:
    """The highest log-likelihood of these values under one error rate."""
    hits, n = math.fsum(values), len(values)
    return sum(k * math.log(k / n) for k in (hits, n - hits) if k > 1e-9)


def ratio(seen: list[float], length: int, likelihood: str) -> float:
    older, latest = seen[:-length], seen[-length:]
    if likelihood == "errors":
        return bernoulli(older) + bernoulli(latest) - bernoulli(seen)
    within = np.var(older) * len(older) + np.var(latest) * length
    return len(seen) / 2 * math.log(np.var(seen) * len(seen) / within)


def plain(
    xs: np.ndarray, threshold: float, lengths: tuple[int, ...], likelihood: str, mode: str
) -> list[tuple[int, float, float, int]]:
    """Every ratio anew from the values since the restart."""
    found, seen = [], []
    signs = {"up": (1,), "down": (-1,), "both": (1, -1)}[mode]
    for at, x in enumerate(xs.tolist()):
        seen.append(x)
        crossed = []
        for length in lengths:
            if len(seen) < 2 * length:
                continue
            observed = ratio(seen, length, likelihood)
            change = float(np.mean(seen[-length:]) - np.mean(seen[:-length]))
            if observed >= threshold and any(sign * change > 0 for sign in signs):
                crossed.append((observed, change, length - 1))
        if crossed:
            found.append((at, *max(crossed)))
            seen = []
    return found


@pytest.mark.parametrize("mode", ["up", "down", "both"])
@pytest.mark.parametrize("kind", ["errors", "fractions", "normal"])
def test_alarms_are_those_of_the_formulas(kind: str, mode: str) -> None:
    likelihood = "gaussian" if kind == "normal" else "errors"
    threshold = 4.0 if kind == "fractions" else 8.0
    xs = stepping(1, kind, 5_000)
    want = plain(xs, threshold, (20, 90), likelihood, mode)
    assert len(want) > 1
    found = TwoWindow(threshold, (20, 90), likelihood, mode).alarms(xs)
    assert found.positions.tolist() == [row[0] for row in want]
    assert found.since.tolist() == [row[3] for row in want]
    np.testing.assert_allclose(found.observed, [row[1] for row in want], rtol=1e-7)
    np.testing.assert_allclose(found.change, [row[2] for row in want], rtol=1e-9)


def test_false_alarms_and_delays() -> None:
    found = sum(len(TwoWindow().update_many(errors(np.full(100_000, 0.1), s))) for s in range(40))
    assert 0 < found <= 32  # about .6 each; a detector that never alarms would have none
    for changed, limit in ((0.2, 180), (0.3, 60)):
        delays = []
        for seed in range(150):
            positions = TwoWindow().update_many(
                errors(np.repeat([0.1, changed], [5_000, 4_000]), seed)
            )
            if not (positions < 5_000).any():
                delays.append(positions[0] - 4_999 if len(positions) else math.inf)
        assert len(delays) > 130
        assert np.median(delays) <= limit


def test_gaussian_false_alarms_and_delays() -> None:
    found, delays = 0, []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        xs = rng.normal(3.0, 0.2, 20_000)
        positions = TwoWindow(likelihood="gaussian").update_many(xs)
        found += len(positions)
        if not len(positions):
            later = TwoWindow(likelihood="gaussian")
            xs = np.append(xs[:5_000], rng.normal(3.1, 0.2, 2_000))  # half a standard deviation
            delays.append(later.update_many(xs)[0] - 4_999)
    assert found <= 16
    assert np.median(delays) < 90


@pytest.mark.parametrize(
    "detector",
    [
        TwoWindow(),
        TwoWindow(mode="both", recent=[7, 60]),
        TwoWindow(likelihood="gaussian", mode="both"),
        TwoWindow(10.0, [30], "gaussian", on="latency"),
    ],
    ids=repr,
)
def test_laws(detector: TwoWindow) -> None:
    for result in check(detector):
        assert result.ok, str(result)
        assert not result.skipped or (result.law == "calm when constant" and detector.domain)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, 0.7, 1.0])
def test_a_constant_error_never_alarms(constant: float) -> None:
    assert TwoWindow(0.001, mode="both").update_many(np.full(30_000, constant)).tolist() == []


@pytest.mark.parametrize("kind", ["errors", "fractions", "normal"])
def test_cutting_changes_nothing(kind: str) -> None:
    likelihood = "gaussian" if kind == "normal" else "errors"
    xs = np.concatenate([stepping(3, kind), stepping(9, kind, 1_500)])
    xs[np.random.default_rng(3).random(len(xs)) < 0.1] = np.nan
    assert_same_bits_in_any_cut(lambda: TwoWindow(3.0, (20, 90), likelihood, "both"), xs)


def test_an_alarm_tells_what_happened() -> None:
    detector = TwoWindow()
    assert math.isnan(detector.observed)
    assert math.isnan(detector.estimation)
    xs = np.repeat([0.0, 1.0], [300, 80])
    found = detector.alarms(xs)
    assert len(found.positions) == 1
    late = int(found.positions[0]) - 299  # errors among the latest 50
    assert found.change[0] == late / 50
    assert found.observed[0] >= found.threshold[0] == 8.0
    assert detector.width == 80 - late
    assert detector.estimation == 1.0


def test_gaussian_finds_a_jump_without_any_noise() -> None:
    detector = TwoWindow(likelihood="gaussian", mode="both")
    found = detector.alarms(np.repeat([5.0, -2.0], [1_000, 300]))
    assert 1_000 <= found.positions[0] < 1_020
    assert found.change[0] < 0


def test_it_is_described_by_plain_data() -> None:
    detector = TwoWindow(9.0, (30, 100), "gaussian", "both", on="x")
    again = build("detectors", spec(detector) | {"type": "homeostat.drift.two_window:TwoWindow"})
    assert again.recent == detector.recent == [30, 100]
    assert repr(again) == repr(detector)


@pytest.mark.parametrize("bad", [1.5, -0.1, math.inf])
def test_values_outside_are_refused_before_any_is_taken(bad: float) -> None:
    detector = TwoWindow()
    before = to_bytes(detector.snapshot())
    with pytest.raises(InvalidInput, match="x must be"):
        detector.update(bad)
    with pytest.raises(InvalidInput, match=r"xs\[2\]"):
        detector.update_many([math.nan, 1.0, bad])
    assert to_bytes(detector.snapshot()) == before
    other = TwoWindow(likelihood="gaussian")
    if math.isfinite(bad):
        other.update(bad)
    else:
        with pytest.raises(InvalidInput, match="x must be"):
            other.update(bad)


@pytest.mark.parametrize(
    "settings",
    [
        {"threshold": 0.0},
        {"threshold": math.inf},
        {"threshold": math.nan},
        {"threshold": "high"},
        {"recent": []},
        {"recent": 30},
        {"recent": [0]},
        {"recent": ["30"]},
        {"likelihood": "poisson"},
        {"likelihood": None},
        {"mode": "sideways"},
        {"mode": ["up"]},
        {"on": ""},
    ],
)
def test_settings_outside_their_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        TwoWindow(**settings)
