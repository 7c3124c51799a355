"""SQLite in a folder: the embedded store.

The connection that writes owns every checkpoint: SQLite's automatic ones swallow a failed fsync.
`apsw` brings a SQLite of its own, without the WAL-reset bug that loses committed transactions in
the versions 3.7.0 to 3.51.2 which most Pythons are linked with; and SQLite's own layer that keeps
a checksum in each page, so that what was spoiled on the disk is refused, not read as other numbers.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

from homeostat.errors import MissingExtra
from homeostat.stores import lineage
from homeostat.stores.database import Row
from homeostat.stores.faults import Busy, StoreBroken, StoreFull

try:
    import apsw
    import apsw.sqlite_extra
except ImportError as error:
    raise MissingExtra("service", "apsw", "The embedded store") from error

_log = logging.getLogger("homeostat.store")

FILE = "homeostat.db"
LONG_LOG = 256 << 20
"""Bytes of write-ahead log after which it is told: somebody keeps it from being written back."""

SYNCHRONOUS = {"full": "FULL", "fast": "NORMAL"}
_BUSY_MS = 5_000
_WAL_MOST = 4 << 20  # bytes of write-ahead log after which it is written back
_PAGE = 4096
_CHECKED = "cksmvfs"
_CHECKSUM = 8  # bytes at the end of each page
_AT_ONCE = 128  # rows of a statement: each statement lets go of the interpreter, and waits for it
_MARKS = re.compile(r"(?<=VALUES )\([?, ]+\)")
_SOUND = (3, 51, 3)


class SQLite:
    """A connection to `homeostat.db` in a folder. `durability`: "full", or "fast".

    full: a committed transaction survives a power cut. fast: it survives the end of the process;
    a power cut may undo the newest. Raises StoreBroken, StoreFull and Busy.
    """

    name = "sqlite"

    def __init__(self, folder: str | Path, durability: str = "full", read_only: bool = False):
        version = tuple(map(int, apsw.sqlite_lib_version().split(".")))
        if version < _SOUND:
            raise StoreBroken(
                f"this apsw carries SQLite {apsw.sqlite_lib_version()}, which can lose committed "
                'transactions; run: pip install --upgrade "apsw>=3.51.3"'
            )
        self.path = Path(folder) / FILE
        self._logged = 0  # bytes of write-ahead log
        self._told = False  # that it is long
        flags = apsw.SQLITE_OPEN_READONLY if read_only else _WRITABLE
        lineage.check_own(self.path)
        with _Translated(self.path):
            self._connection = apsw.Connection(os.fspath(self.path), flags=flags, vfs=_CHECKED)
            self._connection.set_busy_timeout(_BUSY_MS)
            self._connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)  # no statement spoils a file
            if not read_only:
                self._set_up(durability)
            self.execute("PRAGMA trusted_schema = OFF")

    def _set_up(self, durability: str) -> None:
        self.path.chmod(0o600)
        self._connection.reserve_bytes(reserve=_CHECKSUM)  # of a file that is new
        self.execute("PRAGMA journal_mode = WAL")
        self.execute("PRAGMA wal_autocheckpoint = 0")
        self.execute(f"PRAGMA synchronous = {SYNCHRONOUS[durability]}")
        self.execute("PRAGMA journal_size_limit = 67108864")
        self._connection.set_wal_hook(self._note_log)
        if not (lineage.begun(self.path) and self.execute("PRAGMA application_id")[0][0]):
            with suppress(StoreFull, Busy):  # then this log has no mark
                self._begin_marking()

    def _begin_marking(self) -> None:
        """Mark the log; of a database that has no mark yet, also the file itself."""
        known = self._mark()
        if not known:
            self.execute("PRAGMA wal_checkpoint(RESTART)")
            self._mark()

    def _mark(self) -> int:
        """Have the log, which begins here, tell which database it goes on from; its mark so far."""
        before: int = self.execute("PRAGMA application_id")[0][0]
        self.begin()
        try:
            self.execute(f"PRAGMA user_version = {before}")
            self.execute(f"PRAGMA application_id = {lineage.new_mark()}")
            self.commit()
        except BaseException:
            self.rollback()
            raise
        return before

    @property
    def folder(self) -> Path:
        return self.path.parent

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        with _Translated(self.path):
            return list(self._connection.execute(statement, tuple(values)))

    def many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        with _Translated(self.path):
            marks = _MARKS.search(statement)
            if marks is None:
                self._connection.executemany(statement, map(tuple, rows))
                return
            each = iter(rows)
            while some := list(islice(each, _AT_ONCE)):
                all_marks = ", ".join([marks[0]] * len(some))
                several = statement[: marks.start()] + all_marks + statement[marks.end() :]
                self._connection.execute(several, tuple(chain.from_iterable(some)))

    def rows(self, statement: str) -> Iterator[Row]:
        with _Translated(self.path):
            yield from self._connection.execute(statement)

    @contextmanager
    def look(self) -> Iterator[None]:
        self.execute("BEGIN")
        try:
            yield
        finally:
            self.rollback()

    def begin(self) -> None:
        self.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self.execute("COMMIT")

    def rollback(self) -> None:
        if self._connection.in_transaction:
            with suppress(apsw.Error):  # SQLite has undone it already, where it had to
                self._connection.execute("ROLLBACK")

    def in_turn(self, what: int) -> None:
        """Nothing: whoever writes is alone."""

    @contextmanager
    def scrubbed(self, table: str) -> Iterator[None]:
        """The whole file is written anew: what rows were is also where they once stood.

        Takes as much room again, and its time.
        """
        self.execute("PRAGMA secure_delete = ON")
        yield
        self.execute("VACUUM")
        if self.execute("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]:
            raise Busy(f"{self.path}: erased, but somebody still reads what was; run this again")

    def count_on(self) -> None:
        """Nothing: it counts from the highest number there is."""

    def tidy(self) -> None:
        """Write the log back once it is long; raises StoreBroken when the disk does not take it.

        It waits for nobody: behind one who reads, the rest is written back later.
        """
        if self._logged < _WAL_MOST:
            return
        with _Translated(self.path):
            self._connection.set_busy_timeout(0)
            try:
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
                self._logged, self._told = 0, False
                with suppress(StoreFull, Busy):
                    self._mark()
            except apsw.BusyError:
                self._tell()
            finally:
                self._connection.set_busy_timeout(_BUSY_MS)

    def _tell(self) -> None:
        """That it grows behind one who reads for long: once, until it is written back."""
        if self._logged > LONG_LOG and not self._told:
            self._told = True
            _log.warning(
                "%s: its log has %d MB, and grows until whoever reads the database, or has read "
                "since long ago, ends that; nothing is lost", self.path, self._logged >> 20,
            )  # fmt: skip

    def _note_log(self, connection: apsw.Connection, name: str, pages: int) -> int:
        """How long the log is after a commit; its file keeps its size when it begins anew."""
        self._logged = pages * _PAGE
        return apsw.SQLITE_OK

    def copy_to(self, path: str | Path) -> None:
        """A consistent copy while others write: in one read, which later writes do not touch."""
        with _Translated(self.path):
            target = apsw.Connection(os.fspath(path), vfs=_CHECKED)
            try:
                # A page in the log has no checksum yet. The layer makes them for a file whose first
                # page tells of them, and that one would be written after those before the end.
                target.reserve_bytes(reserve=_CHECKSUM)
                target.execute("PRAGMA user_version = 1")
                with target.backup("main", self._connection, "main") as backup:
                    backup.step(-1)
            finally:
                target.close()

    def faults(self) -> list[str]:
        """What a full check of the file finds; empty when it is sound."""
        with _Translated(self.path):
            found = [row[0] for row in self._connection.execute("PRAGMA integrity_check")]
        return [] if found == ["ok"] else found

    def close(self) -> None:
        with _Translated(self.path):
            self._connection.close()


def check_pages() -> None:
    """Load the layer that checks pages, over the file system that is SQLite's default now."""
    usual = apsw.vfs_names()[0]
    loader = apsw.Connection(":memory:")
    try:
        apsw.sqlite_extra.load(loader, "cksumvfs")
    except (apsw.Error, apsw.sqlite_extra.NotAvailable) as error:
        raise StoreBroken(
            f"this apsw cannot check what it reads: {error}; run: pip install --force-reinstall "
            '"apsw>=3.51.3"'
        ) from error
    finally:
        loader.close()
    apsw.set_default_vfs(usual)


_WRITABLE = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE


class _Translated:
    """Turns SQLite's complaints into ours, which say what to do."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, apsw.Error):
            return
        if isinstance(error, apsw.FullError):
            raise StoreFull(
                f"{self._path}: the disk is full; make room, then it goes on"
            ) from error
        if isinstance(error, apsw.BusyError | apsw.LockedError):
            raise Busy(f"{self._path}: another process writes to it: {error}") from error
        if isinstance(error, apsw.IOError) and _out_of_room(error):
            raise StoreFull(f"{self._path}: a write did not fit: {error}; make room") from error
        spoiled = getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_DATA
        said = "a page of it is not what was written there" if spoiled else error
        raise StoreBroken(f"{self._path}: {said}; run: homeostat doctor") from error


def _out_of_room(error: apsw.Error) -> bool:
    return getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_WRITE


check_pages()
