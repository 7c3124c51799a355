"""When each token was used last: noted by who looks it up, written down now and then."""

from __future__ import annotations

import threading
from collections.abc import Callable

from homeostat.service import tokens
from homeostat.stores.store import Store

_EVERY = 60_000_000  # microseconds between two times that it is written down


class Uses:
    """Notes uses in one thread, for another that keeps them. `clock`: microseconds since 1970.

    What was not written down when the process ends is forgotten: a use is known to the minute.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._used: dict[str, int] = {}
        self._kept = 0

    def note(self, number: str) -> None:
        """The token of this id was used now."""
        with self._lock:
            self._used[number] = self._clock()

    def keep(self, store: Store) -> None:
        """Write down what was noted, unless that was done within this minute; within a change."""
        now = self._clock()
        if not self._used or abs(now - self._kept) < _EVERY:
            return
        self._kept = now  # also where it fails, as on a full disk: not again and again
        with self._lock:
            used, self._used = self._used, {}
        tokens.keep_used(store, used)
