"""Conditions by whylogs' names: each holds up to its bound, and says what it saw."""

import inspect

import numpy as np
import pandas as pd
import pytest

import homeostat as hs
from homeostat import constraints as c
from homeostat.errors import InvalidInput, InvalidSetting

TABLE = {
    "age": [40.5, 18, None, 99, 31],
    "city": ["Oslo", "Rome", "Oslo", None, None],
    "member": [True, False, True, True, True],
    "mixed": [1, "a", 2, "b", 3],
    "empty": [None] * 5,
}
AGES = pd.Series(TABLE["age"])

CASES = {
    "no_missing_values": (c.no_missing_values("member"), c.no_missing_values("age")),
    "null_values_below_number": (
        c.null_values_below_number("age", 2), c.null_values_below_number("age", 1),
    ),
    "null_percentage_below_number": (
        c.null_percentage_below_number("age", 0.2), c.null_percentage_below_number("age", 0.19),
    ),
    "count_below_number": (c.count_below_number("age", 5), c.count_below_number("age", 4)),
    "greater_than_number": (
        c.greater_than_number("age", 17.9), c.greater_than_number("age", 18),
    ),
    "smaller_than_number": (
        c.smaller_than_number("age", 99.1), c.smaller_than_number("age", 99),
    ),
    "is_non_negative": (c.is_non_negative("member"), c.is_non_negative("city")),
    "is_in_range": (c.is_in_range("age", 18, 99), c.is_in_range("age", 18, 98)),
    "mean_between_range": (
        c.mean_between_range("age", AGES.mean(), 50), c.mean_between_range("age", 47.2, 50),
    ),
    "stddev_between_range": (
        c.stddev_between_range("age", AGES.std() - 1e-9, 40),
        c.stddev_between_range("age", 0, AGES.std() - 1e-9),
    ),
    "quantile_between_range": (
        c.quantile_between_range("age", 0.5, 31, 31), c.quantile_between_range("age", 0.75, 31, 40),
    ),
    "distinct_number_in_range": (
        c.distinct_number_in_range("city", 2, 2), c.distinct_number_in_range("age", 5, 9),
    ),
    "frequent_strings_in_reference_set": (
        c.frequent_strings_in_reference_set("city", {"Oslo", "Rome"}),
        c.frequent_strings_in_reference_set("city", {"Oslo"}),
    ),
    "n_most_common_items_in_set": (
        c.n_most_common_items_in_set("city", 1, ["Oslo"]),
        c.n_most_common_items_in_set("city", 2, ["Oslo"]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("table", [TABLE, pd.DataFrame(TABLE)], ids=["dict", "pandas"])
def test_a_constraint_holds_up_to_its_bound(name, table):
    good, bad = CASES[name]
    assert good.condition.partition("(")[0] == bad.condition.partition("(")[0] == name
    assert [verdict.passed for verdict in c.report(table, [good, bad])] == [True, False]


def test_all_of_them_are_tried_by_the_parameters_that_whylogs_has():
    assert [each.__name__ for each in c.FACTORIES] == list(CASES)
    for each in c.FACTORIES:
        assert next(iter(inspect.signature(each).parameters)) == "column_name"
    assert c.is_in_range(column_name="age", lower=0, upper=1, skip_missing=False).column == "age"


def test_what_was_seen_is_told():
    asked = [
        c.is_in_range("age", 0, 50),
        c.quantile_between_range("age", 0.5, 0, 1),
        c.frequent_strings_in_reference_set("city", {"Oslo"}),
        c.is_non_negative("city"),
        c.is_non_negative("mixed"),
    ]
    found = c.report(TABLE, asked)
    assert [verdict.observed for verdict in found] == [(18, 99), 31, ["Rome"], None, None]
    assert found[1].condition == "quantile_between_range(0.5, 0, 1)"
    assert found[3].note == "is of the type category"
    assert "mixed types" in found[4].note
    assert not any(verdict.passed for verdict in found)
    assert hs.constraints.validate(TABLE, asked[:0])
    assert not hs.constraints.validate(TABLE, asked)


def test_a_column_without_values_passes_unless_it_may_not():
    asked = [c.is_non_negative("empty"), c.is_non_negative("empty", skip_missing=False)]
    assert [verdict.passed for verdict in c.report(TABLE, asked)] == [True, False]
    assert c.validate({"x": np.array([])}, [c.null_percentage_below_number("x", 0)])
    assert c.report({"x": [3.0]}, [c.stddev_between_range("x", 0, 0)])[0].observed == 0


def test_what_cannot_be_asked_is_told():
    with pytest.raises(InvalidInput, match="did you mean 'age'"):
        c.report(TABLE, [c.no_missing_values("agee")])
    with pytest.raises(InvalidSetting, match="lower must be at most upper, 1"):
        c.is_in_range("age", 2, 1)
    with pytest.raises(InvalidSetting, match="quantile must be"):
        c.quantile_between_range("age", 50, 0, 1)
