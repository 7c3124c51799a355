"""Judging columns as another engine does by default: its choice of tests, its thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import inf, nan
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.comparison import counts
from homeostat.comparison.columns import Column, Side, read
from homeostat.comparison.comparison import ColumnResult
from homeostat.comparison.names import Name, held_to, ours
from homeostat.comparison.sample import RawPair, Test
from homeostat.comparison.thresholds import DEFAULT, Threshold, bound, checked
from homeostat.errors import InvalidInput, InvalidSetting, did_you_mean
from homeostat.reference import CategoryTally
from homeostat.reference.columns import array_of

_PARTS = 10  # of the reference, from which NannyML draws a threshold
_SMALL, _FEW = 1000, 5  # Evidently: rows of a small reference, values of a column that has few
_CELLS = frozenset(test.name for test in counts.TESTS)  # numbers go into cells for these
_SHARED = ("alibi_detect",)  # its p-value is for all columns together, by Bonferroni


def _evidently(kind: str, left: Side, right: Side) -> str:
    values = _distinct(left, right)
    if left.rows <= _SMALL:
        rare = "chi_square" if values > 2 else "z_proportions"
        return "ks" if kind == "number" and values > _FEW else rare
    return "wasserstein" if kind == "number" and values > _FEW else "jensen_shannon"


def _by_kind(number: str, category: str, kind: str, left: Side, right: Side) -> str:
    return number if kind in ("number", "time") else category


_CHOICE: dict[str, Callable[[str, Side, Side], str]] = {
    "evidently": _evidently,
    "nannyml": partial(_by_kind, "jensen_shannon", "jensen_shannon"),
    "whylogs": partial(_by_kind, "ks", "chi_square"),
    "alibi_detect": partial(_by_kind, "ks", "chi_square"),
    "sagemaker": partial(_by_kind, "ks", "l_infinity"),
}
ENGINES = tuple(_CHOICE)


class Likeness(NamedTuple):
    """One engine's way; `columns` is how many there are to judge.

    `thresholds` are, by our name of a test, those that go before the engine's.
    """

    engine: str
    columns: int = 1
    thresholds: Mapping[str, Threshold] = MappingProxyType({})

    def choose(self, kind: str, left: Side, right: Side) -> str:
        """The test that the engine takes when it is told none."""
        return _CHOICE[self.engine](kind, left, right)

    def checked(self, test: str) -> str:
        """A test that the engine has; raises InvalidSetting for another."""
        if held_to(self.engine, test) is None:
            raise InvalidSetting(f"like: {self.engine} has no threshold for {test!r}; leave it out")
        return test

    def threshold(self, test: Test, data: Any, name: Any, whole: Side) -> float:
        """What the number or the p-value is held to, in the engine's unit."""
        rule = self._rule(test.name)
        stated = self.thresholds.get(test.name, DEFAULT if rule.held == "reference" else None)
        if stated is not None:
            drawn = partial(_drawn, test, data, name, whole, rule.factor)
            return bound(stated, rule.held == "p-value", drawn)
        assert rule.threshold is not None
        return rule.threshold / (self.columns if self.engine in _SHARED else 1)

    def remark(self, test: Test, kind: str, counted: bool) -> str:
        """Where the number is not one of raw values, and so not quite the engine's; else ""."""
        if counted:
            return "computed by homeostat from counts on the reference's grid"
        numbers = test.name in _CELLS and kind in ("number", "time")
        return "computed by homeostat over the reference's deciles" if numbers else ""

    def judged(self, row: ColumnResult) -> ColumnResult:
        """The row with the verdict that the engine would give, and why."""
        rule, threshold = self._rule(row.test), row.threshold
        by_p = rule.held == "p-value"
        assert row.p_value is not None
        value = row.p_value if by_p else row.statistic * rule.factor
        drift = value < threshold if by_p else value >= threshold
        sign = "<" if value < threshold else ">="
        what = "p" if by_p else row.test
        told = f"as {self.engine}: {what} {value:.3g} {sign} {threshold:.3g}"
        note = "; ".join(filter(None, (told, row.note)))
        return row._replace(drift=bool(drift), verdict="drift" if drift else "no drift", note=note)

    def by_p(self, test: str) -> bool:
        """Whether the engine judges a test by its p-value."""
        return self._rule(test).held == "p-value"

    def _rule(self, test: str) -> Name:
        rule = held_to(self.engine, self.checked(test))
        assert rule is not None
        return rule


def likeness(engine: Any, thresholds: Mapping[str, Threshold] | None = None) -> Likeness:
    """An engine's way by its name; raises InvalidSetting for an unknown one.

    `thresholds` go by the engine's names of tests, or ours; one that does not fit is refused.
    """
    if engine not in ENGINES:
        raise InvalidSetting(f"like: cannot be {engine!r}; {did_you_mean(engine, ENGINES)}")
    way = Likeness(engine)
    stated = {
        way.checked(ours(test)): checked(test, threshold, way.by_p(ours(test)))
        for test, threshold in (thresholds or {}).items()
    }
    return way._replace(thresholds=stated)


def _drawn(test: Test, data: Any, name: Any, whole: Side, factor: float) -> list[float]:
    """The test's number, in the engine's unit, of each part of the reference against all of it."""
    if not isinstance(whole, Column):
        raise InvalidInput(
            "reference", "is counted, and a threshold drawn from its parts needs its rows",
            "give the data itself",
        )  # fmt: skip
    parts = np.array_split(array_of(data[name]), _PARTS)
    columns = [read({name: part}, name) for part in parts if len(part)]
    numbers = [test.run(RawPair(whole, part)).statistic if part.n else nan for part in columns]
    return [number * factor for number in numbers]


def _distinct(left: Side, right: Side) -> float:
    """How many different values there are; infinite where there are plainly more than few."""
    if isinstance(left, CategoryTally) and isinstance(right, CategoryTally):
        return int(np.count_nonzero(left.counts + right.counts))
    if not (isinstance(left, Column) and isinstance(right, Column)):
        return inf
    if any(side.numbers is not None and _steps(side.numbers) > _FEW for side in (left, right)):
        return inf
    return len(left.as_counts().keys() | right.as_counts().keys())


def _steps(rising: NDArray[Any]) -> int:
    return 1 + int(np.count_nonzero(rising[1:] != rising[:-1]))
