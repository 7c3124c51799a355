"""Backups of a folder that is in use, and folders made of backups: checked before they count."""

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
from homeostat.stores.sqlite import FILE, SQLite
from homeostat.upkeep import outside
from homeostat.upkeep.doctor import contents
from homeostat.upkeep.folders import Unusable, opened


class InTheWay(StoreError):
    """Something is there that would be overwritten."""


def back_up(folder: Path, target: Path, actor: str) -> int:
    """Write all that is committed now to one file, while a server may go on; its bytes.

    The file is checked and on the disk before it has its name. Raises StoreError, OSError.
    """
    if os.path.lexists(target):
        raise InTheWay(f"{target} is there already; name a file that is not")
    needed = outside.size_of(folder)
    with _place(target.parent, f".{target.name}-") as place:
        if shutil.disk_usage(place).free < needed:
            raise StoreFull(f"{target.parent} has no room for {needed:,} bytes; make room")
        with opened(folder) as store:
            with store.change():
                audit.record(store, actor, "backup", target=str(target))
            assert isinstance(store.database, SQLite)
            store.database.copy_to(place / FILE)
        _make_whole(place)
        try:
            os.link(place / FILE, target)  # unlike a rename, this overwrites nothing
        except FileExistsError as error:
            raise InTheWay(f"{target} has come to be meanwhile; name another file") from error
    _to_disk(target.parent)
    return target.stat().st_size


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


def restore(source: Path, folder: Path, actor: str, *, replace: bool = False) -> Path | None:
    """Make a folder of a backup; where what it had before is kept, None when it had nothing.

    Raises Taken while a server runs, InTheWay when there is data that is not to be replaced, and
    StoreError when the backup is not sound; the folder then has what it had.
    """
    if not source.is_file():
        raise Unusable(f"{source} is no file; name a backup that homeostat backup has written")
    with locked(folder):
        there = any((folder / name).exists() for name in (FILE, outside.LOG))
        if there and not replace:
            raise InTheWay(
                f"{folder} has data already; name another folder, or --replace it, which keeps "
                "what it has now beside it"
            )
        with _place(folder, "restoring-") as place:
            shutil.copyfile(source, place / FILE)
            _check(source, place)
            with suppress(FileNotFoundError):  # of a backup that was made by other means
                (place / outside.LOG).unlink()
            store = open_store(place)
            try:
                with store.change():
                    audit.record(store, actor, "restore", source=str(source))
            finally:
                store.close()
            _to_disk(place / FILE)
            return _swapped(folder, place, there)


def _check(source: Path, place: Path) -> None:
    found = outside.the_file(place)
    if not found.ok:
        raise Unusable(f"{source} is no backup: {found.problem}".replace(str(place / FILE), "it"))
    bad = [each for each in contents(place, lambda: time.time_ns() // 1000)
           if not each.ok and each.level == "error"]  # fmt: skip
    if bad:
        more = f" (and {len(bad) - 1} more)" if bad[1:] else ""
        told = bad[0].problem.replace(str(place / FILE), str(source))
        raise Unusable(f"{source} is no sound backup: {told}{more}; take another one")


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
