"""A model's records with their labels, read from the journal.

Back from a position, a label is met before its record, and the latest of several first: what is
read is what was known then, whatever has become of it since. Forth from a position, a record is
met when its label first became known; or once it is so old that a label would have come, with the
label that it has by then, or none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.runtime.labels import SETTLED, labels_of
from homeostat.stores.packing import unpack, unpack_batch, unpack_label
from homeostat.stores.store import LABELS, RECORDS, Fact, Store


class Joined(NamedTuple):
    """Records of one fact with their labels: their positions, ascending, and the records."""

    positions: NDArray[np.int64]
    batch: Batch


def picked(joined: Joined, rows: NDArray[Any]) -> Joined:
    """Some of them."""
    return Joined(joined.positions[rows], joined.batch.take(rows))


def labelled_back(store: Store, model: int, name: str, before: int) -> Iterator[Joined]:
    """All labelled records before a position, a fact at a time, the latest first."""
    late: dict[int, Any] = {}
    for fact in store.facts_back(model, before):
        if fact.kind == LABELS:
            kept = unpack(fact.body, fact.place)
            pairs = zip(kept["positions"].tolist(), kept["labels"], strict=True)
            for position, label in reversed(list(pairs)):
                late.setdefault(position, label)
        elif fact.kind == RECORDS:
            found = _labelled(unpack_batch(fact.body, name, fact.place), fact.first, late)
            if len(found.positions):
                yield found


def _labelled(batch: Batch, first: int, late: dict[int, Any]) -> Joined:
    """Those of a batch that have a label; what was late for it is used up."""
    labels = labels_of(batch)
    for row in range(len(batch)):
        if first + row in late:
            labels[row] = late.pop(first + row)
    rows = np.flatnonzero([label is not None for label in labels])
    whole = batch.with_truth(labels)
    return Joined(rows + first, whole if len(rows) == len(batch) else whole.take(rows))


def labelled_on(
    store: Store, model: int, name: str, start: int, least: int
) -> Iterator[tuple[int, Joined]]:
    """From the fact at a position on, records whose label became known; none before `least`.

    With each the position of the fact after, from which to go on another time.
    """
    within = store.fact_at(model, start)
    for fact in store.facts(model, start if within is None else within.first):
        if fact.kind == RECORDS:
            joined = _labelled(unpack_batch(fact.body, name, fact.place), fact.first, {})
            joined = _from(joined, least)
        elif fact.kind == LABELS:
            joined = _settled(store, name, fact, least)
        else:
            joined = Joined(np.empty(0, np.int64), Batch.from_records([]))
        yield fact.first + fact.n, joined


def aged_on(
    store: Store, model: int, name: str, start: int, least: int, until: int
) -> Iterator[tuple[int, Joined]]:
    """From the fact at a position on, all records, labelled or not; none before `least`.

    It ends before the first fact with a record that is younger than `until` (the records' time).
    With each the position of the fact after, from which to go on another time.
    """
    within = store.fact_at(model, start)
    for fact in store.facts(model, start if within is None else within.first):
        joined = Joined(np.empty(0, np.int64), Batch.from_records([]))
        if fact.kind == RECORDS:
            batch = unpack_batch(fact.body, name, fact.place)
            if int(batch.created_at.max()) > until:
                return
            joined = _from(_as_now(store, fact, batch), least)
        yield fact.first + fact.n, joined


def _as_now(store: Store, fact: Fact, batch: Batch) -> Joined:
    """The records of a fact, with the labels that they have now."""
    positions = np.arange(fact.first, fact.first + fact.n)
    labels = labels_of(batch)
    for position, label in store.labels(fact.model, positions.tolist()).items():
        labels[position - fact.first] = unpack_label(label)
    return Joined(positions, batch.with_truth(labels))


def _settled(store: Store, name: str, fact: Fact, least: int) -> Joined:
    """The records of the first labels among those of a fact, in the order of the labels."""
    kept = unpack(fact.body, fact.place)
    rows = np.flatnonzero((kept["did"] == SETTLED) & (kept["positions"] >= least))
    labels = [kept["labels"][row] for row in rows.tolist()]
    positions = kept["positions"][rows]
    there, batch = _gathered(store, name, fact.model, positions.tolist())
    if not len(batch):
        return Joined(np.empty(0, np.int64), batch)
    return Joined(positions[there], batch.with_truth([labels[at] for at in there.tolist()]))


def _gathered(
    store: Store, name: str, model: int, positions: Sequence[int]
) -> tuple[NDArray[np.int64], Batch]:
    """Records by their positions, in that order, and which of them are still there."""
    cache: dict[int, tuple[int, Batch]] = {}
    parts: dict[int, tuple[Batch, list[int], list[int]]] = {}
    for at, position in enumerate(positions):
        near = next((first for first, (n, _) in cache.items() if first <= position < n), None)
        if near is None:
            fact = store.fact_at(model, position)
            if fact is None or fact.kind != RECORDS:
                continue  # retention has taken it
            near = fact.first
            cache[near] = (fact.first + fact.n, unpack_batch(fact.body, name, fact.place))
        _, rows, places = parts.setdefault(near, (cache[near][1], [], []))
        rows.append(position - near)
        places.append(at)
    if not parts:
        return np.empty(0, np.int64), Batch.from_records([])
    order = np.concatenate([places for _, _, places in parts.values()]).astype(np.int64)
    whole = Batch.joined([batch.take(np.array(rows)) for batch, rows, _ in parts.values()])
    sorted_rows = np.argsort(order, kind="stable")
    return order[sorted_rows], whole.take(sorted_rows)


def _from(joined: Joined, least: int) -> Joined:
    rows = np.flatnonzero(joined.positions >= least)
    return joined if len(rows) == len(joined.positions) else picked(joined, rows)
