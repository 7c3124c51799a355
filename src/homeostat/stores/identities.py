"""Which record ids there are, and where: an index that is written in order, never in place.

A row in a B-tree for each id costs a page write each, ten times what the record itself costs. Here
an id is a 64-bit hash with its place; ids come in sorted runs that are merged as they grow, like
the levels of a log-structured merge tree (O'Neil et al. 1996). Large ones go to the store, and
their hashes stay in memory, so that ids that are new are known to be new without reading anything.
A hash that is found is a candidate: the record itself says whether it has the id.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Places = NDArray[np.int64]
Bits = NDArray[np.uint8]

MOST = 1 << 18  # ids of a run, after which it is merged no more
_CACHED = 24  # runs of the store that are held in memory: where labels of late are looked up
_TOGETHER = 8  # runs of a shelf, at most 256
_PARTS = 16  # in which shelves become one: a power of two
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)
_RUN = np.uint64(0xFF)
_HASH = ~_RUN
_BYTE, _BIT = np.uint64(3), np.uint64(7)


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


class _Shelf:
    """What is in memory of runs that the store holds: of each id nearly its whole hash.

    In place of its last byte a hash has the place of its run in `numbers`, so that one array,
    searched once, tells which run to read, and hardly ever in vain. A bitmap of its first bits
    says no to nine in ten that are not there, in a tenth of the time.
    """

    def __init__(self, numbers: list[int], marks: Keys, shift: int, bitmap: Bits) -> None:
        self.numbers, self._marks = numbers, marks
        self._shift, self._bitmap = np.uint64(shift), bitmap

    @classmethod
    def of(cls, number: int, run: Run) -> _Shelf:
        """The shelf of one run."""
        marks = run.keys & _HASH
        shift = _shift_of(len(marks))
        return cls([number], marks, shift, _bits(marks, shift, 0, 1))

    @classmethod
    def together(cls, shelves: Sequence[_Shelf]) -> Iterator[_Shelf | None]:
        """Several as one, in parts, for nobody is to wait for all of it: None until it is there."""
        shift = _shift_of(sum(len(shelf._marks) for shelf in shelves))
        ends = np.arange(1, _PARTS, dtype=np.uint64) << np.uint64(64 - _PARTS.bit_length() + 1)
        cut = [np.split(shelf._marks, np.searchsorted(shelf._marks, ends)) for shelf in shelves]
        marks, bits = [], []
        for at, pieces in enumerate(zip(*cut, strict=True)):
            own = [piece + np.uint64(place) for place, piece in enumerate(pieces)]
            marks.append(np.sort(np.concatenate(own), kind="stable"))
            bits.append(_bits(marks[-1], shift, at, _PARTS))
            yield None
        numbers = [number for shelf in shelves for number in shelf.numbers]
        yield cls(numbers, np.concatenate(marks), shift, np.concatenate(bits))

    def runs(self, keys: Keys) -> list[tuple[int, int]]:
        """(which key, number of a run that seems to hold it); `keys` are sorted."""
        first = keys >> self._shift
        maybe = np.flatnonzero((self._bitmap[first >> _BYTE] >> (first & _BIT)) & np.uint64(1))
        wanted = keys[maybe] & _HASH
        at = np.searchsorted(self._marks, wanted)
        hit = np.flatnonzero(self._marks[np.minimum(at, len(self._marks) - 1)] & _HASH == wanted)
        found: list[tuple[int, int]] = []
        while len(hit):
            runs = (self._marks[at[hit]] & _RUN).tolist()
            theirs = zip(maybe[hit].tolist(), runs, strict=True)
            found += [(key, self.numbers[run]) for key, run in theirs]
            at[hit] += 1
            hit = hit[at[hit] < len(self._marks)]
            hit = hit[self._marks[at[hit]] & _HASH == wanted[hit]]
        return found


def _shift_of(n: int) -> int:
    """By how much hashes are shifted for a bitmap of some eight to sixteen bits each."""
    return 64 - max(8 * n, 8 * _PARTS).bit_length()


def _bits(marks: Keys, shift: int, part: int, parts: int) -> Bits:
    """One of equal parts of the bitmap, from the marks that lie in it."""
    size = 2 ** (64 - shift) // parts
    bits = np.zeros(size, bool)
    bits[(marks >> np.uint64(shift)) - np.uint64(part * size)] = True
    return np.packbits(bits, bitorder="little")


class Identities:
    """All ids of a store. `load(number)` reads a run that was kept under that number.

    Cost of a new id: some 20 comparisons, and some 0.15 µs for each million ids there are.
    Memory: 10 MB for each million ids, and up to 100 MB of runs kept or read lately.
    """

    def __init__(self, load: Callable[[int], Run]) -> None:
        self._load = load
        self._small: list[Run] = []
        self._shelves: list[_Shelf] = []
        self._joining: list[_Shelf] = []  # those that become one
        self._joined: Iterator[_Shelf | None] = iter(())
        self._cache: OrderedDict[int, Run] = OrderedDict()
        self._gone: set[int] = set()

    def add(self, keys: Keys, places: Places, newest: int) -> None:
        """New ids, which are found from now on; the journal's entry `newest` holds them."""
        if not len(keys):
            return
        self._join()
        run = sorted_run(keys, places, newest)
        while self._small and len(self._small[-1].keys) <= 2 * len(run.keys):
            if len(run.keys) + len(self._small[-1].keys) > MOST:
                break
            run = merged(self._small.pop(), run)
        self._small.append(run)

    def find(self, keys: Keys) -> Found:
        """Every entry with the hash of one of the keys."""
        if not len(keys):
            return Found.together([])
        order = np.argsort(keys)
        keys = keys[order]  # neighbours are searched for where the last one left the caches warm
        found = [run.candidates(keys) for run in self._small]
        for number, wanted in self._seeming(keys).items():
            asked, places = self._run(number).candidates(keys[wanted])
            found.append(Found(np.array(wanted)[asked], places))
        asked, places = Found.together(found)
        return Found(order[asked], places)

    def _seeming(self, keys: Keys) -> dict[int, list[int]]:
        """The runs of the store that seem to hold some of the keys, and which."""
        runs: dict[int, list[int]] = {}
        for shelf in self._shelves:
            for key, number in shelf.runs(keys):
                if number not in self._gone:
                    runs.setdefault(number, []).append(key)
        return runs

    def full(self) -> Run | None:
        """The oldest run that has grown to its size: to be kept, and told of with `kept`."""
        run = self._small[0] if self._small else None
        return run if run is not None and len(run.keys) >= MOST // 2 else None

    def kept(self, number: int, run: Run) -> None:
        """The store has this run from now on."""
        self._small = [other for other in self._small if other is not run]
        self._shelves.append(_Shelf.of(number, run))
        alone = [shelf for shelf in self._shelves if len(shelf.numbers) == 1]
        alone = alone[len(self._joining) : len(self._joining) + _TOGETHER]
        if len(alone) == _TOGETHER:
            while self._joining:
                self._join()
            self._joining, self._joined = alone, _Shelf.together(alone)
        self._held(number, run)

    def _join(self) -> None:
        """A part of the work of making one shelf of several."""
        whole = next(self._joined, None)
        if whole is not None:
            at = self._shelves.index(self._joining[0])
            self._shelves[at : at + len(self._joining)] = [whole]
            self._joining = []

    def dropped(self, number: int) -> None:
        """The store has thrown this run away."""
        self._gone.add(number)
        self._cache.pop(number, None)
        self._joining, self._joined = [], iter(())
        self._shelves = [one for one in self._shelves if not self._gone.issuperset(one.numbers)]
        self._gone &= {number for shelf in self._shelves for number in shelf.numbers}

    def _run(self, number: int) -> Run:
        return self._held(number, self._cache.get(number) or self._load(number))

    def _held(self, number: int, run: Run) -> Run:
        """A run, which stays in memory while few others are asked for."""
        self._cache[number] = run
        self._cache.move_to_end(number)
        if len(self._cache) > _CACHED:
            self._cache.popitem(last=False)
        return run
