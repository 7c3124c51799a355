"""ECDD against the paper's algorithm in plain Python, and against itself cut in every way."""

from __future__ import annotations

import math
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

from homeostat.drift.ecdd import ECDD
from homeostat.testing import assert_conforms

SETTINGS: list[dict[str, Any]] = [
    {},
    {"arl0": 100, "min_instances": 1},
    {"arl0": 1000, "alpha": 0.05, "warning_level": 0.9},
]

LIMITS: dict[int, Any] = {  # the paper's table
    100: lambda p: 2.76 - 6.23 * p + 18.12 * p**3 - 312.45 * p**5 + 1002.18 * p**7,
    400: lambda p: 3.97 - 6.56 * p + 48.73 * p**3 - 330.13 * p**5 + 848.18 * p**7,
    1000: lambda p: 1.17 + 7.56 * p - 21.24 * p**3 + 112.12 * p**5 - 987.23 * p**7,
}
MOST = {100: 0.3, 400: 0.4, 1000: 0.3}


def paper(
    values: list[float],
    arl0: int = 400,
    alpha: float = 0.2,
    warning_level: float = 0.5,
    min_instances: int = 30,
) -> tuple[list[tuple[float, ...]], list[bool]]:
    """The alarms, and whether a warning stands after each value."""
    alarms, warnings = [], []
    t, p, z = 0, 0.0, 0.0
    for at, x in enumerate(values):
        t += 1
        p += (x - p) / t
        z = (1 - alpha) * z + alpha * x
        limit = LIMITS[arl0](min(p, MOST[arl0]))
        spread = math.sqrt(
            max(p * (1 - p), 0.0) * alpha / (2 - alpha) * (1 - (1 - alpha) ** (2 * t))
        )
        fired = t >= min_instances and z > p + limit * spread
        warnings.append(t >= min_instances and not fired and z > p + warning_level * limit * spread)
        if fired:
            alarms.append((at, z, p + limit * spread, z - p, -1))
            t, p, z = 0, 0.0, 0.0
    return alarms, warnings


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_reports_and_warns_as_the_paper_says(settings: dict[str, Any]) -> None:
    total = 0
    for seed in range(5):
        values = errors(seed)
        expected, warnings = paper(values.tolist(), **settings)
        total += len(expected)
        found = rows(ECDD(**settings).alarms(values))
        np.testing.assert_allclose(found, expected, rtol=1e-9)
        model, warned = ECDD(**settings), []
        for x in values.tolist():
            model.update(x)
            warned.append(model.warning)
        assert warned == warnings
    assert total >= 10


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_any_cutting_gives_the_same_bits(settings: dict[str, Any]) -> None:
    values = np.concatenate([errors(5), errors(6) * 0.9, errors(4, high=0.3)])
    assert_same_bits_in_any_cut(lambda: ECDD(**settings), gappy(values))


def test_four_hundred_is_about_what_it_says() -> None:
    # The docstring's figure, 290 to 420 records to a false alarm for rates of 0.05 to 0.4.
    values = (np.random.default_rng(0).random(200_000) < 0.1).astype(float)
    assert 330 < len(values) / len(ECDD().update_many(values)) < 420


@pytest.mark.parametrize("arl0", [100, 400, 1000])
@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 0.4, 0.5, 0.9, 1 - 2**-53, 1e-300])
def test_a_constant_series_never_alarms(value: float, arl0: int) -> None:
    model = ECDD(arl0, min_instances=1)
    assert len(model.update_many(np.full(5000, value))) == 0
    assert not model.warning


def test_keeps_the_laws() -> None:
    assert_conforms(ECDD())
    assert_conforms(ECDD(1000, alpha=0.1))


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.inf])
def test_values_outside_are_refused(bad: float) -> None:
    assert_refused_without_a_trace(ECDD, errors(0, 300), bad)


@pytest.mark.parametrize(
    "bad",
    [
        {"arl0": 500},
        {"arl0": "400"},
        {"arl0": [400]},
        {"alpha": 0},
        {"alpha": 1},
        {"warning_level": 1.0},
        {"warning_level": "0.5"},
        {"min_instances": 0},
        {"on": ""},
    ],
    ids=str,
)
def test_parameters_out_of_range_are_named(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        ECDD(**bad)
