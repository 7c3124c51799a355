"""Shelves: the runs of ids that the store holds, once more by hash, in a file that is looked into.

A shelf has drawers, one for each range of hashes, which fill as runs come; a sieve in memory says
which hashes are worth a look. The file has no name, is gone with the process, and is made of the
runs again: memory stays free of it, for the pages that were looked at are let go of at once.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from homeostat.stores.sieve import Sieve

Keys = NDArray[np.uint64]
Places = NDArray[np.int64]

_DRAWERS = 1 << 11  # a power of two
_WIDTH = 1 << 11  # entries of a drawer; nine in ten are there when the first drawer is full
_SHIFT = 65 - _DRAWERS.bit_length()
_ENTRY = np.dtype([("key", np.uint64), ("place", np.int64)])
_BITS = 11  # of the sieve for an entry; 12 for each that is there in the end


class Shelf:
    """Entries of several runs, by hash. `folder` is where its file is laid, None for the system's.

    Room for some four million, and for the run that it is made for. Memory: 1.5 bytes an entry, 16
    more where no file can be laid. Cost: 0.1 µs to add one, 0.05 to 0.15 for a key that is not
    there (among 5,000 and 500), 10 for one that is.
    """

    def __init__(self, folder: Path | None, keys: Keys) -> None:
        self._width = max(_WIDTH, int(_counted(keys).max()))
        size = _DRAWERS * self._width
        self.numbers: list[int] = []
        self._pages, self._filed = _laid(folder, _ENTRY.itemsize * size)
        self._entries = np.frombuffer(self._pages, _ENTRY)
        self._keys, self._places = self._entries["key"], self._entries["place"]
        self._ends = [np.zeros(_DRAWERS, np.int64)]  # how full each run left each drawer
        self._sieve = Sieve(_BITS * size)

    def add(self, number: int, keys: Keys, places: Places) -> bool:
        """A run's entries, sorted by key; False, and none is added, where they find no room."""
        counts = _counted(keys)
        ends = self._ends[-1] + counts
        if int(ends.max()) > self._width:
            return False
        shifts = np.arange(_DRAWERS) * self._width + ends - np.cumsum(counts)
        entries = np.empty(len(keys), _ENTRY)
        entries["key"], entries["place"] = keys, places
        self._entries[np.arange(len(keys)) + np.repeat(shifts, counts)] = entries
        self._sieve.add(keys)
        self._ends.append(ends)
        self.numbers.append(number)
        self._let_go()
        return True

    def find(self, keys: Keys, gone: set[int]) -> tuple[NDArray[np.int64], Places]:
        """(which keys, places) of what is there, but for what came in runs that are gone."""
        maybe = self._sieve.passing(keys)
        found = [
            (which, place)
            for which, key in zip(maybe.tolist(), keys[maybe].tolist(), strict=True)
            for place in self._looked_up(key, gone)
        ]
        if len(maybe):
            self._let_go()
        asked, places = np.array(found, np.int64).reshape(-1, 2).T
        return asked, places

    def _looked_up(self, key: int, gone: set[int]) -> list[int]:
        drawer = key >> _SHIFT
        start = drawer * self._width
        inside = slice(start, start + int(self._ends[-1][drawer]))
        at = (self._keys[inside] == key).nonzero()[0]
        if len(at) and gone:
            at = at[[self._came(drawer, one) not in gone for one in at.tolist()]]
        places: list[int] = self._places[inside][at].tolist()
        return places

    def _came(self, drawer: int, at: int) -> int:
        """The number of the run with which an entry of a drawer came."""
        return next(number for number, ends in zip(self.numbers, self._ends[1:], strict=True)
                    if at < ends[drawer])  # fmt: skip

    def _let_go(self) -> None:
        """Of the pages in memory; the system writes to the file what is to be written."""
        if self._filed and hasattr(mmap, "MADV_DONTNEED"):
            self._pages.madvise(mmap.MADV_DONTNEED)


def _drawers(keys: Keys) -> NDArray[np.int64]:
    return (keys >> np.uint64(_SHIFT)).view(np.int64)


def _counted(keys: Keys) -> NDArray[np.int64]:
    return np.bincount(_drawers(keys), minlength=_DRAWERS)


def _laid(folder: Path | None, size: int) -> tuple[mmap.mmap, bool]:
    """So many bytes of a new file, with all its room; of memory, and False, where there is none."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:  # a page that found no room later would end the process
                file.write(bytes(size))
            return mmap.mmap(file.fileno(), size), True
    except OSError:
        return mmap.mmap(-1, size), False
