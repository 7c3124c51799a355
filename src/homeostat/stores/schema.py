"""The tables, as named steps: each takes a database from one version to the next."""

from __future__ import annotations

import re

from homeostat.errors import HomeostatError
from homeostat.stores.database import Database
from homeostat.stores.faults import StoreError


class NewerSchema(StoreError):
    """The folder was written by a newer homeostat."""


STEPS: list[tuple[str, str]] = [
    (
        "first tables",
        """
        CREATE TABLE models (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, position BIGINT NOT NULL,
            counters TEXT NOT NULL, created BIGINT NOT NULL);
        CREATE TABLE journal (
            id {SERIAL}, model INTEGER NOT NULL, first BIGINT NOT NULL, n INTEGER NOT NULL,
            kind TEXT NOT NULL, received BIGINT NOT NULL, body {BLOB} NOT NULL);
        CREATE UNIQUE INDEX journal_place ON journal (model, first);
        CREATE TABLE labels (
            model INTEGER NOT NULL, position BIGINT NOT NULL, label TEXT, at BIGINT,
            PRIMARY KEY (model, position)) {CLUSTERED};
        CREATE TABLE parked (
            model INTEGER NOT NULL, record_id TEXT NOT NULL, label TEXT, at BIGINT,
            received BIGINT NOT NULL, PRIMARY KEY (model, record_id)) {CLUSTERED};
        CREATE TABLE id_runs (
            id {SERIAL}, level INTEGER NOT NULL, newest BIGINT NOT NULL, n INTEGER NOT NULL,
            body {BLOB} NOT NULL);
        CREATE TABLE snapshots (
            model INTEGER PRIMARY KEY, position BIGINT NOT NULL, fingerprint TEXT NOT NULL,
            body {BLOB} NOT NULL);
        CREATE TABLE events (
            model INTEGER NOT NULL, seq BIGINT NOT NULL, kind TEXT NOT NULL,
            received BIGINT NOT NULL, body {BLOB} NOT NULL, PRIMARY KEY (model, seq)) {CLUSTERED};
        CREATE TABLE cells (
            model INTEGER NOT NULL, version TEXT NOT NULL, start BIGINT NOT NULL,
            body {BLOB} NOT NULL, PRIMARY KEY (model, version, start)) {CLUSTERED};
        CREATE TABLE requests (
            key TEXT PRIMARY KEY, digest TEXT NOT NULL, answer TEXT NOT NULL,
            received BIGINT NOT NULL) {CLUSTERED};
        CREATE TABLE cursors (
            follower TEXT NOT NULL, model INTEGER NOT NULL, seq BIGINT NOT NULL,
            PRIMARY KEY (follower, model)) {CLUSTERED};
        CREATE TABLE deliveries (
            follower TEXT NOT NULL, model INTEGER NOT NULL, seq BIGINT NOT NULL,
            tries INTEGER NOT NULL, due BIGINT NOT NULL, problem TEXT NOT NULL,
            dead INTEGER NOT NULL, PRIMARY KEY (follower, model, seq)) {CLUSTERED};
        CREATE TABLE tokens (
            id TEXT PRIMARY KEY, digest TEXT NOT NULL, scope TEXT NOT NULL, models TEXT NOT NULL,
            name TEXT NOT NULL, created BIGINT NOT NULL, expires BIGINT, used BIGINT,
            revoked BIGINT) {CLUSTERED};
        CREATE TABLE audit (
            id {SERIAL}, at BIGINT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
            detail TEXT NOT NULL, digest TEXT NOT NULL)
        """,
    ),
    (
        "the loop",
        """
        CREATE TABLE jobs (
            id TEXT PRIMARY KEY, model INTEGER NOT NULL, number INTEGER NOT NULL,
            state TEXT NOT NULL, reason TEXT NOT NULL, asked BIGINT NOT NULL,
            created BIGINT NOT NULL, position BIGINT NOT NULL, cause BIGINT, causes TEXT NOT NULL,
            actor TEXT, token INTEGER NOT NULL, handle TEXT, manifest TEXT NOT NULL, started BIGINT,
            ended BIGINT, beat BIGINT, version TEXT, problem TEXT NOT NULL, lines TEXT NOT NULL);
        CREATE UNIQUE INDEX jobs_number ON jobs (model, number);
        CREATE UNIQUE INDEX jobs_running ON jobs (model) WHERE state = 'running';
        CREATE UNIQUE INDEX jobs_to_come ON jobs (model) WHERE state IN ('waiting', 'queued');
        CREATE TABLE versions (
            model TEXT NOT NULL, version TEXT NOT NULL, body {BLOB} NOT NULL,
            created BIGINT NOT NULL, PRIMARY KEY (model, version)) {CLUSTERED};
        CREATE TABLE standings (
            model INTEGER PRIMARY KEY, generation INTEGER NOT NULL, body {BLOB} NOT NULL);
        CREATE TABLE comparisons (
            model INTEGER PRIMARY KEY, cut BIGINT NOT NULL, cursor BIGINT NOT NULL,
            body {BLOB} NOT NULL);
        CREATE TABLE shadows (
            model INTEGER NOT NULL, version TEXT NOT NULL, record_id TEXT NOT NULL,
            label TEXT NOT NULL, latency_ms DOUBLE PRECISION,
            PRIMARY KEY (model, version, record_id)) {CLUSTERED};
        CREATE TABLE moves (
            id {SERIAL}, model TEXT NOT NULL, alias TEXT NOT NULL, version TEXT,
            tries INTEGER NOT NULL, due BIGINT NOT NULL, problem TEXT NOT NULL)
        """,
    ),
    (
        "looks at earlier versions",
        "CREATE TABLE looks (model INTEGER PRIMARY KEY, position BIGINT NOT NULL, job TEXT)",
    ),
    (
        "who leads",
        """
        CREATE TABLE leads (
            model INTEGER PRIMARY KEY, cursor BIGINT NOT NULL, body {BLOB} NOT NULL)
        """,
    ),
]

