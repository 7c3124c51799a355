"""The records that were kept: found by id, read by position."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import OrderedDict
from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.runtime.crash import crashpoint
from homeostat.stores import pruning
from homeostat.stores.identities import Identities, hashed
from homeostat.stores.packing import unpack_batch
from homeostat.stores.shelves import Keys
from homeostat.stores.store import RECORDS, Fact, Store

_CACHED = 100_000  # records that stay in memory
_SHIFT = 40  # a place is a model's number, and 40 bits for its position
_POSITION = (1 << _SHIFT) - 1


class Place(NamedTuple):
    """Where a record is: the number of its model, and its position there."""

    model: int
    position: int


class Kept(NamedTuple):
    """A batch of the journal, with the position of its first record."""

    first: int
    batch: Batch


class Held(NamedTuple):
    """Records of one batch: which of those that were asked for, and their rows in it."""

    batch: Batch
    asked: NDArray[np.int64]
    rows: NDArray[np.int64]


class Records:
    """All records of a store, and the index of their ids.

    `names` maps the number of each model to its name. Made anew after a transaction that failed.
    """

    def __init__(self, store: Store, names: dict[int, str], salt: int) -> None:
        self._store, self._names, self._salt = store, names, salt
        self._cache: OrderedDict[tuple[int, int], Kept] = OrderedDict()
        self._firsts: dict[int, list[int]] = {}  # of each model, where its cached batches begin
        self._cached = 0
        self._latest: tuple[Sequence[str], Keys] | None = None
        self._floors = {number: pruning.floor(store, number) for number in names}
        self._ids = Identities(store.database.folder)
        newest = 0
        for number in store.runs():
            run = store.run(number)
            self._ids.kept(number, run)
            newest = max(newest, run.newest)
        for fact in store.facts_after(newest):
            if fact.kind == RECORDS:
                self._index(fact.model, fact.first, self._unpacked(fact).batch, fact.id)

    def add(self, model: int, first: int, batch: Batch, entry: int) -> None:
        """A batch that was just kept, under an entry of the journal."""
        self._index(model, first, batch, entry)
        self._remember((model, first), Kept(first, batch))
        run = self._ids.full()
        if run is not None:
            self._ids.kept(self._store.keep_run(run), run)
            crashpoint("run_kept")

    def at(self, place: Place) -> Kept:
        """The batch that holds a record."""
        first = self._firsts.get(place.model, [])
        near = bisect_right(first, place.position) - 1
        key = (place.model, first[near]) if near >= 0 else None
        if key is not None and place.position - key[1] < len(self._cache[key].batch):
            self._cache.move_to_end(key)
            return self._cache[key]
        fact = self._store.fact_at(place.model, place.position)
        if fact is None or fact.kind != RECORDS:
            raise KeyError(place)
        kept = self._unpacked(fact)
        self._remember((place.model, fact.first), kept)
        return kept

    def held(self, model: int, positions: Sequence[int]) -> list[Held]:
        """The records at some positions, batch by batch, in the order in which they are met.

        Cost: a look-up for each batch, not for each record.
        """
        wanted = np.array(positions, dtype=np.int64)
        order = np.argsort(wanted, kind="stable")
        ascending = wanted[order]
        found: list[tuple[int, Held]] = []
        at = 0
        while at < len(order):
            kept = self.at(Place(model, int(ascending[at])))
            end = int(np.searchsorted(ascending, kept.first + len(kept.batch)))
            asked = np.sort(order[at:end])
            found.append((int(asked[0]), Held(kept.batch, asked, wanted[asked] - kept.first)))
            at = end
        return [held for _, held in sorted(found, key=itemgetter(0))]

    def any_known(self, ids: Sequence[str]) -> bool:
        """Whether there may be a record that has one of these ids."""
        return bool(len(self._ids.find(self._hashed(ids)).asked))

    def _hashed(self, ids: Sequence[str]) -> Keys:
        """The hashes of ids; those of the latest ones are remembered, for they are kept next."""
        if self._latest is None or self._latest[0] != ids:
            self._latest = (ids, hashed(ids, self._salt))
        return self._latest[1]

    def find(self, ids: Sequence[str]) -> list[list[Place]]:
        """For each id, where the records are that have it: at most one a model."""
        found: list[list[Place]] = [[] for _ in ids]
        asked, places = self._ids.find(self._hashed(ids))
        order = np.argsort(places, kind="stable")  # each batch is read once
        asked, places = asked[order], places[order]
        at = 0
        while at < len(places):
            model, position = int(places[at]) >> _SHIFT, int(places[at]) & _POSITION
            if position < self.floor(model):
                at += 1
                continue
            kept = self.at(Place(model, position))
            before = (model << _SHIFT) + kept.first
            end = int(np.searchsorted(places, before + len(kept.batch)))
            rows = places[at:end] - before
            theirs = kept.batch.column("record_id")[rows].tolist()
            for own, row, one in zip(asked[at:end].tolist(), rows.tolist(), theirs, strict=True):
                if one == ids[own]:
                    found[own].append(Place(model, kept.first + row))
            at = end
        return found

    def floor(self, model: int) -> int:
        """The position of a model's oldest fact; records before it are forgotten."""
        return self._floors.get(model, 0)

    def forget(self, model: int, before: int) -> None:
        """The facts of a model before a position are gone from the store."""
        self._floors[model] = before
        for first in [first for first in self._firsts.get(model, []) if first < before]:
            self._drop(self._cache.pop((model, first)), model)

    def forget_run(self, number: int) -> None:
        """A run of ids, all of records that are forgotten, is gone from the store."""
        self._ids.dropped(number)

    def _index(self, model: int, first: int, batch: Batch, entry: int) -> None:
        ids = batch.column("record_id").tolist()
        rows = np.arange(len(ids), dtype=np.int64)
        if None in ids:
            rows = np.flatnonzero([one is not None for one in ids])
            ids = [one for one in ids if one is not None]
        if len(ids):
            places = (model << _SHIFT) + first + rows
            self._ids.add(self._hashed(ids), places, entry)

    def _remember(self, key: tuple[int, int], kept: Kept) -> None:
        self._cache[key] = kept
        insort(self._firsts.setdefault(key[0], []), key[1])
        self._cached += len(kept.batch)
        while self._cached > _CACHED and len(self._cache) > 1:
            (model, _), gone = self._cache.popitem(last=False)
            self._drop(gone, model)

    def _drop(self, gone: Kept, model: int) -> None:
        self._firsts[model].remove(gone.first)
        self._cached -= len(gone.batch)

    def _unpacked(self, fact: Fact) -> Kept:
        name = self._names.get(fact.model, "default")
        return Kept(fact.first, unpack_batch(fact.body, name, fact.place))


def first_version(store: Store, model: int, name: str) -> str | None:
    """The version of a model's oldest record that is kept."""
    for fact in store.facts(model, 0):
        if fact.kind == RECORDS:
            return str(unpack_batch(fact.body, name, fact.place).model_version[0])
    return None
