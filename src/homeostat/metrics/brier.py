"""How far the probabilities lay from what happened, squared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from homeostat.batch import Batch
from homeostat.columnar import Forecasts, forecasts, score_names, truth_probability, updated
from homeostat.errors import whole
from homeostat.events import SystemEvent
from homeostat.protocols import Series
from homeostat.record import InferenceRecord
from homeostat.sliding import Floats, SlidingSum
from homeostat.state import Stateful


class Brier(Stateful):
    """Brier score over the latest `window` records that gave probabilities and have their truth.

    A record with `scores` of three classes or more counts the sum over these of
    (probability - happened)**2, within [0, 2]; with two classes half that sum, with one or with
    a `score` alone (1 - probability of the truth)**2, within [0, 1]: what scikit-learn computes.
    Whichever of two classes is called positive is the same. Spellings of labels as in `LogLoss`.
    window: such records, at least 1.

    From the first on, never NaN; a record without truth, or whose truth is not among its classes,
    says nothing. Raises InvalidSetting. Cost per record: linear in its classes, whatever the
    window. State: 2 floats for each place of the window. Oracle:
    `sklearn.metrics.brier_score_loss` on the window. Source: Brier (1950).
    """

    name: ClassVar[str] = "brier"
    follows: ClassVar[str] = "labels"
    greater_is_better: ClassVar[bool] = False
    memory = ("losses",)

    def __init__(self, window: int = 1000) -> None:
        self.window = whole("window", window)
        self.losses = SlidingSum(window)

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        loss = _loss(record)
        return None if loss != loss else updated(self.name, self.losses.push_mean(loss), record)

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        said = forecasts(batch)
        with np.errstate(over="ignore"):
            losses = _losses(said)
        known = np.flatnonzero(~np.isnan(losses))
        rows = known if said.rows is None else said.rows[known]
        return [Series(self.name, rows, self.losses.extend_mean(losses[known]))]


def _loss(record: InferenceRecord) -> float:
    """What one record adds; NaN when it says nothing."""
    missing = 1.0 - truth_probability(record)
    scores = record.scores
    if missing != missing or scores is None or len(scores) < 2:
        return missing * missing
    spellings = score_names(record.ground_truth_label)  # type: ignore[arg-type]
    happened = next(name for name in spellings if name in scores)
    total = 0.0
    for name in sorted(scores):
        distance = scores[name] - (name == happened)
        total += distance * distance
    return total * 0.5 if len(scores) == 2 else total


def _losses(said: Forecasts) -> Floats:
    total = np.zeros(len(said.truth))
    for at, scores in enumerate(said.scores):
        distance = scores - (said.places == at)
        total += np.where(np.isnan(scores), 0.0, distance * distance)
    missing = 1.0 - said.truth
    several = np.where(said.given == 2, total * 0.5, total)
    losses = np.where(said.given < 2, missing * missing, several)
    return np.where(np.isnan(said.truth), np.nan, losses)
