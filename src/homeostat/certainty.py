"""How sure a model said it was of its prediction, and how often it is right when it says so."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from homeostat.batch import Batch, Rows
from homeostat.columnar import forecasts, score_of
from homeostat.errors import InvalidInput, InvalidSetting
from homeostat.intake import BLOCK
from homeostat.record import InferenceRecord
from homeostat.sliding import Floats, Ints

_BLOCKS = 10
_LEAST = 30  # outcomes for each block of a calibration
_SHAPE = (
    "[score, chance, variance] for each point: scores rising, chances within 0 and 1 and never "
    "falling, variances at least 0"
)


def certainty(record: InferenceRecord) -> float:
    """The probability that a record gave to its prediction; NaN where it says none.

    That in `scores`, where a single class is read as of two; without `scores`, `score`.
    """
    scores = record.scores
    if scores:
        found = score_of(scores, record.predicted_label)
        return 1.0 - next(iter(scores.values())) if found != found and len(scores) == 1 else found
    return float("nan") if record.score is None else record.score


def certainties(batch: Batch) -> Floats:
    """The probability that each record gave to its prediction."""
    if not batch.scores:
        return batch.score
    predicted = batch.predicted_label
    columns = {"score": batch.score, "scores": batch.scores, "predicted_label": predicted}
    as_if_right = Batch(len(batch), columns | {"ground_truth_label": predicted}, None)
    return forecasts(as_if_right).truth


class Scored(NamedTuple):
    """The rows that gave a score, these, and whether they were right: NaN where not known."""

    rows: Rows
    scores: Floats
    correct: Floats

    def blocks(self) -> Iterator[tuple[Floats, Floats]]:
        """Scores and outcomes in pieces that stay in the cache."""
        for at in range(0, len(self.rows), BLOCK):
            yield self.scores[at : at + BLOCK], self.correct[at : at + BLOCK]


def scored(batch: Batch) -> Scored:
    """What the records of a batch say about how sure the model was, and how right."""
    scores = certainties(batch)
    known, right = batch.outcome
    correct = np.full(len(batch), np.nan)
    correct[slice(None) if known is None else known] = right
    rows = np.flatnonzero(~np.isnan(scores))
    return Scored(rows, scores[rows], correct[rows])


class Calibration:
    """A rising map from scores to chances, linear between its points and flat beyond them.

    points: rows of score, chance, and the variance with which that chance is known. Raises
    InvalidSetting for anything else.
    """

    def __init__(self, points: Any) -> None:
        self.scores, self.chances, self.errors = table = _columns(points)
        self.points: list[list[float]] = table.T.tolist()
        with np.errstate(over="ignore"):
            steps = np.diff(self.chances) / np.diff(self.scores)
        _require(bool(np.isfinite(steps).all()), points)
        self._slopes = np.append(steps, 0.0)
        self._edges = self.scores[:-1] / 2 + self.scores[1:] / 2
        self._lists = [each.tolist() for each in (self.scores, self.chances, self._slopes)]
        self._edge_list: list[float] = self._edges.tolist()

    def chance(self, score: float) -> float:
        """The chance that a score stands for."""
        scores, chances, slopes = self._lists
        inside = min(max(score, scores[0]), scores[-1])
        at = bisect_right(scores, inside) - 1
        chance: float = chances[at] + slopes[at] * (inside - scores[at])
        return min(chance, 1.0)

    def chances_of(self, scores: Floats) -> Floats:
        """The chance that each score stands for."""
        inside = np.minimum(np.maximum(scores, self.scores[0]), self.scores[-1])
        at = np.searchsorted(self.scores, inside, side="right") - 1
        chances: Floats = self.chances[at] + self._slopes[at] * (inside - self.scores[at])
        return np.minimum(chances, 1.0)

    def nearest(self, score: float) -> int:
        """The point next to a score."""
        return bisect_right(self._edge_list, score)

    def nearest_of(self, scores: Floats) -> Ints:
        """The point next to each score."""
        return np.searchsorted(self._edges, scores, side="right")


def fitted(scores: ArrayLike, correct: ArrayLike) -> list[list[float]]:
    """The points of a calibration, from scores and whether those predictions were right.

    Up to 10 blocks of equal size, at least 30 outcomes each, then the nearest rising map.
    Pairs with NaN are left out. Raises InvalidInput for fewer than 30 others, and for outcomes
    that are not 0 or 1. Cost: one sort. Source: Zadrozny and Elkan, Transforming classifier
    scores into accurate multiclass probability estimates (2002); Barlow et al. 1972, 1.3 (the
    min-max formula).
    """
    xs, ys = _outcomes(scores, correct)
    edges = np.unique(np.quantile(xs, np.arange(k := min(_BLOCKS, len(xs) // _LEAST)) / k))
    at = np.searchsorted(edges, xs, side="right") - 1
    sums = [np.bincount(at, weights=each).astype(np.float64) for each in (None, ys, xs)]
    sizes, hits, totals = (each[sums[0] > 0] for each in sums)
    means, chances = totals / sizes, _rising(hits, sizes)
    shrunk = (chances * sizes + 1.0) / (sizes + 2.0)  # no block is certain
    errors = shrunk * (1.0 - shrunk) / sizes
    return [list(map(float, row)) for row in zip(means, chances, errors, strict=True)]


def _outcomes(scores: ArrayLike, correct: ArrayLike) -> tuple[Floats, Floats]:
    xs, ys = (np.asarray(each, dtype=np.float64).ravel() for each in (scores, correct))
    if len(xs) != len(ys):
        raise InvalidInput("correct", f"has {len(ys)} values where scores has {len(xs)}")
    known = np.isfinite(xs) & ~np.isnan(ys)
    xs, ys = xs[known], ys[known]
    if not np.isin(ys, (0.0, 1.0)).all():
        raise InvalidInput("correct", "must be 0 or 1", "give prediction == truth")
    if len(xs) < _LEAST:
        raise InvalidInput("scores", f"has {len(xs)} values", f"give at least {_LEAST}")
    return xs, ys


def _rising(hits: Floats, sizes: Floats) -> Floats:
    """Isotonic regression of some few shares: the greatest, over beginnings, of the least means."""
    got, all_ = np.append(0.0, np.cumsum(hits)), np.append(0.0, np.cumsum(sizes))
    k = len(hits)
    means = np.full((k, k), np.inf)
    for first in range(k):
        means[first, first:] = (got[first + 1 :] - got[first]) / (all_[first + 1 :] - all_[first])
    least = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]  # over the ends from here on
    least[np.tril_indices(k, -1)] = np.inf
    greatest: Floats = np.array([least[: at + 1, at].max() for at in range(k)])
    return greatest


def _columns(points: Any) -> Floats:
    rows = points.tolist() if isinstance(points, np.ndarray) else points
    right = isinstance(rows, Sequence) and not isinstance(rows, str) and len(rows) > 0
    _require(right and all(isinstance(row, Sequence) and len(row) == 3 for row in rows), points)
    _require(all(isinstance(x, int | float) for row in rows for x in row), points)
    table: Floats = np.array(rows, dtype=np.float64).T.copy()
    scores, chances, errors = table
    rising = bool((scores[1:] > scores[:-1]).all() and (chances[1:] >= chances[:-1]).all())
    within = bool(chances[0] >= 0.0 and chances[-1] <= 1.0 and (errors >= 0.0).all())
    _require(rising and within and bool(np.isfinite(table).all()), points)
    return table


def _require(fits: bool, points: Any) -> None:
    if not fits:
        raise InvalidSetting(f"calibration must be {_SHAPE}; got {points!r}")
