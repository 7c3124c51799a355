"""HDDM_W: River's alarms and warnings at the same records, with its start mended; its laws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from drifting import assert_same_bits_in_any_cut
from river import drift
from river.drift.binary import hddm_w as rivers

from homeostat.drift.hddm_w import HDDMW
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


class FromOne(rivers.SampleInfo):
    """River's mean, whose squared weights begin with 1, as in the paper."""

    def update(self, x: float) -> None:
        begins = not self._is_init
        super().update(x)
        if begins:
            self._ibc = 1.0


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
@pytest.mark.parametrize("weight", [0.05, 0.011])
@pytest.mark.parametrize("both", [False, True])
def test_alarms_and_warnings_are_rivers(
    both: bool,
    confidence: tuple[float, float],
    weight: float,
    fractions: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rivers, "SampleInfo", FromOne)
    xs = stepping(1, fractions=fractions)
    want = river(drift.binary.HDDMW(*confidence, weight, two_sided_test=both), xs)
    assert len(want[0]) > 4
    assert len(want[1]) > 10
    mode = "both" if both else "up"
    assert told(HDDMW(*confidence, weight, mode), xs) == want
    assert HDDMW(*confidence, weight, mode).update_many(xs).tolist() == want[0]


def paper(xs: np.ndarray, confidence: float, w: float) -> list[int]:
    """The W-test for an increase in plain Python, from the paper's formulas."""
    factor, found, seen, best = math.log(1 / confidence) / 2, [], [], (math.inf, 0)
    for at, x in enumerate(xs.tolist()):
        seen.append(x)
        mean, square = weighted(seen, w)
        bound = mean + math.sqrt(square * factor)
        if bound < best[0]:
            best = (bound, len(seen))
            continue
        before, after = weighted(seen[: best[1]], w), weighted(seen[best[1] :], w)
        if after[0] - before[0] > math.sqrt((before[1] + after[1]) * factor):
            found.append(at)
            seen, best = [], (math.inf, 0)
    return found


def weighted(xs: list[float], w: float) -> tuple[float, float]:
    """The weighted mean and the sum of its squared weights, from the weights themselves."""
    n = len(xs)
    weights = np.append((1 - w) ** (n - 1), w * (1 - w) ** np.arange(n - 2, -1, -1.0))
    return float(weights @ np.array(xs)), float(weights @ weights)


def test_alarms_are_the_papers() -> None:
    xs = stepping(5, 6_000)
    want = paper(xs, 0.01, 0.05)
    assert len(want) > 4
    assert HDDMW(0.01, 0.05).update_many(xs).tolist() == want


def test_down_is_up_of_the_other_way_round() -> None:
    xs = stepping(2)
    up, down = HDDMW().alarms(1 - xs), HDDMW(mode="down").alarms(xs)
    assert len(up.positions) > 4
    assert up.positions.tolist() == down.positions.tolist()
    assert (down.change < 0).all()
    np.testing.assert_allclose(down.change, -up.change, atol=1e-12)


@pytest.mark.parametrize(
    "detector",
    [HDDMW(), HDDMW(mode="both"), HDDMW(0.05, 0.05, 0.01, "both", on="latency")],
    ids=repr,
)
def test_laws(detector: HDDMW) -> None:
    for result in check(detector):
        assert result.ok, str(result)
        assert not result.skipped or result.law == "calm when constant"


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, 0.7, 1.0])
def test_a_constant_never_alarms(constant: float) -> None:
    xs = np.full(30_000, constant)
    assert HDDMW(0.5, 0.5, mode="both").update_many(xs).tolist() == []


@pytest.mark.parametrize("fractions", [False, True])
def test_cutting_changes_nothing(fractions: bool) -> None:
    xs = stepping(3, 20_000, fractions)
    xs[np.random.default_rng(3).random(len(xs)) < 0.1] = np.nan
    assert_same_bits_in_any_cut(lambda: HDDMW(0.01, 0.05, mode="both"), xs)


def test_an_alarm_tells_what_happened() -> None:
    detector = HDDMW()
    assert math.isnan(detector.observed)
    assert math.isnan(detector.estimation)
    assert not detector.warning
    xs = np.repeat([0.0, 1.0], [200, 100])
    found = detector.alarms(xs)
    assert 200 < found.positions[0] < 230
    assert (found.observed > found.threshold).all()
    assert found.change[0] == 1.0  # the second mean began exactly where the errors did
    assert found.since[0] == found.positions[0] - 200
    assert detector.width == 300 - 1 - found.positions[0]
    assert detector.estimation == 1.0


@pytest.mark.parametrize("bad", [1.5, -0.1, math.inf])
def test_values_outside_are_refused_before_any_is_taken(bad: float) -> None:
    detector = HDDMW()
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
        {"weight": 0.0},
        {"weight": 1.1},
        {"weight": "small"},
        {"weight": 0.3},  # both means together are less certain than 1
        {"mode": "sideways"},
        {"mode": ["up"]},
        {"on": ""},
        {"on": None},
    ],
)
def test_settings_outside_their_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        HDDMW(**settings)


def test_a_negative_zero_is_a_zero() -> None:
    xs = np.where(stepping(6, 3_000) > 0, 1.0, -0.0)
    whole, alone = HDDMW(mode="both"), HDDMW(mode="both")
    whole.update_many(xs)
    for x in xs.tolist():
        alone.update(x)
    assert to_bytes(alone.snapshot()) == to_bytes(whole.snapshot())
