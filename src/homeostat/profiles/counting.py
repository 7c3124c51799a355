"""Counts rows of many places at once, in arrays with a row for each place."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from homeostat.errors import InvalidInput
from homeostat.profiles.columns import Groups, column_of, counted, longer
from homeostat.profiles.keys import DENSE, Slots, dense, unique
from homeostat.profiles.plan import Plan
from homeostat.profiles.rows import Coded, Column, Floats, Mask, Numbers, Rows
from homeostat.profiles.segments import segments_of
from homeostat.profiles.state import NOWHERE, Place, State
from homeostat.reference import Profile, Reference
from homeostat.reference.hours import HOUR, HOURS, hours_of
from homeostat.runtime.cells import CLASSES, OTHER, Cell, latency_places

_BLOCK = 1 << 17  # rows grouped at a time
_ROOM = 1 << 28  # bytes of arrays, beyond which they are handed out
_LOW, _BUCKETS = -1024, 2048  # buckets of latency that have a place in an array


class Counting:
    """Counts rows by place. `drain` hands out what was counted, and begins anew.

    `full` says that it is time to: arrays take up to 256 MB. Only places of one reference share
    arrays, so that models with references of their own are counted beside each other.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._parts: dict[bytes, _Part] = {}
        self._refused = 0

    def add(self, rows: Rows) -> None:
        """Count rows."""
        self._refused += rows.refused
        if not rows.n:
            return
        for kept, own in self._by_reference(rows):
            part = self._parts.get(kept)
            if part is None:
                part = self._parts[kept] = _Part(self.plan, kept)
            part.add(own)

    @property
    def full(self) -> bool:
        """Whether the arrays have grown to their bound."""
        return sum(part.bytes for part in self._parts.values()) >= _ROOM

    def drain(self) -> Iterator[tuple[Place, State]]:
        """The state of each place since the last time."""
        parts, self._parts = self._parts, {}
        for part in parts.values():
            yield from part.states()
        if self._refused:
            yield NOWHERE, State(refused=self._refused, window=self.plan.window)
            self._refused = 0

    def _by_reference(self, rows: Rows) -> Iterator[tuple[bytes, Rows]]:
        references, other = self.plan.references, self.plan.references.get("", b"")
        kept = [references.get(model, other) for model in rows.model.values]
        if len(set(kept)) == 1:
            yield kept[0], rows
            return
        for one in dict.fromkeys(kept):
            mine = np.array([each == one for each in kept])[rows.model.codes]
            if mine.any():
                yield one, rows.take(mine)


