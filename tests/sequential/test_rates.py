"""Limits of a rate, against SciPy's beta law."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from homeostat.sequential.rates import limits

SCORES = [-2.86, -1.0, 0.0, 1.0, 2.86, 4.0]


@pytest.mark.parametrize(
    ("errors", "others"),
    [
        (0, 50),
        (0, 1_000),
        (0.4, 200),
        (1, 1_999),
        (20, 1_980),
        (200, 1_800),
        (300, 100),
        (1_999, 5),
    ],
)
def test_limits_are_quantiles_of_the_beta_law(errors: float, others: float) -> None:
    rates = stats.beta.ppf(stats.norm.cdf(SCORES), errors + 1, others + 1)
    want = np.log(rates / (1 - rates))
    assert limits(errors, others, SCORES) == pytest.approx(want, abs=0.004)


def test_upper_limits_are_those_of_clopper_and_pearson() -> None:
    for errors in (0, 1, 7):
        (logit,) = limits(errors, 999 - errors, [1.6448536])  # of 1,000 records
        rate = 1 / (1 + np.exp(-logit))
        assert stats.binom.cdf(errors, 1_000, rate) == pytest.approx(0.05, rel=0.02)
