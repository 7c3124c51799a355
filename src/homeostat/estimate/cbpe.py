"""Performance of a classifier without labels, from chances that its scores are calibrated to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import (
    HomeostatError,
    InvalidInput,
    InvalidSetting,
    did_you_mean,
    require,
    several,
    shown,
    within,
)
from homeostat.estimate import columns
from homeostat.estimate.believable import warn_if_not
from homeostat.estimate.calibration import Isotonic, calibrated
from homeostat.estimate.chunks import Row, Table, chunks
from homeostat.estimate.expected import METRICS
from homeostat.estimate.quantiles import normal_quantile

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]

_ROUNDING = 1e-6  # by which float32 misses 0 and 1
LEAST = 30  # records for which a normal interval is honest


@dataclass(frozen=True)
class Taken:
    """Rows in numbers: scores and chances (n × classes), predicted and true class (-1: none)."""

    scores: Floats
    chances: Floats
    predicted: Codes
    truth: Codes
    blocks: Codes
    good: NDArray[np.bool_]


class CBPE:
    """Confidence-based performance estimation: what labels would say, before they come.

    `y_pred` names the column of predicted classes, `y_true` that of labels, `y_score` that of the
    positive class's score or, with more than two classes, maps each class to the column of its
    score. `positive` is the label that a single score is of. `metrics` are any of accuracy, f1,
    precision, recall, specificity and roc_auc; with a mapping their plain mean over the classes
    (one against the rest). `chunk_size` records make a row of the result, None takes all
    together; intervals hold the metric on the chunk's own labels with probability `level`: they
    include the chance of those labels and the error of the calibration.

    Sees any change of the inputs that the scores reflect; is blind to a changed relation between
    inputs and labels, so compare with labels as they come (`Table.belief`). Raises InvalidSetting
    for unknown metrics. Source: NannyML, "Confidence-based Performance Estimation"; Białek et al.
    2024 (arXiv 2401.08348), 3.
    """

    def __init__(
        self,
        *,
        y_true: str,
        y_pred: str,
        y_score: str | Mapping[Any, str],
        chunk_size: int | None = None,
        metrics: Sequence[str] = tuple(METRICS),
        positive: Any = 1,
        level: float = 0.95,
    ) -> None:
        within("level", level, 0, 1)
        for metric in several("metrics", metrics):
            if metric not in METRICS:
                hint = did_you_mean(metric, METRICS)
                raise InvalidSetting(f"metrics: {shown(metric)} is unknown; {hint}")
        chunks(0, chunk_size)
        for name, value in (("y_true", y_true), ("y_pred", y_pred)):
            require(isinstance(value, str), name, value, "the name of a column")
        several_scores = isinstance(y_score, Mapping) and len(y_score) >= 2
        expected = "the name of a column, or a mapping of two classes or more to theirs"
        require(isinstance(y_score, str) or several_scores, "y_score", y_score, expected)
        self.y_true, self.y_pred, self.y_score = y_true, y_pred, y_score
        self.chunk_size, self.metrics = chunk_size, tuple(metrics)
        self.positive, self.level = positive, level
        self._maps: list[Isotonic] = []
        self._classes: list[Any] = []

    def __repr__(self) -> str:
        state = "fitted" if self._maps else "not fitted"
        return f"<CBPE of {self.y_true!r}: {', '.join(self.metrics)}; {state}>"

    def fit(self, reference: Any) -> CBPE:
        """Learn from labelled records (a dict of arrays or a data frame) what scores mean.

        Scores are calibrated only where that helps on rows not learnt from. Rows without a label
        or a score are left out. Raises InvalidInput with fewer than 30 rows left,
        and for a score outside 0 and 1. Cost: a few
        sorts of each score.
        """
        classes = self._found_classes(reference)
        scores = self._scores(reference)
        truth = columns.codes(reference, self.y_true, classes, len(scores))
        good = (truth >= 0) & np.isfinite(scores).all(axis=1)
        if good.sum() < LEAST:
            raise InvalidInput(
                self.y_true,
                f"has {int(good.sum())} rows with label and score",
                f"give a reference with at least {LEAST}",
            )
        self._classes = classes
        targets = [1] if isinstance(self.y_score, str) else range(len(classes))
        self._maps = [
            calibrated(scores[good, at], (truth[good] == target).astype(np.float64))
            for at, target in enumerate(targets)
        ]
        return self

    def estimate(self, data: Any) -> Table:
        """Estimate every metric for every chunk; labels in `data` are used only to compare.

        Rows without a score or prediction are left out of their chunk; a chunk with fewer than
        30 left gives NaN and `needed`. Issues an EstimateWarning when labels contradict. Raises
        HomeostatError before `fit`. Cost: linear, with a sort of each chunk for roc_auc.
        """
        taken = self.take(data)
        rows: list[Row] = []
        for start, end in chunks(len(taken.good), self.chunk_size):
            rows.extend(self._chunk(taken, start, end))
        table = Table(rows, self.level)
        warn_if_not(table.belief)
        return table

    def chance_right(self, data: Any) -> Floats:
        """The chance that each prediction is right (n), NaN without score or prediction.

        The covariate to give to `mean`, and to `suggest`. Raises HomeostatError before `fit`.
        """
        taken = self.take(data)
        if isinstance(self.y_score, str):
            p = taken.chances[:, 0]
            right = np.where(taken.predicted == 1, p, 1.0 - p)
        else:
            right = taken.chances[np.arange(len(taken.good)), taken.predicted]
        return np.where(taken.good, right, nan)

    def _found_classes(self, reference: Any) -> list[Any]:
        if not isinstance(self.y_score, str):
            return list(self.y_score)
        labels = columns.column(reference, self.y_true)
        try:
            known = set(labels[~columns.missing(labels)].tolist())
        except TypeError as error:
            raise InvalidInput(self.y_true, f"holds no labels: {error}") from error
        others = sorted((value for value in known if value != self.positive), key=repr)
        if len(others) > 1 or (len(others) == 1 and len(known) < 2 and others[0] not in (0, False)):
            raise InvalidInput(
                self.y_true,
                f"holds {sorted(known, key=repr)[:5]!r}",
                "name the label that the score is of in positive=, or map classes to their "
                "scores in y_score=",
            )
        return [others[0] if others else 0, self.positive]

    def _scores(self, data: Any) -> Floats:
        named = self.y_score
        wanted = [named] if isinstance(named, str) else list(named.values())
        first = columns.numbers(data, wanted[0])
        rest = [columns.numbers(data, name, len(first)) for name in wanted[1:]]
        scores = np.column_stack([first, *rest])
        for name, own in zip(wanted, scores.T, strict=True):
            _check_chances(name, own)
        return scores

    def take(self, data: Any) -> Taken:
        """The rows of `data` in numbers. Raises HomeostatError before `fit`."""
        if not self._maps:
            raise HomeostatError("CBPE has not learnt anything yet; call fit(reference) first")
        scores = self._scores(data)
        rows = len(scores)
        predicted = columns.codes(data, self.y_pred, self._classes, rows)
        truth = np.full(rows, -1, dtype=np.int64)
        if columns.has(data, self.y_true):
            truth = columns.codes(data, self.y_true, self._classes, rows)
        good = (predicted >= 0) & np.isfinite(scores).all(axis=1)
        parts = [fitted.predict(scores[:, at]) for at, fitted in enumerate(self._maps)]
        chances = np.column_stack(parts)
        if len(parts) > 1:
            total = chances.sum(axis=1, keepdims=True)
            chances = np.where(total > 0, chances / np.where(total > 0, total, 1), 1 / len(parts))
        blocks = np.column_stack(
            [fitted.block(scores[:, at]) for at, fitted in enumerate(self._maps)]
        )
        return Taken(scores, chances, predicted, truth, blocks, good)

    def _chunk(self, taken: Taken, start: int, end: int) -> Iterator[Row]:
        good = taken.good[start:end]
        part = slice(start, end) if good.all() else start + np.flatnonzero(good)
        scores, p, predicted = taken.scores[part], taken.chances[part], taken.predicted[part]
        truth, blocks = taken.truth[part], taken.blocks[part]
        known = truth >= 0
        n, labelled = len(p), int(known.sum())
        single = p.shape[1] == 1
        targets = np.array([1]) if single else np.arange(p.shape[1])
        chosen = predicted[:, None] == targets
        outcome = (truth[known, None] == targets).astype(np.float64)
        z = normal_quantile(0.5 + self.level / 2)
        for metric in self.metrics:
            realized = nan
            if labelled:
                realized = _valued(metric, outcome, chosen[known], scores[known])[0]
            if n < LEAST:
                yield Row(metric, start, end, nan, nan, nan, realized, n, labelled, LEAST)
                continue
            value, slopes = _valued(metric, p, chosen, scores)
            half = z * sqrt(self._variance(p, slopes, blocks))
            lower, upper = max(0.0, value - half), min(1.0, value + half)
            if value != value:
                lower = upper = nan
            yield Row(metric, start, end, value, lower, upper, realized, n, labelled, 0)

    def _variance(self, p: Floats, slopes: Floats, blocks: Codes) -> float:
        """The variance of labels given their chances, and of the chances themselves."""
        weighted = slopes * p
        if p.shape[1] == 1:
            variance = float((weighted * slopes).sum() - (weighted**2).sum())
        else:
            variance = float((weighted * slopes).sum() - (weighted.sum(axis=1) ** 2).sum())
        for at, fitted in enumerate(self._maps):
            pull = np.bincount(blocks[:, at], weights=slopes[:, at], minlength=len(fitted.error))
            variance += float(pull**2 @ fitted.error)
        return max(variance, 0.0)


def _check_chances(name: str, scores: Floats) -> None:
    """Raise InvalidInput for a score that is no probability; what is missing is NaN."""
    wrong = np.flatnonzero((scores < -_ROUNDING) | (scores > 1 + _ROUNDING))
    if len(wrong):
        raise InvalidInput(
            name,
            f"holds {scores[wrong[0]]:g}, which is no probability",
            "give scores within 0 and 1",
            f"row {int(wrong[0])}",
        )


def _valued(
    metric: str, p: Floats, chosen: NDArray[np.bool_], scores: Floats
) -> tuple[float, Floats]:
    """A metric and its slopes (n × classes): of the one class, or the mean over several."""
    k = p.shape[1]
    if k > 1 and metric == "accuracy":
        hit = chosen / len(p)
        return float((hit * p).sum()), hit
    parts = [METRICS[metric](p[:, at], chosen[:, at], scores[:, at]) for at in range(k)]
    defined = [at for at in range(k) if parts[at][0] == parts[at][0]]
    if not defined:
        return nan, np.zeros_like(p)
    value = sum(parts[at][0] for at in defined) / len(defined)
    return value, np.column_stack([slope for _, slope in parts]) / len(defined)
