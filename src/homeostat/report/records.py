"""A model's records of a period, before and since a moment, with the labels known today."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from homeostat.batch import Batch
from homeostat.runtime.labels import label_at
from homeostat.stores.packing import unpack_batch, unpack_label
from homeostat.stores.store import RECORDS, Fact, Store

MOST = 20_000
"""Records of a side, those nearest to the moment (before it) and the newest (since)."""

_FACTS = 20_000  # entries of the journal that are read back


class Sides(NamedTuple):
    """Records before a moment and since, in their order."""

    before: Batch
    since: Batch


def sides(store: Store, model: int, start: int, end: int, cut: int) -> Sides:
    """The records from `start` to before `end`, parted at `cut`; microseconds of their own time.

    Reads the journal backwards until both sides are full, or 200 entries in a row lie before the
    start. Cost: some µs a record.
    """
    before: list[Batch] = []
    since: list[Batch] = []
    stale = 0
    for read, fact in enumerate(store.facts_back(model, 1 << 62)):
        if read >= _FACTS or _rows(before) >= MOST or stale >= _STALE:
            break
        if fact.kind != RECORDS:
            continue
        batch = _labelled(store, fact)
        times = batch.created_at
        stale = stale + 1 if len(times) and int(times.max()) < start else 0
        late = (times >= cut) & (times < end)
        if late.any() and _rows(since) < MOST:
            since.append(batch.take(np.flatnonzero(late)))
        early = (times >= start) & (times < cut)
        if early.any():
            before.append(batch.take(np.flatnonzero(early)))
    return Sides(_joined(before), _joined(since))


_STALE = 200  # entries in a row before the start, after which none within it is expected


def _labelled(store: Store, fact: Fact) -> Batch:
    batch = unpack_batch(fact.body, "", fact.place)
    late = store.labels(fact.model, range(fact.first, fact.first + len(batch)))
    if not late:
        return batch
    found = {position - fact.first: unpack_label(label) for position, label in late.items()}
    labels = [found[row] if row in found else label_at(batch, row) for row in range(len(batch))]
    return batch.with_truth(labels)


def _rows(parts: list[Batch]) -> int:
    return sum(map(len, parts))


def _joined(parts: list[Batch]) -> Batch:
    return Batch.joined(parts[::-1]) if parts else Batch.from_records([])
