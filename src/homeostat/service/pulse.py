"""How late the event loop is: a beat ten times a second, and how long after its time each comes.

What holds up the loop (a body that is read in it, a pause of the garbage collector, a machine that
has no time for this process) holds up every request, and shows nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

_EVERY = 0.1  # seconds from beat to beat
_PART, _PARTS = 10.0, 6  # seconds of a part of the minute that is told, and how many there are


class Clockwork(Protocol):
    """As much of an event loop as a pulse needs."""

    def time(self) -> float:
        """Seconds of its clock."""
        ...

    def call_at(self, when: float, callback: Callable[[], None], /) -> Any:
        """Call this at that time of its clock; what comes back can be cancelled."""
        ...


class Pulse:
    """Beats on an event loop from `start` to `stop`, and keeps no process from ending.

    A call that was asked for is no task: a loop that is done does not wait for it.
    """

    def __init__(self) -> None:
        self._loop: Clockwork | None = None
        self._next: Any = None
        self._due = 0.0
        self._parts = [(-_PARTS, 0.0)] * _PARTS  # (number of the part, the worst within it)

    def start(self, loop: Clockwork) -> None:
        """Beat on this loop, from its own thread."""
        self._loop = loop
        self._plan(loop, loop.time())

    def stop(self) -> None:
        """Beat no more."""
        if self._next is not None:
            self._next.cancel()
        self._loop = self._next = None

    def worst(self) -> float:
        """The most seconds that a beat of the last minute was late, also one that is due now.

        0 while it does not beat. From any thread.
        """
        loop = self._loop
        if loop is None:
            return 0.0
        now = loop.time()
        first = int(now / _PART) - _PARTS + 1
        return max(now - self._due, 0.0, *(late for part, late in self._parts if part >= first))

    def _plan(self, loop: Clockwork, now: float) -> None:
        self._due = now + _EVERY
        self._next = loop.call_at(self._due, partial(self._beat, loop))

    def _beat(self, loop: Clockwork) -> None:
        now = loop.time()
        part, late = int(now / _PART), now - self._due
        number, worst = self._parts[part % _PARTS]
        self._parts[part % _PARTS] = (part, max(late, worst) if number == part else late)
        self._plan(loop, now)
