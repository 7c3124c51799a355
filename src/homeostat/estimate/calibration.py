"""Scores made into chances: isotonic regression, used only where it helps."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

_FOLDS = 3


def pava(ys: Floats, weights: Floats) -> tuple[NDArray[np.intp], Floats, Floats]:
    """The rising step function nearest to `ys`: where blocks start, their means, their weights.

    Pools adjacent violators, whole runs at a time. Cost: linear. Oracle: scikit-learn's
    `isotonic_regression`. Source: Barlow, Bartholomew, Bremner and Brunk 1972, 1.2.
    """
    starts: list[int] = []
    means: list[float] = []
    sizes: list[float] = []
    for at, (y, w) in enumerate(zip(ys.tolist(), weights.tolist(), strict=True)):
        start, value, size = at, y, w
        while means and means[-1] >= value:
            before = sizes.pop()
            value = (means.pop() * before + value * size) / (before + size)
            size += before
            start = starts.pop()
        starts.append(start)
        means.append(value)
        sizes.append(size)
    return np.array(starts, dtype=np.intp), np.array(means), np.array(sizes)


class Isotonic:
    """A rising step function from a score to the chance of the outcome 1, learnt by `fit`.

    Scores between two blocks are interpolated linearly; beyond the ends the last value holds.
    `block` says which block a score belongs to, `error` the variance of each block's chance.
    """

    def __init__(self) -> None:
        self.low = self.high = self.chances = self.error = np.zeros(0)

    def fit(self, scores: Floats, outcomes: Floats) -> Isotonic:
        """Learn from scores and their 0/1 outcomes. Cost: one sort."""
        levels, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
        sums = np.bincount(inverse, weights=outcomes, minlength=len(levels))
        starts, self.chances, sizes = pava(sums / counts, counts.astype(np.float64))
        self.low = levels[starts]
        self.high = levels[np.append(starts[1:], len(levels)) - 1]
        shrunk = (self.chances * sizes + 1.0) / (sizes + 2.0)  # no block is certain
        self.error = shrunk * (1.0 - shrunk) / sizes
        return self

    def predict(self, scores: Floats) -> Floats:
        """The chance of each score; NaN for NaN."""
        return np.interp(scores, *self._corners())

    def _corners(self) -> tuple[Floats, Floats]:
        at = np.column_stack([self.low, self.high]).ravel()
        chance = np.repeat(self.chances, 2)
        keep = np.append(True, np.diff(at) > 0)
        return at[keep], chance[keep]

    def block(self, scores: Floats) -> NDArray[np.intp]:
        """The block of each score, the nearer below for one between blocks."""
        return np.maximum(np.searchsorted(self.low, scores, "right") - 1, 0)


class Identity(Isotonic):
    """Scores that are chances already; only their error is learnt, in 10 equal-sized blocks."""

    def fit(self, scores: Floats, outcomes: Floats) -> Identity:
        """Learn how uncertain the chances are."""
        edges = np.unique(np.quantile(scores, np.arange(10) / 10))
        self.low = self.high = edges
        at = self.block(scores)
        sizes = np.maximum(np.bincount(at, minlength=len(edges)), 1)
        hits = np.bincount(at, weights=outcomes, minlength=len(edges))
        shrunk = (hits + 1.0) / (sizes + 2.0)
        self.chances = hits / sizes
        self.error = shrunk * (1.0 - shrunk) / sizes
        return self

    def predict(self, scores: Floats) -> Floats:
        """The scores themselves, within 0 and 1."""
        return np.clip(scores, 0.0, 1.0)


def calibrated(scores: Floats, outcomes: Floats) -> Isotonic:
    """Whichever maps scores to 0/1 outcomes better on rows not learnt from: isotonic or nothing.

    Better is a smaller squared error (Brier) over 3 interleaved folds. Cost: 4 sorts.
    """
    fold = np.arange(len(scores)) % _FOLDS
    raw = isotonic = 0.0
    for k in range(_FOLDS):
        out = fold == k
        if not out.any() or out.all():
            return Identity().fit(scores, outcomes)
        chance = Isotonic().fit(scores[~out], outcomes[~out]).predict(scores[out])
        isotonic += float(((chance - outcomes[out]) ** 2).sum())
        raw += float(((np.clip(scores[out], 0.0, 1.0) - outcomes[out]) ** 2).sum())
    inside = scores.min() >= 0.0 and scores.max() <= 1.0
    kind = Identity if inside and raw <= isotonic else Isotonic
    return kind().fit(scores, outcomes)
