"""Who was taken for whom among the latest `window` labelled records: counts, exact at all times.

Everything that is said of classes follows from three counts a class: right predictions,
predictions, truths. Sums over classes run in one fixed order, that of the classes' first
appearance, so that neither the cutting of a stream nor absent classes change a bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import mul
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.columnar import (
    LabelPairs,
    canonical,
    checked_label,
    chosen,
    is_label,
    label_pairs,
    updated,
)
from homeostat.errors import require, whole
from homeostat.events import SystemEvent
from homeostat.protocols import Series
from homeostat.record import InferenceRecord, Label
from homeostat.sliding import Floats, Ints, Ring, SlidingFlags, counts_after
from homeostat.state import Stateful

OTHER = 0  # the code of all classes beyond the cap
MOST_CLASSES = 10_000


def checked_classes(max_classes: int) -> int:
    """A cap as given; raises InvalidSetting unless it is a whole number from 1 to 10,000."""
    whole = isinstance(max_classes, int) and not isinstance(max_classes, bool)
    expected = f"a whole number from 1 to {MOST_CLASSES:,}"
    require(whole and 1 <= max_classes <= MOST_CLASSES, "max_classes", max_classes, expected)
    return max_classes


class Classes(Stateful):
    """Codes for the first `cap` classes that were seen, from 1 on; `OTHER` for all further."""

    memory = ("labels",)

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self.labels: list[str | int | float] = []
        self._codes: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self.labels)

    def code(self, label: Label) -> int:
        """The code of a class; a new one is noted while there is room."""
        code = self._codes.get(label)
        if code is not None:
            return code
        form = canonical(label)
        if form not in self._codes and len(self.labels) < self.cap:
            self.labels.append(form)
            self._codes[form] = len(self.labels)
        return self._codes.get(form, OTHER)

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        super().restore(snapshot)
        self._codes = {label: code for code, label in enumerate(self.labels, 1)}


class ClassCounts(NamedTuple):
    """One class after each observation: right predictions, predictions, truths."""

    hits: Ints
    predicted: Ints
    true: Ints


class Confusion(Stateful):
    """Counts per class of the latest `window` pairs of truth and prediction.

    Up to `max_classes` classes; all further are one class, "other", in which a prediction is
    right only if it equals the truth. State: 8 bytes for each place of the window, 3 counts and
    a label for each class.
    """

    memory = ("classes", "ring", "hits", "predicted", "true")

    def __init__(self, window: int, max_classes: int) -> None:
        self.classes = Classes(max_classes)
        self.ring = Ring(window, np.int64)
        self.hits, self.predicted, self.true = [0], [0], [0]

    @property
    def n(self) -> int:
        """How many pairs the window holds."""
        return self.ring.filled

    @property
    def counts(self) -> Iterator[tuple[int, int, int]]:
        """Right predictions, predictions and truths of each class."""
        return zip(self.hits, self.predicted, self.true, strict=True)

    def push(self, truth: Label, predicted: Label) -> None:
        """Take one pair."""
        true, guess = self.classes.code(truth), self.classes.code(predicted)
        self._make_room()
        hit = truth == predicted
        leaving = self.ring.push(1 + 2 * (true * self._base + guess) + hit)
        self.true[true] += 1
        self.predicted[guess] += 1
        self.hits[true] += hit
        if leaving:
            pair, hit = divmod(leaving - 1, 2)
            true, guess = divmod(pair, self._base)
            self.true[true] -= 1
            self.predicted[guess] -= 1
            self.hits[true] -= hit

    def extend(self, pairs: LabelPairs) -> Moves:
        """Take many; what happens to the counts of each class."""
        codes = np.array([self.classes.code(label) for label in pairs.labels], np.int64)
        self._make_room()
        right = (pairs.truth == pairs.predicted).astype(np.int64)
        true, guess = codes[pairs.truth], codes[pairs.predicted]
        sizes = counts_after(self.n, len(right), len(self.ring.items))
        leaving = self.ring.extend(1 + 2 * (true * self._base + guess) + right)
        before = list(self.counts)
        moves = Moves(sizes, before, _Flow(true, guess, right > 0), self._flow(leaving))
        self.hits, self.predicted, self.true = (list(each) for each in moves.after())
        return moves

    @property
    def _base(self) -> int:
        return self.classes.cap + 1

    def _make_room(self) -> None:
        new = len(self.classes) + 1 - len(self.true)
        if new:
            for counts in (self.hits, self.predicted, self.true):
                counts += [0] * new

    def _flow(self, coded: Ints) -> _Flow:
        nothing = coded == 0
        pair, hit = np.divmod(coded - 1, 2)
        true, guess = np.divmod(pair, self._base)
        guess[nothing] = true[nothing] = -1  # no class
        return _Flow(true, guess, (hit > 0) & ~nothing)


class _Flow(NamedTuple):
    """Pairs that enter the window, or leave it: one a step."""

    true: Ints
    predicted: Ints
    hit: NDArray[np.bool_]


class Moves(NamedTuple):
    """The counts of each class before some observations, and what each of these changed."""

    sizes: Ints
    before: list[tuple[int, int, int]]
    entering: _Flow
    leaving: _Flow

    def after(self) -> list[list[int]]:
        """Right predictions, predictions and truths of each class after all of them."""
        moved = [_totals(flow, len(self.before)) for flow in (self.entering, self.leaving)]
        return (np.array(self.before, np.int64).T + moved[0] - moved[1]).tolist()  # type: ignore[no-any-return]

    def classes(self) -> Iterator[ClassCounts]:
        """The counts of each class that is in the window at some time, class after class."""
        entered = _totals(self.entering, len(self.before))
        for code, before in enumerate(self.before):
            if any(before) or entered[:, code].any():
                yield self._counts(code, before)

    def _counts(self, code: int, before: tuple[int, int, int]) -> ClassCounts:
        entering, leaving = (
            (flow.hit & (flow.true == code), flow.predicted == code, flow.true == code)
            for flow in (self.entering, self.leaving)
        )
        counts = [
            np.cumsum(come.view(np.int8) - gone.view(np.int8), dtype=np.int64) + start
            for come, gone, start in zip(entering, leaving, before, strict=True)
        ]
        return ClassCounts(*counts)


def _totals(flow: _Flow, classes: int) -> Ints:
    """Right predictions, predictions and truths of each class."""
    kinds = (flow.true[flow.hit], flow.predicted, flow.true)
    return np.array([np.bincount(codes[codes >= 0], minlength=classes) for codes in kinds])


_FEW = 64  # pairs that are counted faster one by one


def _each(pairs: LabelPairs, push: Callable[[Label, Label], float]) -> Floats:
    """The value after each pair, taken one by one."""
    both = zip(pairs.truth.tolist(), pairs.predicted.tolist(), strict=True)
    values = (push(pairs.labels[truth], pairs.labels[guess]) for truth, guess in both)
    return np.fromiter(values, np.float64, len(pairs.truth))


# Rates per class ------------------------------------------------------------------------------

_AVERAGES = ("binary", "micro", "macro", "weighted")
_HIT, _PREDICTED, _TRUE = 1, 2, 4


class ClassRate(Stateful):
    """A rate of one class, or an average of every class's; `_ratio` says which rate.

    That of one class is NaN until the class has come once: before, it may be a label that is spelt
    otherwise, of which scikit-learn says that it is not valid.
    """

    follows: ClassVar[str] = "labels"
    greater_is_better: ClassVar[bool] = True
    word: ClassVar[str]
    memory = ("counts",)

    def __init__(
        self,
        average: str | None = None,
        positive: Label | None = None,
        zero_division: float | None = 0.0,
        window: int = 1000,
        max_classes: int = 100,
    ) -> None:
        if average is None:
            average = "macro" if positive is None else "binary"
        require(
            isinstance(average, str) and average in _AVERAGES,
            "average",
            average,
            f"one of {', '.join(_AVERAGES)}",
        )
        one = average == "binary"
        expected = "the label of the positive class" if one else f"left out for {average!r}"
        require((positive is not None) == one, "positive", positive, expected)
        positive = checked_label("positive", positive) if one else None
        known = zero_division is None or isinstance(zero_division, int | float)
        require(
            known and zero_division in (0, 1, None), "zero_division", zero_division, "0, 1 or None"
        )
        self.average = average
        self.positive = positive
        self.zero_division = zero_division
        self.window = whole("window", window)
        self.max_classes = checked_classes(max_classes)
        single = average in ("binary", "micro")
        self.counts: SlidingFlags | Confusion = (
            SlidingFlags(window, 3) if single else Confusion(window, max_classes)
        )
        self._seen = not one

    def snapshot(self) -> dict[str, Any]:
        kept = super().snapshot()
        return kept if self._seen else kept | {"unseen": True}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        super().restore({name: each for name, each in snapshot.items() if name != "unseen"})
        self._seen = "unseen" not in snapshot

    @property
    def name(self) -> str:
        """The rate's name, and the average unless it is that of one class."""
        return self.word if self.average == "binary" else f"{self.word}_{self.average}"

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        truth = record.ground_truth_label
        if truth is None:
            return None
        return updated(self.name, self._push(truth, record.predicted_label), record)

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        if isinstance(self.counts, Confusion):
            pairs = label_pairs(batch)
            few = len(pairs.truth) <= _FEW
            values = _each(pairs, self._push) if few else self._averages(self.counts.extend(pairs))
            return [Series(self.name, pairs.rows, values)]
        rows, bits = self._bit_column(batch)
        _, counts = self.counts.extend(bits)
        rates = _rates(*self._ratio(*counts), self._undefined)
        if not self._seen:
            self._seen = bool(bits.any())
            rates[: int(np.argmax(bits > 0)) if self._seen else None] = np.nan
        return [Series(self.name, rows, rates)]

    @staticmethod
    def _ratio(hits: Any, predicted: Any, true: Any) -> tuple[Any, Any]:
        """Numerator and denominator, of counts or of arrays of counts."""
        raise NotImplementedError

    def _push(self, truth: Label, predicted: Label) -> float:
        if isinstance(self.counts, Confusion):
            self.counts.push(truth, predicted)
            return self._averaged(self.counts)
        bits = self._bits(truth, predicted)
        counts = self.counts.push(bits)
        self._seen = self._seen or bits > 0
        return self._rate(*counts) if self._seen else float("nan")

    @property
    def _undefined(self) -> float:
        return float("nan") if self.zero_division is None else float(self.zero_division)

    def _rate(self, hits: int, predicted: int, true: int) -> float:
        above, below = self._ratio(hits, predicted, true)
        return above / below if below else self._undefined

    # One class, or all as one ---------------------------------------------------------------------

    def _bits(self, truth: Label, predicted: Label) -> int:
        if self.average == "micro":
            return _PREDICTED + _TRUE + (truth == predicted)
        true, guess = truth == self.positive, predicted == self.positive
        return (_TRUE if true else 0) + (_PREDICTED if guess else 0) + (true and guess)

    def _bit_column(self, batch: Batch) -> tuple[Ints | None, NDArray[np.uint8]]:
        if self.average == "micro" or self.positive is None:
            rows, right = batch.outcome
            return rows, right.astype(np.uint8) + np.uint8(_PREDICTED + _TRUE)
        known = batch.labelled
        rows = None if known is None else np.flatnonzero(known)
        true = is_label(chosen(rows, batch.ground_truth_label), self.positive)
        guess = is_label(chosen(rows, batch.predicted_label), self.positive)
        bits = true * np.uint8(_TRUE) + guess * np.uint8(_PREDICTED) + (true & guess)
        return rows, bits.astype(np.uint8)

    # An average over classes ----------------------------------------------------------------------

    def _averaged(self, confusion: Confusion) -> float:
        total, weights = 0.0, 0
        ratio, weighted, undefined = self._ratio, self.average == "weighted", self.zero_division
        for hits, predicted, true in confusion.counts:
            above, below = ratio(hits, predicted, true)
            if (predicted or true) and (below or undefined is not None):
                weight = true if weighted else 1
                total += (above / below if below else undefined or 0.0) * weight
                weights += weight
        return total / weights if weights else float("nan")

    def _averages(self, moves: Moves) -> Floats:
        total, weights = np.zeros(len(moves.sizes)), np.zeros(len(moves.sizes), np.int64)
        for hits, predicted, true in moves.classes():
            above, below = self._ratio(hits, predicted, true)
            present = (predicted + true) > 0
            if self.zero_division is None:
                present &= below > 0
            weight = present * true if self.average == "weighted" else present.astype(np.int64)
            total += _rates(above, below, self.zero_division or 0.0) * weight
            weights += weight
        return _rates(total, weights, float("nan"))


