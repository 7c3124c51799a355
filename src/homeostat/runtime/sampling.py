"""Samples of records that come the latest first: even ones, and as many of each regime."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from homeostat.runtime.holding import hashes
from homeostat.runtime.joined import Joined, picked

_REGIMES = 50
"""Regimes that are told apart, the latest; those before are one."""


class Sample:
    """So many records drawn evenly from all that are seen: those with the smallest hashes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parts: list[tuple[NDArray[np.uint64], Joined]] = []
        self._bar: np.uint64 | None = None
        self.n = 0

    def see(self, joined: Joined) -> None:
        """Some more records, older than those before."""
        keys = hashes(joined.positions)
        if self._bar is not None:
            low = np.flatnonzero(keys < self._bar)
            keys, joined = keys[low], picked(joined, low)
        if len(keys):
            self._parts.append((keys, joined))
            self.n += len(keys)
        if self.n > 2 * self._most:
            self.thin(self._most)

    def thin(self, most: int) -> None:
        """Keep so many at most, now and from now on."""
        self._most = most
        if self.n <= most:
            return
        every = np.sort(np.concatenate([keys for keys, _ in self._parts]))
        self._bar = every[most]
        kept = []
        for keys, joined in self._parts:
            low = np.flatnonzero(keys < self._bar)
            if len(low):
                kept.append((keys[low], picked(joined, low)))
        self._parts = kept
        self.n = sum(len(keys) for keys, _ in kept)

    def parts(self) -> list[Joined]:
        """What was drawn, the oldest first."""
        self.thin(self._most)
        return [joined for _, joined in reversed(self._parts)]


class Mix:
    """So many records, as many of each regime; what one has too few of, the others have more of.

    onsets: when regimes began, in the records' time, ascending; without any it is an even sample.
    Memory: `most` records a regime, twice.
    """

    def __init__(self, most: int, onsets: Sequence[int]) -> None:
        self._most = most
        self._onsets = np.array(onsets[-_REGIMES:], dtype=np.int64)
        self._regimes = [Sample(most) for _ in range(len(self._onsets) + 1)]

    def see(self, joined: Joined) -> None:
        """Some more records, older than those before."""
        of = np.searchsorted(self._onsets, joined.batch.created_at, side="right")
        for at in np.unique(of).tolist():
            self._regimes[at].see(picked(joined, np.flatnonzero(of == at)))

    def parts(self) -> list[Joined]:
        """What was drawn, the oldest regime first."""
        for regime in self._regimes:
            regime.thin(self._most)
        given = even_shares([regime.n for regime in self._regimes], self._most)
        for regime, most in zip(self._regimes, given, strict=True):
            regime.thin(most)
        return [part for regime in self._regimes for part in regime.parts()]

    @property
    def n(self) -> int:
        """How many there are."""
        return sum(regime.n for regime in self._regimes)

    def shares(self) -> list[tuple[int | None, int]]:
        """Of each regime that has records when it began, None for the first, and how many."""
        began = [None, *self._onsets.tolist()]
        found = zip(began, self._regimes, strict=True)
        return [(at, regime.n) for at, regime in found if regime.n]


def even_shares(there: Sequence[int], most: int) -> list[int]:
    """How many to take of each, `most` together: as equal as what there is allows."""
    given = [0] * len(there)
    left = most
    ascending = sorted(range(len(there)), key=lambda at: there[at])
    for done, at in enumerate(ascending):
        given[at] = min(there[at], left // (len(there) - done))
        left -= given[at]
    return given
