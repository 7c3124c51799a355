"""Which record ids there are, and where: an index that is written in order, never in place.

A row in a B-tree for each id costs a page write each, ten times what the record itself costs. Here
an id is a 64-bit hash with its place; ids come in sorted runs that are merged as they grow, like
the levels of a log-structured merge tree (O'Neil et al. 1996). Large ones go to the store, and onto
shelves, where ids that are new are known to be new with hardly a look at them.
A hash that is found is a candidate: the record itself says whether it has the id.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.stores.shelves import Keys, Places, Shelf
from homeostat.stores.sieve import Sieve

MOST = 1 << 18  # ids of a run, after which it is merged no more
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


def hashed(ids: Sequence[str], salt: int) -> Keys:
    """A 64-bit hash for each text; the same on every machine for the same salt."""
    if not len(ids):
        return np.empty(0, np.uint64)
    texts = np.asarray(ids, dtype=np.str_)
    width = texts.dtype.itemsize // 4
    letters = np.ascontiguousarray(texts).view(np.uint32).reshape(len(texts), width)
    codes = np.ascontiguousarray(letters.T).astype(np.uint64)
    alike = bool(codes.all())  # behind its end a text is NUL
    keys: Keys = np.full(len(texts), np.uint64(salt % 2**64) ^ _PRIME)
    for code in codes:
        mixed = keys ^ code
        mixed *= _PRIME
        mixed ^= mixed >> _SHIFT
        keys = mixed if alike else np.where(code != 0, mixed, keys)
    return keys ^ (keys >> np.uint64(32))


class Found(NamedTuple):
    """Entries with the hash of a key: which key, and the place."""

    asked: NDArray[np.int64]
    places: Places

    @classmethod
    def together(cls, some: Sequence[Found]) -> Found:
        """Several as one, in that order."""
        if not some:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64))
        return cls(*map(np.concatenate, zip(*some, strict=True)))


class Run(NamedTuple):
    """Sorted hashes with the place of each; `newest` is the last entry of the journal it covers."""

    keys: Keys
    places: Places
    newest: int

    def candidates(self, keys: Keys) -> Found:
        """Every entry with the hash of one of the keys."""
        at = np.searchsorted(self.keys, keys, side="left")
        hit = np.flatnonzero(self.keys[np.minimum(at, len(self.keys) - 1)] == keys)
        found = []
        while len(hit):  # an entry for each of those that share a hash
            found.append(Found(hit, self.places[at[hit]]))
            at[hit] += 1
            hit = hit[at[hit] < len(self.keys)]
            hit = hit[self.keys[at[hit]] == keys[hit]]
        return Found.together(found)


def sorted_run(keys: Keys, places: Places, newest: int) -> Run:
    """A run of what came in any order."""
    order = np.argsort(keys, kind="stable")
    return Run(keys[order], places[order], newest)


def merged(left: Run, right: Run) -> Run:
    """Two runs as one, the older first."""
    return sorted_run(
        np.concatenate([left.keys, right.keys]),
        np.concatenate([left.places, right.places]),
        right.newest,
    )


class Identities:
    """All ids of a store. `folder` is where shelves are laid, None for the system's.

    Cost of a new id with a million known ones and with ten, on a busy machine: 0.3 and 1 µs among
    500, 0.1 and 0.4 among 5,000, and 0.5 to add it; of one that is known, 10 to 20 µs.
    Memory: 1.5 MB for each million ids, 6 MB at a time; 10 MB of the newest, and while they merge.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._small: list[Run] = []
        self._sieve = _fine()  # of what the small ones hold
        self._shelves: list[Shelf] = []
        self._gone: set[int] = set()

    def add(self, keys: Keys, places: Places, newest: int) -> None:
        """New ids, which are found from now on; the journal's entry `newest` holds them."""
        if not len(keys):
            return
        run = sorted_run(keys, places, newest)
        self._sieve.add(run.keys)
        while self._small and len(self._small[-1].keys) <= 2 * len(run.keys):
            before = len(self._small[-1].keys)
            if before >= MOST // 2 and before + len(run.keys) > MOST:
                break
            run = merged(self._small.pop(), run)
        self._small.append(run)

    def find(self, keys: Keys) -> Found:
        """Every entry with the hash of one of the keys."""
        order = np.argsort(keys)
        keys = keys[order]  # neighbours are searched for where the last one left the caches warm
        found = [Found(*shelf.find(keys, self._gone)) for shelf in self._shelves]
        maybe = self._sieve.passing(keys)
        for run in self._small if len(maybe) else ():
            asked, places = run.candidates(keys[maybe])
            found.append(Found(maybe[asked], places))
        asked, places = Found.together(found)
        return Found(order[asked], places)

    def full(self) -> Run | None:
        """The oldest run that has grown to its size: to be kept, and told of with `kept`."""
        run = self._small[0] if self._small else None
        return run if run is not None and len(run.keys) >= MOST // 2 else None

    def kept(self, number: int, run: Run) -> None:
        """The store has this run from now on."""
        if not (self._shelves and self._shelves[-1].add(number, run.keys, run.places)):
            self._shelves.append(Shelf(self._folder, run.keys))
            self._shelves[-1].add(number, run.keys, run.places)
        self._small = [other for other in self._small if other is not run]
        self._sieve = _fine()
        for other in self._small:
            self._sieve.add(other.keys)

    def dropped(self, number: int) -> None:
        """The store has thrown this run away."""
        self._gone.add(number)
        self._shelves = [one for one in self._shelves if not self._gone.issuperset(one.numbers)]
        self._gone &= {number for shelf in self._shelves for number in shelf.numbers}


def _fine() -> Sieve:
    """An empty sieve for the ids of two runs."""
    return Sieve(24 * MOST)
