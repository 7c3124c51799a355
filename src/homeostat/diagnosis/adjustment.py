"""How outcomes changed in each cell, beyond what the change of the rows explains.

The outcome is fitted to what is known of the rows, on the reference alone; in each cell the rest is
compared between the sides. A change of the mix of rows leaves that as it was; a change of the
relation does not. Variances follow from the influence of each row (a sandwich), so that rows unlike
those of the reference count for little. Sources: Oaxaca 1973 and Blinder 1973; White 1980.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from homeostat.comparison import special
from homeostat.diagnosis.cells import Cells, Codes
from homeostat.diagnosis.sides import Floats

_LEAST = 20  # rows of each side in a cell that is looked at
_CUTOFF = 1e-9  # of the largest eigenvalue: below it a direction is none

Rests = tuple[Floats, Floats]


class Change(NamedTuple):
    """The change of an outcome over all cells together.

    `statistic` is chi-square with `df` degrees under no change; `effect` is the mean square of the
    change in variances of the outcome, less what chance alone gives.
    """

    statistic: float
    df: int
    p_value: float
    effect: float


class Adjustment:
    """Outcomes are fitted to one design; each set of cells is then tested for all outcomes.

    `weights` say how much each row of the reference counts.
    """

    def __init__(self, designs: tuple[Floats, Floats], weights: Floats | None = None) -> None:
        self._designs = designs
        left = designs[0]
        self._weights = np.ones(len(left)) if weights is None else weights
        values, vectors = np.linalg.eigh((left * self._weights[:, None]).T @ left)
        kept = values > values[-1] * _CUTOFF
        self._inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
        self._scale = np.sqrt(len(left) / max(1, len(left) - int(kept.sum())))

    def rests(self, reference: Floats, current: Floats) -> Rests:
        """What is left of an outcome on both sides."""
        left, right = self._designs
        slopes = self._inverse @ (left.T @ (self._weights * reference))
        return reference - left @ slopes, current - right @ slopes

    def changes(self, cells: Cells, rests: list[Rests]) -> list[Change | None]:
        """The change of each outcome over some cells; None where none has rows enough."""
        n, m = cells.counts()
        weighted = np.bincount(cells.reference, self._weights, len(n))
        kept = np.flatnonzero((np.minimum(n, weighted) >= _LEAST) & (m >= _LEAST))
        if not len(kept):
            return [None] * len(rests)
        influence = self._influence(cells, kept.tolist())
        return [self._change(cells, kept, influence, *rest) for rest in rests]

    def _influence(self, cells: Cells, kept: list[int]) -> Floats:
        """How much each row of the reference moves the change of each cell."""
        left, right = self._designs
        own = _averaging(cells.reference, kept, self._weights)
        moved = _averaging(cells.current, kept, np.ones(len(right))) @ right - own @ left
        out: Floats = own + (moved @ self._inverse @ left.T) * self._weights
        return out

    def _change(
        self, cells: Cells, kept: Any, influence: Floats, before: Floats, after: Floats
    ) -> Change:
        count, weights = len(cells.names), self._weights
        m = np.bincount(cells.current, minlength=count)[kept].astype(np.float64)
        size = np.bincount(cells.reference, weights, count)[kept]
        gap = np.bincount(cells.current, after, count)[kept] / m
        gap -= np.bincount(cells.reference, weights * before, count)[kept] / size
        squares = np.bincount(cells.reference, weights * before**2, count)[kept]
        squares += np.bincount(cells.current, after**2, count)[kept]
        variance = squares / (size + m)
        weighted = influence * (before * self._scale)
        covariance = weighted @ weighted.T + np.diag(variance / m)
        return _tested(gap, covariance, m / m.sum(), float(variance @ m / m.sum()))


def _averaging(codes: Codes, kept: list[int], weights: Floats) -> Floats:
    """The matrix that takes rows to the weighted mean of each cell."""
    out: Floats = (codes == np.array(kept)[:, None]) * weights
    out /= out.sum(axis=1, keepdims=True)
    return out


def _tested(gap: Floats, covariance: Floats, shares: Floats, unit: float) -> Change:
    if unit <= 0:
        return Change(0.0, 0, 1.0, 0.0)
    values, vectors = np.linalg.eigh(covariance)
    some = values > max(values[-1], 0.0) * 1e-8
    z = (vectors[:, some].T @ gap) / np.sqrt(values[some])
    statistic, df = float(z @ z), int(some.sum())
    effect = float(shares @ (gap**2 - np.diag(covariance))) / unit
    return Change(statistic, df, special.chi2_sf(statistic, df), max(0.0, effect))
