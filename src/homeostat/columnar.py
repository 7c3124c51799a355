"""What metrics read of records: the same answer from one record as from its row in a batch.

Numbers for regression, pairs of truth and prediction as small codes, and probabilities. What a
record does not give is NaN here, and the metric says nothing about it.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from homeostat import validation
from homeostat.batch import Batch, Rows
from homeostat.errors import InvalidInput, InvalidSetting, require, whole
from homeostat.events import MetricEvent, MetricUpdated, SystemEvent
from homeostat.protocols import Series
from homeostat.record import InferenceRecord, Label
from homeostat.series import number, numbers
from homeostat.sliding import Floats, Ints, SlidingSum
from homeostat.state import Stateful


def updated(
    name: str, value: float, record: InferenceRecord, bounds: tuple[Any, Any, Any] | None = None
) -> MetricUpdated:
    """The event of a metric's new value; `bounds` are its n and the ends of its interval."""
    version, moment = record.model_version, record.created_at
    return MetricUpdated(MetricEvent(name, value, version, moment, *(bounds or ())))


def chosen(rows: Rows | None, column: NDArray[Any]) -> NDArray[Any]:
    """A column at some rows; all of it for None."""
    return column if rows is None else column[rows]


_SPECIAL = "%,=[]"
_LONGEST = 64


def readable(text: str) -> str:
    """Text to be part of an event's name: `%,=[]` and what cannot be printed as in URLs.

    Beyond 64 characters it is cut, and ends with a checksum.
    """
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 9]}~{zlib.crc32(text.encode()):08x}"
    if text.isprintable() and not any(char in text for char in _SPECIAL):
        return text
    return "".join(
        char if char.isprintable() and char not in _SPECIAL else _as_in_urls(char) for char in text
    )


def _as_in_urls(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode())


# Numbers --------------------------------------------------------------------------------------


class Paired(NamedTuple):
    """The rows (None: all) whose prediction and truth are both numbers, and these."""

    rows: Rows | None
    predicted: Floats
    truth: Floats


def number_pairs(batch: Batch) -> Paired:
    """Predictions and truths as numbers."""
    predicted, truth = numbers(batch.predicted_label), numbers(batch.ground_truth_label)
    known = ~(np.isnan(predicted) | np.isnan(truth))
    if known.all():
        return Paired(None, predicted, truth)
    rows = np.flatnonzero(known)
    return Paired(rows, predicted[rows], truth[rows])


class NumberMean(Stateful):
    """The mean of `_term(prediction, truth)` over the latest records where both are numbers."""

    name: ClassVar[str]
    memory = ("terms",)

    def __init__(self, window: int = 1000) -> None:
        self.window = whole("window", window)
        self.terms = SlidingSum(window)

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        predicted, truth = number(record.predicted_label), number(record.ground_truth_label)
        if predicted != predicted or truth != truth:
            return None
        value = self._finish(self.terms.push_mean(self._term(predicted, truth)))
        return updated(self.name, float(value), record)

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        rows, predicted, truth = number_pairs(batch)
        with np.errstate(over="ignore"):
            terms = self._term(predicted, truth)
        return [Series(self.name, rows, self._finish(self.terms.extend_mean(terms)))]

    @staticmethod
    def _term(predicted: Any, truth: Any) -> Any:
        """What is averaged, of two floats or two arrays of them."""
        raise NotImplementedError

    @staticmethod
    def _finish(mean: Any) -> Any:
        return mean


# Pairs of labels ------------------------------------------------------------------------------


class LabelPairs(NamedTuple):
    """The labelled rows (None: all); their truths and predictions as places in `labels`.

    `labels` are in the order in which records, the truth first, brought them up. Two labels are
    the same where Python says so: 1, 1.0 and True are, 1 and "1" are not.
    """

    rows: Rows | None
    labels: list[Label]
    truth: Ints
    predicted: Ints


_PAIRS: WeakKeyDictionary[Batch, LabelPairs] = WeakKeyDictionary()


def label_pairs(batch: Batch) -> LabelPairs:
    """The pairs of a batch; found once for all metrics that ask."""
    found = _PAIRS.get(batch)
    if found is None:
        found = _PAIRS[batch] = _coded(batch)
    return found


def _coded(batch: Batch) -> LabelPairs:
    rows = None if batch.labelled is None else np.flatnonzero(batch.labelled)
    truths = chosen(rows, batch.ground_truth_label).tolist()
    both = [None] * (2 * len(truths))
    both[0::2] = truths
    both[1::2] = chosen(rows, batch.predicted_label).tolist()
    places: dict[Any, int] = {label: at for at, label in enumerate(dict.fromkeys(both))}
    codes = np.fromiter(map(places.__getitem__, both), np.int64, len(both))
    return LabelPairs(rows, list(places), codes[0::2].copy(), codes[1::2].copy())


