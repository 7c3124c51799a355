"""Broken columns are told with what broke them, and with the rows to leave out."""

import numpy as np
import pytest
from lending import loans

from homeostat.diagnosis import diagnose
from homeostat.diagnosis.units import distance


def text(values):
    return np.array(values, dtype=object)


def changed(column, change):
    def make(now):
        return now | {column: change(now[column])}

    return column, make


def spiked(values):
    out = values.copy()
    out[::5] = -999.0
    return out


def lost(values):
    out = values.copy()
    out[::4] = np.nan
    return out


BREAKS = {
    "unit": changed("income", lambda x: x * 1000),
    "sign": changed("noise", lambda x: -x),
    "missing": changed("debt", lost),
    "constant": changed("job", lambda x: np.full_like(x, "Employed")),
    "default value": changed("debt", spiked),
    "spelling": changed("job", lambda x: text([each.upper() for each in x])),
    "renamed": changed("job", lambda x: text([f"code {hash_of(each)}" for each in x])),
    "type": changed("debt", lambda x: text([f"{each:.2f}".replace(".", ",") for each in x])),
}
SAID = {
    "unit": "is multiplied by 1,000",
    "sign": "is of the opposite sign",
    "missing": "is missing in 25.0% of rows, before in 0.0%",
    "constant": "is constant, 'Employed'",
    "default value": "is -999 in 20.0% of rows, before in 0.0%",
    "spelling": "is spelt another way in 100.0% of rows",
    "renamed": "has other names in 100.0% of rows",
    "type": "changed its type from number to category",
}


def hash_of(name):
    return {"Employed": 17, "Retired": 4, "Student": 9}[name]


@pytest.mark.parametrize("kind", BREAKS)
def test_each_kind_is_found_in_its_column_and_nowhere_else(kind, before, now):
    column, make = BREAKS[kind]
    result = diagnose(before, make(now))
    assert result.cause == "data break"
    assert f"{column} {SAID[kind]}" in result["data break"].reason
    assert result.columns[0].name == column
    assert [rule.column for rule in result.quarantine] == [column]


def test_the_rule_says_which_rows(before, now):
    when = np.datetime64("2026-03-01T00:00") + np.arange(1500).astype("m8[m]")
    values = now["debt"].copy()
    values[1000:] = -1.0
    result = diagnose(
        before | {"when": np.arange(2500.0)}, now | {"debt": values, "when": when}, time="when"
    )
    (rule,) = result.quarantine
    assert rule.rule == "debt == -1"
    assert (rule.rows, rule.share) == (500, 1 / 3)
    assert rule.first == "2026-03-01T16:40:00.000000"
    assert rule.last == "2026-03-02T00:59:00.000000"


def test_a_column_that_went_and_one_that_came(before, now):
    current = {name: values for name, values in now.items() if name != "debt"}
    result = diagnose(before, current | {"extra": np.arange(1500) % 7})
    assert {(row.name, row.what) for row in result.columns if row.share} == {
        ("debt", "data break: is gone"),
        ("extra", "data break: is new"),
    }


def test_a_broken_label_leaves_the_relation_open(before, now):
    names = np.where(now["ground_truth_label"] > 0, "good", "bad")
    result = diagnose(before, now | {"ground_truth_label": names})
    assert result.cause == "data break"
    assert "labels are broken" in result["concept drift"].reason


def test_distance_is_scipys_ks():
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(3)
    a, b = np.sort(rng.integers(0, 20, 300)), np.sort(rng.integers(2, 25, 200))
    assert distance(a, b) == pytest.approx(ks_2samp(a, b).statistic, abs=1e-12)


def test_drift_of_every_kind_of_column_is_no_break():
    rng = np.random.default_rng(4)

    def made(n, shift):
        return {
            "flag": (rng.random(n) < 0.3 + shift).astype(float),
            "count": rng.poisson(1 + 3 * shift, n).astype(float),
            "city": rng.choice(["a", "b", "c"], n, p=[0.5 - shift, 0.3, 0.2 + shift]),
            "x": rng.normal(shift * 3, 1, n),
        }

    for _ in range(10):
        result = diagnose(made(2000, 0.0), made(1500, 0.2))
        assert result.cause == "covariate drift"
        assert not result.quarantine


def test_a_default_that_was_there_before_is_none():
    rng = np.random.default_rng(5)

    def made(n):
        return {"x": np.where(rng.random(n) < 0.3, 0.0, rng.normal(5, 1, n))}

    assert diagnose(made(2000), made(2000)).cause == "none"


def test_wrong_decoding_is_spelling():
    data = loans(6)
    city = np.where(data["debt"] > 0.3, "Málaga", "Oslo").astype(object)
    wrong = text([name.encode().decode("latin-1") for name in city])
    result = diagnose(data | {"city": city}, data | {"city": wrong})
    assert "city is spelt another way" in result["data break"].reason


def test_a_category_that_stands_for_nothing_is_a_default(before, now):
    job = now["job"].copy()
    job[::6] = "Unknown"
    (rule,) = diagnose(before, now | {"job": job}).quarantine
    assert rule.rule == "job == 'Unknown'"
    assert rule.rows == 250
    job[::6] = "Artist"
    assert diagnose(before, now | {"job": job}).cause == "covariate drift"
