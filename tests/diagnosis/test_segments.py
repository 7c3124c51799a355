"""Segments add up to the change; changes beyond the mix are calibrated, whatever the mix."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from lending import loans, weighted

from homeostat.diagnosis import diagnose
from homeostat.diagnosis.adjustment import Adjustment
from homeostat.diagnosis.cells import Cells, cells_of, divergence
from homeostat.diagnosis.decomposition import segments_of
from homeostat.diagnosis.design import design
from homeostat.diagnosis.outcomes import Outcome
from homeostat.diagnosis.sides import column_of

LABEL = "ground_truth_label"


@given(
    arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 4)),
    arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 4)),
    st.integers(0, 9),
)
def test_contributions_add_up_exactly(before, after, seed):
    rng = np.random.default_rng(seed)
    loss = Outcome("loss", rng.random(len(before)), rng.random(len(after)))
    cells = Cells(before, after, list("abcde"))
    found = segments_of({"x": cells}, loss, 0.05)
    change = loss.current.mean() - loss.reference.mean()
    assert sum(each.contribution for each in found) == pytest.approx(change, abs=1e-12)
    assert sum(each.excess for each in found) == pytest.approx(0, abs=1e-12)
    for each in found:
        assert each.mix + each.rate == pytest.approx(each.contribution, abs=1e-15)
        assert each.low <= each.contribution <= each.high


def test_mix_and_rate_are_pandas():
    a, b = pd.DataFrame(loans(1)), pd.DataFrame(loans(2, 1500))
    b.loc[b["job"] == "Retired", LABEL] = 1 - b.loc[b["job"] == "Retired", LABEL]
    result = diagnose(a, b, segments=["job"])
    p, q = (side["job"].value_counts(normalize=True) for side in (a, b))
    e, f = ((side[LABEL] != side["predicted_label"]).groupby(side["job"]).mean() for side in (a, b))
    base = (a[LABEL] != a["predicted_label"]).mean()
    assert {each.column for each in result.segments} == {"job"}
    for each in result.segments:
        job = each.name.removeprefix("job = ")
        assert each.mix == pytest.approx((q[job] - p[job]) * (e[job] - base), abs=1e-12)
        assert each.rate == pytest.approx(q[job] * (f[job] - e[job]), abs=1e-12)
    assert result.segments[0].name == "job = Retired"
    assert result.segments[0].found


def test_intervals_hold_together():
    """All of some thirty segments at once, in 19 of 20 draws."""
    missed = 0
    truth = 0.0
    for seed in range(40):
        found = diagnose(loans(seed), loans(900 + seed, 1200), segments=["debt", "job"]).segments
        missed += any(not each.low <= truth <= each.high for each in found)
    assert missed <= 6  # of 40 at 5 %: more have a chance below 1 %


def test_an_adjusted_gap_of_marks_is_the_gap_of_means():
    """With a design of the cells themselves the fit changes nothing: chi-square by hand."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 3, 600), rng.integers(0, 3, 300)
    y, z = rng.normal(size=600), rng.normal(size=300)
    marks = np.eye(3)
    fit = Adjustment((marks[a], marks[b]))
    (change,) = fit.changes(Cells(a, b, list("abc")), [fit.rests(y, z)])
    want = 0.0
    for at in range(3):
        own, other = y[a == at] - y[a == at].mean(), z[b == at] - y[a == at].mean()
        n, m = len(own), len(other)
        pooled = (own @ own + other @ other) / (n + m)
        variance = own @ own / n**2 * 600 / 597 + pooled / m
        want += other.mean() ** 2 / variance
    assert change.df == 3
    assert change.statistic == pytest.approx(want, rel=1e-9)


def test_p_values_beyond_the_mix_are_uniform_under_covariate_drift():
    found = []
    for seed in range(120):
        before, pool = loans(seed, 1500), loans(7000 + seed, 4000)
        after = weighted(pool, np.exp((np.log(pool["income"]) - 10.3) / 0.5), 800, seed)
        sides = [
            {name: column_of(side[name]) for name in ("income", "debt", "job")}
            for side in (before, after)
        ]
        fit = Adjustment(design(*sides, list(sides[0]), None))
        cells = cells_of("debt", sides[0]["debt"], sides[1]["debt"])
        (change,) = fit.changes(cells, [fit.rests(before[LABEL], after[LABEL])])
        found.append(change.p_value)
    p = np.array(found)
    assert 0.4 < p.mean() < 0.6  # five standard errors
    assert (p < 0.05).mean() < 0.15


def test_divergence_is_the_chi_square_distance_less_chance():
    cells = Cells(np.repeat([0, 1], [600, 400]), np.repeat([0, 1], [200, 300]), ["a", "b"])
    expected = np.array([800, 700]) / 1500
    gap = np.array([0.6 - 0.4, 0.4 - 0.6])
    want = (gap**2 / expected).sum() - (1 / 1000 + 1 / 500)
    assert divergence(cells) == pytest.approx(want, rel=1e-12)
    same = Cells(cells.reference, cells.reference, cells.names)
    assert divergence(same) == 0.0


@pytest.mark.parametrize(
    ("values", "other", "names"),
    [
        ([1.0, 2.0, 2.0, np.nan], [2.0, 3.0], ["x = 1", "x = 2", "x = other", "x is missing"]),
        (
            ["b", "a", "b", None],
            ["a", "c"],
            ["x = a", "x = b", "x = c", "x = other", "x is missing"],
        ),
    ],
)
def test_cells_are_named(values, other, names):
    sides = [column_of(np.array(each, dtype=None if isinstance(each[0], float) else object))
             for each in (values, other)]  # fmt: skip
    cells = cells_of("x", *sides)
    assert cells.names == names
    at = [cells.names[code] for code in cells.reference]
    assert at[-1] == "x is missing"
    assert at[0] == f"x = {values[0]:g}" if isinstance(values[0], float) else "x = b"
