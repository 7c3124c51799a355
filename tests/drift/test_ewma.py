"""The EWMA chart against its definition in plain Python, and against itself cut in every way."""

from __future__ import annotations

import math
import sys
from itertools import product
from typing import Any

import numpy as np
import pytest
from drifting import (
    CHART_MISTAKES,
    assert_refused_without_a_trace,
    assert_same_bits_in_any_cut,
    charted,
    errors,
    gappy,
    normals,
    rows,
)

from homeostat import recursion
from homeostat.drift.ewma import EWMA
from homeostat.state import to_bytes
from homeostat.testing import assert_conforms

SETTINGS: list[dict[str, Any]] = [
    {},
    {"alpha": 0.4, "threshold": 3.0, "mode": "up", "min_instances": 100},
    {"alpha": 0.02, "threshold": 2.5, "mode": "down"},
    {"center": 0.2, "sigma": 1.5},
]


class Average:
    """The moving average and its standard deviation, as the definition has them."""

    average = 0.0

    def follow(self, values: list[float], model: EWMA) -> tuple[float, ...] | None:
        t, alpha = len(values), model.alpha
        before = 0.0 if t == 1 else self.average
        self.average = (1 - alpha) * before + alpha * values[-1]
        width = math.sqrt(alpha / (2 - alpha) * (1 - (1 - alpha) ** (2 * t)))
        away = {"up": self.average, "down": -self.average, "both": abs(self.average)}[model.mode]
        if away <= model.threshold * width:
            return None
        return away / width, model.threshold, self.average, -1


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_reports_what_the_definition_says(settings: dict[str, Any]) -> None:
    total = 0
    for seed, kind in product(range(6), (normals, errors)):
        values = kind(seed, 4000)
        expected = charted(values.tolist(), Average().follow, EWMA(**settings))
        found = rows(EWMA(**settings).alarms(values))
        np.testing.assert_allclose(found, expected, rtol=1e-7)
        total += len(expected)
    assert total >= 12


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_any_cutting_gives_the_same_bits(settings: dict[str, Any]) -> None:
    values = np.concatenate([normals(2), errors(6), np.full(50, -0.0), normals(4)])
    assert_same_bits_in_any_cut(lambda: EWMA(**settings), gappy(values))


@pytest.mark.parametrize(("alpha", "threshold"), [(0.1, 2.814), (0.25, 2.998), (0.4, 3.054)])
def test_false_alarms_are_as_rare_as_the_tables_say(alpha: float, threshold: float) -> None:
    # 500 values to a false alarm for all of these (Lucas and Saccucci, Technometrics 32, 1990),
    # a little less with limits that start narrow
    values = np.random.default_rng(0).normal(size=400_000)
    found = EWMA(alpha, threshold, center=0.0, sigma=1.0).update_many(values)
    assert np.mean(np.diff(found)) == pytest.approx(480, rel=0.1)


def test_without_scipy_the_same_bits(monkeypatch: Any) -> None:
    values = normals(8)
    with_scipy = EWMA()
    expected = rows(with_scipy.alarms(values))
    assert len(expected) >= 2
    monkeypatch.setitem(sys.modules, "scipy.signal", None)
    recursion._filter_is_exact.cache_clear()
    without = EWMA()
    assert rows(without.alarms(values)) == expected
    assert to_bytes(without.snapshot()) == to_bytes(with_scipy.snapshot())
    monkeypatch.undo()
    recursion._filter_is_exact.cache_clear()


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -3.3, 1e15 + 0.3, 1e-300, 1e100])
def test_a_constant_series_never_alarms(value: float) -> None:
    assert len(EWMA(threshold=1e-9, min_instances=2).update_many(np.full(5000, value))) == 0


def test_keeps_the_laws() -> None:
    assert_conforms(EWMA())
    assert_conforms(EWMA(0.05, 5.0, mode="both"))


@pytest.mark.parametrize("bad", [math.inf, -math.inf, 1e101])
def test_infinite_is_refused(bad: float) -> None:
    assert_refused_without_a_trace(EWMA, normals(0, 300), bad)


@pytest.mark.parametrize(
    "bad",
    [
        {"alpha": 0},
        {"alpha": 1.0},
        {"alpha": "0.1"},
        {"threshold": 0},
        {"threshold": math.inf},
        *CHART_MISTAKES,
    ],
    ids=str,
)
def test_parameters_out_of_range_are_named(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        EWMA(**bad)
