"""ADWIN against River, against the definition, and against itself cut in every way."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from homeostat.drift.adwin import ADWIN
from homeostat.state import from_bytes, to_bytes

adwin = sys.modules["homeostat.drift.adwin"]  # the file, not the class that is called so, too

SETTINGS: list[dict[str, Any]] = [
    {},
    {"clock": 1, "delta": 0.05},
    {"clock": 7, "max_buckets": 2, "min_window_length": 1, "grace_period": 0},
    {"clock": 100, "max_buckets": 8, "delta": 0.3, "min_window_length": 20},
    {"delta": 0.3, "grace_period": 200},
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


def pieces(values: np.ndarray, rng: np.random.Generator, largest: int) -> Iterator[np.ndarray]:
    start = 0
    while start < len(values):
        step = int(rng.integers(0, largest))
        yield values[start : start + step]
        start += step


@pytest.mark.parametrize("kind", ["errors", "normal", "offset"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_same_alarms_as_river(kind: str, settings: dict[str, Any]) -> None:
    # Not one of the ties that rounding could decide differently occurs in these streams.
    drift = pytest.importorskip("river.drift")
    total = 0
    for seed in range(8):
        values = shifting(seed, kind)
        river, expected = drift.ADWIN(**settings), []
        for position, value in enumerate(values.tolist()):
            river.update(value)
            if river.drift_detected:
                expected.append(position)
        assert ADWIN(**settings).update_many(values).tolist() == expected
        total += len(expected)
    assert total >= 16


class Definition:
    """The test as the paper has it: all values kept, buckets in lists, one cut at a time."""

    def __init__(self, model: ADWIN) -> None:
        self.model = model
        self.values: list[float] = []
        self.rows: list[list[int]] = [[]]

    def update(self, x: float) -> tuple[float, float, float] | None:
        self.values.append(x)
        self.insert()
        n, model = len(self.values), self.model
        if n % model.clock or n <= model.grace_period:
            return None
        weighed = [self.weigh(cut) for cut in self.cuts()]
        fired = [found for found in weighed if found[0] > found[1]]
        if not fired:
            return None
        self.values, self.rows = [], [[]]
        return max(fired, key=lambda found: found[0] - found[1])

    def insert(self) -> None:
        self.rows[0].append(1)
        for row, buckets in enumerate(self.rows):
            if len(buckets) > self.model.max_buckets:
                if row + 1 == len(self.rows):
                    self.rows.append([])
                self.rows[row + 1].append(buckets.pop(0) + buckets.pop(0))

    def edges(self) -> list[int]:
        sizes = [size for row in reversed(self.rows) for size in row]
        return [int(edge) for edge in np.cumsum(sizes)[:-1]]

    def cuts(self) -> list[int]:
        least, n = self.model.min_window_length, len(self.values)
        return [cut for cut in self.edges() if least <= cut <= n - least]

    def weigh(self, cut: int) -> tuple[float, float, float]:
        n, short = len(self.values), self.model.min_window_length - 1
        change = np.mean(self.values[cut:]) - np.mean(self.values[:cut])
        doubt = math.log(2 * math.log(n) / self.model.delta)
        m = 1 / (1 / (cut - short) + 1 / (n - cut - short))
        bound = math.sqrt(2 / m * np.var(self.values) * doubt) + 2 / (3 * m) * doubt
        return abs(change), bound, change


@pytest.mark.parametrize("settings", SETTINGS[1:], ids=str)
def test_reports_what_the_definition_says(settings: dict[str, Any]) -> None:
    levels = np.repeat([0.0, 2.0, 0.5], [300, 300, 200])
    values = np.random.default_rng(3).normal(levels, 0.5)
    alarms = ADWIN(**settings).alarms(values)
    definition = Definition(ADWIN(**settings))
    found = [(at, report) for at, x in enumerate(values) if (report := definition.update(x))]
    assert alarms.positions.tolist() == [at for at, _ in found]
    assert len(found) == 2
    reported = np.transpose([alarms.observed, alarms.threshold, alarms.change])
    np.testing.assert_allclose(reported, [report for _, report in found], rtol=1e-9)


@pytest.mark.parametrize("max_buckets", [2, 3, 5, 8])
def test_edges_are_those_of_the_histogram(max_buckets: int) -> None:
    ends = np.arange(1, 700)
    edges = adwin._older_edges(ends, max_buckets)
    definition = Definition(ADWIN(max_buckets=max_buckets))
    for column in range(len(ends)):
        definition.values.append(0.0)
        definition.insert()
        assert (np.diff(edges[:, column]) >= 0).all()
        assert sorted(set(edges[:, column].tolist()) - {0}) == definition.edges()


@pytest.mark.parametrize("settings", [*SETTINGS, {"clock": 1000}], ids=str)
def test_any_cutting_gives_the_same_bits(settings: dict[str, Any]) -> None:
    rng = np.random.default_rng(11)
    values = np.concatenate([shifting(5, "normal"), shifting(6, "errors")])
    values[rng.random(len(values)) < 0.1] = math.nan
    whole = ADWIN(**settings)
    expected = whole.alarms(values)
    assert len(expected.positions) >= 2
    for largest in (3, 40, 3000):
        cut = ADWIN(**settings)
        found, start = [], 0
        for piece in pieces(values, rng, largest):
            found.append(cut.alarms(piece))
            found[-1].positions.__iadd__(start)
            start += len(piece)
        joined = [
            np.concatenate(parts) for parts in zip(*(each[:5] for each in found), strict=True)
        ]
        assert columns(joined) == columns(expected)
        assert to_bytes(cut.snapshot()) == to_bytes(whole.snapshot())


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_one_at_a_time_gives_the_same_bits(settings: dict[str, Any]) -> None:
    values = np.insert(shifting(7, "normal"), 100, math.nan)
    whole, single = ADWIN(**settings), ADWIN(**settings)
    expected, found = whole.alarms(values), []
    for position, value in enumerate(values.tolist()):
        if single.update(value):
            found.append((position, single.observed, single.threshold, single.change, single.since))
    rows = [tuple(row) for row in zip(*(c.tolist() for c in expected[:5]), strict=True)]
    assert found == rows
    assert len(rows) >= 1
    assert to_bytes(single.snapshot()) == to_bytes(whole.snapshot())


def test_how_many_checks_are_made_together_changes_nothing(monkeypatch: Any) -> None:
    values = np.concatenate([shifting(8, "normal"), np.random.default_rng(1).normal(size=30_000)])
    expected = ADWIN()
    alarms = expected.alarms(values)
    for first, cells in ((1, 1), (3, 500), (10_000, 10**7)):
        monkeypatch.setattr(adwin, "_FIRST_CHECKS", first)
        monkeypatch.setattr(adwin, "_CELLS", cells)
        other = ADWIN()
        assert columns(other.alarms(values)) == columns(alarms)
        assert to_bytes(other.snapshot()) == to_bytes(expected.snapshot())


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_quick_look_misses_no_alarm(monkeypatch: Any, settings: dict[str, Any]) -> None:
    values = np.concatenate([shifting(seed, "normal") for seed in range(5)])
    expected = ADWIN(**settings).alarms(values)
    everything = lambda self, cuts: cuts.ends > self.grace_period  # noqa: E731
    monkeypatch.setattr(ADWIN, "_suspected", everything)
    assert columns(ADWIN(**settings).alarms(values)) == columns(expected)


def test_a_snapshot_goes_on_exactly() -> None:
    values = shifting(9, "normal")
    straight = ADWIN(clock=7)
    straight.update_many(values)
    for cut in (0, 1, 6, 7, 500, 3001, len(values) - 1):
        first = ADWIN(clock=7)
        first.update_many(values[:cut])
        second = first.fresh()
        second.restore(from_bytes(to_bytes(first.snapshot())))
        first.update_many(np.full(100, 1e6))
        second.update_many(values[cut:])
        assert to_bytes(second.snapshot()) == to_bytes(straight.snapshot())


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -3.3, 1e15 + 0.3, 1e-300, 1e100])
def test_a_constant_series_never_alarms(value: float) -> None:
    model = ADWIN(delta=0.9, clock=1, min_window_length=1, grace_period=0)
    assert len(model.update_many(np.full(5000, value))) == 0
    assert model.estimation == value


def test_level_and_sign_do_not_matter() -> None:
    # multiples of 1/64 around 2**30 are exact, so centring has to make this exact as well
    values = np.round(shifting(10, "normal") * 64) / 64
    plain = ADWIN().alarms(values)
    far = ADWIN().alarms(values + 2.0**30)
    turned = ADWIN().alarms(-values)
    assert len(plain.positions) >= 2
    assert columns(far) == columns(plain)
    assert turned.observed.tobytes() == plain.observed.tobytes()
    assert turned.change.tobytes() == (-plain.change).tobytes()


def test_change_tells_the_direction() -> None:
    rng = np.random.default_rng(2)
    up = np.concatenate([rng.normal(0, 1, 2000), rng.normal(2, 1, 500)])
    assert ADWIN().alarms(up).change[0] == pytest.approx(2, abs=0.7)
    assert ADWIN().alarms(-up).change[0] == pytest.approx(-2, abs=0.7)


def test_a_part_may_be_as_short_as_the_shortest_allowed() -> None:
    values = np.zeros(1001)
    values[-1] = 1000.0
    for least, observed in ((1, 1000.0), (3, 1000.0 / 3)):
        model = ADWIN(clock=1, min_window_length=least)
        assert model.update_many(values).tolist() == [1000]
        assert model.observed == observed


def test_window_and_report_by_hand() -> None:
    model = ADWIN(clock=4)
    assert model.width == 0
    assert math.isnan(model.estimation)
    assert math.isnan(model.observed)
    for value in (5.0, 7.0, math.nan, 6.0):
        assert not model.update(value)
    assert (model.width, model.estimation) == (3, 6.0)
    model.update_many([2.0, 0.0, math.nan])
    assert (model.width, model.estimation) == (5, 4.0)


def test_after_an_alarm_it_begins_afresh() -> None:
    values = np.concatenate([np.zeros(320), np.ones(320)])
    model = ADWIN()
    (alarm,) = model.update_many(values[:352]).tolist()
    assert alarm == 351
    assert model.width == 0
    assert (model.observed, model.change) == (1.0, 1.0)
    assert model.threshold < 1.0
    report = model.observed, model.threshold, model.change
    model.update_many(values[352:])
    assert (model.observed, model.threshold, model.change) == report
    assert model.estimation == 1.0


def test_spread_keeps_its_precision() -> None:
    values = np.random.default_rng(4).normal(size=320_000)
    values[0] = 1e4
    model = ADWIN(delta=1e-300)
    assert len(model.update_many(values)) == 0
    assert model._spread == pytest.approx(np.var(values) * len(values), rel=1e-12)
    assert model.estimation == pytest.approx(values.mean(), abs=1e-9)


def test_memory_is_bounded() -> None:
    model = ADWIN()
    model.update_many(np.random.default_rng(0).random(1_000_000))
    assert model.width > 100_000
    assert len(to_bytes(model.snapshot())) < 3000


def test_nothing_in_nothing_out() -> None:
    model = ADWIN()
    before = to_bytes(model.snapshot())
    assert model.update_many([]).dtype == np.int64
    assert len(model.alarms([math.nan] * 50).positions) == 0
    assert to_bytes(model.snapshot()) == before


@pytest.mark.parametrize("bad", [math.inf, -math.inf, 1e101])
def test_infinite_is_refused_and_leaves_no_trace(bad: float) -> None:
    model = ADWIN()
    model.update_many(np.arange(40.0))
    before = to_bytes(model.snapshot())
    with pytest.raises(ValueError, match=r"xs\[2\]"):
        model.update_many([1.0, math.nan, bad])
    with pytest.raises(ValueError, match="x must be finite"):
        model.update(bad)
    with pytest.raises(ValueError, match="one-dimensional"):
        model.update_many(np.zeros((2, 2)))
    assert to_bytes(model.snapshot()) == before


@pytest.mark.parametrize(
    "bad",
    [
        {"delta": 0},
        {"delta": 1},
        {"delta": math.nan},
        {"clock": 0},
        {"clock": 2.5},
        {"max_buckets": 1},
        {"min_window_length": 0},
        {"grace_period": -1},
        {"on": ""},
    ],
    ids=str,
)
def test_parameters_out_of_range_are_named(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        ADWIN(**bad)
