"""The Shewhart chart against its definition in plain Python, and itself cut in every way."""

from __future__ import annotations

import math
from itertools import product, takewhile
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

from homeostat.drift.shewhart import Shewhart
from homeostat.testing import assert_conforms

SETTINGS: list[dict[str, Any]] = [
    {},
    {"k": 4.0, "run": 9, "min_instances": 100},
    {"k": 100.0, "run": 8, "mode": "up"},
    {"k": 3.0, "run": 6, "mode": "down"},
    {"run": 12, "center": 0.25, "sigma": 1.5},
]


def follow(values: list[float], model: Shewhart) -> tuple[float, ...] | None:
    wanted = {"up": (1,), "down": (-1,), "both": (1, -1)}[model.mode]
    away = max(sign * values[-1] for sign in wanted)
    if away > model.k:
        return away, model.k, values[-1], 0
    side = next((sign for sign in wanted if sign * values[-1] > 0), None)
    if model.run is None or side is None:
        return None
    run = list(takewhile(lambda value: side * value > 0, reversed(values)))
    if len(run) < model.run:
        return None
    return len(run), model.run, float(np.mean(run)), len(run) - 1


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_reports_what_the_definition_says(settings: dict[str, Any]) -> None:
    total = 0
    for seed, kind in product(range(6), (normals, errors)):
        values = kind(seed, 4000)
        expected = charted(values.tolist(), follow, Shewhart(**settings))
        found = rows(Shewhart(**settings).alarms(values))
        np.testing.assert_allclose(found, expected, rtol=1e-7)
        total += len(expected)
    assert total >= 12


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_any_cutting_gives_the_same_bits(settings: dict[str, Any]) -> None:
    quarters = np.round(normals(1) * 4) / 4  # some values are the given centre
    values = np.concatenate([normals(2), quarters, errors(6), np.full(50, -0.0), normals(4)])
    assert_same_bits_in_any_cut(lambda: Shewhart(**settings), gappy(values))


@pytest.mark.parametrize(
    ("settings", "records"),
    [({"k": 3.0}, 370), ({"k": 100.0, "run": 9}, 511)],
    ids=str,
)
def test_false_alarms_are_as_rare_as_the_tables_say(settings: Any, records: float) -> None:
    # 1 / 0.0027; and of runs of either side: 2^r - 1 values to a run of r
    values = np.random.default_rng(0).normal(size=400_000)
    found = Shewhart(**settings, center=0.0, sigma=1.0).update_many(values)
    assert np.mean(np.diff(found)) == pytest.approx(records, rel=0.12)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -3.3, 1e15 + 0.3, 1e-300, 1e100])
def test_a_constant_series_never_alarms(value: float) -> None:
    model = Shewhart(1e-9, run=2, min_instances=2)
    assert len(model.update_many(np.full(5000, value))) == 0
    assert model.estimation != model.estimation  # it is still learning


def test_keeps_the_laws() -> None:
    assert_conforms(Shewhart())
    assert_conforms(Shewhart(4.0, run=9, mode="up"))


@pytest.mark.parametrize("bad", [math.inf, -math.inf, 1e101])
def test_infinite_is_refused(bad: float) -> None:
    assert_refused_without_a_trace(Shewhart, normals(0, 300), bad)


@pytest.mark.parametrize(
    "bad",
    [{"k": 0}, {"k": math.inf}, {"k": "3"}, {"run": 1}, {"run": 9.0}, *CHART_MISTAKES],
    ids=str,
)
def test_parameters_out_of_range_are_named(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Shewhart(**bad)
