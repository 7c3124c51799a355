"""EDDM against River, against its definition, and against itself cut in every way."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pytest
from drifting import (
    assert_refused_without_a_trace,
    assert_same_bits_in_any_cut,
    errors,
    gappy,
    rows,
)

from homeostat.drift.eddm import EDDM
from homeostat.testing import assert_conforms

SETTINGS: list[dict[str, Any]] = [
    {},
    {"warm_start": 100, "alpha": 0.9, "beta": 0.7},
    {"warm_start": 1, "alpha": 1.0, "beta": 1.0},
]


@pytest.mark.parametrize("settings", SETTINGS[:2], ids=str)
def test_same_alarms_as_river(settings: dict[str, Any]) -> None:
    # beta = 1 is left out: there equal levels are common, and rounding decides
    binary = pytest.importorskip("river.drift.binary")
    total = 0
    for seed in range(10):
        values = errors(seed)
        river, expected = binary.EDDM(**settings), []
        for position, value in enumerate(values.tolist()):
            river.update(value)
            if river.drift_detected:
                expected.append(position)
        assert EDDM(**settings).update_many(values).tolist() == expected
        total += len(expected)
    assert total >= 15


def by_definition(
    values: list[float], warm_start: int = 30, alpha: float = 0.95, beta: float = 0.9
) -> tuple[list[tuple[float, ...]], list[bool]]:
    """Alarms, and whether a warning stands after each value."""
    alarms: list[tuple[float, ...]] = []
    warnings: list[bool] = []
    start, distances, last, tops, warned = 0, [], 0, [], False
    for at, value in enumerate(values):
        n = at + 1 - start
        if value == 1:
            distances.append(n - last)
            last = n
            spread = statistics.stdev(distances) if len(distances) > 1 else 0.0
            reach = statistics.fmean(distances) + 2 * spread
            if n > warm_start and (not tops or reach > tops[-1][0]):
                tops.append((reach, n, len(distances)))
            share = reach / tops[-1][0] if tops else 1.0
            warned = len(distances) > warm_start and share < alpha
            if len(distances) > warm_start and share < beta:
                _, n_then, m_then = tops[-1]
                newer = (len(distances) - m_then) / (n - n_then)
                alarms.append((at, share, beta, newer - m_then / n_then, n - n_then - 1))
                start, distances, last, tops, warned = at + 1, [], 0, [], False
        warnings.append(warned)
    return alarms, warnings


@pytest.mark.parametrize("settings", SETTINGS[:2], ids=str)
def test_reports_and_warns_as_defined(settings: dict[str, Any]) -> None:
    values = errors(3, 4000)
    expected, warnings = by_definition(values.tolist(), **settings)
    assert len(expected) >= 2
    assert any(warnings)
    np.testing.assert_allclose(rows(EDDM(**settings).alarms(values)), expected, rtol=1e-9)
    model, found = EDDM(**settings), []
    for value in values.tolist():
        model.update(value)
        found.append(model.warning)
    assert found == warnings


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_any_cutting_gives_the_same_bits(settings: dict[str, Any]) -> None:
    values = np.concatenate([errors(5), np.zeros(5000), errors(6)])
    assert_same_bits_in_any_cut(lambda: EDDM(**settings), gappy(values))


def test_half_an_error_is_an_error() -> None:
    values = errors(1)
    shown = np.where(values > 0, 0.5, 0.49)
    expected = rows(EDDM().alarms(values))
    assert len(expected) >= 2
    assert rows(EDDM().alarms(shown)) == expected


@pytest.mark.parametrize("period", [1, 2, 3, 10, 997])
def test_errors_at_a_constant_distance_never_alarm(period: int) -> None:
    values = np.zeros(60_000)
    values[period - 1 :: period] = 1.0
    model = EDDM(warm_start=1, alpha=1.0, beta=1.0)
    assert len(model.update_many(values)) == 0
    assert not model.warning


def test_no_errors_no_alarms() -> None:
    assert len(EDDM().update_many(np.zeros(20_000))) == 0


def test_keeps_the_laws() -> None:
    assert_conforms(EDDM())
    assert_conforms(EDDM(warm_start=10, alpha=0.9, beta=0.8))


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.inf])
def test_values_outside_are_refused(bad: float) -> None:
    assert_refused_without_a_trace(EDDM, errors(0, 300), bad)


@pytest.mark.parametrize(
    "bad",
    [
        {"warm_start": 0},
        {"alpha": 0},
        {"alpha": 1.1},
        {"beta": 0.96},
        {"beta": 0},
        {"beta": "0.9"},
        {"on": ""},
    ],
    ids=str,
)
def test_parameters_out_of_range_are_named(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        EDDM(**bad)
