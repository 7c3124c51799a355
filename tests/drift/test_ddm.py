"""DDM against River, and against itself cut in every way."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from drifting import assert_refused_without_a_trace, assert_same_bits_in_any_cut, errors, gappy

from homeostat.drift.ddm import DDM
from homeostat.testing import assert_conforms

SETTINGS: list[dict[str, Any]] = [
    {},
    {"warm_start": 200, "drift_threshold": 3.5},
    {"warm_start": 1, "warning_threshold": 1.0, "drift_threshold": 1.5},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_same_alarms_and_warnings_as_river(settings: dict[str, Any]) -> None:
    binary = pytest.importorskip("river.drift.binary")
    total = 0
    for seed in range(10):
        values = errors(seed)
        river, ours, expected = binary.DDM(**settings), DDM(**settings), []
        for position, value in enumerate(values.tolist()):
            river.update(value)
            if river.drift_detected:
                expected.append(position)
            assert ours.update(value) == river.drift_detected
            assert ours.warning == river.warning_detected
        assert DDM(**settings).update_many(values).tolist() == expected
        total += len(expected)
    assert total >= 20


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_any_cutting_gives_the_same_bits(settings: dict[str, Any]) -> None:
    values = np.concatenate([errors(5), errors(6) * 0.37, errors(4, high=0.3)])
    assert_same_bits_in_any_cut(lambda: DDM(**settings), gappy(values))


def test_reports_by_hand() -> None:
    model = DDM(warm_start=2)
    # rates 1, 1/2, 1/3, 1/4, 1/5: the lowest level is at the fifth record
    assert [model.update(x) for x in (1, 0, 0, 0, 0)] == [False] * 5
    assert model.estimation == 0.2
    assert not model.warning
    low = 0.2 + 3 * math.sqrt(0.2 * 0.8 / 5)
    fired = [model.update(1) for _ in range(5)]
    n = 5 + fired.index(True) + 1
    rate = (n - 4) / n
    assert n == 10
    assert model.threshold == pytest.approx(low)
    assert model.observed == pytest.approx(rate + math.sqrt(rate * (1 - rate) / n))
    assert model.observed > low
    assert model.change == pytest.approx(1 - 0.2)  # all later records were errors
    assert model.since == n - 5 - 1
    assert math.isnan(model.estimation)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 0.7, 1 - 2**-53, 1e-300])
def test_a_constant_series_never_alarms(value: float) -> None:
    model = DDM(warm_start=1, warning_threshold=1, drift_threshold=1)
    assert len(model.update_many(np.full(20_000, value))) == 0
    assert not model.warning


def test_keeps_the_laws() -> None:
    assert_conforms(DDM())
    assert_conforms(DDM(warm_start=100, drift_threshold=2.5))


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.inf, -math.inf])
def test_values_outside_are_refused(bad: float) -> None:
    assert_refused_without_a_trace(DDM, errors(0, 300), bad)


@pytest.mark.parametrize(
    "bad",
    [
        {"warm_start": 0},
        {"warm_start": 2.5},
        {"warning_threshold": 0.5},
        {"warning_threshold": "2"},
        {"drift_threshold": 1.9},
        {"drift_threshold": math.inf},
        {"drift_threshold": None},
        {"on": ""},
        {"on": 3},
    ],
    ids=str,
)
def test_parameters_out_of_range_are_named(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        DDM(**bad)
