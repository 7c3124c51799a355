"""RDDM against the paper's algorithm in plain Python, and against itself cut in every way."""

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

from homeostat.drift.ddm import DDM
from homeostat.drift.rddm import RDDM
from homeostat.testing import assert_conforms

SMALL: dict[str, Any] = {"min_concept_size": 300, "max_concept_size": 900, "warning_limit": 80}
SETTINGS: list[dict[str, Any]] = [
    {},
    {**SMALL, "min_instances": 50},
    {**SMALL, "min_instances": 10, "min_concept_size": 40, "drift_threshold": 4.0},
    {"warning_limit": 1, "min_instances": 30, "drift_threshold": 6.0},
]


class Paper:
    """Record by record: every concept is kept as a list and its statistics are taken from it."""

    def __init__(self, model: RDDM) -> None:
        self.model = model
        self.concept: list[float] = []
        self.low: tuple[float, float, int, float] | None = None  # p, s, n and total
        self.warned = 0
        self.shortened = 0

    def statistics(self, n: int, total: float) -> None:
        rate = total / n
        self.p, self.s = rate, math.sqrt(rate * (1 - rate) / n)
        if n >= self.model.min_instances and (
            self.low is None or self.p + self.s <= self.low[0] + self.low[1]
        ):
            self.low = self.p, self.s, n, total

    def update(self, x: float) -> tuple[float, ...] | None:
        model = self.model
        self.concept.append(x)
        n, total = len(self.concept), sum(self.concept)
        self.statistics(n, total)
        if self.low is None:
            return None
        p_min, s_min, n_min, total_min = self.low
        level = self.p + self.s
        drift = level > p_min + model.drift_threshold * s_min
        warning = level > p_min + model.warning_threshold * s_min
        if drift or (warning and self.warned == model.warning_limit):
            deviations = model.drift_threshold if drift else model.warning_threshold
            change = (total - total_min) / (n - n_min) - p_min
            self.go_on_from(self.warned + 1 if drift else 1)
            return level, p_min + deviations * s_min, change, n - n_min - 1
        self.warned = self.warned + 1 if warning else 0
        if n >= model.max_concept_size and not warning:
            self.concept = self.concept[-model.min_concept_size :]
            self.low = None
            self.shortened += 1
        return None

    def go_on_from(self, last: int) -> None:
        kept = self.concept[-min(last, self.model.min_concept_size) :]
        self.low, self.warned = None, 0
        self.concept = kept
        for n in range(1, len(kept) + 1):
            self.statistics(n, sum(kept[:n]))


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_reports_and_warns_as_the_paper_says(settings: dict[str, Any]) -> None:
    alarms = shortened = 0
    for seed in range(5):
        values = errors(seed, 5000, high=0.4)
        ours = RDDM(**settings)
        paper, expected = Paper(ours), []
        for at, x in enumerate(values.tolist()):
            report = paper.update(x)
            if report:
                expected.append((at, *report))
            assert ours.update(x) == (report is not None)
            assert ours.warning == (paper.warned > 0)
        found = rows(RDDM(**settings).alarms(values))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
        alarms += len(expected)
        shortened += paper.shortened
    assert alarms >= 5
    assert shortened >= 3 or "min_concept_size" not in settings


@pytest.mark.parametrize("seed", range(6))
def test_the_first_alarm_is_that_of_ddm_while_nothing_is_forgotten(seed: int) -> None:
    values = errors(seed)
    levels: dict[str, Any] = {"warning_threshold": 2.0, "drift_threshold": 3.0}
    mine = RDDM(31, **levels, max_concept_size=10**6, warning_limit=10**6).update_many(values)
    assert mine[0] == DDM(30, **levels).update_many(values)[0]


def test_finds_a_rise_after_a_long_healthy_time_sooner_than_ddm() -> None:
    rng = np.random.default_rng(1)
    rates = np.repeat([0.1, 0.2], [100_000, 20_000])
    values = (rng.random(len(rates)) < rates).astype(float)
    levels: dict[str, Any] = {"warning_threshold": 2.0, "drift_threshold": 3.0}

    def first(model: Any) -> int:
        found = model.update_many(values)
        return int(found[found >= 100_000][0])

    assert first(RDDM(**levels)) + 1000 < first(DDM(100, **levels))


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_any_cutting_gives_the_same_bits(settings: dict[str, Any]) -> None:
    values = np.concatenate([errors(5), errors(6) * 0.37, errors(4, high=0.3)])
    assert_same_bits_in_any_cut(lambda: RDDM(**settings), gappy(values))


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 0.7, 1 - 2**-53])
def test_a_constant_series_never_alarms(value: float) -> None:
    model = RDDM(1, 1, 1, min_concept_size=50, max_concept_size=100, warning_limit=1)
    assert len(model.update_many(np.full(5000, value))) == 0
    assert not model.warning


def test_keeps_the_laws() -> None:
    assert_conforms(RDDM())
    assert_conforms(RDDM(**SMALL))


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.inf])
def test_values_outside_are_refused(bad: float) -> None:
    assert_refused_without_a_trace(RDDM, errors(0, 300), bad)


@pytest.mark.parametrize(
    "bad",
    [
        {"min_instances": 0},
        {"warning_threshold": 0.5},
        {"warning_threshold": "2"},
        {"drift_threshold": 1.7},
        {"min_concept_size": 0},
        {"max_concept_size": 7000},
        {"warning_limit": 0},
        {"on": ""},
    ],
    ids=str,
)
def test_parameters_out_of_range_are_named(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        RDDM(**bad)
