"""Bounds of a mean difference from a few sums, valid at all times at once.

A mean m is refused once the bets of `homeostat.decision.bets` that the mean is above m would have
won 1/a. Their capital is not kept for every m: log(1 + s*y) >= s*y + (log(1 - s) + s) * y*y for
y >= -1 and 0 <= s < 1 (X. Fan, I. Grama and Q. Liu, Electronic Journal of Probability 20, 2015,
lemma 4.1), so that the sums of the values and of their squares tell what has been won at least.
Where all differences are 1, 0 or -1 they tell it exactly. Whatever refuses m refuses all below it:
their capitals are greater still.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.decision.bets import SHARES, STAKES
from homeostat.state import Stateful

Floats = NDArray[np.float64]

_PENALTIES: Floats = -np.log1p(-SHARES) - SHARES
_HALVINGS = 50


class Span(NamedTuple):
    """How far values may lie: differences within ±bound, adjustments within ±slack."""

    bound: float
    slack: float = 0.0


class Sums(Stateful):
    """What is kept of differences, for the bounds of their mean.

    Of n labelled pairs: the differences, their squares; and, adjusted by a covariate, the values
    of all records, those of labelled ones alone, and all their squares. Memory O(1).
    """

    memory: ClassVar[tuple[str, ...]] = ("n", "sums", "sharp")

    def __init__(self) -> None:
        self.n = 0
        self.sums = [0.0] * 5
        self.sharp = True  # all are 1, 0 or -1, and none is adjusted

    def take(self, differences: Floats, known: NDArray[np.bool_], adjustments: Floats) -> None:
        """Take records: differences are 0 where not known."""
        adjusted = differences - adjustments
        columns = (
            differences, differences * differences,
            adjusted, np.where(known, adjusted, 0.0), adjusted * adjusted,
        )  # fmt: skip
        for at, column in enumerate(columns):
            self.sums[at] = float(np.cumsum(np.append(self.sums[at], column))[-1])
        self.n += int(np.count_nonzero(known))
        sharp = (differences == np.rint(differences)) & (np.abs(differences) <= 1.0)
        self.sharp = self.sharp and bool(sharp.all()) and not adjustments.any()

    @property
    def mean(self) -> float:
        """The difference, adjusted; NaN before the first pair."""
        return self.sums[2] / self.n if self.n else math.nan

    @property
    def variance_removed(self) -> float:
        """The share of the plain mean's variance that the covariate took away; at least 0."""
        n, (total, squares, _, known, both) = self.n, self.sums
        if not n:
            return 0.0
        before = squares - total * total / n
        after = both - 2 * self.mean * known + n * self.mean * self.mean
        return 1.0 - after / before if 0 <= after < before else 0.0

    def bounds(self, span: Span, lower: float, upper: float) -> tuple[float, float]:
        """The bounds of the mean: the lower one errs ever with probability `lower`, and so on."""
        n, (_, _, total, known, squares) = self.n, self.sums
        mean = min(max(total / n, -span.bound), span.bound) if n else 0.0

        def refused(side: int, goal: float) -> Callable[[float], bool]:
            """Whether the bets that the mean is above m have won enough; side -1: below -m."""
            gone = (n, side * total, side * known, squares)
            won = _sharply if self.sharp else _at_least
            return lambda m: won(*gone, m, _reach(span, m)) >= goal

        return (
            _greatest(refused(1, -math.log(lower)), -span.bound, mean),
            -_greatest(refused(-1, -math.log(upper)), -span.bound, -mean),
        )


def _reach(span: Span, m: float) -> float:
    """How far below m a value may lie; with adjustments, for all m."""
    return 2 * span.bound + span.slack if span.slack else span.bound + m


def _greatest(refused: Callable[[float], bool], low: float, high: float) -> float:
    """The greatest mean that is refused, to 15 digits; the lowest where none is."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle <= low:
            break
        low, high = (middle, high) if refused(middle) else (low, middle)
    return low


def _at_least(n: int, total: float, known: float, squares: float, m: float, reach: float) -> float:
    """The logarithm of the least that the bets have won together."""
    away = (total - n * m) / reach
    spread = (squares - 2 * m * known + n * m * m) / (reach * reach)
    return _together(SHARES * away - _PENALTIES * spread)


def _sharply(n: int, total: float, _: float, squares: float, m: float, reach: float) -> float:
    """The same, exactly, where values are 1, 0 and -1: their sums are counts."""
    counts = ((squares + total) / 2, 1.0), ((squares - total) / 2, -1.0), (n - squares, 0.0)
    logs = np.zeros(len(SHARES))
    for count, value in counts:
        if count:
            logs += count * np.log1p(SHARES * (value - m) / reach)
    return _together(logs)


def _together(logs: Floats) -> float:
    logs = np.log(STAKES) + logs
    most = float(logs.max())
    return most + math.log(float(np.exp(logs - most).sum()))
