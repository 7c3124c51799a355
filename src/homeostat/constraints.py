"""Conditions on the columns of a table, by the names and parameters of whylogs' constraints.

whylogs 1.6.4 asks sketches, which know values nearly; here the rows are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from homeostat.comparison.columns import Column, read
from homeostat.errors import InvalidInput, did_you_mean, require, whole, within
from homeostat.reference.columns import names


class Constraint(NamedTuple):
    """A condition on one column: what is looked at there, and whether that will do.

    `kinds` are those of columns that it can be asked of, whose values are needed; none for all.
    """

    column: str
    condition: str
    observe: Callable[[Column], Any]
    holds: Callable[[Any], bool]
    kinds: Collection[str] = ()
    skip_missing: bool = True


class Verdict(NamedTuple):
    """Whether a condition holds; where nothing was observed that is None, and `note` tells why."""

    column: str
    condition: str
    passed: bool
    observed: Any = None
    note: str = ""


def report(data: Any, constraints: Iterable[Constraint]) -> list[Verdict]:
    """The verdict on each constraint, in their order.

    data: a dict of arrays or a data frame; None, NaN, NaT and NA are missing values. A column that
    cannot be read, or is of another type than the condition, fails; a condition on values passes
    where there are none, unless `skip_missing` is False. Raises InvalidInput for a column that is
    not there. Cost: each column is sorted or counted once. Source: whylogs' `Constraints.report`.
    """
    there = names(data)
    columns: dict[str, Column | InvalidInput] = {}
    found = []
    for each in constraints:
        if each.column not in there:
            raise InvalidInput(each.column, "is no column", did_you_mean(each.column, there))
        if each.column not in columns:
            columns[each.column] = _read(data, each.column)
        found.append(_verdict(each, columns[each.column]))
    return found


def validate(data: Any, constraints: Iterable[Constraint]) -> bool:
    """Whether all of them hold; as `report` otherwise."""
    return all(verdict.passed for verdict in report(data, constraints))


def _read(data: Any, name: str) -> Column | InvalidInput:
    try:
        return read(data, name)
    except InvalidInput as error:
        return error


def _verdict(asked: Constraint, column: Column | InvalidInput) -> Verdict:
    said = partial(Verdict, asked.column, asked.condition)
    if isinstance(column, InvalidInput):
        return said(False, None, str(column))
    if asked.kinds and not column.n:
        return said(asked.skip_missing, None, "has no values")
    if asked.kinds and column.kind not in asked.kinds:
        return said(False, None, f"is of the type {column.kind}")
    observed = asked.observe(column)
    return said(bool(asked.holds(observed)), observed)


# Rows ---------------------------------------------------------------------------------------------


def no_missing_values(column_name: str) -> Constraint:
    """No value is missing."""
    return _of(column_name, "no_missing_values", _missing, lambda n: n == 0)


def null_values_below_number(column_name: str, number: int) -> Constraint:
    """Fewer values than `number` are missing."""
    return _of(column_name, "null_values_below_number", _missing, lambda n: n < number, number)


def null_percentage_below_number(column_name: str, number: float) -> Constraint:
    """The share of missing values, from 0 to 1, is at most `number`."""
    within("number", number, 0, 1, "[]")
    name = "null_percentage_below_number"
    return _of(column_name, name, _missing_share, lambda share: share <= number, number)


def count_below_number(column_name: str, number: int) -> Constraint:
    """There are at most `number` rows."""
    name = "count_below_number"
    return _of(column_name, name, lambda column: column.rows, lambda n: n <= number, number)


def _of(
    column: str, name: str, observe: Callable[[Column], Any], holds: Callable[[Any], bool],
    *told: Any,
) -> Constraint:  # fmt: skip
    return Constraint(column, _condition(name, told), observe, holds)


def _condition(name: str, told: Iterable[Any]) -> str:
    return f"{name}({', '.join(map(str, told))})"


def _missing(column: Column) -> int:
    return column.missing


def _missing_share(column: Column) -> float:
    return column.missing / max(column.rows, 1)


# Numbers ------------------------------------------------------------------------------------------


def greater_than_number(
    column_name: str, number: float, skip_missing: bool = True
) -> Constraint:  # fmt: skip
    """All values are greater than `number`."""
    name = "greater_than_number"
    return _of_numbers(
        column_name, name, _least, lambda least: least > number, skip_missing, number
    )


def smaller_than_number(
    column_name: str, number: float, skip_missing: bool = True
) -> Constraint:  # fmt: skip
    """All values are less than `number`."""
    name = "smaller_than_number"
    return _of_numbers(column_name, name, _most, lambda most: most < number, skip_missing, number)


def is_non_negative(column_name: str, skip_missing: bool = True) -> Constraint:
    """All values are at least 0."""
    return _of_numbers(column_name, "is_non_negative", _least, lambda n: n >= 0, skip_missing)


def is_in_range(
    column_name: str, lower: float, upper: float, skip_missing: bool = True
) -> Constraint:  # fmt: skip
    """All values are from `lower` to `upper`; observed are the least and the greatest."""
    require(lower <= upper, "lower", lower, f"at most upper, {upper}")

    def holds(ends: tuple[float, float]) -> bool:
        return lower <= ends[0] and ends[1] <= upper

    return _of_numbers(column_name, "is_in_range", _ends, holds, skip_missing, lower, upper)


def mean_between_range(
    column_name: str, lower: float, upper: float, skip_missing: bool = True
) -> Constraint:  # fmt: skip
    """The mean is from `lower` to `upper`."""
    return _between(column_name, "mean_between_range", _mean, lower, upper, skip_missing)


def stddev_between_range(
    column_name: str, lower: float, upper: float, skip_missing: bool = True
) -> Constraint:  # fmt: skip
    """The standard deviation, over n - 1, is from `lower` to `upper`; of one value it is 0."""
    return _between(column_name, "stddev_between_range", _spread, lower, upper, skip_missing)


def quantile_between_range(
    column_name: str, quantile: float, lower: float, upper: float, skip_missing: bool = True
) -> Constraint:
    """The value below which lies that share of values is from `lower` to `upper`."""
    within("quantile", quantile, 0, 1, "[]")

    def value(column: Column) -> float:
        return float(np.quantile(column.as_numbers(), quantile, method="inverted_cdf"))

    name = "quantile_between_range"
    return _between(column_name, name, value, lower, upper, skip_missing, quantile)


def _between(
    column: str, name: str, observe: Callable[[Column], float], lower: float, upper: float,
    skip_missing: bool, *told: float,
) -> Constraint:  # fmt: skip
    require(lower <= upper, "lower", lower, f"at most upper, {upper}")

    def holds(value: float) -> bool:
        return lower <= value <= upper

    return _of_numbers(column, name, observe, holds, skip_missing, *told, lower, upper)


def _of_numbers(
    column: str, name: str, observe: Callable[[Column], Any], holds: Callable[[Any], bool],
    skip_missing: bool, *told: float,
) -> Constraint:  # fmt: skip
    condition = _condition(name, told)
    return Constraint(column, condition, observe, holds, ("number", "truth"), skip_missing)


def _least(column: Column) -> float:
    return float(column.as_numbers()[0])


def _most(column: Column) -> float:
    return float(column.as_numbers()[-1])


def _ends(column: Column) -> tuple[float, float]:
    return _least(column), _most(column)


def _mean(column: Column) -> float:
    return float(np.mean(column.as_numbers()))


def _spread(column: Column) -> float:
    return float(np.std(column.as_numbers(), ddof=min(1, column.n - 1)))


# Values of any type -------------------------------------------------------------------------------


def distinct_number_in_range(column_name: str, lower: float, upper: float) -> Constraint:
    """There are from `lower` to `upper` different values."""
    require(lower <= upper, "lower", lower, f"at most upper, {upper}")
    return _of(
        column_name, "distinct_number_in_range", lambda column: len(column.as_counts()),
        lambda n: lower <= n <= upper, lower, upper,
    )  # fmt: skip


def frequent_strings_in_reference_set(
    column_name: str, reference_set: Collection[Any]
) -> Constraint:
    """All values are among those of the set; observed are up to five that are not."""

    def others(column: Column) -> list[Any]:
        return [value for value in column.as_counts() if value not in reference_set][:5]

    name = "frequent_strings_in_reference_set"
    return _of(column_name, name, others, lambda found: not found, sorted(reference_set, key=str))


def n_most_common_items_in_set(
    column_name: str, n: int, reference_set: Collection[Any]
) -> Constraint:
    """The `n` most frequent values are among those of the set; observed are those that are not."""
    whole("n", n)

    def others(column: Column) -> list[Any]:
        counts = column.as_counts()
        common = sorted(counts, key=lambda value: (-counts[value], str(value)))[:n]
        return [value for value in common if value not in reference_set]

    name = "n_most_common_items_in_set"
    return _of(
        column_name, name, others, lambda found: not found, n, sorted(reference_set, key=str)
    )


FACTORIES: tuple[Callable[..., Constraint], ...] = (
    no_missing_values, null_values_below_number, null_percentage_below_number, count_below_number,
    greater_than_number, smaller_than_number, is_non_negative, is_in_range, mean_between_range,
    stddev_between_range, quantile_between_range, distinct_number_in_range,
    frequent_strings_in_reference_set, n_most_common_items_in_set,
)  # fmt: skip
"""All of whylogs' names that are here."""


def as_table() -> str:
    """The constraints as a table in Markdown, as the migration guide prints it."""
    lines = (f"| `{each.__name__}` | {each.__doc__} |\n" for each in FACTORIES)
    return "| constraint | holds where |\n|---|---|\n" + "".join(lines)
