"""Each test equals SciPy (or a stated oracle) on raw values, ties included."""

import warnings

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from homeostat.comparison import TESTS, two_sample
from homeostat.errors import InvalidInput, InvalidSetting

SEEDS = range(12)


def numbers(seed, least=11, most=400):
    """Two samples of unlike sizes; every second pair has ties, every third is far apart."""
    rng = np.random.default_rng(seed)
    n, m = rng.integers(least, most, 2)
    a, b = rng.normal(size=n), rng.normal(0.3 * (seed % 3), 1.1, size=m)
    return (np.round(a, 1), np.round(b, 1)) if seed % 2 else (a, b)


def letters(seed):
    rng = np.random.default_rng(seed)
    n, m = rng.integers(300, 900, 2)
    a = rng.choice(list("abcde"), n)
    b = rng.choice(
        list("abcde"), m, p=[0.2 + 0.02 * (seed % 3), 0.2, 0.2, 0.2, 0.2 - 0.02 * (seed % 3)]
    )
    return a, b, *(np.array([np.sum(x == c) for c in "abcde"]) for x in (a, b))


def same(ours, oracle, rel=1e-8):
    assert ours == pytest.approx(oracle, rel=rel, abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_ks_is_scipys(seed):
    a, b = numbers(seed)
    same(two_sample("ks", a, b)[:2], tuple(stats.ks_2samp(a, b)), 1e-6)


@pytest.mark.parametrize(
    "sizes", [(20, 20), (500, 500), (9_000, 10_000), (50, 20_000), (30_000, 12_000)]
)
@pytest.mark.parametrize("shift", [0.0, 0.02, 0.2])
def test_ks_is_scipys_in_all_regimes(sizes, shift):
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=sizes[0]), rng.normal(shift, size=sizes[1])
    ours, oracle = two_sample("ks", a, b), stats.ks_2samp(a, b)
    assert ours.statistic == pytest.approx(oracle.statistic, rel=1e-12)
    if oracle.pvalue > 1e-7:
        same(ours.p_value, oracle.pvalue, 1e-5)
    else:
        assert ours.p_value < 2e-7


@pytest.mark.parametrize("seed", SEEDS)
def test_cramer_von_mises_is_scipys(seed):
    a, b = numbers(seed)
    oracle = stats.cramervonmises_2samp(a, b, method="asymptotic")
    same(two_sample("cramer_von_mises", a, b)[:2], (oracle.statistic, oracle.pvalue))


