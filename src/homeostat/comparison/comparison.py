"""The table that a comparison answers with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import asin, isnan, nan, sqrt
from sys import float_info
from typing import Any, NamedTuple

from homeostat.comparison import shown
from homeostat.comparison.shape import Shape
from homeostat.errors import UnknownColumn

MISSING = "z_proportions of missing"
"""How the test of the share of missing values is called."""


class Decision(NamedTuple):
    """The test that a verdict rests on, and its numbers; as in `ColumnResult`."""

    test: str
    statistic: float
    p_value: float | None
    p_adjusted: float
    effect: float
    effect_name: str
    detectable: float = nan


class MissingChange(NamedTuple):
    """Shares of missing values before and now, the z test between them, and its verdict."""

    reference: float
    current: float
    z: float
    p_value: float
    p_adjusted: float = nan
    drift: bool = False

    @property
    def effect(self) -> float:
        """Cohen's h, current less reference."""
        return 2 * (asin(sqrt(self.current)) - asin(sqrt(self.reference)))


class ColumnResult(NamedTuple):
    """One column's row.

    `statistic` is NaN and `p_value` None where no test was run; `note` and `needed` (values on
    each side) say why. `effect` is in the unit that `effect_name` says, `detectable` the least
    effect that is found with 80 % power (NaN where no formula is known). `drift` is true when the
    values or the share of missing ones changed, after correction. `error_bound` is how far the
    statistic can lie from that of the raw values, where a side was counted on a grid: 0 is equal,
    NaN is not known. `threshold` is what another engine holds its number or the p-value to, where
    the comparison was to be like it.
    """

    name: str
    test: str
    statistic: float = nan
    p_value: float | None = None
    p_adjusted: float = nan
    effect: float = nan
    effect_name: str = ""
    detectable: float = nan
    n_reference: int = 0
    n_current: int = 0
    verdict: str = ""
    drift: bool = False
    note: str = ""
    needed: int | None = None
    missing: MissingChange | None = None
    error_bound: float = 0.0
    shape: Shape | None = None
    threshold: float = nan

    @property
    def decided(self) -> Decision:
        """What the verdict rests on: the test of the values, or that of the share of missing ones.

        The latter where that share alone drifted, or where both did and it is the surer. Whoever
        shows one test, statistic, p-value and effect of a column shows these.
        """
        missing = self.missing
        if missing is None or not missing.drift or self.p_adjusted <= missing.p_adjusted:
            return Decision(
                self.test, self.statistic, self.p_value, self.p_adjusted, self.effect,
                self.effect_name, self.detectable,
            )  # fmt: skip
        return Decision(
            MISSING, missing.z, missing.p_value, missing.p_adjusted, missing.effect, "Cohen's h"
        )


class Comparison:
    """All columns' rows, by name in the reference's order; and what changed in the schema.

    `drift` is true when any column drifted after correction. A changed schema is no drift: it is
    told in `schema`, one sentence each.
    """

    def __init__(
        self,
        rows: list[ColumnResult],
        schema: list[str],
        alpha: float,
        correction: str,
        like: str | None = None,
    ) -> None:
        self.columns = {row.name: row for row in rows}
        self.schema = tuple(schema)
        self.alpha = alpha
        self.correction = correction
        self.like = like

    @property
    def drift(self) -> bool:
        """Whether any column drifted."""
        return any(row.drift for row in self)

    @property
    def drifted(self) -> tuple[str, ...]:
        """The names of the columns that drifted, the surest first."""
        rows = sorted((row for row in self if row.drift), key=shown.rank)
        return tuple(row.name for row in rows)

    def __iter__(self) -> Iterator[ColumnResult]:
        return iter(self.columns.values())

    def __len__(self) -> int:
        return len(self.columns)

    def __getitem__(self, name: str) -> ColumnResult:
        try:
            return self.columns[name]
        except (KeyError, TypeError):
            raise UnknownColumn(name, self.columns) from None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, and valid JSON: `drift`, `columns` by name, and `schema` where it changed.

        Of a column `drift, test, statistic, p_value, n` (current) and `verdict`; where there are
        such, `p_adjusted`, `effect`, `missing`, `needed` and `note`. What is not defined is None.
        """
        told: dict[str, Any] = {"drift": self.drift, "columns": {r.name: _plain(r) for r in self}}
        return told | ({"schema": list(self.schema)} if self.schema else {})

    def __repr__(self) -> str:
        return shown.text(self)

    def _repr_html_(self) -> str:
        return shown.html(self)

    def plot(self, columns: Iterable[str] | None = None) -> Any:
        """A Plotly figure: how each column was distributed then and is now, at most 12 of them.

        columns: these, in this order; None: those that drifted first. Columns without values on
        both sides are left out. Raises MissingExtra without the extra `plot`, UnknownColumn.
        """
        return shown.plot(self, columns)


def _plain(row: ColumnResult) -> dict[str, Any]:
    found = {
        "p_adjusted": _defined(row.p_adjusted),
        "effect": _defined(row.effect),
        "missing": None if row.missing is None else _missing(row.missing),
        "needed": row.needed,
        "note": row.note or None,
    }
    return {
        "drift": row.drift,
        "test": row.test,
        "statistic": _defined(row.statistic),
        "p_value": row.p_value,
        "n": row.n_current,
        "verdict": row.verdict,
    } | {name: value for name, value in found.items() if value is not None}


def _missing(change: MissingChange) -> dict[str, Any]:
    numbers = {name: _defined(value) for name, value in change._asdict().items()}
    return numbers | {"drift": change.drift}


def _defined(value: float) -> float | None:
    """A number that JSON can hold: None for NaN, the largest float for infinity."""
    return None if isnan(value) else max(-float_info.max, min(value, float_info.max))
