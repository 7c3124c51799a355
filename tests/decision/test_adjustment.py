"""The covariate's part: fair whatever it is, and the slope is that of the records before."""

from __future__ import annotations

import numpy as np
import pytest

from homeostat.decision.adjustment import Adjustment


def history(n: int = 200, seed: int = 1) -> tuple:
    rng = np.random.default_rng([seed, 57])
    x = rng.normal(5.0, 2.0, n)
    known = rng.random(n) < 0.4
    differences = np.where(known, 0.02 * x + rng.normal(0, 0.05, n), 0.0)
    return differences, known, x


def after(records: tuple, labelled: float | None) -> Adjustment:
    adjustment = Adjustment(labelled, 0.5)
    adjustment.keep(records[2], adjustment.ahead(*records)[1], len(records[2]))
    return adjustment


@pytest.mark.parametrize("labelled", [None, 0.3])
@pytest.mark.parametrize("x", [-3.0, 4.0, 11.0, 900.0])
def test_it_is_fair_over_the_chance_of_a_label(labelled: float | None, x: float) -> None:
    differences, known, covariates = history()
    adjustment = after((differences, known, covariates), labelled)
    chance = known.mean() if labelled is None else labelled
    with_label, without = (
        adjustment.ahead(np.array([0.7]), np.array([label]), np.array([x]))[0][0]
        for label in (True, False)
    )
    assert with_label != 0
    assert chance * with_label + (1 - chance) * without == pytest.approx(0, abs=1e-15)


def test_the_slope_is_that_of_the_labelled_records_before() -> None:
    differences, known, covariates = history()
    adjustment = after((differences, known, covariates), 0.3)
    slope = np.polyfit(covariates[known], differences[known], 1)[0]
    guess = slope * (7.0 - covariates.mean())
    found, _ = adjustment.ahead(np.array([0.0]), np.array([True]), np.array([7.0]))
    assert found[0] == pytest.approx(0.7 * guess)


def test_a_guess_is_held_within_the_slack() -> None:
    adjustment = after(history(), 0.3)
    found, _ = adjustment.ahead(np.zeros(2), np.zeros(2, dtype=bool), np.array([1e9, -1e9]))
    assert found.tolist() == pytest.approx([-0.3 * 0.5, 0.3 * 0.5])


@pytest.mark.parametrize("kind", ["few", "constant", "missing", "all labelled"])
def test_it_is_nothing_where_it_can_be_nothing(kind: str) -> None:
    differences, known, covariates = history()
    if kind == "few":
        known = np.arange(200) < 29
    if kind == "constant":
        covariates = np.full(200, 0.1)
    if kind == "missing":
        covariates = np.full(200, np.nan)
    if kind == "all labelled":
        known = np.ones(200, dtype=bool)
    found, _ = Adjustment(None, 0.5).ahead(differences, known, covariates)
    assert not found.any()
