"""CUSUM against its definition in plain Python, River's Page-Hinkley, and itself cut anyhow."""

from __future__ import annotations

import math
from itertools import pairwise, product
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

from homeostat.drift.cusum import CUSUM
from homeostat.drift.page_hinkley import PageHinkley
from homeostat.testing import assert_conforms

SETTINGS: list[dict[str, Any]] = [
    {},
    {"slack": 0.25, "threshold": 12.0, "mode": "up", "min_instances": 100},
    {"slack": 1.0, "threshold": 3.0, "mode": "down"},
    {"center": 0.2, "sigma": 1.5},
]


class Sums:
    """The two sums, as the definition has them."""

    def __init__(self) -> None:
        self.sums: dict[int, tuple[float, int]] = {}

    def follow(self, values: list[float], model: CUSUM) -> tuple[float, ...] | None:
        if len(values) == 1:
            self.sums = {1: (0.0, 0), -1: (0.0, 0)}
        best = None
        for sign, wanted in ((1, "up"), (-1, "down")):
            level, began = self.sums[sign]
            level = max(0.0, level + sign * values[-1] - model.slack)
            began = len(values) if level == 0.0 else began
            self.sums[sign] = level, began
            crossed = model.mode in (wanted, "both") and level > model.threshold
            if crossed and (best is None or level > best[0]):
                mean = float(np.mean(values[began:]))
                best = level, model.threshold, mean, len(values) - began - 1
        return best


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_reports_what_the_definition_says(settings: dict[str, Any]) -> None:
    total = 0
    for seed, kind in product(range(6), (normals, errors)):
        values = kind(seed, 4000)
        expected = charted(values.tolist(), Sums().follow, CUSUM(**settings))
        found = rows(CUSUM(**settings).alarms(values))
        np.testing.assert_allclose(found, expected, rtol=1e-7)
        total += len(expected)
    assert total >= 12


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_any_cutting_gives_the_same_bits(settings: dict[str, Any]) -> None:
    whole_steps = np.round(normals(1) * 2) / 2  # many sums are equal, and many are exactly 0
    values = np.concatenate([normals(2), errors(6), whole_steps, np.full(50, -0.0), normals(4)])
    assert_same_bits_in_any_cut(lambda: CUSUM(**settings), gappy(values))


def test_false_alarms_are_as_rare_as_the_tables_say() -> None:
    # 465 records to a false alarm of the two-sided chart, 930 of the one-sided (Montgomery)
    values = np.random.default_rng(0).normal(size=400_000)
    both = CUSUM(center=0.0, sigma=1.0).update_many(values)
    up = CUSUM(mode="up", center=0.0, sigma=1.0).update_many(values)
    assert np.mean(np.diff(both)) == pytest.approx(465, rel=0.12)
    assert np.mean(np.diff(up)) == pytest.approx(930, rel=0.16)


def test_the_sum_against_the_running_mean_is_page_hinkleys() -> None:
    # What the docstring says of Frouros: S = max(0, S + x - m - delta), m the mean so far.
    values = normals(5) / 3
    mean = total = 0.0
    n, expected = 0, []
    for at, x in enumerate(values.tolist()):
        n += 1
        mean += (x - mean) / n
        total = max(0.0, total + x - mean - 0.005)
        if n >= 30 and total > 20:
            expected.append(at)
            n, mean, total = 0, 0.0, 0.0
    assert len(expected) >= 2
    model = PageHinkley(threshold=20.0, alpha=1.0, mode="up")
    assert model.update_many(values).tolist() == expected


def test_a_given_centre_alarms_while_the_change_lasts() -> None:
    values = np.repeat([0.0, 3.0], [500, 40])
    given = CUSUM(center=0.0, sigma=1.0)
    assert given.update_many(values).tolist() == list(range(502, 540, 3))
    assert given.change == 3.0
    assert given.since == 2
    learned = CUSUM(min_instances=10).update_many(np.append(values, [3.5] * 40))
    assert all(later - earlier > 10 for earlier, later in pairwise(learned.tolist()))


def test_one_huge_value_does_not_blind_it() -> None:
    values = np.random.default_rng(1).normal(size=1000)
    values[100] = -1e90
    values[600:] += 3.0
    found = CUSUM(mode="up", center=0.0, sigma=1.0, threshold=12.0).update_many(values)
    assert 600 <= found[0] < 615


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -3.3, 1e15 + 0.3, 1e-300, 1e100])
def test_a_constant_series_never_alarms(value: float) -> None:
    assert len(CUSUM(2, 0.0, 1e-9).update_many(np.full(5000, value))) == 0


def test_keeps_the_laws() -> None:
    assert_conforms(CUSUM())
    assert_conforms(CUSUM(mode="down", slack=0.0, threshold=50))


@pytest.mark.parametrize("bad", [math.inf, -math.inf, 1e101])
def test_infinite_is_refused(bad: float) -> None:
    assert_refused_without_a_trace(CUSUM, normals(0, 300), bad)


@pytest.mark.parametrize(
    "bad",
    [
        {"slack": -0.1},
        {"slack": "0.5"},
        {"threshold": 0},
        {"threshold": math.inf},
        {"threshold": math.nan},
        *CHART_MISTAKES,
    ],
    ids=str,
)
def test_parameters_out_of_range_are_named(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        CUSUM(**bad)
