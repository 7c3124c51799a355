"""HDDM_A: River's alarms and warnings at the same records, and its own laws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from drifting import assert_same_bits_in_any_cut
from river import drift

from homeostat.drift.hddm_a import HDDMA
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


def told(detector: Any, xs: np.ndarray) -> tuple[list[int], list[int]]:
    """Where ours alarms and where it warns, one value after the other."""
    alarms, warnings = [], []
    for at, x in enumerate(xs.tolist()):
        if detector.update(x):
            alarms.append(at)
        if detector.warning:
            warnings.append(at)
    return alarms, warnings


def river(detector: Any, xs: np.ndarray) -> tuple[list[int], list[int]]:
    alarms, warnings = [], []
    for at, x in enumerate(xs.tolist()):
        detector.update(x)
        if detector.drift_detected:
            alarms.append(at)
        elif detector.warning_detected:
            warnings.append(at)
    return alarms, warnings


@pytest.mark.parametrize("fractions", [False, True])
@pytest.mark.parametrize("confidence", [(0.001, 0.005), (0.05, 0.2)])
@pytest.mark.parametrize("both", [False, True])
def test_alarms_and_warnings_are_rivers(
    both: bool, confidence: tuple[float, float], fractions: bool
) -> None:
    xs = stepping(1, fractions=fractions)
    want = river(drift.binary.HDDMA(*confidence, two_sided_test=both), xs)
    assert len(want[0]) > 4
    assert len(want[1]) > 10
    mode = "both" if both else "up"
    assert told(HDDMA(*confidence, mode=mode), xs) == want
    assert HDDMA(*confidence, mode=mode).update_many(xs).tolist() == want[0]


def test_down_is_up_of_the_other_way_round() -> None:
    xs = stepping(2)
    up, down = HDDMA().alarms(1 - xs), HDDMA(mode="down").alarms(xs)
    assert len(up.positions) > 4
    assert up.positions.tolist() == down.positions.tolist()
    assert (down.change < 0).all()
    np.testing.assert_allclose(down.change, -up.change, atol=1e-12)


@pytest.mark.parametrize(
    "detector",
    [HDDMA(), HDDMA(mode="both"), HDDMA(0.05, 0.05, "both", on="latency")],
    ids=repr,
)
def test_laws(detector: HDDMA) -> None:
    for result in check(detector):
        assert result.ok, str(result)
        assert not result.skipped or result.law == "calm when constant"


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, 0.7, 1.0])
def test_a_constant_never_alarms(constant: float) -> None:
    xs = np.full(30_000, constant)
    assert HDDMA(0.5, 0.5, "both").update_many(xs).tolist() == []


@pytest.mark.parametrize("fractions", [False, True])
def test_cutting_changes_nothing(fractions: bool) -> None:
    xs = stepping(3, 20_000, fractions)
    xs[np.random.default_rng(3).random(len(xs)) < 0.1] = np.nan
    assert_same_bits_in_any_cut(lambda: HDDMA(0.01, 0.05, "both"), xs)


def test_an_alarm_tells_what_happened() -> None:
    detector = HDDMA()
    assert math.isnan(detector.observed)
    assert math.isnan(detector.estimation)
    assert not detector.warning
    xs = np.repeat([0.0, 1.0], [200, 100])
    found = detector.alarms(xs)
    assert 200 < found.positions[0] < 230
    assert (found.observed >= found.threshold).all()
    assert found.change[0] == 1.0  # the cut is exactly where the errors began
    assert found.since[0] == found.positions[0] - 200
    assert detector.width == 300 - 1 - found.positions[0]
    assert detector.estimation == 1.0


@pytest.mark.parametrize("bad", [1.5, -0.1, math.inf])
def test_values_outside_are_refused_before_any_is_taken(bad: float) -> None:
    detector = HDDMA()
    before = to_bytes(detector.snapshot())
    with pytest.raises(InvalidInput, match="x must be"):
        detector.update(bad)
    with pytest.raises(InvalidInput, match=r"xs\[2\]"):
        detector.update_many([math.nan, 1.0, bad])
    assert to_bytes(detector.snapshot()) == before


@pytest.mark.parametrize(
    "settings",
    [
        {"drift_confidence": 0.0},
        {"drift_confidence": 1.0},
        {"drift_confidence": "much"},
        {"drift_confidence": math.nan},
        {"warning_confidence": 0.0001},
        {"warning_confidence": 1.0},
        {"mode": "sideways"},
        {"mode": ["up"]},
        {"on": ""},
        {"on": None},
    ],
)
def test_settings_outside_their_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        HDDMA(**settings)
