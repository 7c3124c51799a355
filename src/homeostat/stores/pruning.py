"""What is taken out of a store, in pieces that hold up nobody: each is one short transaction.

Rows are found and deleted by ranges of their keys, so that a piece costs what it deletes. The
newest fact and the newest event of a model always stay: numbers are counted on from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from homeostat.stores.store import Fact, Store

PIECE = 500  # rows of one piece
_SIZES = 2_000  # entries of which the size is looked up at once
_FACTS, _ROWS = 64, 8_000  # entries of the journal of one piece, and what they hold


def oldest_facts(store: Store, model: int, before: int) -> list[Fact]:
    """The first facts of a model up to the first received since; some, and never its newest."""
    statement = "SELECT first, n, received FROM journal WHERE model = ? ORDER BY first LIMIT ?"
    rows = store.database.execute(statement, (model, _FACTS + 1))
    found: list[Fact] = []
    total = 0
    for first, n, received in rows[:_FACTS][: len(rows) - 1]:
        total += n
        if received >= before or (found and total > _ROWS):
            break
        found += islice(store.facts(model, first), 1)
    return found


def received_first(store: Store, model: int) -> list[int]:
    """When a model's oldest fact was received; nothing where it may not go, being the newest."""
    statement = "SELECT received FROM journal WHERE model = ? ORDER BY first LIMIT 2"
    rows = store.database.execute(statement, (model,))
    return [int(rows[0][0])] if len(rows) == 2 else []


def sizes(store: Store, after: int) -> list[tuple[int, int, int]]:
    """(entry, model, bytes) of some facts after an entry, in order; none at the end."""
    statement = "SELECT id, model, LENGTH(body) FROM journal WHERE id > ? ORDER BY id LIMIT ?"
    return [(i, model, n) for i, model, n in store.database.execute(statement, (after, _SIZES))]


def floor(store: Store, model: int) -> int:
    """The position of the oldest fact that is kept; what was before is forgotten."""
    statement = "SELECT COALESCE(MIN(first), 0) FROM journal WHERE model = ?"
    return int(store.database.execute(statement, (model,))[0][0])


def labelled(store: Store, fact: Fact, own: Sequence[int]) -> int:
    """How many records of a fact have a label now; `own` are the rows that came with one."""
    statement = (
        "SELECT position, label IS NOT NULL FROM labels "
        "WHERE model = ? AND position >= ? AND position < ?"
    )
    values = (fact.model, fact.first, fact.first + fact.n)
    late = store.database.execute(statement, values)
    n = len(own)
    if late:
        before = set(own)
        n += sum(bool(there) - (at - fact.first in before) for at, there in late)
    return n


def forget_facts(store: Store, model: int, before: int) -> None:
    """Delete the facts before a position, which begins one, and the late labels of its records."""
    store.database.execute("DELETE FROM journal WHERE model = ? AND first < ?", (model, before))
    store.database.execute("DELETE FROM labels WHERE model = ? AND position < ?", (model, before))


def forget_events(store: Store, model: int, received: int) -> int:
    """Delete the oldest events received before; how many they were, at most a piece."""
    statement = "SELECT seq, received FROM events WHERE model = ? ORDER BY seq LIMIT ?"
    rows = store.database.execute(statement, (model, PIECE + 1))
    last = None
    n = 0
    for seq, at in rows[:PIECE][: len(rows) - 1]:
        if at >= received:
            break
        last, n = seq, n + 1
    if last is not None:
        store.database.execute("DELETE FROM events WHERE model = ? AND seq <= ?", (model, last))
    return n


def versions(store: Store, model: int) -> list[str]:
    """The model versions that have cells; each costs one look-up."""
    statement = "SELECT MIN(version) FROM cells WHERE model = ? AND version > ?"
    found: list[str] = []
    at = store.database.execute("SELECT MIN(version) FROM cells WHERE model = ?", (model,))[0][0]
    while at is not None:
        found.append(at)
        at = store.database.execute(statement, (model, at))[0][0]
    return found


def forget_cells(store: Store, model: int, version: str, before: int) -> int:
    """Delete the oldest windows of a version that begin before a time; at most a piece."""
    statement = (
        "SELECT start FROM cells WHERE model = ? AND version = ? AND start < ? "
        "ORDER BY start LIMIT ?"
    )
    rows = store.database.execute(statement, (model, version, before, PIECE))
    if rows:
        delete = "DELETE FROM cells WHERE model = ? AND version = ? AND start <= ?"
        store.database.execute(delete, (model, version, rows[-1][0]))
    return len(rows)


def forget_answers(store: Store, after: str, received: int) -> str | None:
    """Delete old answers among a piece of the keys after one; the last key looked at, or None."""
    statement = "SELECT key FROM requests WHERE key > ? ORDER BY key LIMIT ?"
    rows = store.database.execute(statement, (after, PIECE))
    if not rows:
        return None
    last: str = rows[-1][0]
    delete = "DELETE FROM requests WHERE key > ? AND key <= ? AND received < ?"
    store.database.execute(delete, (after, last, received))
    return last


def forget_parked(store: Store, model: int, after: str, received: int) -> tuple[str | None, int]:
    """The same for labels that wait: the last id looked at, and how many were let go."""
    statement = "SELECT record_id FROM parked WHERE model = ? AND record_id > ? ORDER BY 1 LIMIT ?"
    rows = store.database.execute(statement, (model, after, PIECE))
    if not rows:
        return None, 0
    last: str = rows[-1][0]
    delete = (
        "DELETE FROM parked WHERE model = ? AND record_id > ? AND record_id <= ? "
        "AND received < ? RETURNING 1"
    )
    return last, len(store.database.execute(delete, (model, after, last, received)))


def empty_run(store: Store) -> int | None:
    """The number of a run of ids of which all records are gone; None when there is none."""
    covered = 0
    for number, newest in store.database.execute("SELECT id, newest FROM id_runs ORDER BY id"):
        statement = "SELECT 1 FROM journal WHERE id > ? AND id <= ? LIMIT 1"
        if not store.database.execute(statement, (covered, newest)):
            return int(number)
        covered = newest
    return None


def forget_run(store: Store, number: int) -> None:
    """Delete a run of ids."""
    store.database.execute("DELETE FROM id_runs WHERE id = ?", (number,))
