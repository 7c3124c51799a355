"""Whether a folder is sound, and what to do where it is not. Nothing in it is changed.

A folder that a server uses is read through a copy that SQLite makes; one that none uses is copied
as files, so that even the log stays as it was found.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from homeostat.stores import open_store
from homeostat.stores.faults import StoreError
from homeostat.stores.schema import STEPS, version
from homeostat.stores.sqlite import FILE, SQLite
from homeostat.stores.store import Store
from homeostat.upkeep import outside
from homeostat.upkeep.findings import Finding, error, fine, tried, warning
from homeostat.upkeep.inside import Inside

_AHEAD = 300_000_000  # microseconds by which what was received may be ahead of the clock
_FAULTS_SHOWN = 5
_TRIES = 5  # to copy files that nobody writes to
_BIRTH = 1_750_000_000_000_000  # no clock that is right shows less


def examine(folder: Path, now: Callable[[], int] = lambda: time.time_ns() // 1000) -> list[Finding]:
    """Everything that can be found out about a folder. Cost: it is read twice, and copied."""
    found = tried("file", lambda: [outside.the_file(folder)])
    if not found[0].ok:
        return found
    busy = tried("server", lambda: [_server(folder)])
    serving = busy[0].seen == _SERVED
    found += tried("permissions", lambda: outside.permissions(folder))
    found += tried("filesystem", lambda: [outside.filesystem(folder)])
    found += tried("disk", lambda: [outside.disk(folder)])
    found += tried("plug-ins", lambda: outside.hung(folder))
    found += busy
    log = outside.log_length if serving else outside.the_log
    found += tried("log", lambda: [log(folder)])
    return found + tried("integrity", lambda: _copied(folder, serving, now))


_SERVED = "a server runs"


def _server(folder: Path) -> Finding:
    return fine("server", _SERVED if outside.serving(folder) else "none runs")


def _copied(folder: Path, serving: bool, now: Callable[[], int]) -> Iterator[Finding]:
    needed = outside.size_of(folder)
    with tempfile.TemporaryDirectory(prefix="homeostat-doctor-") as kept:
        place = Path(kept)
        if shutil.disk_usage(place).free < needed * 1.1:
            yield warning("integrity", f"no room in {place.parent} for a copy of {needed:,} bytes "
                          "to be looked at", "set TMPDIR to a folder with room")  # fmt: skip
            return
        copy(folder, place, serving)
        yield from contents(place, now)


def copy(folder: Path, place: Path, serving: bool) -> None:
    """The database as it is at one moment, in another folder; raises StoreError, OSError."""
    if not serving:
        with outside.held(folder) as free:
            if free:
                _copy_files(folder, place)
                return
    source = SQLite(folder, read_only=True)
    try:
        source.copy_to(place / FILE)
    finally:
        source.close()


def _copy_files(folder: Path, place: Path) -> None:
    """As they are; once more where a command has written meanwhile, which holds no folder."""
    for _ in range(_TRIES):
        before = outside.stamps(folder)
        for name in (FILE, outside.LOG):
            (place / name).unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                shutil.copyfile(folder / name, place / name)
        if outside.stamps(folder) == before:
            return


def contents(place: Path, now: Callable[[], int]) -> Iterator[Finding]:
    """What is found in a database at rest, which may be written to: in a folder of its own."""
    with _opened(place) as store:
        integrity = tried("integrity", lambda: _integrity(store))
        yield from integrity
        if not all(each.ok for each in integrity):
            return  # what cannot be read in order cannot be counted
        schema = tried("schema", lambda: _schema(store))
        yield from schema
        if not all(each.ok for each in schema):
            return
        yield from tried("clock", lambda: [_clock(store, now())])
        for name, look in Inside(store).checks():
            yield from tried(name, look)


@contextmanager
def _opened(place: Path) -> Iterator[Store]:
    database = SQLite(place, read_only=True)
    try:
        yield Store(database, migrated=False)
    finally:
        with suppress(StoreError):
            database.close()


def _integrity(store: Store) -> Iterator[Finding]:
    database = store.database
    assert isinstance(database, SQLite)
    faults = database.faults()
    for fault in faults[:_FAULTS_SHOWN]:
        yield error("integrity", f"the database is damaged: {' '.join(str(fault).split())}")
    if not faults:
        yield fine("integrity", f"SQLite {apsw.sqlite_lib_version()} finds nothing")


def _schema(store: Store) -> Iterator[Finding]:
    shape = _shape(store)
    if not any(row[1] == "meta" for row in shape):
        yield error("schema", "this is a SQLite database, but not one of homeostat",
                    "name the folder that serve has: --data")  # fmt: skip
        return
    at = version(store.database)
    if at > len(STEPS):
        yield error("schema", f"it has version {at}, this homeostat knows {len(STEPS)}",
                    "pip install --upgrade homeostat")  # fmt: skip
    elif at < 1:
        yield error("schema", f"it has version {at}, which there is not")
    elif at < len(STEPS):
        yield fine("schema", f"version {at}; the next start brings it to {len(STEPS)}")
    else:
        with tempfile.TemporaryDirectory(prefix="homeostat-doctor-") as kept:
            fresh = open_store(kept, "fast")
            same = _shape(fresh) == shape
            fresh.close()
        if not same:
            yield error("schema", f"the tables are not those of version {at}")
        else:
            yield fine("schema", f"version {at}")


def _shape(store: Store) -> list[tuple[object, ...]]:
    return store.database.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    )


def _clock(store: Store, now: int) -> Finding:
    statement = (
        "SELECT MAX(COALESCE((SELECT MAX(received) FROM journal), 0), "
        "COALESCE((SELECT MAX(received) FROM events), 0))"
    )
    newest = int(store.database.execute(statement)[0][0])
    if now < _BIRTH:
        return warning("clock", "this machine's clock is years behind", "set it, with NTP")
    if newest > now + _AHEAD:
        ahead = f"{(newest - now) / 1e6:,.0f} s"
        return warning("clock", f"the newest entry was received {ahead} after now: a clock was, or "
                       "is, wrong", "set this machine's clock, with NTP")  # fmt: skip
    return fine("clock", "it is ahead of everything that was received")
