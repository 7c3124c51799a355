"""Who did what, as a chain: each entry seals the one before, so that none can change unseen."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from homeostat.stores.store import Store

_HEAD = "audit"  # the note that holds the latest entry, so that an end cut off is noticed
_TURN = 1
_COLUMNS = "id, at, actor, action, detail, digest"


class Entry(NamedTuple):
    """An act: when (microseconds since 1970), by whom, what, its detail as JSON, and the seal."""

    id: int
    at: int
    actor: str
    action: str
    detail: str
    digest: str


def record(store: Store, actor: str, action: str, **detail: Any) -> None:
    """Add an act to the log; within the change that does it, so that both are kept or neither."""
    store.database.in_turn(_TURN)  # two who read the same end would fork the chain
    before = _latest(store)
    number, seal = (before.id, before.digest) if before else (0, "")
    told = msgspec.json.encode(detail, order="sorted").decode()
    entry = Entry(number + 1, time.time_ns() // 1000, actor, action, told, "")
    digest = _sealed(entry, seal)
    statement = f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
    store.database.execute(statement, (*entry[:-1], digest))
    store.keep_note(_HEAD, f"{entry.id}:{digest}")


def entries(store: Store) -> Iterator[Entry]:
    """All acts, the oldest first."""
    number = 0
    statement = f"SELECT {_COLUMNS} FROM audit WHERE id > ? ORDER BY id LIMIT 500"
    while page := [Entry(*row) for row in store.database.execute(statement, (number,))]:
        yield from page
        number = page[-1].id


def broken(store: Store) -> str | None:
    """Where the chain does not hold, in words; None when it does."""
    number, seal = 0, ""
    for entry in entries(store):
        if entry.id != number + 1:
            return f"entry {number + 1} is missing"
        if entry.digest != _sealed(entry, seal):
            return f"entry {entry.id} ({entry.action} by {entry.actor}) is not what was written"
        number, seal = entry.id, entry.digest
    head = store.note(_HEAD)
    if head != (f"{number}:{seal}" if number else None):
        return f"it ends at entry {number}, and others were written after that"
    return None


def _latest(store: Store) -> Entry | None:
    rows = store.database.execute(f"SELECT {_COLUMNS} FROM audit ORDER BY id DESC LIMIT 1")
    return Entry(*rows[0]) if rows else None


def _sealed(entry: Entry, before: str) -> str:
    told = [before, entry.id, entry.at, entry.actor, entry.action, entry.detail]
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()
