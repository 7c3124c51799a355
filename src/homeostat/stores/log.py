"""The write-ahead log, read as SQLite reads it: up to the first frame that does not fit.

SQLite takes whatever follows such a frame for the rest of an unfinished write and drops it without
a word. That is right after a crash, and wrong after damage: then whole transactions follow, and
they were acknowledged. https://sqlite.org/fileformat2.html#walformat
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_ORDERS = {0x377F0682: "<u4", 0x377F0683: ">u4"}
_HEADER, _FRAME = 32, 24
_MASK = 0xFFFFFFFF

Bytes = NDArray[np.uint8]
Sums = tuple[int, int]


class Log(NamedTuple):
    """Transactions that SQLite reads, those behind the first damage, and why it is unreadable.

    frames: how many frames the readable transactions have. salt: what marks the frames of this log.
    """

    whole: int
    lost: int
    problem: str = ""
    frames: int = 0
    salt: bytes = b""


def read(path: Path) -> Log:
    """Look through a log. Cost: some 0.1 s for 64 MiB, and its size in memory."""
    kept = path.read_bytes()
    if not kept:
        return Log(0, 0)
    if len(kept) < _HEADER:
        return Log(0, 0, "it is cut off within its header")
    order = _ORDERS.get(int.from_bytes(kept[:4], "big"))
    if order is None:
        return Log(0, 0, "it does not begin as one")
    size = int.from_bytes(kept[8:12], "big")
    header = np.frombuffer(kept[:24], np.uint8).reshape(1, 24)
    (sums,) = _chained(_summed(header, order), 3, (0, 0))
    if sums != _told(kept[24:32]) or not 512 <= size <= 65536 or size & (size - 1):
        return Log(0, 0, "its header is not what was written")
    return _frames(kept, order, size, sums)


def written(path: Path, salt: bytes) -> int:
    """How many frames the index of the log says were written; 0 where it is of another log.

    An empty log has no salt that could differ. The index is what processes share in memory: it
    survives their end, and not that of the machine.
    """
    if not path.exists():
        return 0
    with path.open("rb") as file:
        head = file.read(48)
    return int.from_bytes(head[16:20], sys.byteorder) if salt in (b"", head[32:40]) else 0


def _frames(kept: bytes, order: str, size: int, sums: Sums) -> Log:
    salt = kept[16:24]
    n = (len(kept) - _HEADER) // (_FRAME + size)
    frames = np.frombuffer(kept, np.uint8, n * (_FRAME + size), _HEADER).reshape(n, -1)
    bodies = np.hstack([frames[:, :8], frames[:, _FRAME:]])
    chain = _chained(_summed(bodies, order), bodies.shape[1] // 8, sums)
    whole = lost = last = 0
    sound = True
    for at, expected in enumerate(chain):
        head = frames[at, :_FRAME].tobytes()
        same = head[8:16] == salt
        sound = sound and same and expected == _told(head[16:24])
        if head[4:8] == b"\0\0\0\0":  # only the last frame of a transaction tells the size of all
            continue
        if sound:
            whole, last = whole + 1, at + 1
        lost += same and not sound
    return Log(whole, lost, frames=last, salt=salt)


def _told(head: bytes) -> Sums:
    return int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")


def _summed(rows: Bytes, order: str) -> list[Sums]:
    """The checksum of each row by itself, begun at nothing."""
    words = np.ascontiguousarray(rows).view(order).astype(np.uint32)
    first = np.zeros(len(rows), np.uint32)
    second = np.zeros(len(rows), np.uint32)
    for at in range(0, words.shape[1], 2):
        first += words[:, at] + second
        second += words[:, at + 1] + first
    return list(zip(first.tolist(), second.tolist(), strict=True))


def _chained(rows: list[Sums], steps: int, sums: Sums) -> list[Sums]:
    """The checksums as they go on from row to row, each of so many steps.

    A step is linear, so what was before adds to a row as if the row were nothing but zeros.
    """
    a, b, c, d = 1, 0, 0, 1  # what a 1 in either of the two sums becomes
    for _ in range(steps):
        a, c = (a + b) & _MASK, (c + d) & _MASK
        b, d = (b + a) & _MASK, (d + c) & _MASK
    found = []
    for first, second in rows:
        one, other = sums
        sums = (first + one * a + other * c) & _MASK, (second + one * b + other * d) & _MASK
        found.append(sums)
    return found
