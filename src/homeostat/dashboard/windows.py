"""The records around an alarm, from the journal: those since the change, and those before it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from homeostat.batch import Batch
from homeostat.runtime.labels import label_at
from homeostat.stores.packing import unpack_batch, unpack_label
from homeostat.stores.store import RECORDS, Store
from homeostat.times import from_micros, parse, to_micros

_FACTS = 3_000  # entries of the journal that are read either way
_SINCE, _BEFORE = 1_000, 1_500  # records of either side, the nearest to the change
_SURE = 150  # records after the alarm that are enough to look at them alone
_BLIND = 500  # records before it that count as new where nobody knows when it began


class Sides(NamedTuple):
    """Records before a change and since; `between`: those near it that are in neither."""

    before: Batch
    since: Batch
    between: int


def sides(
    store: Store, model: int, received: int, changed: int | None, turned: int | None = None
) -> Sides:
    """The records on both sides of an alarm, with the labels known today.

    received: when the event came to the log; changed: when the change began, in microseconds of the
    records' time, as far as is known; turned: when the next champion's event came, if any.

    What came after the alarm is surely new, and as much of it is taken as lies before (at least 150
    records, at most 1,000), up to the next champion: once that is there, it stays the same. Only
    while it is less than 150, what came since the estimated beginning is taken with it.
    """
    start = _last_fact(store, model, received)
    between = 0
    before: list[Batch] = []
    since: list[Batch] = []
    for read, fact in enumerate(store.facts_back(model, start)):
        if read > _FACTS or sum(map(len, before)) >= _BEFORE:
            break
        if fact.kind != RECORDS:
            continue
        batch = _labelled(store, model, fact.first, unpack_batch(fact.body, "", fact.place))
        had = sum(map(len, since))
        new = (batch.created_at >= changed) if changed is not None else _newest(had, len(batch))
        if new.any() and had < _SINCE:
            since.append(batch.take(np.flatnonzero(new)))
        elif new.any():
            between += int(new.sum())
        if not new.all():
            before.append(batch.take(np.flatnonzero(~new)))
    most = max(_SURE, min(_SINCE, sum(map(len, before))))
    stop = None if turned is None else _last_fact(store, model, turned)
    after = _taken(store, model, range(start, 1 << 62 if stop is None else stop), most)
    if len(after) >= _SURE:
        return Sides(_joined(before), after, between + sum(map(len, since)))
    return Sides(_joined(before), _joined([after, *since]), between)


def _taken(store: Store, model: int, positions: range, most: int) -> Batch:
    """The first records of a range of positions, at most so many."""
    found: list[Batch] = []
    for read, fact in enumerate(store.facts(model, positions.start)):
        if read > _FACTS or sum(map(len, found)) >= most or fact.first >= positions.stop:
            break
        if fact.kind == RECORDS:
            batch = unpack_batch(fact.body, "", fact.place)
            found.append(_labelled(store, model, fact.first, batch))
    joined = _joined(found[::-1])
    return joined if len(joined) <= most else joined.take(np.arange(most))


def _newest(had: int, n: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of a batch's records are among the newest, so many being newer still."""
    return np.arange(n) >= n - max(0, _BLIND - had)


def _joined(parts: list[Batch]) -> Batch:
    return Batch.joined(parts[::-1]) if parts else Batch.from_records([])


def _last_fact(store: Store, model: int, received: int) -> int:
    """The position after the last fact that had come by then."""
    statement = (
        "SELECT first, n FROM journal WHERE model = ? AND received <= ? ORDER BY first DESC LIMIT 1"
    )
    rows = store.database.execute(statement, (model, received))
    return int(rows[0][0]) + int(rows[0][1]) if rows else 0


def _labelled(store: Store, model: int, first: int, batch: Batch) -> Batch:
    """The batch with the labels that came later."""
    statement = (
        "SELECT position, label FROM labels WHERE model = ? AND position >= ? AND position < ?"
    )
    rows = store.database.execute(statement, (model, first, first + len(batch)))
    if not rows:
        return batch
    late = {int(position) - first: unpack_label(label) for position, label in rows}
    return batch.with_truth(
        [late[row] if row in late else label_at(batch, row) for row in range(len(batch))]
    )


def micros(text: object) -> int | None:
    """A time of an event in microseconds; None where there is none."""
    return to_micros(parse(text)) if isinstance(text, str) else None


def shown(at: int | None) -> str | None:
    """A time for JSON."""
    return None if at is None else from_micros(at).isoformat()