def _rates(above: NDArray[Any], below: NDArray[Any], undefined: float) -> Floats:
    rates: Floats = np.full(len(below), undefined)
    np.divide(above, below, out=rates, where=below > 0)
    return rates


# Agreement ------------------------------------------------------------------------------------


class Agreement(Stateful):
    """A coefficient of agreement; `_value` computes it from the counts, exact whole numbers."""

    name: ClassVar[str]
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
        return updated(self.name, self._push(truth, record.predicted_label), record)

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        pairs = label_pairs(batch)
        few = len(pairs.truth) <= _FEW
        values = _each(pairs, self._push) if few else self._extend(pairs)
        return [Series(self.name, pairs.rows, values)]

    def _push(self, truth: Label, predicted: Label) -> float:
        self.counts.push(truth, predicted)
        hits, guesses, truths = self.counts.hits, self.counts.predicted, self.counts.true
        value = self._defined(
            self.counts.n, sum(hits), sum(map(mul, guesses, truths)),
            sum(map(mul, guesses, guesses)), sum(map(mul, truths, truths)),
        )  # fmt: skip
        return float(value)

    def _extend(self, pairs: LabelPairs) -> Floats:
        moves = self.counts.extend(pairs)
        sums = np.zeros((4, len(moves.sizes)), np.int64)
        for hits, predicted, true in moves.classes():
            sums += hits, predicted * true, predicted * predicted, true * true
        values: Floats = self._defined(moves.sizes, *sums)
        return values

    def _defined(self, *counts: Any) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._value(*counts)

    @staticmethod
    def _value(n: Any, hits: Any, products: Any, predicted: Any, true: Any) -> Any:
        """The coefficient; dividing by 0 is NaN.

        hits: right predictions. products, predicted, true: the sums over classes of predictions
        times truths, of squared predictions and of squared truths. Numbers, or arrays of them.
        """
        raise NotImplementedError
