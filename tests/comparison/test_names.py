"""The names and the defaults of other engines: what they name here, and what they decide."""

from math import log, sqrt

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance

import homeostat as hs
from homeostat.comparison import (
    ENGINES,
    NAMES,
    OVER_ALL_COLUMNS,
    TESTS,
    ConstantThreshold,
    StandardDeviationThreshold,
    as_table,
    ours,
    two_sample,
)
from homeostat.errors import InvalidInput, InvalidSetting
from homeostat.multivariate import TESTS as TOGETHER

RNG = np.random.default_rng(5)
NUMBERS = RNG.normal(0, 1, 1000), RNG.normal(0.3, 1.2, 800)
COLOURS = tuple(
    RNG.choice(["red", "green", "blue"], n, p=p)
    for n, p in ((1000, (0.5, 0.3, 0.2)), (800, (0.3, 0.4, 0.3)))
)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"{name.engine}-{name.theirs}")
def test_a_name_runs_the_test_it_stands_for(name):
    two_values = name.ours in ("z_proportions", "fisher")
    a, b = (x > 0 for x in NUMBERS) if two_values else NUMBERS
    assert two_sample(name.theirs, a, b) == two_sample(name.ours, a, b)
    row = hs.compare({"x": a}, {"x": b}, tests=name.theirs)["x"]
    assert row.test == name.ours
    assert TESTS[name.ours].name == name.ours


def test_one_name_stands_for_one_test():
    meant = {}
    for name in (*NAMES, *OVER_ALL_COLUMNS):
        assert meant.setdefault(name.theirs, name.ours) == name.ours
        assert name.theirs not in TESTS or name.theirs == name.ours
        assert name.held in ("reference", "") or name.threshold is not None


def test_names_over_all_columns():
    assert {name.ours for name in OVER_ALL_COLUMNS} <= TOGETHER.keys()
    sides = [{"x": x, "y": x[::-1]} for x in NUMBERS]
    assert hs.multivariate.test(*sides, "ClassifierDrift").test == "classifier"


def test_a_name_in_the_configuration_of_inputs():
    reference = hs.Reference.fit({"x": NUMBERS[0]})
    watch = hs.drift.inputs(reference, window=400, tests={"x": "jensenshannon"})
    assert watch.update_many({"x": NUMBERS[1]}).tolist() == [399, 799]
    assert watch.latest["x"].test == "jensen_shannon"


@pytest.mark.parametrize("name", TESTS)
def test_what_needs_raw_values_is_refused_where_columns_are_counted(name):
    two_values = name in ("z_proportions", "fisher")
    a, b = (x > 0 for x in NUMBERS) if two_values else NUMBERS
    reference = hs.Reference.fit({"x": a})
    counted = hs.compare(reference, {"x": b}, name)["x"]
    assert (counted.verdict == "error") == TESTS[name].raw
    if TESTS[name].raw:
        with pytest.raises(InvalidSetting, match="needs raw values, and inputs are counted"):
            hs.drift.inputs(reference, tests=name)
    else:
        hs.drift.inputs(reference, tests=name)


def test_an_unknown_name_is_told_with_the_nearest():
    with pytest.raises(InvalidSetting, match="jensen_shannon"):
        hs.compare({"x": [1.0]}, {"x": [1.0]}, tests="jensenshanon")
    assert ours("nothing of the kind") == "nothing of the kind"


# Distances, as SciPy and their formulas have them ------------------------------------------------


def shares(column):
    return np.array([np.mean(column == colour) for colour in ("red", "green", "blue")])


P, Q = map(shares, COLOURS)
FORMULAS = {
    "psi": np.sum((P - Q) * np.log(P / Q)),
    "kl_div": stats.entropy(Q, P),
    "jensen_shannon": distance.jensenshannon(P, Q, base=2),
    "hellinger": sqrt(np.sum((np.sqrt(P) - np.sqrt(Q)) ** 2) / 2),
    "l_infinity": np.abs(P - Q).max(),
    "TVD": np.abs(P - Q).sum() / 2,
}


@pytest.mark.parametrize("name", FORMULAS)
def test_distances_of_categories(name):
    found = two_sample(name, *COLOURS).statistic
    assert found == pytest.approx(FORMULAS[name], rel=5e-3)  # ours adds half a record to a cell


def test_wasserstein_in_standard_deviations():
    a, b = NUMBERS
    expected = stats.wasserstein_distance(a, b) / np.std(a)
    assert two_sample("wasserstein", a, b).statistic == pytest.approx(expected, rel=1e-9)


# Judged like another engine -----------------------------------------------------------------------


def like(engine, reference, current, tests="auto"):
    return hs.compare({"x": reference}, {"x": current}, tests, like=engine)["x"]


