"""PostgreSQL: the store of a service that runs on more than one machine's disk.

One session holds an advisory lock for as long as it writes, so that a second service on the same
database is refused, and one that was cut off cannot come back beside its successor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from homeostat.errors import MissingExtra
from homeostat.stores.database import Row
from homeostat.stores.faults import Busy, StoreBroken, StoreFull

try:
    import psycopg
except ImportError as error:
    raise MissingExtra("postgres", "psycopg", "The store in PostgreSQL") from error

_COMMIT = {"full": "on", "fast": "off"}
_LOCK = 0x686F6D656F  # ours among the advisory locks of a database
_ALIVE: dict[str, Any] = {  # or else a connection that a network dropped is waited for for hours
    "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}  # fmt: skip
_PAGE = 100  # rows that are fetched together
_WHO_READS = (
    "SELECT 1 FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_xmin IS NOT NULL "
    "AND (datname = current_database() OR datname IS NULL) AND backend_type <> 'autovacuum worker'"
)
_TIMELINE = "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
_COUNTED = (
    "SELECT table_name FROM information_schema.columns WHERE table_schema = current_schema() "
    "AND column_name = 'id' AND column_default IS NOT NULL"
)


class Postgres:
    """A session with a database. `durability`: "full", or "fast" as `synchronous_commit = off`.

    A session that was cut off is begun anew with the next transaction. Raises Busy while the
    server cannot be reached, is a standby or a primary that was replaced, or another service holds
    the database; StoreFull, StoreBroken.
    `beside` a service that runs, for small changes that are of nobody's state but the database's.
    """

    name = "postgres"
    folder = None

    def __init__(
        self, url: str, durability: str = "full", read_only: bool = False, beside: bool = False
    ) -> None:
        self._url, self._durability, self._read_only = url, durability, read_only
        self._beside = beside
        self._timeline = 0
        self._connection = self._connected()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        with _Translated():
            cursor = self._alive().execute(_own(statement), _sent(values) or None)
            return cursor.fetchall() if cursor.description is not None else []

    def many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        with _Translated(), self._alive().cursor() as cursor:
            cursor.executemany(_own(statement), [_sent(row) for row in rows])

    def rows(self, statement: str) -> Iterator[Row]:
        self.execute(f"DECLARE page NO SCROLL CURSOR FOR {statement}")
        while page := self.execute(f"FETCH {_PAGE} FROM page"):
            yield from page
        self.execute("CLOSE page")

    @contextmanager
    def look(self) -> Iterator[None]:
        self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield
        finally:
            self.rollback()

    def begin(self) -> None:
        with suppress(Busy):
            if not self._connection.closed:
                self.execute("BEGIN")
                return
        self._connection.close()  # it was cut off, which only shows when it is used
        self._connection = self._connected()
        self.execute("BEGIN")

    def commit(self) -> None:
        self.execute("COMMIT")

    def rollback(self) -> None:
        with suppress(psycopg.Error, Busy):
            self._alive().execute("ROLLBACK")

    def in_turn(self, what: int) -> None:
        self.execute("SELECT pg_advisory_xact_lock(?, ?)", (_LOCK & 0x7FFFFFFF, what))

    @contextmanager
    def scrubbed(self, table: str) -> Iterator[None]:
        """The table is written anew: takes as much room as it has, and its time."""
        yield
        if self.execute(_WHO_READS):
            raise Busy("erased, but another session still reads what was; run this again when it "
                       "is done")  # fmt: skip
        self.execute(f"VACUUM (FULL) {table}")

    def count_on(self) -> None:
        for (table,) in self.execute(_COUNTED):
            self.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), COALESCE(MAX(id), 0) + 1, "
                f"false) FROM {table}"
            )

    def tidy(self) -> None:
        """Nothing: the server looks after itself."""

    def close(self) -> None:
        self._connection.close()

    def _alive(self) -> psycopg.Connection[Any]:
        """The session; where it only reads, a new one in the place of one that was cut off."""
        if self._read_only and (self._connection.closed or self._connection.broken):
            self._connection = self._connected()
        return self._connection

    def _connected(self) -> psycopg.Connection[Any]:
        with _Translated():
            connection = psycopg.connect(self._url, autocommit=True, connect_timeout=5,
                                         application_name="homeostat", **_ALIVE)  # fmt: skip
        try:
            self._set_up(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_up(self, connection: psycopg.Connection[Any]) -> None:
        with _Translated():
            connection.execute(f"SET synchronous_commit = {_COMMIT[self._durability]}".encode())
            connection.execute("SET lock_timeout = '5s'")
            connection.execute("SET idle_in_transaction_session_timeout = '60s'")
            if self._read_only:
                connection.execute("SET default_transaction_read_only = on")
                return
            if self._beside:
                return
            standby = connection.execute("SELECT pg_is_in_recovery()").fetchone()
            held = connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
        if standby is None or standby[0]:
            raise Busy(
                "PostgreSQL is a standby, which keeps nothing; promote it, or have the address "
                "name the primary: target_session_attrs=read-write"
            )
        if held is None or not held[0]:
            raise Busy("another service holds this database; stop it first, or use another one")
        self._check_timeline(connection)

    def _check_timeline(self, connection: psycopg.Connection[Any]) -> None:
        """A primary that was replaced, and is back, lacks what was acknowledged since."""
        try:
            told = connection.execute(_TIMELINE).fetchone()
        except psycopg.Error:  # some that speak its protocol have no such thing
            return
        timeline = 0 if told is None else int(told[0], 16)
        if timeline < self._timeline:
            raise Busy(
                f"PostgreSQL is a former primary, of timeline {timeline} and not {self._timeline}; "
                "stop it, or make it a standby of the present one"
            )
        self._timeline = timeline


class _Translated:
    """Turns PostgreSQL's complaints into ours, which say what to do."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, psycopg.Error):
            return
        said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if isinstance(error, psycopg.errors.DiskFull | psycopg.errors.OutOfMemory):
            raise StoreFull(f"PostgreSQL has no room: {said}") from error
        if isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
            raise Busy(f"another session holds what this needs: {said}") from error
        if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
            raise Busy(f"PostgreSQL takes no changes now: {said}") from error
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            raise Busy(f"PostgreSQL does not answer: {said}") from error
        raise StoreBroken(f"PostgreSQL refuses: {said}; run: homeostat doctor") from error


def _sent(values: Sequence[Any]) -> Sequence[Any]:
    """Values as psycopg takes them. No text of PostgreSQL's holds a NUL: it refuses the statement,
    and who sends one, in a reason say, would stop the service.
    """
    if any(type(value) is str and "\0" in value for value in values):
        return [value.replace("\0", "\ufffd") if type(value) is str else value for value in values]
    return tuple(values)


def _own(statement: str) -> bytes:
    """A statement as psycopg takes it; none of ours holds a literal `?` or `%`."""
    return statement.replace("?", "%s").encode()
