"""FHDDM: River's alarms at the same records, fed with the share of right answers; its laws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from drifting import assert_same_bits_in_any_cut
from river import drift

from homeostat.drift.fhddm import FHDDM
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


def river(detector: Any, xs: np.ndarray) -> list[int]:
    alarms = []
    for at, x in enumerate(xs.tolist()):
        detector.update(x)
        if detector.drift_detected:
            alarms.append(at)
    return alarms


@pytest.mark.parametrize("fractions", [False, True])
@pytest.mark.parametrize(("window", "delta"), [(100, 1e-6), (25, 0.001), (1_000, 1e-7)])
def test_alarms_are_rivers(window: int, delta: float, fractions: bool) -> None:
    xs = stepping(1, fractions=fractions)
    want = river(drift.binary.FHDDM(window, delta), 1 - xs)
    assert len(want) > 4
    alone = FHDDM(window, delta)
    assert [at for at, x in enumerate(xs.tolist()) if alone.update(x)] == want
    assert FHDDM(window, delta).update_many(xs).tolist() == want


@pytest.mark.parametrize("detector", [FHDDM(), FHDDM(7), FHDDM(60, 0.01, on="latency")], ids=repr)
def test_laws(detector: FHDDM) -> None:
    for result in check(detector):
        assert result.ok, str(result)
        assert not result.skipped or result.law == "calm when constant"


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, 0.7, 1.0])
def test_a_constant_never_alarms(constant: float) -> None:
    xs = np.full(30_000, constant)
    assert FHDDM(5, 0.5).update_many(xs).tolist() == []


@pytest.mark.parametrize("fractions", [False, True])
def test_cutting_changes_nothing(fractions: bool) -> None:
    xs = stepping(3, 20_000, fractions)
    xs[np.random.default_rng(3).random(len(xs)) < 0.1] = np.nan
    assert_same_bits_in_any_cut(lambda: FHDDM(50, 0.001), xs)


def test_an_alarm_tells_what_happened() -> None:
    detector = FHDDM()
    assert math.isnan(detector.observed)
    xs = np.repeat([0.0, 1.0], [200, 110])
    found = detector.alarms(xs)
    assert found.positions.tolist() == [199 + 27]  # 26 of 100 are below the bound of .263
    assert found.observed.tolist() == found.change.tolist() == [0.27]
    assert detector.width == 110 - 27


def test_a_fall_never_alarms() -> None:
    xs = np.repeat([1.0, 0.0], [300, 300])
    assert FHDDM().update_many(xs).tolist() == []
    assert FHDDM().update_many(1 - xs).tolist() == [300 + 26]


@pytest.mark.parametrize("bad", [1.5, -0.1, math.inf])
def test_values_outside_are_refused_before_any_is_taken(bad: float) -> None:
    detector = FHDDM()
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
        {"window": 6},  # no mean of 6 can differ that much
        {"delta": 0.0},
        {"delta": 1.0},
        {"delta": "small"},
        {"delta": math.nan},
        {"on": ""},
        {"on": None},
    ],
)
def test_settings_outside_their_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        FHDDM(**settings)