@pytest.mark.parametrize(
    ("reference", "test"),
    [
        (np.arange(1000.0), "ks"),
        (np.arange(1001.0), "wasserstein"),
        (np.arange(1000) % 3, "chi_square"),
        (np.arange(1000) % 2, "z_proportions"),
        (np.arange(2000) % 3, "jensen_shannon"),
        (np.array(["a", "b", "c", "a"] * 250), "chi_square"),
        (np.array(["a", "b"] * 500), "z_proportions"),
        (np.array(["a", "b"] * 501), "jensen_shannon"),
        (np.arange(1000) % 2 == 0, "z_proportions"),
    ],
    ids=str,
)
def test_evidently_chooses_by_size_and_by_values(reference, test):
    row = hs.compare({"x": reference}, {"x": reference[::-1]}, like="evidently", columns=["x"])["x"]
    assert (row.test, row.drift) == (test, False)


def test_evidently_holds_distances_to_a_tenth_and_p_values_to_a_twentieth():
    a = np.random.default_rng(0).normal(size=5000)
    assert not like("evidently", a, a + 0.09).drift
    assert like("evidently", a, a + 0.11).drift
    row = like("evidently", NUMBERS[0][:500], NUMBERS[1][:30], "ks")
    assert row.drift == (row.p_value < 0.05)
    assert row.threshold == 0.05


def test_a_distance_in_the_unit_of_the_engine():
    """Evidently's Jensen-Shannon is in nats: at 0.11 to base 2 it is 0.092, below its threshold."""
    a = np.array(["a", "b"] * 5000)
    b = np.array(["a"] * 6090 + ["b"] * 3910)
    row = like("evidently", a, b)
    nats = distance.jensenshannon([0.5, 0.5], [0.609, 0.391])
    assert row.statistic * sqrt(log(2)) == pytest.approx(nats, rel=1e-3)
    assert row.drift == (nats >= 0.1)


def test_nannyml_draws_its_threshold_from_ten_parts_of_the_reference():
    a = np.random.default_rng(1).normal(size=5000)
    row = like("nannyml", a, a[:500] + 0.05, "kolmogorov_smirnov")
    parts = [stats.ks_2samp(a, part).statistic for part in np.array_split(a, 10)]
    assert row.threshold == pytest.approx(np.mean(parts) + 3 * np.std(parts), rel=1e-9)
    assert like("nannyml", a, a[:500] + 1, "kolmogorov_smirnov").drift
    assert like("nannyml", a, a[:500]).test == "jensen_shannon"
    with pytest.raises(InvalidSetting, match="no threshold for 'psi'"):
        like("nannyml", a, a, "psi")


def nannyml(reference, current, test, threshold):
    found = hs.compare(
        {"x": reference}, {"x": current}, test, like="nannyml", thresholds={test: threshold}
    )
    return found["x"]


def test_nannyml_s_thresholds_by_their_names_and_parameters():
    a = np.random.default_rng(1).normal(size=5000)
    b = a[:500] + 0.05
    default = like("nannyml", a, b, "kolmogorov_smirnov")
    same = nannyml(a, b, "kolmogorov_smirnov", StandardDeviationThreshold())
    assert same == default
    parts = [stats.ks_2samp(a, part).statistic for part in np.array_split(a, 10)]
    row = nannyml(
        a, b, "kolmogorov_smirnov",
        StandardDeviationThreshold(std_upper_multiplier=1, offset_from=np.median),
    )  # fmt: skip
    assert row.threshold == pytest.approx(np.median(parts) + np.std(parts), rel=1e-9)
    for upper, drift in ((default.statistic, True), (default.statistic + 1e-9, False)):
        assert nannyml(a, b, "kolmogorov_smirnov", ConstantThreshold(upper=upper)).drift == drift
    p = like("nannyml", *COLOURS, "chi2").p_value
    for lower, drift in ((p * 0.9, False), (p * 1.1, True)):
        assert nannyml(*COLOURS, "chi2", ConstantThreshold(lower=lower)).drift == drift


def test_a_constant_threshold_is_in_the_unit_of_the_engine():
    nats = like("evidently", *COLOURS, "jensenshannon").statistic * sqrt(log(2))
    for upper, drift in ((nats * 0.99, True), (nats * 1.01, False)):
        thresholds = {"jensenshannon": ConstantThreshold(upper=upper)}
        sides = {"x": COLOURS[0]}, {"x": COLOURS[1]}
        table = hs.compare(*sides, "jensenshannon", like="evidently", thresholds=thresholds)
        assert table["x"].drift == drift


