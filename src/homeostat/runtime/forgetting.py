"""Which of a model's oldest facts can go without what is measured losing its labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from homeostat.stores import pruning
from homeostat.stores.packing import unpack_batch
from homeostat.stores.store import RECORDS, Fact, Store


class Going(NamedTuple):
    """Facts before a position; how many records they hold, and how many of those have a label."""

    end: int = 0
    records: int = 0
    labels: int = 0


def going(store: Store, name: str, oldest: Sequence[Fact], spare: int) -> Going:
    """As many of the oldest facts as leave enough labels: `spare` may go. Raises Damaged."""
    end = records = labels = 0
    for fact in oldest:
        n, labelled = _held_by(store, name, fact)
        if labelled and labels + labelled > spare:
            break
        end, records, labels = fact.first + fact.n, records + n, labels + labelled
    return Going(end, records, labels)


def _held_by(store: Store, name: str, fact: Fact) -> tuple[int, int]:
    """How many records a fact holds, and how many of them have a label now."""
    if fact.kind != RECORDS:
        return 0, 0
    rows, correct = unpack_batch(fact.body, name, fact.place).outcome
    own = range(len(correct)) if rows is None else rows.tolist()
    return fact.n, pruning.labelled(store, fact, own)
