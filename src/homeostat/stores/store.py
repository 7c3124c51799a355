"""What the service keeps: facts in order, and what follows from them.

The journal is the truth: batches of records and of labels, each model's in one order of positions.
Beside it stand what makes answers fast (labels by record, ids, cells, snapshots), what goes out
(events, cursors) and who may ask (tokens, audit). One thread writes, through `change`; statements
are the same for SQLite and PostgreSQL.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec

from homeostat.stores.database import Database, Row
from homeostat.stores.identities import Run
from homeostat.stores.packing import pack, sealed, unpack, unsealed
from homeostat.stores.schema import migrate

RECORDS, LABELS, NEWS = "records", "labels", "news"
STATES = "states"  # counts that were made elsewhere: no engine sees them
"""The kinds of facts in the journal."""

_MANY = 400  # parameters of one statement


class Model(NamedTuple):
    """A model as the store has it: its number, name, next position and counters."""

    number: int
    name: str
    position: int
    counters: dict[str, int]


class Fact(NamedTuple):
    """An entry of the journal: `n` positions of a model, from `first` on."""

    id: int
    model: int
    first: int
    n: int
    kind: str
    body: bytes

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"journal entry {self.id} (model {self.model}, positions {self.first} on)"


class Parked(NamedTuple):
    """A label that waits for its record."""

    record_id: str
    label: str | None
    at: int | None


class Stored(NamedTuple):
    """An event in the log of a model; `received` is when it came there."""

    seq: int
    kind: str
    body: bytes
    received: int = 0


class Delivery(NamedTuple):
    """An event that a follower could not deliver yet, or at all: dead; `due` is its next try."""

    follower: str
    model: int
    seq: int
    tries: int
    due: int
    problem: str
    dead: bool = False


class Store:
    """The tables behind named methods. Make one with `homeostat.stores.open_store`."""

    def __init__(self, database: Database, migrated: bool = True) -> None:
        self.database = database
        try:
            if migrated:
                migrate(database)
        except BaseException:
            database.close()
            raise

    @contextmanager
    def change(self) -> Iterator[None]:
        """A transaction: everything in it is kept, or nothing."""
        self.database.begin()
        try:
            yield
            self.database.commit()
        except BaseException:
            self.database.rollback()
            raise

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    # What the store knows of itself ---------------------------------------------------------------

    def note(self, key: str) -> str | None:
        """A remark that was kept under a key."""
        rows = self._read("SELECT value FROM meta WHERE key = ?", key)
        return str(rows[0][0]) if rows else None

    def keep_note(self, key: str, value: str) -> None:
        """Keep a remark."""
        self._write(_UPSERT_META, key, value)

    def salt(self) -> int:
        """A secret number of this store, made at the first call; within a change."""
        known = self.note("salt")
        if known is None:
            known = str(secrets.randbits(63))
            self.keep_note("salt", known)
        return int(known)

    # Models ---------------------------------------------------------------------------------------

    def models(self) -> list[Model]:
        """All models, the oldest first."""
        rows = self._read("SELECT id, name, position, counters FROM models ORDER BY id")
        return [Model(i, name, at, msgspec.json.decode(kept)) for i, name, at, kept in rows]

    def add_model(self, name: str, now: int) -> Model:
        """A new model."""
        statement = (
            "INSERT INTO models (id, name, position, counters, created) "
            "SELECT COALESCE(MAX(id), 0) + 1, ?, 0, '{}', ? FROM models RETURNING id"
        )
        return Model(self._read(statement, name, now)[0][0], name, 0, {})

    def keep_model(self, model: Model) -> None:
        """Its position and counters."""
        kept = msgspec.json.encode(model.counters).decode()
        statement = "UPDATE models SET position = ?, counters = ? WHERE id = ?"
        self._write(statement, model.position, kept, model.number)

    # The journal ----------------------------------------------------------------------------------

    def append(self, model: int, first: int, n: int, kind: str, now: int, body: bytes) -> int:
        """One more fact; the number of its entry."""
        statement = (
            "INSERT INTO journal (model, first, n, kind, received, body) "
            "VALUES (?, ?, ?, ?, ?, ?) RETURNING id"
        )
        entry: int = self._read(statement, model, first, n, kind, now, body)[0][0]
        return entry

    def facts(self, model: int, start: int) -> Iterator[Fact]:
        """A model's facts from a position on, in order; one after another from the disk."""
        while found := self._read(_FACTS + "WHERE model = ? AND first >= ? ORDER BY first LIMIT 1",
                                  model, start):  # fmt: skip
            fact = Fact(*found[0])
            yield fact
            start = fact.first + fact.n

    def facts_back(self, model: int, before: int) -> Iterator[Fact]:
        """A model's facts before a position, the latest first."""
        while found := self._read(
            _FACTS + "WHERE model = ? AND first < ? ORDER BY first DESC LIMIT 1", model, before
        ):
            fact = Fact(*found[0])
            yield fact
            before = fact.first

    def facts_after(self, entry: int) -> Iterator[Fact]:
        """The facts of all models after an entry of the journal."""
        while found := self._read(_FACTS + "WHERE id > ? ORDER BY id LIMIT 1", entry):
            fact = Fact(*found[0])
            yield fact
            entry = fact.id

    def fact_at(self, model: int, position: int) -> Fact | None:
        """The fact that covers a position."""
        rows = self._read(
            _FACTS + "WHERE model = ? AND first <= ? ORDER BY first DESC LIMIT 1", model, position
        )
        fact = Fact(*rows[0]) if rows else None
        return fact if fact is not None and position < fact.first + fact.n else None

    # Labels ---------------------------------------------------------------------------------------

    def keep_labels(self, model: int, labels: Iterable[tuple[int, str | None, int | None]]) -> None:
        """(position, label, time) of records whose label came late or changed; the last counts."""
        statement = (
            "INSERT INTO labels (model, position, label, at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (model, position) DO UPDATE SET label = excluded.label, at = excluded.at"
        )
        self.database.many(statement, ((model, *label) for label in labels))

    def labels(self, model: int, positions: Sequence[int]) -> dict[int, str | None]:
        """The labels of some records, where they came late or changed."""
        statement = "SELECT position, label FROM labels WHERE model = ? AND position IN"
        return dict(rows_of(self.database, statement, [model], positions))

    # Labels that wait -----------------------------------------------------------------------------

    def park(self, model: int, labels: Iterable[Parked], now: int) -> None:
        """Labels of records that have not come; the last counts."""
        statement = (
            "INSERT INTO parked (model, record_id, label, at, received) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (model, record_id) DO UPDATE SET label = excluded.label, "
            "at = excluded.at, received = excluded.received"
        )
        self.database.many(statement, ((model, *label, now) for label in labels))

    def parked(self, model: int, ids: Sequence[str]) -> dict[str, Parked]:
        """Those of the records with these ids."""
        statement = "SELECT record_id, label, at FROM parked WHERE model = ? AND record_id IN"
        rows = rows_of(self.database, statement, [model], ids)
        return {row[0]: Parked(*row) for row in rows}

    def unpark(self, model: int, ids: Iterable[str]) -> None:
        """Let go of those that wait no more."""
        statement = "DELETE FROM parked WHERE model = ? AND record_id = ?"
        self.database.many(statement, ((model, one) for one in ids))

    def waiting(self, model: int) -> int:
        """How many wait."""
        return int(self._read("SELECT COUNT(*) FROM parked WHERE model = ?", model)[0][0])

    def unpark_before(self, model: int, received: int) -> int:
        """Let go of those that have waited too long; how many they were."""
        statement = "DELETE FROM parked WHERE model = ? AND received < ? RETURNING 1"
        return len(self._read(statement, model, received))

    # Ids ------------------------------------------------------------------------------------------

    def keep_run(self, run: Run) -> int:
        """A sorted run of ids; its number."""
        body = pack({"keys": run.keys, "places": run.places})
        statement = "INSERT INTO id_runs (level, newest, n, body) VALUES (0, ?, ?, ?) RETURNING id"
        number: int = self._read(statement, run.newest, len(run.keys), body)[0][0]
        return number

    def run(self, number: int) -> Run:
        """A run of ids by its number."""
        newest, body = self._read("SELECT newest, body FROM id_runs WHERE id = ?", number)[0]
        kept = unpack(body, f"run {number} of ids")
        return Run(kept["keys"], kept["places"], newest)

    def runs(self) -> list[int]:
        """The numbers of all runs, the oldest first."""
        return [row[0] for row in self._read("SELECT id FROM id_runs ORDER BY id")]

    # Snapshots, cells -----------------------------------------------------------------------------

    def keep_snapshot(self, model: int, position: int, fingerprint: str, body: bytes) -> None:
        """The memory of a model's engine after all facts before a position."""
        statement = (
            "INSERT INTO snapshots (model, position, fingerprint, body) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (model) DO UPDATE SET position = excluded.position, "
            "fingerprint = excluded.fingerprint, body = excluded.body"
        )
        self._write(statement, model, position, fingerprint, body)

    def snapshot(self, model: int) -> tuple[int, str, bytes] | None:
        """Position, fingerprint and body of the latest snapshot."""
        rows = self._read(
            "SELECT position, fingerprint, body FROM snapshots WHERE model = ?", model
        )
        return (rows[0][0], rows[0][1], bytes(rows[0][2])) if rows else None

    def keep_cells(self, model: int, cells: Iterable[tuple[str, int, bytes]]) -> None:
        """(version, start, body) of windows that changed."""
        statement = (
            "INSERT INTO cells (model, version, start, body) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (model, version, start) DO UPDATE SET body = excluded.body"
        )
        self.database.many(statement, ((model, *cell) for cell in cells))

    def cell(self, model: int, version: str, start: int) -> bytes | None:
        """One window."""
        statement = "SELECT body FROM cells WHERE model = ? AND version = ? AND start = ?"
        rows = self._read(statement, model, version, start)
        return bytes(rows[0][0]) if rows else None

    def cells(self, model: int, start: int, end: int, limit: int) -> list[tuple[str, int, bytes]]:
        """(version, start, body) of a model's windows within a time, in order."""
        statement = (
            "SELECT version, start, body FROM cells WHERE model = ? AND start >= ? AND start < ? "
            "ORDER BY start, version LIMIT ?"
        )
        return [(v, at, bytes(body)) for v, at, body in
                self._read(statement, model, start, end, limit)]  # fmt: skip

    # Events ---------------------------------------------------------------------------------------

    def add_events(self, model: int, first: int, events: Iterable[tuple[str, bytes]],
                   now: int) -> None:  # fmt: skip
        """(kind, body) of events, numbered from `first` on without a gap."""
        statement = "INSERT INTO events (model, seq, kind, received, body) VALUES (?, ?, ?, ?, ?)"
        self.database.many(statement, (
            (model, seq, kind, now, sealed(body)) for seq, (kind, body) in enumerate(events, first)
        ))  # fmt: skip

    def events(self, model: int, after: int, limit: int, kinds: Sequence[str] = ()) -> list[Stored]:
        """A model's events after a number, in order, of some kinds or of all; raises Damaged."""
        of_kinds = f"AND kind IN ({_marks(len(kinds))}) " if kinds else ""
        statement = (
            "SELECT seq, kind, body, received FROM events "
            f"WHERE model = ? AND seq > ? {of_kinds}ORDER BY seq LIMIT ?"
        )
        return [
            Stored(seq, kind, unsealed(body, f"event {seq} of model {model}"), received)
            for seq, kind, body, received in self._read(statement, model, after, *kinds, limit)
        ]

    def last_event(self, model: int) -> int:
        """The number of a model's latest event, 0 before the first."""
        return int(
            self._read("SELECT COALESCE(MAX(seq), 0) FROM events WHERE model = ?", model)[0][0]
        )

    # Requests that may be repeated ---------------------------------------------------------------

    def answer(self, key: str) -> tuple[str, str] | None:
        """Digest of the request and answer that were kept under an idempotency key."""
        rows = self._read("SELECT digest, answer FROM requests WHERE key = ?", key)
        return (rows[0][0], rows[0][1]) if rows else None

    def keep_answer(self, key: str, digest: str, answer: str, now: int) -> None:
        """The answer to a request with an idempotency key."""
        statement = "INSERT INTO requests (key, digest, answer, received) VALUES (?, ?, ?, ?)"
        self._write(statement, key, digest, answer, now)

    def forget_answers(self, before: int) -> None:
        """Let go of old ones."""
        self._write("DELETE FROM requests WHERE received < ?", before)

    # Followers -----------------------------------------------------------------------------------

    def cursor(self, follower: str, model: int) -> int:
        """The last event of a model that a follower has dealt with."""
        statement = "SELECT seq FROM cursors WHERE follower = ? AND model = ?"
        rows = self._read(statement, follower, model)
        return int(rows[0][0]) if rows else 0

    def keep_cursor(self, follower: str, model: int, seq: int) -> None:
        """A follower has dealt with all events up to this one."""
        statement = (
            "INSERT INTO cursors (follower, model, seq) VALUES (?, ?, ?) "
            "ON CONFLICT (follower, model) DO UPDATE SET seq = excluded.seq"
        )
        self._write(statement, follower, model, seq)

    def keep_delivery(self, delivery: Delivery) -> None:
        """What became of the latest try."""
        statement = (
            "INSERT INTO deliveries (follower, model, seq, tries, due, problem, dead) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (follower, model, seq) DO UPDATE SET "
            "tries = excluded.tries, due = excluded.due, problem = excluded.problem, "
            "dead = excluded.dead"
        )
        *values, dead = delivery
        self._write(statement, *values, int(dead))

    def end_delivery(self, follower: str, model: int, seq: int) -> None:
        """It was delivered, or cannot be any more."""
        statement = "DELETE FROM deliveries WHERE follower = ? AND model = ? AND seq = ?"
        self._write(statement, follower, model, seq)

    def deliveries(
        self, follower: str | None = None, dead: bool | None = None, limit: int = 1000
    ) -> list[Delivery]:
        """Events that wait for another try, or are dead, in the order of the log."""
        asked = {"follower": follower, "dead": None if dead is None else int(dead)}
        statement, values = _where(_DELIVERIES, asked)
        rows = self._read(f"{statement} ORDER BY follower, model, seq LIMIT ?", *values, limit)
        return [Delivery(*row)._replace(dead=bool(row[-1])) for row in rows]

    def revive(
        self, now: int, follower: str, model: int | None = None, seq: int | None = None
    ) -> int:
        """Dead events are due again, as if never tried; how many they were."""
        asked = {"follower": follower, "model": model, "seq": seq, "dead": 1}
        statement, values = _where("UPDATE deliveries SET dead = 0, tries = 0, due = ?", asked)
        return len(self._read(f"{statement} RETURNING 1", now, *values))

    def _read(self, statement: str, *values: Any) -> list[Row]:
        return self.database.execute(statement, values)

    def _write(self, statement: str, *values: Any) -> None:
        self.database.execute(statement, values)


_DELIVERIES = "SELECT follower, model, seq, tries, due, problem, dead FROM deliveries"
_FACTS = "SELECT id, model, first, n, kind, body FROM journal "
_UPSERT_META = (
    "INSERT INTO meta (key, value) VALUES (?, ?) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)


def rows_of(
    database: Database, statement: str, values: Sequence[Any], some: Sequence[Any]
) -> Iterator[Row]:
    """The rows of a statement that ends in `IN`, for however many; a few hundred at a time."""
    for at in range(0, len(some), _MANY):
        part = some[at : at + _MANY]
        yield from database.execute(f"{statement} ({_marks(len(part))})", (*values, *part))


def _marks(n: int) -> str:
    return ", ".join("?" * n)


def _where(statement: str, asked: dict[str, Any]) -> tuple[str, list[Any]]:
    """The statement for rows that are as asked, where something is; and the values."""
    given = {name: value for name, value in asked.items() if value is not None}
    conditions = " AND ".join(f"{name} = ?" for name in given)
    return statement + (f" WHERE {conditions}" if given else ""), list(given.values())