_DIALECTS = {
    "sqlite": {"SERIAL": "INTEGER PRIMARY KEY", "BLOB": "BLOB", "CLUSTERED": "WITHOUT ROWID"},
    "postgres": {"SERIAL": "BIGSERIAL PRIMARY KEY", "BLOB": "BYTEA", "CLUSTERED": ""},
}

_TABLE = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)")
_META = "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)"


def migrate(database: Database) -> list[str]:
    """Bring the tables up to date; the names of the steps that were taken.

    Every step is a transaction with the number it leads to, so that one that was killed is begun
    again. Raises NewerSchema when the tables are ahead of this version.
    """
    taken: list[str] = []
    while True:
        database.begin()
        try:
            database.execute(_META)
            at = version(database)
            if at > len(STEPS):
                raise NewerSchema(
                    f"the store has version {at}, this homeostat knows {len(STEPS)}; "
                    "run: pip install --upgrade homeostat"
                )
            if at == len(STEPS):
                database.commit()
                return taken
            _take(database, at)
            database.commit()
        except HomeostatError:
            database.rollback()
            raise
        taken.append(STEPS[at][0])


def make(database: Database) -> None:
    """All tables where there are none, within a transaction."""
    database.execute(_META)
    for at in range(len(STEPS)):
        _take(database, at)


def _take(database: Database, at: int) -> None:
    for statement in STEPS[at][1].format(**_DIALECTS[database.name]).split(";"):
        database.execute(statement)
    database.execute(_SET_VERSION, (str(at + 1),))


def tables() -> list[str]:
    """The names of all tables."""
    return _TABLE.findall(" ".join([_META, *(statements for _, statements in STEPS)]))


def version(database: Database) -> int:
    """How many steps the tables have taken."""
    rows = database.execute("SELECT value FROM meta WHERE key = 'schema'")
    return int(rows[0][0]) if rows else 0


_SET_VERSION = (
    "INSERT INTO meta (key, value) VALUES ('schema', ?) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
