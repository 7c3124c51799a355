"""What a model knows beyond the most frequent truth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from homeostat.batch import Batch
from homeostat.columnar import label_pairs, updated
from homeostat.confusion import Confusion, checked_classes
from homeostat.errors import whole
from homeostat.events import SystemEvent
from homeostat.protocols import Series
from homeostat.record import InferenceRecord
from homeostat.state import Stateful


class Skill(Stateful):
    """Accuracy beyond always saying the window's most frequent truth, as a share of what is left.

    `(accuracy - share) / (1 - share)`, with `share` that of the most frequent truth among the
    latest `window` labelled records: 1 is perfect, 0 no better than that constant answer, below 0
    worse. Unlike accuracy it does not fall when the task itself becomes harder, which makes it a
    better reason to retrain. window: labelled records, at least 1. max_classes: 1 to 10,000;
    classes seen after so many count as one.

    NaN while all truths of the window are of one class. A record without its truth says nothing.
    Raises InvalidSetting. Cost per record: linear in the classes seen. State: 8 bytes for each
    place of the window and 3 counts a class. Oracle: `sklearn.metrics.accuracy_score` of the
    model and of a constant. Source: Goodman and Kruskal, Measures of association for cross
    classifications (1954), section 5, whose lambda this is for a given prediction.
    """

    name: ClassVar[str] = "skill"
    follows: ClassVar[str] = "labels"
    greater_is_better: ClassVar[bool] = True
    memory = ("counts",)

    def __init__(self, window: int = 1000, max_classes: int = 100) -> None:
        self.window = whole("window", window)
        self.max_classes = checked_classes(max_classes)
        self.counts = Confusion(window, max_classes)

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        truth = record.ground_truth_label
        if truth is None:
            return None
        self.counts.push(truth, record.predicted_label)
        most = max(self.counts.true)
        left = self.counts.n - most
        value = (sum(self.counts.hits) - most) / left if left else float("nan")
        return updated(self.name, value, record)

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        pairs = label_pairs(batch)
        moves = self.counts.extend(pairs)
        hits = np.zeros(len(moves.sizes), np.int64)
        most = np.zeros(len(moves.sizes), np.int64)
        for counts in moves.classes():
            hits += counts.hits
            np.maximum(most, counts.true, out=most)
        left = moves.sizes - most
        values = np.full(len(left), np.nan)
        np.divide(hits - most, left, out=values, where=left > 0)
        return [Series(self.name, pairs.rows, values)]
