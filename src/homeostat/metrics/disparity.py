"""How differently a model treats the segments of its latest records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch, Rows
from homeostat.columnar import checked_label, chosen, is_label, readable, updated
from homeostat.confusion import MOST_CLASSES, Classes
from homeostat.errors import require, whole
from homeostat.events import SystemEvent
from homeostat.intake import object_array
from homeostat.protocols import Series
from homeostat.record import InferenceRecord, Label
from homeostat.series import number
from homeostat.sliding import Floats, Ints, Ring
from homeostat.state import Stateful

_FIELDS = ("model", "model_version", "predicted_label", "ground_truth_label")
_MISSING = "\0"  # no text in a record has a NUL
_RATIO = "disparate_impact"
_KINDS = ("selection_rate", "tpr", "fpr", "accuracy", _RATIO)


class Disparity(Stateful):
    """The largest difference of a rate between two segments; or the smallest ratio of two.

    by: a feature, or one of the fields model, model_version, predicted_label and
    ground_truth_label ("features.<name>" for a feature named like a field). kind:
    "selection_rate" (the share of records predicted `positive`), "tpr" (of those that are), "fpr"
    (of those that are not), "accuracy", or "disparate_impact", the smallest selection rate
    divided by the largest. positive: the label of the favourable class, left out for "accuracy".
    window: records that count for the rate, at least 1, over all segments together. least:
    records that a segment needs in the window to be compared, at least 1. max_segments: 1 to
    10,000; values that come after so many are one segment, as are all missing ones.

    Events are called `disparity_tpr.country`, or `disparate_impact.country`. A record that does
    not count (no truth; the other class, for "tpr" and "fpr") says nothing. NaN while fewer than
    two segments have `least` records, for a ratio while nothing is selected, and until `positive`
    has come once as a prediction or a truth, as of a label that is misspelt. Of many equal
    segments the extremes differ by chance: a smaller `least` gives larger values. Raises
    InvalidSetting. Cost per record: linear in the segments seen. State: 8 bytes for each place of
    the window, two counts and a value a segment. Oracle: `pandas` groups on the window. Sources:
    Hardt, Price and Srebro, Equality of opportunity (2016); 29 CFR 1607.4 for the ratio.
    """

    memory = ("segments", "ring", "sizes", "hits", "known")

    def __init__(
        self,
        by: str,
        kind: str = "selection_rate",
        positive: Label | None = None,
        window: int = 1000,
        least: int = 30,
        max_segments: int = 100,
    ) -> None:
        require(isinstance(by, str) and bool(by), "by", by, "the name of a feature or field")
        known = isinstance(kind, str) and kind in _KINDS
        require(known, "kind", kind, f"one of {', '.join(_KINDS)}")
        asked = kind != "accuracy"
        expected = "the label of the favourable class" if asked else "left out for 'accuracy'"
        require((positive is not None) == asked, "positive", positive, expected)
        self.by = by
        self.kind = kind
        self.positive = checked_label("positive", positive) if asked else None
        self.window = whole("window", window)
        self.least = whole("least", least)
        self.max_segments = whole("max_segments", max_segments)
        require(max_segments <= MOST_CLASSES, "max_segments", max_segments, "at most 10,000")
        self.segments = Classes(max_segments)
        self.ring = Ring(window, np.int64)  # 0 for none, else 1 + 2 * segment + hit
        self.sizes, self.hits = [0], [0]
        self.known = positive is None  # whether the label has come

    @property
    def name(self) -> str:
        """The kind and what the segments are made by."""
        kind = self.kind if self.kind == _RATIO else f"disparity_{self.kind}"
        return f"{kind}.{readable(self.by)}"

    @property
    def greater_is_better(self) -> bool:
        """Only for the ratio."""
        return self.kind == _RATIO

    @property
    def follows(self) -> str:
        """Labels, but for what is said of the predictions alone."""
        return "records" if self.kind in ("selection_rate", _RATIO) else "labels"

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        self.known |= self.positive in (record.predicted_label, record.ground_truth_label)
        hit = self._hit(record.ground_truth_label, record.predicted_label)
        if hit is None:
            return None
        self._count(self._segment(_value(record, self.by)), hit)
        return updated(self.name, self._now(), record)

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        rows, hits = self._outcomes(batch)
        known = chosen(rows, self._known(batch))
        values = chosen(rows, _column(batch, self.by)).tolist()
        codes = np.fromiter(map(self._segment, values), np.int64, len(values))
        moves = self._extend(codes, hits)
        values = np.where(known, self._values(moves, len(codes)), np.nan)
        return [Series(self.name, rows, values)]

    def _known(self, batch: Batch) -> NDArray[np.bool_]:
        """Whether the label had come, with each record."""
        if not self.known and self.positive is not None:
            labels = batch.predicted_label, batch.ground_truth_label
            came = np.logical_or(*(is_label(each, self.positive) for each in labels))
            known = np.logical_or.accumulate(came)
            self.known = bool(known[-1:].any())
            return known
        return np.ones(len(batch), np.bool_)

    # Which records count, and which of them are hits ----------------------------------------------

    def _hit(self, truth: Label | None, predicted: Label) -> bool | None:
        if self.kind in ("selection_rate", _RATIO):
            return bool(predicted == self.positive)
        if truth is None:
            return None
        if self.kind == "accuracy":
            return bool(truth == predicted)
        counts = (truth == self.positive) == (self.kind == "tpr")
        return bool(predicted == self.positive) if counts else None

    def _outcomes(self, batch: Batch) -> tuple[Rows | None, NDArray[np.bool_]]:
        if self.kind == "accuracy":
            return batch.outcome
        assert self.positive is not None
        selected = is_label(batch.predicted_label, self.positive)
        if self.kind in ("selection_rate", _RATIO):
            return None, selected
        counts = is_label(batch.ground_truth_label, self.positive) == (self.kind == "tpr")
        if batch.labelled is not None:
            counts &= batch.labelled
        rows = np.flatnonzero(counts)
        return rows, selected[rows]

    # The counts of each segment -------------------------------------------------------------------

    def _segment(self, value: Any) -> int:
        code = self.segments.code(_MISSING if value is None or value != value else value)
        if code == len(self.sizes):  # seen for the first time
            self.sizes.append(0)
            self.hits.append(0)
        return code

    def _count(self, segment: int, hit: bool) -> None:
        leaving = self.ring.push(1 + 2 * segment + hit)
        self.sizes[segment] += 1
        self.hits[segment] += hit
        if leaving:
            segment, hit = divmod(leaving - 1, 2)
            self.sizes[segment] -= 1
            self.hits[segment] -= hit

    def _extend(self, codes: Ints, hits: NDArray[np.bool_]) -> list[_Move]:
        """Take many; the sizes and hits after each, of the segments that are ever in the window."""
        entering = 1 + 2 * codes + hits
        leaving = self.ring.extend(entering)
        present = set(codes.tolist()) | {at for at, size in enumerate(self.sizes) if size}
        moves = []
        for at in sorted(present):
            come, gone = (_flow(coded, at) for coded in (entering, leaving))
            sizes = np.cumsum(come.sizes - gone.sizes, dtype=np.int64) + self.sizes[at]
            found = np.cumsum(come.hits - gone.hits, dtype=np.int64) + self.hits[at]
            moves.append(_Move(sizes, found))
            if len(codes):
                self.sizes[at], self.hits[at] = int(sizes[-1]), int(found[-1])
        return moves

    # Their extremes -------------------------------------------------------------------------------

    def _now(self) -> float:
        if not self.known:
            return float("nan")
        counts = zip(self.hits, self.sizes, strict=True)
        rates = [hits / size for hits, size in counts if size >= self.least]
        if len(rates) < 2:
            return float("nan")
        low, high = min(rates), max(rates)
        if self.kind != _RATIO:
            return high - low
        return low / high if high else float("nan")

    def _values(self, moves: list[_Move], n: int) -> Floats:
        low, high, compared = np.full(n, np.inf), np.full(n, -np.inf), np.zeros(n, np.int64)
        for sizes, hits in moves:
            enough = sizes >= self.least
            rates = np.divide(hits, sizes, where=enough, out=np.zeros(n))
            np.minimum(low, rates, out=low, where=enough)
            np.maximum(high, rates, out=high, where=enough)
            compared += enough
        values = np.full(n, np.nan)
        several = compared >= 2
        if self.kind == _RATIO:
            np.divide(low, high, out=values, where=several & (high > 0))
        else:
            np.subtract(high, low, out=values, where=several)
        return values


class _Move(NamedTuple):
    """A segment's records and hits: after each observation, or what each changes."""

    sizes: Ints
    hits: Ints


def _flow(coded: Ints, segment: int) -> _Move:
    """Which observations are of a segment, and which of these are hits."""
    hits = coded == 2 + 2 * segment
    own = hits | (coded == 1 + 2 * segment)
    return _Move(own.astype(np.int64), hits.astype(np.int64))


def _value(record: InferenceRecord, by: str) -> Any:
    if by in _FIELDS:
        return getattr(record, by)
    features = record.features
    value = features.get(by.removeprefix("features.")) if features else None
    return value if value is None or isinstance(value, str) else number(value)


def _column(batch: Batch, by: str) -> NDArray[Any]:
    if by in _FIELDS:
        return batch.column(by)
    column = batch.features.get(by.removeprefix("features."))
    if column is None:
        return np.broadcast_to(np.array(None), (len(batch),))
    if column.dtype.kind == "f":
        return column
    listed = column.tolist()
    return object_array([x if x is None or isinstance(x, str) else number(x) for x in listed])