@pytest.mark.parametrize("seed", SEEDS)
def test_anderson_darling_is_scipys_and_its_p_value_is_not_clipped(seed):
    a, b = numbers(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = stats.anderson_ksamp([a, b])
    ours = two_sample("anderson_darling", a, b)
    same(ours.statistic, oracle.statistic)
    if 0.001 < oracle.pvalue < 0.25:
        assert ours.p_value == pytest.approx(oracle.pvalue, rel=0.15)


@pytest.mark.parametrize("seed", SEEDS)
def test_mann_whitney_is_scipys(seed):
    a, b = numbers(seed)
    same(two_sample("mann_whitney", a, b)[:2], tuple(stats.mannwhitneyu(a, b, method="asymptotic")))


@pytest.mark.parametrize("seed", SEEDS)
def test_welch_is_scipys(seed):
    a, b = numbers(seed)
    oracle = stats.ttest_ind(a, b, equal_var=False)
    same(two_sample("welch_t", a, b)[:2], (oracle.statistic, oracle.pvalue))


@pytest.mark.parametrize("seed", SEEDS)
def test_epps_singleton_is_scipys(seed):
    a, b = numbers(seed, least=6, most=60)
    same(two_sample("epps_singleton", a, b)[:2], tuple(stats.epps_singleton_2samp(a, b)))


@pytest.mark.parametrize("seed", SEEDS)
def test_wasserstein_and_energy_are_scipys(seed):
    a, b = numbers(seed)
    same(two_sample("wasserstein", a, b).statistic, stats.wasserstein_distance(a, b) / a.std())
    same(two_sample("energy", a, b).statistic, stats.energy_distance(a, b))


@pytest.mark.parametrize("seed", SEEDS)
def test_chi_square_and_g_are_scipys(seed):
    a, b, *table = letters(seed)
    pearson = stats.chi2_contingency(table, correction=False)
    same(two_sample("chi_square", a, b)[:2], pearson[:2])
    same(two_sample("g_test", a, b)[:2], stats.chi2_contingency(table, False, "log-likelihood")[:2])
    cramers_v = stats.contingency.association(np.array(table), method="cramer")
    same(two_sample("chi_square", a, b).effect, cramers_v)


@pytest.mark.parametrize("seed", SEEDS)
def test_distances_on_counts_are_their_formulas(seed):
    a, b, x, y = letters(seed)
    p, q = x / x.sum(), y / y.sum()
    plain = {
        "psi": ((p - q) * np.log(p / q)).sum(),
        "kl": stats.entropy(q, p),
        "jensen_shannon": jensenshannon(p, q, 2),
        "hellinger": np.sqrt(1 - np.sqrt(p * q).sum()),
        "total_variation": np.abs(p - q).sum() / 2,
        "l_infinity": np.abs(p - q).max(),
    }
    for name, value in plain.items():
        assert two_sample(name, a, b).statistic == pytest.approx(value, rel=1e-6, abs=1e-9), name


@pytest.mark.parametrize("seed", SEEDS)
def test_psi_of_numbers_is_over_the_references_deciles(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=1000), rng.normal(0.1, size=700)
    edges = np.sort(a)[[100, 200, 300, 400, 500, 600, 700, 800, 900]]
    p, q = (np.bincount(np.searchsorted(edges, x), minlength=10) / len(x) for x in (a, b))
    same(two_sample("psi", a, b).statistic, ((p - q) * np.log(p / q)).sum())


@pytest.mark.parametrize("seed", SEEDS)
def test_tables_of_two_by_two_are_scipys(seed):
    rng = np.random.default_rng(seed)
    n, m = rng.integers(10, 300, 2)
    a, b = rng.random(n) < 0.3, rng.random(m) < 0.3 + 0.1 * (seed % 3)
    table = [[np.sum(~a), np.sum(a)], [np.sum(~b), np.sum(b)]]
    same(two_sample("fisher", a, b)[:2], tuple(stats.fisher_exact(table)))
    z, p, *_ = two_sample("z_proportions", a, b)
    same((z * z, p), stats.chi2_contingency(table, correction=False)[:2])


def test_kuiper_is_its_definition_and_the_published_law():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=300), rng.normal(0.1, 1.2, size=200)
    v, p, *_ = two_sample("kuiper", a, b)
    both = np.concatenate([a, b])
    gap = [(a <= x).mean() - (b <= x).mean() for x in both]
    same(v, max(gap) - min(gap))
    drawn = [
        two_sample("kuiper", *np.split(rng.permutation(both), [300])).statistic for _ in range(2000)
    ]
    assert p == pytest.approx(np.mean(np.array(drawn) >= v), abs=0.03)


@pytest.mark.parametrize("name", sorted(TESTS))
def test_level_holds_when_nothing_changed(name):
    """At 5 % at most some 5 % of 400 alarm; bounds (Wasserstein, total variation) far fewer."""
    rng = np.random.default_rng(11)
    truth = name in ("fisher", "z_proportions")
    alarms = 0
    for _ in range(400):
        a, b = rng.normal(size=600), rng.normal(size=400)
        alarms += two_sample(name, *((a > 1, b > 1) if truth else (a, b))).p_value <= 0.05
    assert alarms <= 34  # 3 standard deviations above 20