class _Part:
    """Places that share a reference."""

    def __init__(self, plan: Plan, kept: bytes) -> None:
        self.plan = plan
        self.reference = _decoded(kept) if kept else None
        grids = {} if self.reference is None else self.reference.grids.columns
        self.places: dict[tuple[str, str, str, int], int] = {}
        self.columns = {name: column_of(grid) for name, grid in grids.items()}
        self.sums: dict[str, NDArray[Any]] = {
            name: np.zeros((0, *shape), kind) for name, (kind, *shape) in _SUMS.items()
        }
        self.pairs: dict[int, dict[str, int]] = {}
        self.far: dict[int, dict[int, int]] = {}  # latencies without a place in the array
        self.new: dict[int, set[str]] = {}

    @property
    def bytes(self) -> int:
        """Of the arrays."""
        each = _BUCKETS * 8 + sum(column.width for column in self.columns.values())
        return len(self.places) * each

    def add(self, rows: Rows) -> None:
        for start in range(0, rows.n, _BLOCK):
            whole = start == 0 and rows.n <= _BLOCK
            block = rows if whole else rows.take(slice(start, start + _BLOCK))
            for names in ([], *self.plan.segments):
                self._count(block, names)

    def _count(self, rows: Rows, names: list[str]) -> None:
        groups, order = self._grouped(rows, names)
        columns = rows.columns
        if order is not None:  # a column only when it is counted, to find it in the cache
            rows = rows._replace(columns={}).take(order)
        sums, slots = self.sums, groups.slots
        sums["records"][slots] += groups.sizes
        sums["latency"][slots] += np.add.reduceat(rows.latency, groups.starts)
        self._latencies(groups, rows.latency)
        self._outcomes(groups, rows)
        if self.reference is None:
            return
        self._hours(groups, rows.times)
        for name, column in self.columns.items():
            found = columns.get(name)
            if found is None:
                column.missing[slots] += groups.sizes
            else:
                column.add(groups, found if order is None else found.take(order))
        for name in columns.keys() - self.columns.keys():
            found = columns[name]
            self._notice(groups, name, found if order is None else found.take(order))

    def _hours(self, groups: Groups, times: Slots) -> None:
        if HOUR % self.plan.window:
            where = groups.slots[groups.at], hours_of(times)
            np.add.at(self.sums["hours"], where, 1)
        else:  # each window lies in one hour
            where = groups.slots, hours_of(times[groups.starts])
            np.add.at(self.sums["hours"], where, groups.sizes)

    def _notice(self, groups: Groups, name: str, column: Column) -> None:
        """Columns with values that the reference does not have."""
        if name in _OWN_NAMES and isinstance(column, Numbers) and column.values.strides == (0,):
            return
        there = _there(column)
        found = groups.slots if there.all() else groups.slots[groups.sum(rows=there) > 0]
        for slot in found.tolist():
            self.new.setdefault(slot, set()).add(name)

    # Groups -----------------------------------------------------------------------------------

    def _grouped(self, rows: Rows, names: list[str]) -> tuple[Groups, Slots | None]:
        """The group of each row, and the order that puts rows of a group together."""
        segments = segments_of(rows, names)
        windows = rows.times // self.plan.window
        first = int(windows.min())
        keys = windows - first
        wide = int(keys.max()) + 1
        for coded in (segments, rows.version, rows.model):
            if coded is not None and len(coded.values) > 1:
                keys = keys + coded.codes * wide
                wide *= len(coded.values)
        known, at = unique(keys, wide)
        slots = np.array([self._slot(rows, segments, key, first) for key in known.tolist()])
        order = None
        if len(known) > 1 and (at[1:] < at[:-1]).any():
            narrow = at.astype(np.uint16) if len(known) < 1 << 16 else at
            order = np.argsort(narrow, kind="stable")
            at = at[order]
        sizes = np.bincount(at, minlength=len(known))
        return Groups(at, slots, sizes, np.cumsum(sizes) - sizes), order

    def _slot(self, rows: Rows, segments: Coded | None, key: int, first: int) -> int:
        """The place of a key in the arrays, which grow for it."""
        return self._kept(_place(rows, segments, key, first, self.plan.window))

    def _kept(self, place: tuple[str, str, str, int]) -> int:
        slot = self.places.setdefault(place, len(self.places))
        if slot >= len(self.sums["records"]):
            more = max(16, slot)
            self.sums = {name: longer(array, more) for name, array in self.sums.items()}
            for column in self.columns.values():
                column.grow(more)
        return slot

    # What is no column ------------------------------------------------------------------------

    def _latencies(self, groups: Groups, latency: Floats) -> None:
        places = latency_places(latency) - _LOW
        near = (places >= 0) & (places < _BUCKETS)
        at = groups.at
        if not near.all():
            self._far(groups, places, ~near)
            places, at = places[near], at[near]
        counted(self.sums["buckets"], groups.slots, at, places)

    def _far(self, groups: Groups, places: Slots, far: Mask) -> None:
        slots = groups.slots[groups.at[far]].tolist()
        for slot, place in zip(slots, (places[far] + _LOW).tolist(), strict=True):
            own = self.far.setdefault(slot, {})
            own[place] = own.get(place, 0) + 1

    def _outcomes(self, groups: Groups, rows: Rows) -> None:
        predicted, truth = rows.predicted, rows.truth
        if isinstance(predicted, Numbers) or isinstance(truth, Numbers):
            self._numeric(groups, predicted, truth)
            return
        assert isinstance(predicted, Coded)
        assert isinstance(truth, Coded)
        kinds = len(truth.values) + 1
        codes = predicted.codes * kinds + (truth.codes + 1)
        wide = max(1, len(predicted.values) * kinds)
        found, counts = np.unique(groups.at * wide + codes, return_counts=True) if (
            wide * len(groups.slots) > DENSE
        ) else dense(groups.at * wide + codes)  # fmt: skip
        for key, n in zip(found.tolist(), counts.tolist(), strict=True):
            group, code = divmod(key, wide)
            if code % kinds:
                pair = predicted.values[code // kinds], truth.values[code % kinds - 1]
                self._pair(int(groups.slots[group]), pair, n)

    def _pair(self, slot: int, pair: tuple[Any, Any], n: int) -> None:
        """Count rows of the same prediction and truth."""
        self.sums["labelled"][slot] += n
        self.sums["correct"][slot] += n * (pair[0] == pair[1])
        kinds = {type(label) for label in pair}
        name = "\t".join(msgspec.json.encode(label).decode() for label in pair)
        _plus(self.pairs.setdefault(slot, {}), name, n)
        if kinds == {int}:
            error = float(pair[0]) - float(pair[1])
            self.sums["errors"][slot] += np.array([1, error, abs(error), error * error]) * n

    def _numeric(self, groups: Groups, predicted: Column, truth: Column) -> None:
        if not (isinstance(predicted, Numbers) and isinstance(truth, Numbers)):
            what = "predicted_label and ground_truth_label"
            hint = "cast both to one type"
            raise InvalidInput(what, "are of different types, one of numbers", hint)
        known = ~np.isnan(truth.values)
        at, left, right = groups.at, predicted.values, truth.values
        if not known.all():
            at, left, right = at[known], left[known], right[known]
        n = len(groups.slots)
        slots = groups.slots
        self.sums["labelled"][slots] += np.bincount(at, minlength=n)
        self.sums["correct"][slots] += np.bincount(at[left == right], minlength=n)
        with np.errstate(over="ignore", invalid="ignore"):
            missed = left - right
            sums = (None, missed, np.abs(missed), np.square(missed))
            self.sums["errors"][slots] += np.array([np.bincount(at, each, n) for each in sums]).T

    # Out --------------------------------------------------------------------------------------

    def states(self) -> Iterator[tuple[Place, State]]:
        for place, slot in self.places.items():
            state = State(self._cell(slot), self._profile(slot), window=self.plan.window)
            yield Place(*place), state

    def _cell(self, slot: int) -> Cell:
        sums = self.sums
        at = np.flatnonzero(sums["buckets"][slot])
        counts = sums["buckets"][slot][at]
        pairs = self.pairs.get(slot, {})
        return Cell(
            records=int(sums["records"][slot]), labelled=int(sums["labelled"][slot]),
            correct=int(sums["correct"][slot]), latency_sum=float(sums["latency"][slot]),
            latency=dict(zip((at + _LOW).tolist(), counts.tolist(), strict=True))
            | self.far.get(slot, {}),
            pairs={OTHER: sum(pairs.values())} if len(pairs) > CLASSES else pairs,
            errors=sums["errors"][slot].tolist(),
        )  # fmt: skip

    def _profile(self, slot: int) -> Profile | None:
        if self.reference is None:
            return None
        profile = Profile.__new__(Profile)  # the empty tallies would only be thrown away
        profile.grids = self.reference.grids
        profile.rows = int(self.sums["records"][slot])
        profile.hours = self.sums["hours"][slot].copy()
        profile.new = tuple(sorted(self.new.get(slot, ())))
        profile.columns = {name: column.tally(slot) for name, column in self.columns.items()}
        return profile


_OWN_NAMES = ("prediction", "label", "score", "latency_ms")
_SUMS: dict[str, tuple[Any, ...]] = {
    "records": (np.int64,), "labelled": (np.int64,), "correct": (np.int64,),
    "latency": (np.float64,), "errors": (np.float64, 4), "buckets": (np.int64, _BUCKETS),
    "hours": (np.int64, HOURS),
}  # fmt: skip


@lru_cache(maxsize=64)
def _decoded(kept: bytes) -> Reference:
    return Reference.from_bytes(kept)


def _there(column: Column) -> Mask:
    """Which rows have a value."""
    if isinstance(column, Coded):
        return column.codes >= 0
    if isinstance(column, Numbers):
        there: Mask = ~np.isnan(column.values)
        return there
    return np.array([value is not None for value in column.values.tolist()])


def _plus(counts: dict[str, int], name: str, n: int) -> None:
    counts[name] = counts.get(name, 0) + n


def _place(
    rows: Rows, segments: Coded | None, key: int, first: int, window: int
) -> tuple[str, str, str, int]:
    """The place that a key of `_grouped` stands for."""
    wide = int(rows.times.max()) // window - first + 1
    key, at = divmod(key, wide)
    texts = []
    for coded in (segments, rows.version, rows.model):
        if coded is None:
            texts.append("")
        elif len(coded.values) == 1:
            texts.append(coded.values[0])
        else:
            key, code = divmod(key, len(coded.values))
            texts.append(coded.values[code])
    segment, version, model = texts
    return model, version, segment, (at + first) * window
