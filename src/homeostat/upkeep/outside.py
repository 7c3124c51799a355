"""What can be seen of a folder without opening what is in it."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homeostat.runtime.hangs import Hangs
from homeostat.stores import lineage, log, mounts
from homeostat.stores.faults import StoreBroken
from homeostat.stores.sqlite import FILE, LONG_LOG
from homeostat.upkeep.findings import BACKUP, Finding, error, fine, warning

LOG, SHARED = FILE + lineage.LOG, FILE + "-shm"
_MAGIC = b"SQLite format 3\0"
_ROOM = 64 << 20  # bytes that have to be free, besides a tenth of what there is
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def the_file(folder: Path) -> Finding:
    """Whether there is a database at all."""
    path = folder / FILE
    if not folder.is_dir():
        return error("file", f"there is no folder {folder}", "name the one that serve has: --data")
    if not path.is_file():
        return error("file", f"{folder} has no {FILE}",
                     f"name the folder that serve has; where it is that one, {BACKUP}")  # fmt: skip
    size = path.stat().st_size
    if not size:
        return error("file", f"{path} is empty")
    with path.open("rb") as file:
        begin = file.read(100)
    if begin[:16] != _MAGIC or len(begin) < 100:
        return error("file", f"{path} is no SQLite database, or its beginning is overwritten")
    return fine("file", f"{size:,} bytes")


def permissions(folder: Path) -> Iterator[Finding]:
    """Whether this user can use it, and nobody else."""
    kept = [each for each in sorted(folder.iterdir()) if each.is_file()]
    owner = folder.stat().st_uid
    problems = []
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        problems.append((f"{folder} cannot be written by this user", f"chown or chmod {folder}"))
    if folder.stat().st_mode & _OTHERS_WRITE:
        problems.append((f"other users can write to {folder}", f"chmod 700 {folder}"))
    for path in kept:
        about = path.stat()
        if about.st_mode & _OTHERS:
            problems.append((f"other users can read {path}", f"chmod 600 {path}"))
        if not os.access(path, os.R_OK | os.W_OK):
            problems.append((f"{path} cannot be written by this user", f"chown or chmod {path}"))
        if about.st_uid != owner:
            problems.append((f"{path} belongs to another user than {folder}", f"chown {path}"))
    yield from (warning("permissions", problem, mend) for problem, mend in problems)
    if not problems:
        yield fine("permissions", f"{len(kept)} files")


def filesystem(folder: Path) -> Finding:
    """Whether SQLite's locks and its log hold there."""
    kind = mounts.network(folder)
    if kind:
        return error("filesystem", f"{folder} is on a network's file system ({kind}), which can "
                     "lose what was committed", "move the folder to a local disk, with no server "
                     "running, or to a PostgreSQL")  # fmt: skip
    return fine("filesystem", "of this machine")


def disk(folder: Path) -> Finding:
    """Whether there is room to go on."""
    free, needed = shutil.disk_usage(folder).free, _ROOM + size_of(folder) // 10
    if free < needed:
        return warning("disk", f"{free:,} bytes are free, less than the {needed:,} to be safe",
                       "make room, or keep less: [service.retention]")  # fmt: skip
    return fine("disk", f"{free:,} bytes are free")


def log_length(folder: Path) -> Finding:
    """Whether somebody keeps the log of a server that runs from being written back."""
    path = folder / LOG
    size = path.stat().st_size if path.exists() else 0
    if size > LONG_LOG:
        return warning("log", f"{path} has {size:,} bytes: somebody has read from the database "
                       "since long ago", "end what else has it open, as `sqlite3` or a backup; "
                       "the service writes the log back by itself then")  # fmt: skip
    return fine("log", f"{size:,} bytes")


def hung(folder: Path) -> Iterator[Finding]:
    """Plug-ins that are off since they hung."""
    for each in Hangs(folder).all():
        yield warning("plug-ins", f"{each.plugin} of {each.model} {each.why}", "mend it, run "
                      f"homeostat mended --data {folder}, and start the service again")  # fmt: skip


def size_of(folder: Path) -> int:
    """Bytes of the database and its log."""
    there = (folder / name for name in (FILE, LOG))
    return sum(path.stat().st_size for path in there if path.exists())


def stamps(folder: Path) -> list[tuple[int, int] | None]:
    """What changes with the database and its log: time and size of each, None for one not there."""
    there = [folder / name for name in (FILE, LOG)]
    return [_stamp(path.stat()) if path.exists() else None for path in there]


def _stamp(about: os.stat_result) -> tuple[int, int]:
    return about.st_mtime_ns, about.st_size


def serving(folder: Path) -> bool:
    """Whether a server holds the folder now."""
    with held(folder) as free:
        return not free


@contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Hold the folder against a server that would start, unless one runs; yields whether it is so.

    A folder in which no server ever ran is not held, and nothing is written to any.
    """
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY)
    except FileNotFoundError:
        yield True
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def the_log(folder: Path) -> Finding:
    """Whether the write-ahead log of a folder that nobody serves is whole."""
    path = folder / LOG
    if not path.exists():
        if (folder / SHARED).exists():
            return error("log", f"{path} is missing, though the last process did not close it: "
                         "the newest transactions are lost", BACKUP)  # fmt: skip
        return fine("log", "none, all is in the database")
    try:
        lineage.check_own(folder / FILE)
    except StoreBroken as problem:
        return error("log", str(problem))
    found = log.read(path)
    if found.problem:
        return error("log", f"{path}: {found.problem}; what was in it is lost")
    written = log.written(folder / SHARED, found.salt)
    if written > found.frames:
        return error("log", f"{path} is damaged: {written - found.frames} of the {written} frames "
                     "that were written cannot be read")  # fmt: skip
    if found.lost > 1:
        return error("log", f"{path} is damaged: {found.lost} transactions behind the damage are "
                     "lost")  # fmt: skip
    if found.lost:
        return warning("log", f"{path} ends in a transaction that is not whole; after a power cut "
                       "that is one that was never acknowledged, otherwise it is damage",
                       "start the service, which leaves it out; without a power cut, "
                       + BACKUP)  # fmt: skip
    return fine("log", f"{found.whole} transactions")