@pytest.mark.parametrize("name", ["welch_t", "mann_whitney", "chi_square", "psi", "ks"])
def test_detectable_effect_is_found_four_times_in_five(name):
    """A shift that has the stated effect is found with some 80 % power, or more."""
    rng = np.random.default_rng(2)
    n, m = 2000, 1000
    seen = two_sample(name, rng.normal(size=n), rng.normal(size=m), level=0.01).detectable
    low, high = 0.0, 1.0
    big = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    for _ in range(12):  # the shift that has this effect in the population
        shift = (low + high) / 2
        near = abs(two_sample(name, big, big + shift).effect) * _scale(name, n, m) < seen
        low, high = (shift, high) if near else (low, shift)
    found = [
        two_sample(name, rng.normal(size=n), rng.normal(shift, size=m)).p_value <= 0.01
        for _ in range(150)
    ]
    assert 0.7 <= np.mean(found) <= (0.99 if name == "ks" else 0.9)


def _scale(name, n, m):
    """Cramer's V depends on the sides' sizes too: from equal ones to n and m."""
    return 2 * np.sqrt(n * m) / (n + m) if name == "chi_square" else 1.0


@pytest.mark.parametrize("name", sorted(name for name, test in TESTS.items() if test.symmetric))
@pytest.mark.parametrize("seed", range(4))
def test_symmetric_where_claimed(name, seed):
    a, b = numbers(seed)
    if name in ("fisher", "z_proportions"):
        a, b = a > 0, b > 0
    there, back = two_sample(name, a, b), two_sample(name, b, a)
    assert there.p_value == pytest.approx(back.p_value, rel=1e-9)
    assert abs(there.effect) == pytest.approx(abs(back.effect), rel=1e-9)


@pytest.mark.parametrize("name", sorted(TESTS))
def test_a_constant_is_certainly_unchanged(name):
    answer = two_sample(name, np.full(30, 7.5), np.full(50, 7.5))
    assert answer.p_value == 1.0
    assert answer.effect == 0


@pytest.mark.parametrize("name", sorted(set(TESTS) - {"epps_singleton", "anderson_darling"}))
def test_another_constant_is_certainly_changed(name):
    assert two_sample(name, np.full(40, 1.0), np.full(50, 2.0)).p_value < 1e-6


@pytest.mark.parametrize("name", sorted(TESTS))
def test_nothing_on_a_side_gives_nan(name):
    for a, b in (([], [1.0, 0.0]), ([1.0, 0.0], [np.nan, None]), ([], [])):
        answer = two_sample(name, a, b)
        assert np.isnan(answer.statistic)
        assert np.isnan(answer.p_value)


def test_what_cannot_be_tested_says_why():
    with pytest.raises(InvalidSetting, match="did you mean 'kuiper'"):
        two_sample("kuipr", [1.0], [2.0])
    with pytest.raises(InvalidInput, match="ks takes number"):
        two_sample("ks", ["a"], ["b"])
    with pytest.raises(InvalidInput, match="3 different values"):
        two_sample("fisher", [1, 2, 3], [1, 2, 3])
    with pytest.raises(InvalidInput, match="infinite"):
        two_sample("welch_t", [1.0, np.inf], [1.0, 2.0])
    with pytest.raises(InvalidInput, match="changed from number to category"):
        two_sample("ks", [1.0], ["b"])


def test_infinite_values_have_ranks():
    a, b = np.array([-np.inf, 0, 1, np.inf, 2]), np.array([0, 1, 5, np.inf, 7])
    assert two_sample("ks", a, b).statistic == stats.ks_2samp(a, b).statistic


@pytest.mark.parametrize("digits", [0, 2, 12])
def test_ks_of_a_much_longer_side(digits):
    rng = np.random.default_rng(digits)
    for n in (2047, 2048, 3000, 4096):
        a, b = np.round(rng.normal(size=n), digits), np.round(rng.normal(size=5 * n + 7), digits)
        oracle = stats.ks_2samp(a, b, method="asymp").statistic
        assert two_sample("ks", a, b).statistic == pytest.approx(oracle, rel=1e-12)
        assert two_sample("ks", b, a).statistic == pytest.approx(oracle, rel=1e-12)
