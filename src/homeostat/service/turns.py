"""Whose turn it is, of those who listen to events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_APART = 0.002  # seconds from one listener to the next


class Turns:
    """Lets listeners go on one after another, a moment apart.

    A thousand that hear of an event at once would hold up who sends: the log would be read, and
    written to them, a thousand times with every commit. So each takes what has come since its last
    turn. A lone one has its turn at once, one of a thousand within two seconds.
    """

    def __init__(self, apart: float = _APART, clock: Callable[[], float] = time.monotonic) -> None:
        self._apart, self._clock = apart, clock
        self._next = clock()

    def wait(self) -> float:
        """Take the next turn; seconds until it comes."""
        now = self._clock()
        at = max(now, self._next)
        self._next = at + self._apart
        return at - now

    async def mine(self) -> None:
        """Return when it is one's turn."""
        if seconds := self.wait():
            await asyncio.sleep(seconds)
