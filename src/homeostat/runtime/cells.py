"""What happened in each minute, as counts that labels can still change.

A cell counts the records of one model version whose own time lies in one minute. Counts add and
subtract, so that a label which comes late, changes or is taken back leaves exactly what a
recomputation from the joined records would give, in any order. Sums of floats agree to 1e-9.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.stores.packing import sealed, unsealed
from homeostat.stores.store import Store

MINUTE = 60_000_000  # microseconds
CLASSES = 1_000  # pairs of prediction and truth in a cell; more are counted as other
OTHER = "other"
_STEP = math.log(1.02)  # latencies are known to 1 %
_ZERO = -(1 << 30)  # the bucket of a latency of 0
_KEPT = 512  # cells of a model that stay in memory

Place = tuple[str, int]


class Cell(msgspec.Struct, array_like=True):
    """Counts of one version in one minute.

    pairs: prediction and truth as JSON texts, a tab between, and how often; not for numbers with
    a fraction. latency: how often in each bucket `floor(log(ms) / log(1.02))`. errors: number, sum,
    absolute sum and sum of squares of prediction - truth, where both are numbers.
    """

    records: int = 0
    labelled: int = 0
    correct: int = 0
    latency_sum: float = 0.0
    latency: dict[int, int] = {}
    pairs: dict[str, int] = {}
    errors: list[float] = msgspec.field(default_factory=lambda: [0, 0.0, 0.0, 0.0])

    def merge(self, other: Cell) -> None:
        """Add what another cell counts."""
        self.records += other.records
        self.labelled += other.labelled
        self.correct += other.correct
        self.latency_sum += other.latency_sum
        _add(self.latency, other.latency)
        _add(self.pairs, other.pairs)
        self.errors = [a + b for a, b in zip(self.errors, other.errors, strict=True)]

    def latency_quantile(self, q: float) -> float:
        """A quantile of the latencies, to 1 %; NaN when there are none."""
        rank, seen = q * (self.records - 1), 0
        for bucket in sorted(self.latency):
            seen += self.latency[bucket]
            if seen > rank:
                return 0.0 if bucket == _ZERO else math.exp((bucket + 0.5) * _STEP)
        return math.nan


def _add(counts: dict[Any, int], more: dict[Any, int]) -> None:
    for key, n in more.items():
        left = counts.get(key, 0) + n
        if left:
            counts[key] = left
        else:
            counts.pop(key, None)


def pack_cell(cell: Cell) -> bytes:
    """A cell as bytes with a checksum."""
    return sealed(msgspec.msgpack.encode(cell))


def unpack_cell(body: bytes, what: str) -> Cell:
    """The cell that was packed; raises Damaged."""
    return msgspec.msgpack.decode(unsealed(body, what), type=Cell)


class Cells:
    """The cells of a model: those in use in memory, all in the store."""

    def __init__(self, store: Store, model: int) -> None:
        self._store, self._model = store, model
        self._cells: dict[Place, Cell] = {}
        self._changed: set[Place] = set()

    def add(self, batch: Batch) -> None:
        """Count new records, with their labels where known."""
        for place, part in _parted(batch):
            cell = self._at(place)
            cell.records += len(part)
            cell.latency_sum += float(part.latency_ms.sum())
            _add(cell.latency, _buckets(part.latency_ms))
            _judge(cell, part, 1)

    def relabel(self, batch: Batch, sign: int) -> None:
        """Count the labels of records that are in already (1), or take them back (-1)."""
        for place, part in _parted(batch):
            _judge(self._at(place), part, sign)

    def save(self) -> None:
        """Write what has changed, and keep in memory only what was used last."""
        if self._changed:
            rows = [(*place, pack_cell(self._cells[place])) for place in sorted(self._changed)]
            self._store.keep_cells(self._model, rows)
            self._changed.clear()
        for place in list(self._cells)[: max(0, len(self._cells) - _KEPT)]:
            del self._cells[place]

    def _at(self, place: Place) -> Cell:
        cell = self._cells.pop(place, None)
        if cell is None:
            body = self._store.cell(self._model, *place)
            what = f"cell {place} of model {self._model}"
            cell = Cell() if body is None else unpack_cell(body, what)
        self._cells[place] = cell  # the last is the one used last
        self._changed.add(place)
        return cell


def _parted(batch: Batch) -> Iterator[tuple[Place, Batch]]:
    """A batch by version and minute."""
    minutes = batch.created_at // MINUTE
    versions = batch.model_version.tolist()
    one_version = versions.count(versions[0]) == len(versions)
    if one_version and int(minutes.min()) == int(minutes.max()):
        yield (versions[0], int(minutes[0]) * MINUTE), batch
        return
    rows: dict[Place, list[int]] = {}
    for row, place in enumerate(zip(versions, minutes.tolist(), strict=True)):
        rows.setdefault(place, []).append(row)
    for (version, minute), own in rows.items():
        yield (version, minute * MINUTE), batch.take(np.array(own))


def _judge(cell: Cell, batch: Batch, sign: int) -> None:
    rows, correct = batch.outcome
    if not len(correct):
        return
    cell.labelled += sign * len(correct)
    cell.correct += sign * int(correct.sum())
    at = slice(None) if rows is None else rows
    predicted, truth = batch.predicted_label[at], batch.ground_truth_label[at]
    if predicted.dtype.kind == truth.dtype.kind == "f":
        _miss(cell, predicted - truth, sign)
        return
    said, true = predicted.tolist(), truth.tolist()
    counts = Counter(zip(map(type, said), map(type, true), said, true, strict=True))  # 1 is not 1.0
    for (*kinds, left, right), n in counts.items():
        if float not in kinds or not set(kinds) <= _NUMBERS:
            _count_pair(cell, (left, right), sign * n)
        if set(kinds) <= _NUMBERS:
            _miss(cell, np.full(n, float(left) - float(right)), sign)


_NUMBERS = {int, float}


def _count_pair(cell: Cell, pair: tuple[Any, Any], n: int) -> None:
    name = "\t".join(msgspec.json.encode(label).decode() for label in pair)
    known = name in cell.pairs or len(cell.pairs) < CLASSES
    _add(cell.pairs, {name if known else OTHER: n})


def _miss(cell: Cell, errors: NDArray[np.float64], sign: int) -> None:
    with np.errstate(over="ignore", invalid="ignore"):  # beyond what a float holds it is infinite
        sums = (len(errors), errors.sum(), np.abs(errors).sum(), np.square(errors).sum())
    cell.errors = [a + sign * float(b) for a, b in zip(cell.errors, sums, strict=True)]


def _buckets(latency: NDArray[np.float64]) -> dict[int, int]:
    found, counts = np.unique(latency_places(latency), return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def latency_places(latency: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bucket of each latency in milliseconds."""
    with np.errstate(divide="ignore"):
        places = np.floor(np.log(latency) / _STEP)
    return np.where(np.isfinite(places), places, _ZERO).astype(np.int64)
