"""Page-Hinkley against River, against the definition, and against itself cut in every way."""

from __future__ import annotations

import math
import platform
import sys
from typing import Any

import numpy as np
import pytest

from homeostat import recursion
from homeostat.drift.page_hinkley import PageHinkley
from homeostat.sequential import stretches
from homeostat.state import from_bytes, to_bytes

SETTINGS: list[dict[str, Any]] = [
    {},
    {"threshold": 5.0, "mode": "up"},
    {"threshold": 5.0, "mode": "down", "min_instances": 100},
    {"threshold": 12.0, "alpha": 1.0, "delta": 0.0},
    {"threshold": 2.0, "alpha": 0.99, "delta": 0.1, "min_instances": 1},
]


def shifting(seed: int, kind: str, size: int = 6000) -> np.ndarray:
    """A series whose level jumps every few hundred values."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(20, 1500, size=size // 100)
    level = np.repeat(rng.uniform(0.05, 0.95, size=len(lengths)), lengths)[:size]
    if kind == "errors":
        return (rng.random(size) < level).astype(float)
    if kind == "normal":
        return rng.normal(3 * level, 1.0)
    return rng.normal(1000.0 + level, 0.2)


def columns(alarms: Any) -> list[bytes]:
    return [column.tobytes() for column in alarms[:5]]


@pytest.mark.parametrize("kind", ["errors", "normal", "offset"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_same_alarms_as_river(kind: str, settings: dict[str, Any]) -> None:
    # Not one of the ties that rounding could decide differently occurs in these streams.
    drift = pytest.importorskip("river.drift")
    total = 0
    for seed in range(8):
        values = shifting(seed, kind)
        river, expected = drift.PageHinkley(**settings), []
        for position, value in enumerate(values.tolist()):
            river.update(value)
            if river.drift_detected:
                expected.append(position)
        assert PageHinkley(**settings).update_many(values).tolist() == expected
        total += len(expected)
    assert total >= 16


def by_definition(values: list[float], model: PageHinkley) -> tuple[float, float] | None:
    """Observed and change when the last of the values since a restart alarms, else None."""
    seen: list[tuple[float, float]] = []
    for sign in {"up": [1], "down": [-1], "both": [1, -1]}[model.mode]:
        levels: list[float] = [0.0]
        for n in range(1, len(values) + 1):
            push = sign * (values[n - 1] - np.mean(values[:n])) - model.delta
            levels.append(model.alpha * levels[-1] + push)
        low = 1 + int(np.argmin(levels[1:]))
        if low < len(values):
            change = float(np.mean(values[low:]) - np.mean(values[:low]))
            seen.append((levels[-1] - levels[low], change))
    crossed = [found for found in seen if found[0] > model.threshold]
    return max(crossed) if crossed and len(values) >= model.min_instances else None


@pytest.mark.parametrize("mode", ["up", "down", "both"])
def test_reports_what_the_definition_says(mode: str) -> None:
    model = PageHinkley(threshold=4.0, alpha=0.98, delta=0.05, min_instances=20, mode=mode)
    values = np.random.default_rng(0).normal(np.repeat([0.0, 1.0, -1.0], 60), 0.5)
    alarms = model.alarms(values)
    since: list[float] = []
    found = []
    for position, value in enumerate(values.tolist()):
        since.append(value)
        if report := by_definition(since, model):
            found.append((position, *report))
            since = []
    assert alarms.positions.tolist() == [position for position, *_ in found]
    assert len(found) >= 1
    reported = np.transpose([alarms.observed, alarms.change])
    np.testing.assert_allclose(reported, [report for _, *report in found], rtol=1e-9)
    assert set(alarms.threshold.tolist()) == {4.0}


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_any_cutting_gives_the_same_bits(settings: dict[str, Any]) -> None:
    rng = np.random.default_rng(11)
    values = np.concatenate([shifting(5, "normal"), shifting(6, "errors"), np.full(50, -0.0)])
    values[rng.random(len(values)) < 0.1] = math.nan
    whole = PageHinkley(**settings)
    expected = whole.alarms(values)
    assert len(expected.positions) >= 2
    for largest in (3, 40, 3000):
        cut = PageHinkley(**settings)
        found, start = [], 0
        while start < len(values):
            step = int(rng.integers(0, largest))
            part = cut.alarms(values[start : start + step])
            part.positions.__iadd__(start)
            found.append(part)
            start += step
        joined = [
            np.concatenate(parts) for parts in zip(*(each[:5] for each in found), strict=True)
        ]
        assert columns(joined) == columns(expected)
        assert to_bytes(cut.snapshot()) == to_bytes(whole.snapshot())


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_one_at_a_time_gives_the_same_bits(settings: dict[str, Any]) -> None:
    values = np.concatenate([shifting(7, "normal"), shifting(7, "offset"), [math.nan, -0.0]])
    whole, single = PageHinkley(**settings), PageHinkley(**settings)
    expected, found = whole.alarms(values), []
    for position, value in enumerate(values.tolist()):
        if single.update(value):
            found.append((position, single.observed, single.threshold, single.change, single.since))
    rows = [tuple(row) for row in zip(*(c.tolist() for c in expected[:5]), strict=True)]
    assert found == rows
    assert len(rows) >= 1
    assert to_bytes(single.snapshot()) == to_bytes(whole.snapshot())


def test_how_many_values_are_taken_together_changes_nothing(monkeypatch: Any) -> None:
    values = np.concatenate([shifting(seed, "normal") for seed in range(4)])
    expected = PageHinkley(threshold=20.0)
    alarms = expected.alarms(values)
    for shortest, longest in ((1, 1), (5, 64), (10**6, 10**6)):
        monkeypatch.setattr(stretches, "SHORTEST", shortest)
        monkeypatch.setattr(stretches, "LONGEST", longest)
        other = PageHinkley(threshold=20.0)
        assert columns(other.alarms(values)) == columns(alarms)
        assert to_bytes(other.snapshot()) == to_bytes(expected.snapshot())


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_without_scipy_the_same_bits(monkeypatch: Any, settings: dict[str, Any]) -> None:
    pytest.importorskip("scipy")
    values = np.concatenate([shifting(8, "normal"), np.full(50, -0.0), shifting(8, "offset")])
    recursion._filter_is_exact.cache_clear()
    if platform.machine() in ("x86_64", "AMD64"):  # elsewhere a compiler may fuse the two steps
        assert recursion._filter_is_exact()
    with_scipy = PageHinkley(**settings)
    expected = with_scipy.alarms(values)
    monkeypatch.setitem(sys.modules, "scipy.signal", None)
    recursion._filter_is_exact.cache_clear()
    assert not recursion._filter_is_exact()
    without = PageHinkley(**settings)
    assert columns(without.alarms(values)) == columns(expected)
    assert to_bytes(without.snapshot()) == to_bytes(with_scipy.snapshot())
    monkeypatch.undo()
    recursion._filter_is_exact.cache_clear()


def test_a_filter_that_rounds_otherwise_is_not_used(monkeypatch: Any) -> None:
    def fused(a: float, pushes: Any, carried: Any) -> Any:
        return recursion._looped(a, pushes, carried) * (1 + 2**-52)

    monkeypatch.setattr(recursion, "_filtered", fused)
    recursion._filter_is_exact.cache_clear()
    assert not recursion._filter_is_exact()
    monkeypatch.undo()
    recursion._filter_is_exact.cache_clear()


def test_a_snapshot_goes_on_exactly() -> None:
    values = shifting(9, "normal")
    straight = PageHinkley(threshold=20.0)
    straight.update_many(values)
    for cut in (0, 1, 29, 500, 3001, len(values) - 1):
        first = PageHinkley(threshold=20.0)
        first.update_many(values[:cut])
        second = first.fresh()
        second.restore(from_bytes(to_bytes(first.snapshot())))
        first.update_many(np.full(100, 1e6))
        second.update_many(values[cut:])
        assert to_bytes(second.snapshot()) == to_bytes(straight.snapshot())


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -3.3, 1e15 + 0.3, 1e-300, 1e100])
@pytest.mark.parametrize("delta", [0.0, 0.005])
def test_a_constant_series_never_alarms(value: float, delta: float) -> None:
    model = PageHinkley(min_instances=1, delta=delta, threshold=1e-300, alpha=0.99)
    assert len(model.update_many(np.full(5000, value))) == 0
    assert model.estimation == value


def test_level_and_sign_do_not_matter() -> None:
    # multiples of 1/64 around 2**30 are exact, so centring has to make this exact as well
    values = np.round(shifting(10, "normal") * 64) / 64
    plain = PageHinkley().alarms(values)
    far = PageHinkley().alarms(values + 2.0**30)
    turned = PageHinkley().alarms(-values)
    assert len(plain.positions) >= 2
    assert columns(far) == columns(plain)
    assert turned.observed.tobytes() == plain.observed.tobytes()
    assert turned.change.tobytes() == (-plain.change).tobytes()


def test_modes_watch_their_own_side() -> None:
    rng = np.random.default_rng(2)
    rise = np.concatenate([rng.normal(0, 1, 500), rng.normal(4, 1, 100)])
    found = {
        mode: PageHinkley(delta=0.5, mode=mode).alarms(rise) for mode in ("up", "down", "both")
    }
    assert len(found["down"].positions) == 0
    assert columns(found["up"]) == columns(found["both"])
    assert 500 <= found["up"].positions[0] < 530
    assert found["up"].change[0] == pytest.approx(4, abs=0.5)
    assert PageHinkley(delta=0.5, mode="down").alarms(-rise).change[0] == pytest.approx(-4, abs=0.5)


def test_state_and_report_by_hand() -> None:
    model = PageHinkley(min_instances=3, delta=0.0, threshold=2.0, alpha=1.0)
    assert model.width == 0
    assert math.isnan(model.estimation)
    assert math.isnan(model.observed)
    # means 0, 0, 4/3: deviations 0, 0, 8/3; the lowest level, 0, first stood at the first value
    assert [model.update(x) for x in (0.0, math.nan, 0.0)] == [False, False, False]
    assert (model.width, model.estimation) == (2, 0.0)
    assert model.update(4.0)
    assert model.observed == pytest.approx(8 / 3)
    assert model.change == 2.0
    assert (model.width, model.threshold) == (0, 2.0)
    assert math.isnan(model.estimation)


def test_memory_does_not_grow() -> None:
    model = PageHinkley(threshold=1e9)
    values = np.random.default_rng(0).random(100_000)
    model.update_many(values[:1000])
    small = len(to_bytes(model.snapshot()))
    model.update_many(values[1000:])
    assert len(to_bytes(model.snapshot())) <= small + 8


def test_nothing_in_nothing_out() -> None:
    model = PageHinkley()
    before = to_bytes(model.snapshot())
    assert model.update_many([]).dtype == np.int64
    assert len(model.alarms([math.nan] * 50).positions) == 0
    assert to_bytes(model.snapshot()) == before


@pytest.mark.parametrize("bad", [math.inf, -math.inf, 1e101])
def test_infinite_is_refused_and_leaves_no_trace(bad: float) -> None:
    model = PageHinkley()
    model.update_many(np.arange(5.0))
    before = to_bytes(model.snapshot())
    with pytest.raises(ValueError, match=r"xs\[2\]"):
        model.update_many([1.0, math.nan, bad])
    with pytest.raises(ValueError, match="x must be finite"):
        model.update(bad)
    assert to_bytes(model.snapshot()) == before


@pytest.mark.parametrize(
    "bad",
    [
        {"min_instances": 0},
        {"min_instances": 1.5},
        {"delta": -0.1},
        {"threshold": 0},
        {"threshold": math.inf},
        {"alpha": 0},
        {"alpha": 1.01},
        {"mode": "sideways"},
        {"on": ""},
    ],
    ids=str,
)
def test_parameters_out_of_range_are_named(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        PageHinkley(**bad)
