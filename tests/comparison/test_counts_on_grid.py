"""Tests on counts are as near to those on raw values as their bound says, or equal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from homeostat.comparison import TESTS, compare
from homeostat.errors import InvalidSetting, SnapshotMismatch
from homeostat.reference import Reference

DRAWS = {
    "normal": lambda rng, n, shift: rng.normal(shift, 1, n),
    "log-normal": lambda rng, n, shift: rng.lognormal(shift, 2, n),
    "whole": lambda rng, n, shift: rng.integers(0, 20, n) + int(4 * shift),
    "rounded": lambda rng, n, shift: np.round(rng.normal(shift, 1, n), 1),
    "zeros": lambda rng, n, shift: np.where(rng.random(n) < 0.5, 0, rng.normal(shift, 1, n)),
    "cauchy": lambda rng, n, shift: np.round(rng.standard_cauchy(n) + shift, 2),
}
ON_CELLS = ("chi_square", "g_test", "psi", "kl", "jensen_shannon", "hellinger", "total_variation",
            "l_infinity")  # fmt: skip


def near(raw, counted):
    """The statistics differ by the bound at most, and by rounding."""
    rounding = 1e-9 * max(1.0, abs(raw.statistic))
    assert abs(raw.statistic - counted.statistic) <= counted.error_bound + rounding, raw.test


def both(test, a, b, **settings_):
    counted = Reference.fit({"x": a}, **settings_)
    return compare({"x": a}, {"x": b}, tests=test)["x"], compare(counted, {"x": b}, tests=test)["x"]


@pytest.mark.parametrize("name", sorted(set(TESTS) - {"fisher", "z_proportions"}))
@pytest.mark.parametrize("kind", DRAWS)
def test_within_the_bound(name, kind):
    for seed in range(5):
        rng = np.random.default_rng([seed, len(kind)])
        n, m = rng.integers(30, 3000, 2)
        a, b = DRAWS[kind](rng, n, 0), DRAWS[kind](rng, m, rng.choice([0, 0.1, 0.5, 3]))
        raw, counted = both(name, a, b, bins=int(rng.choice([64, 512])))
        if counted.p_value is None:
            assert name == "epps_singleton"
            assert "needs the raw values" in counted.note or raw.p_value is None
        else:
            near(raw, counted)


@given(
    st.lists(st.sampled_from([-2.5, -1.0, 0.0, 0.25, 1.0, 3.0, 1e6]), min_size=10, max_size=80),
    st.lists(st.floats(-5, 5).map(lambda x: round(x, 1)), min_size=10, max_size=80),
    st.integers(2, 20),
    st.sampled_from(sorted(set(TESTS) - {"fisher", "z_proportions", "epps_singleton"})),
)
@settings(max_examples=300, deadline=None)
def test_within_the_bound_on_coarse_grids_and_ties(a, b, bins, name):
    """A bound of NaN promises nothing: PSI and its kin on grids without the quantiles they use."""
    for left, right in ((a, b), (b, a)):
        raw, counted = both(name, np.array(left), np.array(right), bins=bins)
        if raw.p_value is not None and not np.isnan(counted.error_bound):
            near(raw, counted)


@pytest.mark.parametrize("name", TESTS)
def test_equal_where_every_value_has_its_cell(name):
    truth = name in ("fisher", "z_proportions")
    for seed in range(6):
        rng = np.random.default_rng(seed)
        a, b = (rng.integers(0, 2 if truth else 9, n) for n in (700, 300))
        raw, counted = both(name, a, b)
        assert counted.error_bound == 0
        assert counted.statistic == pytest.approx(raw.statistic, rel=1e-8, abs=1e-12)
        assert counted.effect == pytest.approx(raw.effect, rel=1e-6, abs=1e-12)
        far_from_an_alarm = name == "ks" and raw.p_value is not None and raw.p_value > 0.04
        close = 2e-2 if far_from_an_alarm else 1e-6
        assert counted.p_value == pytest.approx(raw.p_value, rel=close, abs=1e-12)


@pytest.mark.parametrize("name", ON_CELLS)
@pytest.mark.parametrize("m", [20, 37, 45, 1000])
def test_counts_over_the_references_quantiles_are_equal(name, m):
    """The deciles, and the fewer cells of short windows, are edges of the grid."""
    rng = np.random.default_rng(m)
    raw, counted = both(name, rng.normal(size=5003), rng.normal(0.2, 1, m))
    assert counted.error_bound == 0
    assert counted.statistic == pytest.approx(raw.statistic, rel=1e-10)
    assert counted.p_value == pytest.approx(raw.p_value, rel=1e-8)


@pytest.mark.parametrize("name", ["chi_square", "psi", "jensen_shannon", "fisher", "z_proportions"])
def test_categories_are_equal(name):
    rng = np.random.default_rng(3)
    values = ["a", "b"] if name in ("fisher", "z_proportions") else ["a", "b", "c", "d"]
    raw, counted = both(name, rng.choice(values, 500), rng.choice(values, 400))
    assert counted.statistic == pytest.approx(raw.statistic, rel=1e-10)
    assert counted.p_value == pytest.approx(raw.p_value, rel=1e-10)
    assert counted.error_bound == 0


@pytest.mark.parametrize("name", ["ks", "psi", "chi_square", "mann_whitney", "cramer_von_mises"])
def test_within_the_bound_after_adding_to_the_reference(name):
    for seed in range(30):
        rng = np.random.default_rng(seed)
        kinds = rng.choice(sorted(DRAWS), 3)
        a, more, b = (DRAWS[kind](rng, 300, 0) for kind in kinds)
        reference = Reference.fit({"x": a}, bins=int(rng.choice([10, 64, 512])))
        reference = reference + reference.profile({"x": more})
        counted = compare(reference, {"x": b}, tests=name)["x"]
        raw = compare({"x": np.concatenate([a, more])}, {"x": b}, tests=name)["x"]
        if not np.isnan(counted.error_bound):
            near(raw, counted)


def test_ks_is_off_by_a_cells_share_at_most():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=20_000), rng.normal(0.1, 1, 5000)
    counted = compare(Reference.fit({"x": a}), {"x": b})["x"]
    exact = stats.ks_2samp(a, b).statistic
    assert counted.statistic <= exact <= counted.statistic + counted.error_bound
    assert counted.error_bound < 3 / 480


def test_welch_is_scipys():
    rng = np.random.default_rng(2)
    a, b = rng.lognormal(size=3000), rng.lognormal(0.1, 1, 500)
    counted = compare(Reference.fit({"x": a}), {"x": b}, tests="welch_t")["x"]
    oracle = stats.ttest_ind(a, b, equal_var=False)
    assert (counted.statistic, counted.p_value) == pytest.approx(tuple(oracle), rel=1e-8)


def test_wasserstein_is_scipys_where_sides_are_apart():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=3000), rng.normal(2, 1, 500)
    counted = compare(Reference.fit({"x": a}), {"x": b}, tests="wasserstein")["x"]
    exact = stats.wasserstein_distance(a, b) / a.std()
    assert counted.statistic == pytest.approx(exact, abs=counted.error_bound + 1e-9)
    assert counted.error_bound < 0.01


@pytest.mark.parametrize("name", sorted(set(TESTS) - {"epps_singleton"}))
def test_level_holds_when_nothing_changed(name):
    rng = np.random.default_rng(11)
    truth = name in ("fisher", "z_proportions")
    alarms = 0
    for _ in range(200):
        a, b = rng.normal(size=600), rng.normal(size=400)
        a, b = (a > 1, b > 1) if truth else (a, b)
        reference = Reference.fit({"x": a})
        alarms += compare(reference, {"x": b}, tests=name, alpha=0.05).drift
    assert alarms <= 19  # 3 standard deviations above 10


def table(seed, n=400):
    rng = np.random.default_rng(seed)
    return {
        "x": rng.normal(size=n),
        "c": rng.choice(["a", "b"], n),
        "b": rng.random(n) < 0.5,
        "holes": np.where(rng.random(n) < 0.3, np.nan, rng.integers(0, 3, n)),
    }


def test_a_reference_or_a_profile_on_either_side():
    a, b = table(0), table(1)
    reference = Reference.fit(a)
    profile = reference.profile(b)
    expected = compare(reference, b).to_dict()
    for left in (reference, reference.counts, reference.profile(a), a):
        for right in (profile, b, reference + profile):
            if left is a and right is b:
                continue
            answer = compare(left, right).to_dict()
            assert answer["columns"].keys() == expected["columns"].keys()
            if right is not profile and right is not b:
                continue
            assert answer == expected
    with pytest.raises(SnapshotMismatch, match="different grids"):
        compare(reference, Reference.fit(b))


def test_missing_values_are_a_test_of_their_own():
    reference = Reference.fit(table(0))
    row = compare(reference, table(1) | {"holes": np.full(400, np.nan)})["holes"]
    assert row.missing.drift
    assert (row.p_value, row.needed, row.n_current) == (None, 10, 0)


def test_schema_changes_are_told():
    reference = Reference.fit({"gone": [1.0] * 20, "turned": [1.0] * 20, "part": [1] * 20})
    current = {"new": [1.0] * 20, "turned": ["x"] * 20, "part": [1] * 12 + ["x"] * 8}
    for right in (current, reference.profile(current)):
        answer = compare(reference, right)
        assert answer.schema == (
            "'gone' is gone",
            "'new' is new",
            "'turned': type changed from number to category",
            "'part': not counted, as they are no number: 8 category",
        )
        assert (answer["turned"].verdict, answer["turned"].n_current) == ("type changed", 20)
        assert (answer["part"].verdict, answer["part"].n_current) == ("no drift", 12)


def test_what_counts_cannot_tell_says_why():
    rng = np.random.default_rng(0)
    x = rng.normal(size=2000)
    columns = {"x": x, "i": np.append(x, np.inf), "c": rng.choice(list("abc"), 2000)}
    reference = Reference.fit(columns)
    current = {"x": x, "i": x, "c": ["a"] * 50}
    notes = {
        ("x", "epps_singleton"): "needs the raw values",
        ("x", "fisher"): "more than two values",
        ("i", "welch_t"): "infinite",
        ("i", "energy"): "infinite",
        ("c", "fisher"): "3 different values",
    }
    for (name, test), note in notes.items():
        row = compare(reference, current, tests={name: test})[name]
        assert note in row.note, test
        assert row.verdict == "error"
    assert compare(reference, current, tests={"i": "ks"})["i"].p_value > 0.99


def test_one_failing_column_does_not_kill_the_rest():
    class Broken:
        def to_numpy(self):
            raise RuntimeError("disk on fire")

    reference = Reference.fit({"x": [1.0] * 20, "y": [1.0] * 20})
    answer = compare(reference, {"x": Broken(), "y": [1.0] * 20})
    assert "disk on fire" in answer["x"].note
    assert answer["y"].verdict == "no drift"


def test_a_new_category_and_an_outlier_move_nothing_else():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=1000), rng.normal(size=1000)
    reference = Reference.fit({"x": a, "c": ["a", "b"] * 500})
    far = np.where(np.arange(1000) == b.argmax(), 1e12, b)
    plain, moved = (compare(reference, {"x": x}, tests="psi")["x"] for x in (b, far))
    assert plain.statistic == moved.statistic
    one = compare(reference, {"c": ["a", "b"] * 499 + ["a", "new"]}, tests="psi")["c"]
    assert one.statistic < 0.02
    assert compare(reference, {"c": ["a", "b", "new", "newer"] * 250})["c"].drift


def correlated(rng, n):
    """An autoregressive series of correlation 0.8, and bursts of a category and of gaps."""
    x = np.zeros(n)
    for i, step in enumerate(rng.normal(size=n)):
        x[i] = 0.8 * x[i - 1] + step
    return {"x": x, "c": np.where(x > 1, "up", "down")}


@pytest.mark.parametrize("name", ["auto", "psi", "welch_t", "mann_whitney", "fisher", "kuiper"])
def test_deflated_tests_keep_their_level_in_correlated_traffic(name):
    rng = np.random.default_rng(5)
    columns = correlated(rng, 80_000)
    first = {key: values[:30_000] for key, values in columns.items()}
    reference = Reference.fit(first)
    tests = {"c": "fisher"} if name == "fisher" else {"x": name}
    plain = deflated = 0
    for start in range(30_000, 80_000, 1000):
        window = {key: values[start : start + 1000] for key, values in columns.items()}
        plain += compare(reference, window, tests, alpha=0.05).drift
        deflated += compare(reference, window, tests, alpha=0.05, deflate=True).drift
    assert plain >= 20
    assert deflated <= 7  # 3 standard deviations above 2.5
    moved = {"x": columns["x"][:1000] + 3, "c": np.full(1000, "up")}
    assert compare(reference, moved, tests, deflate=True).drift


def test_deflating_needs_a_reference_and_enough_data():
    columns = correlated(np.random.default_rng(1), 20_000)
    reference = Reference.fit(columns)
    window = {key: values[:40] for key, values in columns.items()}
    row = compare(reference, window, deflate=True)["x"]
    assert row.verdict == "too little data"
    assert row.needed == np.ceil(10 * reference.dependence["x"])
    free = Reference.fit({"x": np.arange(500) % 7})
    plain, same = (compare(free, {"x": [1, 2, 3, 4] * 9}, deflate=x)["x"] for x in (False, True))
    assert plain == same
    with pytest.raises(InvalidSetting, match="deflate must be False"):
        compare(columns, window, deflate=True)
