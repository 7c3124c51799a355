"""Which log belongs to which database: SQLite lays any log over any file, and reads the mixture.

A mark stands in the first page of a database, and the one before it: its `application_id` and its
`user_version`. Each log begins with a transaction that sets a new mark, so that its first page
tells which database it goes on from. A database whose mark is neither of the two that a log tells
is another one, or an earlier copy. Both are read from the files as they are, before SQLite joins
them. https://sqlite.org/fileformat2.html
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

from homeostat.stores import log
from homeostat.stores.faults import StoreBroken

LOG = "-wal"  # behind the name of the database
_BEFORE, _MARK, _END = 60, 68, 72  # bytes of the first page
_HEADER, _FRAME = 32, 24
_FIRST = b"\0\0\0\1"  # the number of the first page


class _Page(NamedTuple):
    """A first page in a log: the number of its frame from 0, its mark, and the one before."""

    frame: int
    mark: bytes
    before: bytes


def new_mark() -> int:
    """A number for a database, of 31 bits, which is not 0."""
    return 1 + secrets.randbelow(2**31 - 1)


def begun(path: Path) -> bool:
    """Whether there is anything in the log of a database."""
    return bool(_read(_log_of(path), 1))


def check_own(path: Path) -> None:
    """Raises StoreBroken when the log beside a database goes on from another one.

    Nothing is said of one without a first page, which an earlier version may have left. Cost: a
    look at some frames; at all of the log where it is not plainly its own.
    """
    seen: tuple[bytes, bytes] | None = None
    while True:  # a service that runs may begin its log anew meanwhile
        found, now = _fits(path)
        if found or now == seen:
            break
        seen = now
    if found:
        return
    first = next(_pages(_log_of(path)), None)
    if first is not None and first.frame < log.read(_log_of(path)).frames:
        raise StoreBroken(
            f"{_log_of(path)} is not the log of {path.name} beside it: it goes on from another "
            "database, or from another state of this one, and both together would be wrong; "
            "nothing was touched. Put back the two as they were together; or move the log away, "
            "when what is in it is not of this database; or restore a backup (homeostat restore "
            f"BACKUP --data {path.parent} --replace)"
        )


def _fits(path: Path) -> tuple[bool, tuple[bytes, bytes]]:
    """Whether they may belong together, and the state of both that this was seen in."""
    beside = _log_of(path)
    head = _read(path, _END)
    state = head[_BEFORE:], _read(beside, _HEADER)
    own = head[_MARK:_END]
    pages = _pages(beside)
    first = next(pages, None)
    if first is None or len(head) < _END or own in (first.mark, first.before):
        return True, state
    return any(own == page.mark for page in pages), state


def _pages(beside: Path) -> Iterator[_Page]:
    """The first pages that a log has, in order; their checksums are not looked at."""
    with suppress(OSError), beside.open("rb") as file:  # what cannot be read, SQLite tells of
        head = file.read(_HEADER)
        size = int.from_bytes(head[8:12], "big")
        if len(head) < _HEADER or not 512 <= size <= 65536:
            return
        for frame in count():
            told = file.read(_FRAME)
            if len(told) < _FRAME or told[8:16] != head[16:24]:  # of an earlier log
                return
            if told[:4] == _FIRST:
                page = file.read(_END)
                yield _Page(frame, page[_MARK:_END], page[_BEFORE : _BEFORE + 4])
            file.seek(_HEADER + (frame + 1) * (_FRAME + size))


def _read(path: Path, n: int) -> bytes:
    with suppress(OSError), path.open("rb") as file:
        return file.read(n)
    return b""


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + LOG)
