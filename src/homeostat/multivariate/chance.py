"""What a statistic is when rows are dealt to the two sides by chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.multivariate.encoding import Floats, Part

_BLOCK = 2_000_000  # labels dealt at a time
_DEALS = 5  # by which the noise in the contributions is estimated


class Rows(NamedTuple):
    """Both sides' rows as one matrix, the reference's first."""

    matrix: Floats
    n: int
    parts: list[Part]

    @property
    def m(self) -> int:
        """How many rows are current."""
        return len(self.matrix) - self.n

    @property
    def labels(self) -> Floats:
        """1 for current rows, 0 for those of the reference."""
        return (np.arange(len(self.matrix)) >= self.n).astype(np.float64)


class Finding(NamedTuple):
    """What a test found; `weights` says how much each column of the matrix does to it."""

    statistic: float
    p_value: float
    threshold: float
    effect: float
    weights: Floats
    detail: dict[str, float]


def deals(rows: Rows, count: int, rng: np.random.Generator) -> Iterator[Floats]:
    """`count` random label vectors, in blocks of as many as fit, one a row."""
    labels = rows.labels
    step = max(1, _BLOCK // max(1, len(labels)))
    for start in range(0, count, step):
        block = np.tile(labels, (min(step, count - start), 1))
        yield rng.permuted(block, axis=1, out=block)


def judged(statistic: float, null: Floats, alpha: float, slack: float) -> tuple[float, float]:
    """The p-value, and the threshold that the statistic exceeds exactly when it is significant.

    What differs by no more than `slack`, which is the rounding, is taken as equal, so that data
    which cannot differ give 1.
    """
    p = (1 + int(np.count_nonzero(null >= statistic - slack))) / (1 + len(null))
    allowed = int(alpha * (len(null) + 1) + 1e-9)  # how many of all may reach it, itself included
    return p, float(np.sort(null)[::-1][allowed - 1]) + slack


def weights(
    rows: Rows, sensitivity: Callable[[NDArray[np.float64]], Floats], rng: np.random.Generator
) -> Floats:
    """What the labels do to each column's sensitivity, beyond what labels by chance do."""
    (block,) = list(deals(rows, _DEALS, rng))[:1]
    noise = np.mean([sensitivity(labels) for labels in block], axis=0)
    found: Floats = np.maximum(sensitivity(rows.labels) - noise, 0.0) * rows.matrix.var(axis=0)
    return found


def shares(found: Floats, parts: list[Part]) -> dict[str, float]:
    """The columns' shares of the change, the largest first; they add up to 1, or all are 0."""
    sums = {name: float(found[place].sum()) for name, place in parts}
    total = sum(sums.values())
    ranked = sorted(sums, key=lambda name: -sums[name])
    return {name: sums[name] / total if total > 0 else 0.0 for name in ranked}
