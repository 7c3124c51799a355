"""The distributions without SciPy against SciPy."""

import numpy as np
import pytest
from scipy import stats
from scipy.stats._hypotests import _cdf_cvm_inf

from homeostat.comparison import special
from homeostat.comparison.kolmogorov import ks_sf, one_sample_sf

TAILS = (1e-12, 1e-6, 0.01, 0.3, 0.9, 0.999)


@pytest.mark.parametrize("df", [1, 2, 9, 30, 100, 500])
@pytest.mark.parametrize("tail", TAILS)
def test_chi_square_and_student(df, tail):
    assert special.chi2_sf(stats.chi2.isf(tail, df), df) == pytest.approx(tail, rel=1e-10)
    t = stats.t.isf(tail / 2, df + 0.3)
    assert special.student_two_sided(t, df + 0.3) == pytest.approx(tail, rel=1e-10)
    assert special.chi2_isf(tail, df) == pytest.approx(stats.chi2.isf(tail, df), rel=1e-8)


@pytest.mark.parametrize("df", [1, 4, 60])
def test_noncentrality(df):
    critical = stats.chi2.isf(0.001, df)
    assert stats.ncx2.sf(critical, df, special.noncentrality(df, 0.001)) == pytest.approx(
        0.8, abs=1e-7
    )


@pytest.mark.parametrize("n", [5, 20, 100, 140, 141, 1000, 5000, 20_000, 91_000, 200_000])
@pytest.mark.parametrize("x", [0.3, 0.5, 0.8, 1.0, 1.3, 1.47, 1.49, 1.8, 2.1, 3, 5, 9])
def test_one_sample_kolmogorov(n, x):
    d = x / np.sqrt(n)
    assert one_sample_sf(d, n) == pytest.approx(stats.kstwo.sf(d, n), rel=1e-8, abs=1e-300)


def test_the_two_sample_law_is_exact():
    """By counting all ways to share out seven ranks."""
    from itertools import combinations

    places = [np.isin(np.arange(7), chosen) for chosen in combinations(range(7), 3)]
    far = [np.abs(np.cumsum(x) / 3 - np.cumsum(~x) / 4).max() for x in places]
    for d in sorted(set(np.round(far, 12))):
        assert ks_sf(d, 3, 4) == pytest.approx(np.mean(np.array(far) >= d - 1e-9), rel=1e-12)


@pytest.mark.parametrize("x", [0.02, 0.1, 0.3, 0.7, 1.5, 2.5])
def test_cramer_von_mises(x):
    assert special.cramer_von_mises_sf(x) == pytest.approx(1 - _cdf_cvm_inf(x), abs=1e-10)


@pytest.mark.parametrize(("a2", "p"), [(0.775, 0.5), (1.933, 0.1), (2.492, 0.05), (3.878, 0.01)])
def test_anderson_darling_has_the_published_quantiles(a2, p):
    tail = special.weighted_chi2_sf(a2, special.anderson_darling_weights())
    assert tail == pytest.approx(p, rel=0.07)


@pytest.mark.parametrize("df", [1, 5, 40])
@pytest.mark.parametrize("tail", [1e-8, 0.01, 0.2, 0.6, 0.95])
def test_equal_weights_are_a_chi_square(df, tail):
    x = stats.chi2.isf(tail, df)
    assert special.weighted_chi2_sf(x, np.ones(df)) == pytest.approx(tail, rel=0.13)