@pytest.mark.parametrize(
    ("test", "threshold", "says"),
    [
        ("chi2", StandardDeviationThreshold(), "it holds a p-value"),
        ("chi2", ConstantThreshold(upper=1), r"a ConstantThreshold\(lower=...\)"),
        ("wasserstein", ConstantThreshold(lower=1), r"a ConstantThreshold\(upper=...\)"),
        ("wasserstein", 0.2, "must be a ConstantThreshold or"),
        ("psi", ConstantThreshold(upper=1), "no threshold for 'psi'"),
    ],
    ids=["drawn", "upper", "lower", "number", "test"],
)
def test_a_threshold_that_does_not_fit(test, threshold, says):
    with pytest.raises(InvalidSetting, match=says):
        hs.compare({"x": []}, {"x": []}, like="nannyml", thresholds={test: threshold})
    with pytest.raises(InvalidSetting, match="say which, like="):
        hs.compare({"x": []}, {"x": []}, thresholds={test: threshold})


def test_a_threshold_from_parts_needs_rows():
    reference = hs.Reference.fit({"x": NUMBERS[0]})
    row = hs.compare(reference, {"x": NUMBERS[1]}, like="nannyml")["x"]
    assert (row.verdict, row.drift) == ("error", False)
    assert "needs its rows" in row.note


def test_alibi_divides_its_level_by_the_columns():
    side = {f"x{i}": NUMBERS[0] for i in range(10)}
    assert hs.compare(side, side, like="alibi_detect")["x0"].threshold == pytest.approx(0.005)


def test_whylogs_and_sagemaker():
    assert like("whylogs", *NUMBERS).test == "ks"
    assert like("whylogs", *COLOURS).test == "chi_square"
    assert not like("whylogs", *NUMBERS, "hellinger").drift  # below 0.4
    row = like("sagemaker", *COLOURS)
    assert (row.test, row.drift) == ("l_infinity", np.abs(P - Q).max() >= 0.1)
    assert like("sagemaker", *NUMBERS).drift == (stats.ks_2samp(*NUMBERS).statistic >= 0.1)


def test_like_says_so():
    table = hs.compare({"x": NUMBERS[0]}, {"x": NUMBERS[1]}, like="evidently")
    assert "as evidently" in repr(table)
    assert table["x"].note.startswith("as evidently: p ")
    assert hs.compare({"x": NUMBERS[0]}, {"x": NUMBERS[0]})["x"].note == ""


def test_like_an_engine_no_correction_is_named_that_is_not_used():
    holes = np.where(np.arange(len(NUMBERS[1])) % 5 == 0, np.nan, NUMBERS[1])
    sides = {"x": NUMBERS[0]}, {"x": NUMBERS[1]}
    head = repr(hs.compare(*sides, like="evidently")).splitlines()[0]
    assert "thresholds of evidently, each column alone, 1 columns" in head
    assert "holm" not in head
    assert "holm at 0.01" in repr(hs.compare(*sides))
    head = repr(hs.compare(sides[0], {"x": holes}, like="evidently")).splitlines()[0]
    assert "missing values by holm at 0.01" in head


@pytest.mark.parametrize("test", ["psi", "jensen_shannon", "hellinger"])
def test_the_note_says_where_the_number_is_over_our_cells(test):
    over = "computed by homeostat over the reference's deciles"
    assert like("evidently", *NUMBERS, test).note.endswith(f"; {over}")
    assert "computed" not in like("evidently", *COLOURS, test).note
    assert "computed" not in like("evidently", *NUMBERS, "wasserstein").note
    reference = hs.Reference.fit({"x": NUMBERS[0]})
    note = hs.compare(reference, {"x": NUMBERS[1]}, "wasserstein", like="evidently")["x"].note
    assert note.endswith("; computed by homeostat from counts on the reference's grid")


def test_an_unknown_engine():
    with pytest.raises(InvalidSetting, match="did you mean 'evidently'"):
        hs.compare({"x": [1.0]}, {"x": [1.0]}, like="evidentley")


@pytest.mark.parametrize("engine", ENGINES)
def test_the_table_names_all_of_an_engine(engine):
    table = as_table(engine)
    assert all(f"| `{n.theirs}` | `{n.ours}` |" in table for n in NAMES if n.engine == engine)


def test_an_oracle_for_the_p_values_of_both_sides():
    """ks and chi-square by other engines' names are SciPy's."""
    a, b = (x[:150] for x in NUMBERS)
    assert two_sample("KSDrift", a, b).p_value == pytest.approx(
        stats.ks_2samp(a, b).pvalue, rel=1e-6
    )
    table = [[np.sum(x == c) for c in ("red", "green", "blue")] for x in COLOURS]
    expected = stats.chi2_contingency(table, correction=False).pvalue
    assert two_sample("chi2", *COLOURS).p_value == pytest.approx(expected, rel=1e-8)


def test_a_counted_reference_is_judged_too():
    reference = hs.Reference.fit({"x": NUMBERS[0], "c": COLOURS[0]})
    table = hs.compare(reference, {"x": NUMBERS[1], "c": COLOURS[1]}, like="evidently")
    assert (table["x"].test, table["c"].test) == ("ks", "chi_square")
    assert table.drifted


def test_data_of_no_kind_is_still_told():
    with pytest.raises(InvalidInput):
        hs.compare([1], [2], like="evidently")
