"""Which segments carry the change of the error: by their mix, or by their own rates.

The change of the mean is a sum over cells: (share now - share before) times how far the cell's rate
lay from the mean before, and share now times the change of the cell's rate. Source: Kitagawa 1955.
"""

from __future__ import annotations

from math import inf, nan, sqrt
from typing import NamedTuple

import numpy as np

from homeostat.comparison import adjusted, special
from homeostat.diagnosis.cells import Cells, Codes
from homeostat.diagnosis.outcomes import Outcome
from homeostat.diagnosis.sides import Floats


class Segment(NamedTuple):
    """One cell of a column, and its part of the change of the mean loss.

    `contribution` is `mix` and `rate` together; over the cells of a column contributions add up to
    the change. `low` and `high` hold for all segments together. `excess` is what goes beyond the
    segment's share of rows. A rate is NaN where a side has no rows in the cell.
    """

    name: str
    column: str
    share_reference: float
    share_current: float
    rate_reference: float
    rate_current: float
    mix: float
    rate: float
    contribution: float
    low: float = nan
    high: float = nan
    p_value: float = nan
    excess: float = 0.0

    @property
    def found(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def segments_of(partitions: dict[str, Cells], loss: Outcome, alpha: float) -> list[Segment]:
    """The segments of all columns: those found first, by how far they exceed their share."""
    parts = [
        (segment, error)
        for column, cells in partitions.items()
        for segment, error in _parts(column, cells, loss)
    ]
    p = adjusted([_p_value(segment.contribution, error) for segment, error in parts])
    z = special.normal_isf(alpha / 2 / max(1, len(parts)))
    out = [
        segment._replace(
            low=segment.contribution - z * error,
            high=segment.contribution + z * error,
            p_value=own,
        )
        for (segment, error), own in zip(parts, p.tolist(), strict=True)
    ]
    return sorted(out, key=lambda each: (not each.found, -abs(each.excess)))


def _p_value(value: float, error: float) -> float:
    return special.normal_two_sided(value / error) if error > 0 else float(value == 0)


def _parts(column: str, cells: Cells, loss: Outcome) -> list[tuple[Segment, float]]:
    n, m = cells.counts()
    a, va = _moments(cells.reference, loss.reference, n)
    b, vb = _moments(cells.current, loss.current, m)
    base, change = loss.reference.mean(), loss.current.mean() - loss.reference.mean()
    p, q = n / n.sum(), m / m.sum()
    out = []
    for at in np.flatnonzero(n + m).tolist():
        before = a[at] if n[at] else b[at]  # a cell of no rows before is new: all of it is mix
        after = b[at] if m[at] else before
        moved = q[at] - p[at]
        mix, rate = moved * (before - base), q[at] * (after - before)
        spread = q[at] ** 2 * (_over(va[at], n[at]) + _over(vb[at], m[at]))
        spread += (before - base) ** 2 * (
            p[at] * (1 - p[at]) / n.sum() + q[at] * (1 - q[at]) / m.sum()
        )
        spread += moved**2 * _over(va[at], n[at])
        segment = Segment(
            cells.names[at],
            column,
            float(p[at]),
            float(q[at]),
            float(a[at]) if n[at] else nan,
            float(b[at]) if m[at] else nan,
            float(mix),
            float(rate),
            float(mix + rate),
            excess=float(mix + rate - q[at] * change),
        )
        out.append((segment, sqrt(spread)))
    return out


def _over(variance: float, n: float) -> float:
    return variance / n if n else 0.0


def _moments(codes: Codes, values: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Means and variances of each cell; a variance is drawn to that of all by one row's weight."""
    size = np.maximum(n, 1)
    mean = np.bincount(codes, values, len(n)) / size
    square = np.bincount(codes, values**2, len(n)) / size
    overall = float(values.var()) if len(values) else inf
    return mean, (np.maximum(square - mean**2, 0) * n + overall) / (n + 1)
