"""Which records of a batch are new, which are there already, and which cannot be taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from homeostat.batch import Batch
from homeostat.errors import InvalidInput
from homeostat.runtime.answers import Conflict, Judged
from homeostat.runtime.records import Records
from homeostat.stores.erasure import ERASED

NOT_YET = -1
"""The number of a model of which there is no record."""

_FUTURE = 300_000_000  # microseconds by which a record's time may be ahead of ours


def judge(records: Records, model: int, batch: Batch, now: int) -> Judged:
    """What would become of a batch for the model of this number; changes nothing."""
    ids = batch.column("record_id").tolist()
    fresh = batch.created_at <= now + _FUTURE
    faults = [(int(row), _from_the_future(batch, int(row))) for row in np.flatnonzero(~fresh)]
    named: Sequence[int] = range(len(ids))
    own = ids
    if faults or None in ids:
        named = [row for row in named if ids[row] is not None and fresh[row]]
        own = [ids[row] for row in named]
    if len(set(own)) == len(own) and not records.any_known(own):
        return Judged(np.flatnonzero(fresh), 0, faults)
    first: dict[str, int] = {}
    again: list[tuple[int, int]] = []  # a row, and the row of the same batch that has its id
    for row in named:
        before = first.setdefault(ids[row], row)
        if before != row:
            again.append((row, before))
    known: dict[int, InvalidInput | None] = {
        row: _compared(batch, row, batch, before) for row, before in again
    }
    rows = list(first.values())
    for row, places in zip(rows, records.find(list(first)), strict=True):
        for place in places:
            if place.model == model:
                kept = records.at(place)
                known[row] = _compared(batch, row, kept.batch, place.position - kept.first)
    for row, before in again:  # what is known of the first holds for the others of its id
        if known[row] is None and before in known:
            known[row] = known[before]
    faults += [(row, error) for row, error in known.items() if error is not None]
    fresh[list(known)] = False
    duplicates = sum(error is None for error in known.values())
    return Judged(np.flatnonzero(fresh), duplicates, sorted(faults, key=lambda each: each[0]))


def _from_the_future(batch: Batch, row: int) -> InvalidInput:
    at = batch.moment(row).isoformat()
    hint = "check the sender's clock; times are read in their zone"
    return InvalidInput("created_at", f"is more than 5 minutes ahead of now: {at}", hint)


def _compared(left: Batch, row: int, right: Batch, other: int) -> InvalidInput | None:
    """None when two records of one id are the same."""
    if _content(left, row) == _content(right, other) or right[other].metadata == ERASED:
        return None
    one = left.column("record_id")[row]
    return Conflict(
        "record_id", f"{one!r} was sent before with another content",
        "give each prediction an id of its own; a label is corrected by /v1/labels",
    )  # fmt: skip


def _content(batch: Batch, row: int) -> tuple[Any, ...]:
    """What a record says; its label aside, which may have come another way."""
    record = batch[row]
    features = {k: v for k, v in (record.features or {}).items() if v is not None}
    return (record.model_version, record.predicted_label, record.latency_ms, record.created_at,
            record.score, record.scores or None, features, record.metadata)  # fmt: skip
