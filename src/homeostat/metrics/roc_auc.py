"""How well scores tell the positive from the rest."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from homeostat.batch import Batch
from homeostat.columnar import checked_label, is_label, score_of, scores_of, updated
from homeostat.errors import whole
from homeostat.events import SystemEvent
from homeostat.protocols import Series
from homeostat.record import InferenceRecord, Label
from homeostat.sliding import Ring
from homeostat.state import Stateful


class ROCAUC(Stateful):
    """Area under the ROC curve over the latest `window` labelled records with a score; exact.

    The chance that a positive record scores above a negative one, ties counting half. positive:
    the label of the positive class, all others being negative; the default, True, is equal to 1,
    so that it fits booleans and 0/1: give it for labels that are text. The score is
    `scores[positive]` where given, else `score`, as the confidence p in the predicted label: p
    where that is the positive one and 1 - p otherwise. window: such records, at least 1.

    NaN while the window holds no positive or no negative. A record without truth or score says
    nothing. Raises InvalidSetting. Cost per record: two searches in, and two moves within, sorted
    lists of up to `window` floats. State: 9 bytes for each place of the window. Oracle:
    `sklearn.metrics.roc_auc_score` on the window. Source: Mann and Whitney (1947); Hanley and
    McNeil (1982).
    """

    name: ClassVar[str] = "roc_auc"
    follows: ClassVar[str] = "labels"
    greater_is_better: ClassVar[bool] = True
    memory = ("scores", "positives")

    def __init__(self, positive: Label = True, window: int = 1000) -> None:
        self.positive = checked_label("positive", positive)
        self.window = whole("window", window)
        self.scores = Ring(window, np.float64)
        self.positives = Ring(window, np.bool_)
        self._arrange()

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        super().restore(snapshot)
        self._arrange()

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        score, truth = score_of(record.scores, self.positive), record.ground_truth_label
        if score != score and record.score is not None:
            same = record.predicted_label == self.positive
            score = record.score if same else 1.0 - record.score
        if truth is None or score != score:
            return None
        return updated(self.name, self._push(score, truth == self.positive), record)

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        scores, plain = scores_of(batch, self.positive), batch.score
        same = is_label(batch.predicted_label, self.positive)
        scores = np.where(np.isnan(scores), np.where(same, plain, 1.0 - plain), scores)
        known = ~np.isnan(scores)
        if batch.labelled is not None:
            known &= batch.labelled
        rows = np.flatnonzero(known)
        positives = is_label(batch.ground_truth_label[rows], self.positive)
        pairs = zip(scores[rows].tolist(), positives.tolist(), strict=True)
        values = np.fromiter((self._push(*pair) for pair in pairs), np.float64, len(rows))
        return [Series(self.name, rows, values)]

    def _push(self, score: float, positive: bool) -> float:
        if self.scores.filled == self.window:
            at = self.scores.at
            self._leave(self.scores.items.item(at), self.positives.items.item(at))
        self.scores.push(score)
        self.positives.push(positive)
        self._enter(score, positive)
        pairs = 2 * len(self._above) * len(self._below)
        return self._won / pairs if pairs else float("nan")

    def _arrange(self) -> None:
        """Sort what the window holds."""
        scores, positives = self.scores.latest(), self.positives.latest()
        self._above: list[float] = np.sort(scores[positives]).tolist()
        self._below: list[float] = np.sort(scores[~positives]).tolist()
        self._won = sum(self._wins(score, True) for score in self._above)

    def _wins(self, score: float, positive: bool) -> int:
        """Twice the pairs that a score wins for the positive side; once those it ties."""
        others = self._below if positive else self._above
        beaten = bisect_left(others, score) + bisect_right(others, score)
        return beaten if positive else 2 * len(others) - beaten

    def _enter(self, score: float, positive: bool) -> None:
        self._won += self._wins(score, positive)
        insort(self._above if positive else self._below, score)

    def _leave(self, score: float, positive: bool) -> None:
        self._won -= self._wins(score, positive)
        own = self._above if positive else self._below
        del own[bisect_left(own, score)]