def canonical(label: Label) -> str | int | float:
    """One form for labels that are equal, which a snapshot can hold."""
    if isinstance(label, str):
        return label
    whole = int(label)
    if whole != label:
        return float(label)
    return whole if -(2**63) <= whole < 2**63 else "\0" + hex(whole)  # no label has a NUL


def checked_label(name: str, value: Any) -> Label:
    """A parameter that names a class; raises InvalidSetting for anything else."""
    try:
        taken: Label = validation.label(name, value)
    except InvalidInput as error:
        raise InvalidSetting(str(error)) from None
    known = isinstance(taken, str) or number(taken) == taken
    require(known, name, value, "a label within the range of floats")
    return taken


def is_label(column: NDArray[Any], label: Label) -> NDArray[np.bool_]:
    """Which values of a column are this label."""
    if column.dtype.kind == "O":
        return np.fromiter((value == label for value in column), np.bool_, len(column))
    if (column.dtype.kind == "U") != isinstance(label, str):
        return np.zeros(len(column), np.bool_)
    if column.dtype.kind == "f":  # a narrower float would round the label
        column = column.astype(np.float64, copy=False)
    same: NDArray[np.bool_] = np.equal(column, label)
    return same


# Probabilities --------------------------------------------------------------------------------


def score_names(label: Label) -> tuple[str, ...]:
    """How `scores` may spell a label: text as it is, numbers and booleans in any usual way."""
    form = canonical(label)
    if isinstance(form, str):
        return (form,)
    if not isinstance(form, int):
        return (repr(form),)
    booleans = {0: ("false", "False"), 1: ("true", "True")}.get(form, ())
    return (str(form), f"{form}.0", *booleans)


def score_of(scores: Mapping[str, float] | None, label: Label) -> float:
    """The probability that a record gives to a label; NaN where it gives none."""
    if scores:
        for name in score_names(label):
            if name in scores:
                return scores[name]
    return math.nan


def scores_of(batch: Batch, label: Label) -> Floats:
    """The probability that each record gives to a label."""
    found = np.full(len(batch), np.nan)
    for name in score_names(label):
        if name in batch.scores:
            found = np.where(np.isnan(found), batch.scores[name], found)
    return found


def truth_probability(record: InferenceRecord) -> float:
    """The probability that a record gave to its truth; NaN where it says none.

    A single class in `scores`, and a `score` without `scores`, are read as of two classes.
    """
    truth, scores = record.ground_truth_label, record.scores
    if truth is None:
        return math.nan
    if scores:
        found = score_of(scores, truth)
        return 1.0 - next(iter(scores.values())) if found != found and len(scores) == 1 else found
    if record.score is None:
        return math.nan
    return record.score if truth == record.predicted_label else 1.0 - record.score


class Forecasts(NamedTuple):
    """Of the labelled rows: the probabilities given, one row a class in the order of names.

    `places` says which class is the truth (-1: none of them), `given` how many classes the
    record gave, `truth` the probability of its truth (NaN where it says none).
    """

    rows: Rows | None
    scores: Floats
    places: Ints
    given: Ints
    truth: Floats


def forecasts(batch: Batch) -> Forecasts:
    """What the records of a batch said about their truths."""
    pairs = label_pairs(batch)
    names = sorted(batch.scores)
    columns = [chosen(pairs.rows, batch.scores[name]) for name in names]
    scores = np.array(columns, np.float64).reshape(len(names), len(pairs.truth))
    places = _truth_places(pairs, names, scores)
    given = np.sum(~np.isnan(scores), axis=0)
    truth = np.where(places >= 0, _taken(scores, places), np.nan)
    alone = (given == 1) & (places < 0)
    if alone.any():
        truth[alone] = 1.0 - np.nansum(scores[:, alone], axis=0)
    score = chosen(pairs.rows, batch.score)
    plain = np.where(pairs.truth == pairs.predicted, score, 1.0 - score)
    return Forecasts(pairs.rows, scores, places, given, np.where(given == 0, plain, truth))


def _truth_places(pairs: LabelPairs, names: list[str], scores: Floats) -> Ints:
    """For each row the class, among the names, that is its truth and has a probability."""
    places = np.full(len(pairs.truth), -1)
    at = {name: place for place, name in enumerate(names)}
    spellings = [score_names(label) for label in pairs.labels] if names else []
    for rank in range(max(map(len, spellings), default=0)):
        named = [at.get(each[rank], -1) if rank < len(each) else -1 for each in spellings]
        tried = np.array(named)[pairs.truth]
        missing = (tried < 0) | np.isnan(_taken(scores, tried))
        places = np.where((places < 0) & ~missing, tried, places)
    return places


def _taken(scores: Floats, places: Ints) -> Floats:
    """One score of each row; any, where the place is -1."""
    if not len(scores):
        return np.full(len(places), np.nan)
    taken: Floats = scores[places, np.arange(len(places))]
    return taken
