"""STEPD: the alarms and warnings of the paper's formulas in plain Python; its laws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from drifting import assert_same_bits_in_any_cut

from homeostat.drift.stepd import STEPD
from homeostat.errors import InvalidInput, InvalidSetting
from homeostat.state import to_bytes
from homeostat.testing import check


def stepping(seed: int, n: int = 20_000, fractions: bool = False) -> np.ndarray:
    """A series whose rate jumps every 500 values."""
    rng = np.random.default_rng(seed)
    rates = np.repeat(rng.choice([0.05, 0.1, 0.2, 0.4, 0.8], size=n // 500), 500)
    if fractions:
        return rng.beta(4 * rates, 4 * (1 - rates))
    return (rng.random(len(rates)) < rates).astype(float)


def paper(
    xs: np.ndarray, w: int, drift: float, warning: float, signs: tuple[int, ...]
) -> tuple[list[int], list[int]]:
    """Every test anew from the values since the restart, by p-values."""
    alarms, warnings, seen = [], [], []
    for at, x in enumerate(xs.tolist()):
        seen.append(x)
        if len(seen) < 2 * w:
            continue
        older, latest = seen[:-w], seen[-w:]
        share, mean = 1 / len(older) + 1 / w, math.fsum(seen) / len(seen)
        spread = math.sqrt(mean * (1 - mean) * share)
        moved = math.fsum(latest) / w - math.fsum(older) / len(older)
        if spread == 0 or all(sign * moved <= 0 for sign in signs):
            continue
        chance = math.erfc((abs(moved) - share / 2) / spread / math.sqrt(2)) / 2
        if chance < drift:
            alarms.append(at)
            seen = []
        elif chance < warning:
            warnings.append(at)
    return alarms, warnings


@pytest.mark.parametrize("fractions", [False, True])
@pytest.mark.parametrize(("w", "drift", "warning"), [(30, 0.003, 0.05), (75, 0.0005, 0.01)])
@pytest.mark.parametrize("mode", ["up", "down", "both"])
def test_alarms_and_warnings_are_the_papers(
    mode: str, w: int, drift: float, warning: float, fractions: bool
) -> None:
    xs = stepping(1, 8_000, fractions)
    signs = {"up": (1,), "down": (-1,), "both": (1, -1)}[mode]
    want = paper(xs, w, drift, warning, signs)
    assert len(want[0]) > 2
    assert len(want[1]) > 20
    alone, alarms, warnings = STEPD(w, drift, warning, mode), [], []
    for at, x in enumerate(xs.tolist()):
        if alone.update(x):
            alarms.append(at)
        if alone.warning:
            warnings.append(at)
    assert (alarms, warnings) == want
    assert STEPD(w, drift, warning, mode).update_many(xs).tolist() == want[0]


@pytest.mark.parametrize(
    "detector", [STEPD(), STEPD(7, mode="both"), STEPD(60, 0.01, on="latency")], ids=repr
)
def test_laws(detector: STEPD) -> None:
    for result in check(detector):
        assert result.ok, str(result)
        assert not result.skipped or result.law == "calm when constant"


def test_rare_errors_are_no_evidence_of_fewer() -> None:
    """The correction makes T negative there; its size is not what is tested."""
    xs = np.zeros(5_000)
    xs[100] = 1.0
    assert STEPD(mode="both").update_many(xs).tolist() == []


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, 0.7, 1.0])
def test_a_constant_never_alarms(constant: float) -> None:
    xs = np.full(30_000, constant)
    assert STEPD(5, 0.5, 0.5, "both").update_many(xs).tolist() == []


@pytest.mark.parametrize("fractions", [False, True])
def test_cutting_changes_nothing(fractions: bool) -> None:
    xs = stepping(3, 20_000, fractions)
    xs[np.random.default_rng(3).random(len(xs)) < 0.1] = np.nan
    assert_same_bits_in_any_cut(lambda: STEPD(20, 0.001, mode="both"), xs)


def test_an_alarm_tells_what_happened() -> None:
    detector = STEPD()
    assert math.isnan(detector.observed)
    assert not detector.warning
    xs = np.repeat([0.0, 1.0], [200, 60])
    found = detector.alarms(xs)
    assert len(found.positions) == 1
    late = int(found.positions[0]) - 199  # errors among the latest 30
    assert found.change[0] == late / 30
    assert found.observed[0] > found.threshold[0] == pytest.approx(2.7478, abs=1e-4)
    assert detector.width == 60 - late


@pytest.mark.parametrize("bad", [1.5, -0.1, math.inf])
def test_values_outside_are_refused_before_any_is_taken(bad: float) -> None:
    detector = STEPD()
    before = to_bytes(detector.snapshot())
    with pytest.raises(InvalidInput, match="x must be"):
        detector.update(bad)
    with pytest.raises(InvalidInput, match=r"xs\[2\]"):
        detector.update_many([math.nan, 1.0, bad])
    assert to_bytes(detector.snapshot()) == before


@pytest.mark.parametrize(
    "settings",
    [
        {"window": 0},
        {"window": 10.0},
        {"alpha_drift": 0.0},
        {"alpha_drift": 0.6},
        {"alpha_drift": "small"},
        {"alpha_drift": math.nan},
        {"alpha_warning": 0.001},
        {"alpha_warning": 0.6},
        {"mode": "sideways"},
        {"mode": ["up"]},
        {"on": ""},
        {"on": None},
    ],
)
def test_settings_outside_their_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        STEPD(**settings)
