"""Which record ids there are, and where: an index that is written in order, never in place.

A row in a B-tree for each id costs a page write each, ten times what the record itself costs. Here
an id is a 64-bit hash with its place; ids come in sorted runs that are merged as they grow, like
the levels of a log-structured merge tree (O'Neil et al. 1996), and every large run has a bitmap
before it that says no to nearly all ids it does not hold. A hash that is found is a candidate:
the record itself says whether it has the id.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Places = NDArray[np.int64]

MOST = 1 << 20  # ids of a run, after which it is merged no more
_CACHED = 16  # full runs held in memory
_BITS = 24  # of the bitmap of a run: 2 MiB
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


def hashed(ids: Sequence[str], salt: int) -> Keys:
    """A 64-bit hash for each text; the same on every machine for the same salt."""
    if not len(ids):
        return np.empty(0, np.uint64)
    texts = np.asarray(ids, dtype=np.str_)
    width = texts.dtype.itemsize // 4
    codes = np.ascontiguousarray(texts).view(np.uint32).reshape(len(texts), width)
    keys: Keys = np.full(len(texts), np.uint64(salt % 2**64) ^ _PRIME)
    for at in range(width):
        code = codes[:, at].astype(np.uint64)
        mixed = (keys ^ code) * _PRIME
        mixed ^= mixed >> _SHIFT
        keys = np.where(code != 0, mixed, keys)  # behind its end a text is NUL
    return keys ^ (keys >> np.uint64(32))


class Run(NamedTuple):
    """Sorted hashes with the place of each; `newest` is the last entry of the journal it covers."""

    keys: Keys
    places: Places
    newest: int

    def candidates(self, keys: Keys) -> list[tuple[int, int]]:
        """(which key, place) for every entry with the hash of one of the keys."""
        at = np.searchsorted(self.keys, keys, side="left")
        hit = np.flatnonzero(self.keys[np.minimum(at, len(self.keys) - 1)] == keys)
        found: list[tuple[int, int]] = []
        while len(hit):  # an entry for each of those that share a hash
            found += zip(hit.tolist(), self.places[at[hit]].tolist(), strict=True)
            at[hit] += 1
            hit = hit[at[hit] < len(self.keys)]
            hit = hit[self.keys[at[hit]] == keys[hit]]
        return found


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


class _Large:
    """A run that the store holds; in memory is its bitmap."""

    def __init__(self, number: int, run: Run) -> None:
        self.number, self.n = number, len(run.keys)
        bits = np.zeros(1 << _BITS, bool)  # 16 MiB for a moment: a tenth of the time in place
        for low in _spots(run.keys):
            bits[low] = True
        self._bitmap = np.packbits(bits, bitorder="little")

    def maybe(self, keys: Keys) -> NDArray[np.int64]:
        """Which of the keys it may hold."""
        here = np.ones(len(keys), bool)
        for low in _spots(keys):
            here &= (self._bitmap[low >> 3] >> (low & 7).astype(np.uint8)) & 1 == 1
        return np.flatnonzero(here)


def _spots(keys: Keys) -> list[NDArray[np.int64]]:
    mask = np.uint64((1 << _BITS) - 1)
    return [((keys >> np.uint64(by)) & mask).astype(np.int64) for by in (0, _BITS)]


class Identities:
    """All ids of a store. `load(number)` reads a run that was kept under that number.

    Cost of a new id: some 20 comparisons, and some 0.1 µs for each million ids there are.
    Memory: 2 MiB for each million ids, and up to 256 MiB of runs read lately.
    """

    def __init__(self, load: Callable[[int], Run]) -> None:
        self._load = load
        self._small: list[Run] = []
        self._large: list[_Large] = []
        self._cache: OrderedDict[int, Run] = OrderedDict()

    def add(self, keys: Keys, places: Places, newest: int) -> None:
        """New ids, which are found from now on; the journal's entry `newest` holds them."""
        if not len(keys):
            return
        run = sorted_run(keys, places, newest)
        while self._small and len(self._small[-1].keys) <= 2 * len(run.keys):
            if len(run.keys) + len(self._small[-1].keys) > MOST:
                break
            run = merged(self._small.pop(), run)
        self._small.append(run)

    def find(self, keys: Keys) -> list[tuple[int, int]]:
        """(which key, place) for every entry with the hash of one of the keys."""
        found: list[tuple[int, int]] = []
        if not len(keys):
            return found
        for run in self._small:
            found += run.candidates(keys)
        for large in self._large:
            maybe = large.maybe(keys)
            if len(maybe):
                hits = self._run(large.number).candidates(keys[maybe])
                found += [(int(maybe[at]), place) for at, place in hits]
        return found

    def full(self) -> Run | None:
        """The oldest run that has grown to its size: to be kept, and told of with `kept`."""
        run = self._small[0] if self._small else None
        return run if run is not None and len(run.keys) >= MOST // 2 else None

    def kept(self, number: int, run: Run) -> None:
        """The store has this run from now on."""
        self._small = [other for other in self._small if other is not run]
        self._large.append(_Large(number, run))

    def dropped(self, number: int) -> None:
        """The store has thrown this run away."""
        self._large = [large for large in self._large if large.number != number]
        self._cache.pop(number, None)

    def _run(self, number: int) -> Run:
        if number not in self._cache:
            self._cache[number] = self._load(number)
            if len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        self._cache.move_to_end(number)
        return self._cache[number]
