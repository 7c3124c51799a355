"""Backups of a store that is in use, and stores made of backups: checked before they count.

A backup is a file of the embedded store, whichever store it is of: what a PostgreSQL holds is
written into one, row by row, and back.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from homeostat.service.server import locked
from homeostat.stores import audit, open_store
from homeostat.stores.faults import StoreError, StoreFull
from homeostat.stores.schema import make
from homeostat.stores.sqlite import FILE, SQLite
from homeostat.stores.store import Store
from homeostat.stores.transfer import transfer
from homeostat.upkeep import outside
from homeostat.upkeep.doctor import contents
from homeostat.upkeep.folders import Unusable, opened


class InTheWay(StoreError):
    """Something is there that would be overwritten."""


def back_up(where: Path | str, target: Path, actor: str) -> int:
    """Write all that is committed now to one file, while a server may go on; its bytes.

    The file is checked and on the disk before it has its name. Raises StoreError, OSError.
    """
    if os.path.lexists(target):
        raise InTheWay(f"{target} is there already; name a file that is not")
    needed = outside.size_of(where) if isinstance(where, Path) else 0
    with _place(target.parent, f".{target.name}-") as place:
        if shutil.disk_usage(place).free < needed:
            raise StoreFull(f"{target.parent} has no room for {needed:,} bytes; make room")
        with opened(where) as store:
            with store.change():
                audit.record(store, actor, "backup", target=str(target))
            write_to(store, place)
        _make_whole(place)
        if isinstance(where, str):
            _check_sound(place, "what the database holds is not sound: {}; run: homeostat doctor")
        try:
            os.link(place / FILE, target)  # unlike a rename, this overwrites nothing
        except FileExistsError as error:
            raise InTheWay(f"{target} has come to be meanwhile; name another file") from error
    _to_disk(target.parent)
    return target.stat().st_size


def write_to(store: Store, place: Path) -> None:
    """What a store holds at one moment, as the file of a folder; raises StoreError."""
    if isinstance(store.database, SQLite):
        store.database.copy_to(place / FILE)
        return
    copy = open_store(place, "fast")
    try:
        copy.database.execute("PRAGMA journal_mode = DELETE")  # else all of it is written twice
        with store.database.look(), copy.change():
            transfer(store.database, copy.database)
    finally:
        copy.close()


def _make_whole(place: Path) -> None:
    """A copy that needs no log beside it, is sound, and on the disk."""
    copy = SQLite(place)
    try:
        copy.execute("PRAGMA journal_mode = DELETE")
        faults = copy.faults()
    finally:
        copy.close()
    if faults:
        raise Unusable(f"the copy is not sound: {faults[0]}; run: homeostat doctor")
    _to_disk(place / FILE)


def restore(source: Path, where: Path | str, actor: str, *, replace: bool = False) -> Path | None:
    """Make a store of a backup; where what a folder had before is kept, None when it had nothing.

    Raises Taken or Busy while a server runs, InTheWay when there is data that is not to be
    replaced, and StoreError when the backup is not sound; the store then has what it had.
    """
    if not source.is_file():
        raise Unusable(f"{source} is no file; name a backup that homeostat backup has written")
    if isinstance(where, str):
        _restore_to_server(source, where, actor)
        return None
    return _restore_to_folder(source, where, actor, replace)


def _restore_to_folder(source: Path, folder: Path, actor: str, replace: bool) -> Path | None:
    with locked(folder):
        there = any((folder / name).exists() for name in (FILE, outside.LOG))
        if there and not replace:
            raise InTheWay(
                f"{folder} has data already; name another folder, or --replace it, which keeps "
                "what it has now beside it"
            )
        with _place(folder, "restoring-") as place:
            _bring(source, place)
            store = open_store(place)
            try:
                with store.change():
                    audit.record(store, actor, "restore", source=str(source))
            finally:
                store.close()
            _to_disk(place / FILE)
            return _swapped(folder, place, there)


def _restore_to_server(source: Path, url: str, actor: str) -> None:
    """All in one transaction, so that the database is empty or whole."""
    with tempfile.TemporaryDirectory(prefix="homeostat-restore-") as kept:
        place = Path(kept)
        _bring(source, place)
        backup = open_store(place)  # whose tables are up to date then
        try:
            store = open_store(url, migrated=False)
            try:
                with backup.database.look(), store.change():
                    _check_empty(store)
                    make(store.database)
                    transfer(backup.database, store.database)
                    audit.record(store, actor, "restore", source=str(source))
            finally:
                store.close()
        finally:
            backup.close()


def _check_empty(store: Store) -> None:
    statement = (
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace "
        "AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') ORDER BY 1 LIMIT 1"
    )
    there = store.database.execute(statement)
    if there:
        raise InTheWay(
            f"the database has {there[0][0]!r} already; make an empty one with createdb, and name "
            "it in service.store"
        )


def _bring(source: Path, place: Path) -> None:
    """A copy of a backup in a folder of its own, when it is sound."""
    shutil.copyfile(source, place / FILE)
    found = outside.the_file(place)
    if not found.ok:
        raise Unusable(f"{source} is no backup: {found.problem}".replace(str(place / FILE), "it"))
    _check_sound(place, f"{source} is no sound backup: {{}}; take another one", str(source))
    with suppress(FileNotFoundError):  # of a backup that was made by other means
        (place / outside.LOG).unlink()


def _check_sound(place: Path, told: str, name: str = "it") -> None:
    bad = [each for each in contents(place, lambda: time.time_ns() // 1000)
           if not each.ok and each.level == "error"]  # fmt: skip
    if bad:
        more = f" (and {len(bad) - 1} more)" if bad[1:] else ""
        raise Unusable(told.format(bad[0].problem.replace(str(place / FILE), name) + more))


def _swapped(folder: Path, place: Path, there: bool) -> Path | None:
    """Put the new in the place of the old, of which every byte is kept until then and after.

    The old log goes first: SQLite would read it into the new database.
    """
    old = None
    if there:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        old = Path(tempfile.mkdtemp(prefix=f"replaced-{stamp}-", dir=folder))
        with suppress(FileNotFoundError):
            os.link(folder / FILE, old / FILE)
        with suppress(FileNotFoundError):
            os.rename(folder / outside.LOG, old / outside.LOG)
        _to_disk(old)
    with suppress(FileNotFoundError):
        (folder / outside.SHARED).unlink()
    os.replace(place / FILE, folder / FILE)
    _to_disk(folder)
    return old


@contextmanager
def _place(folder: Path, prefix: str) -> Iterator[Path]:
    """A folder of our own beside where the result goes, gone afterwards."""
    place = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
