"""Two samples side by side, what tests need of them computed once; and what a test answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from math import nan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.comparison.columns import Column
from homeostat.comparison.grid import Cells, by_category, by_quantiles
from homeostat.errors import InvalidInput

Floats = NDArray[np.float64]


class Outcome(NamedTuple):
    """A test's answer: statistic, p-value, effect size, and the effect found at 80 % power."""

    statistic: float
    p_value: float
    effect: float
    detectable: float = nan


class Steps(NamedTuple):
    """Both empirical distribution functions at each distinct value, as counts up to it."""

    values: NDArray[Any]
    reference: Floats
    current: Floats


class Pair:
    """Reference and current; `level` is the level at which the detectable effect is stated."""

    def __init__(self, reference: Column, current: Column, level: float = 0.01) -> None:
        self.reference = reference
        self.current = current
        self.level = level
        self.n = reference.n
        self.m = current.n

    @property
    def spread(self) -> float:
        """1/n + 1/m."""
        return 1 / self.n + 1 / self.m

    @cached_property
    def numbers(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Both sides sorted, of one type; float64 unless both are of the same other type."""
        a, b = self.reference.as_numbers(), self.current.as_numbers()
        if a.dtype != b.dtype:
            whole = a.dtype.kind == b.dtype.kind and a.dtype.kind in "iu"
            kind = np.promote_types(a.dtype, b.dtype) if whole else np.dtype(np.float64)
            a, b = a.astype(kind), b.astype(kind)
        return a, b

    @cached_property
    def floats(self) -> tuple[Floats, Floats]:
        """Both sides sorted, as float64."""
        a, b = self.numbers
        return a.astype(np.float64, copy=False), b.astype(np.float64, copy=False)

    @cached_property
    def steps(self) -> Steps:
        """Both distribution functions. Cost: one sort of the values of both sides."""
        a, b = self.numbers
        pooled = np.sort(np.concatenate([a, b]))
        last = np.append(pooled[1:] != pooled[:-1], True)
        values = pooled[last]
        upto = (np.flatnonzero(last) + 1).astype(np.float64)
        reference = np.searchsorted(a, values, "right").astype(np.float64)
        return Steps(values, reference, upto - reference)

    @cached_property
    def cells(self) -> Cells:
        """Counts: over the reference's quantiles for numbers, else over merged categories."""
        if self.reference.counts is None or self.current.counts is None:
            return by_quantiles(*self.numbers)
        return by_category(self.reference.counts, self.current.counts)

    @cached_property
    def table(self) -> Cells:
        """A table of two values by two sides; InvalidInput when there are more than two values."""
        sides = self.reference.as_counts(), self.current.as_counts()
        cells = by_category(*sides, merge=False)
        if len(cells.reference) > 2:
            problem = f"holds {len(cells.reference)} different values"
            raise InvalidInput("the column", problem, "this test compares two")
        short = 2 - len(cells.reference)
        return Cells(
            np.append(cells.reference, np.zeros(short)), np.append(cells.current, np.zeros(short))
        )


class Test(NamedTuple):
    """A two-sample test: how it is called, what it takes, what its effect size is."""

    name: str
    run: Callable[[Pair], Outcome]
    takes: tuple[str, ...]
    effect: str
    symmetric: bool
