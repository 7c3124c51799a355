"""Waking those who wait, be they threads or coroutines of any event loop.

Who waits arms the bell before it looks at the condition once more; who changes the condition does
so before it looks at `armed`. So no wake-up is lost, and ringing costs nothing when nobody waits.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


class Bell:
    """One condition that threads and coroutines can wait for."""

    def __init__(self) -> None:
        self.armed = False
        self._condition = Condition()
        self._loops: dict[asyncio.AbstractEventLoop, asyncio.Future[None]] = {}

    def ring(self) -> None:
        """Wake everyone who waits; they look at their condition again."""
        if not self.armed:
            return
        with self._condition:
            self.armed = False
            loops, self._loops = self._loops, {}
            self._condition.notify_all()
        for loop, waiter in loops.items():
            _release(loop, waiter)

    def wait_blocking(self, ready: Callable[[], object], timeout: float | None = None) -> bool:
        """Block until `ready()`; False when `timeout` seconds went by first."""
        deadline = None if timeout is None else monotonic() + timeout
        with self._condition:
            while True:
                self.armed = True
                if ready():
                    return True
                left = None if deadline is None else deadline - monotonic()
                if left is not None and left <= 0:
                    return False
                self._condition.wait(left)

    async def wait(self, ready: Callable[[], object]) -> None:
        """Suspend until `ready()`."""
        import asyncio  # here, so that programs without coroutines need not load it

        loop = asyncio.get_running_loop()
        while True:
            with self._condition:
                self.armed = True
                if ready():
                    return
                waiter = self._loops.get(loop)
                if waiter is None:
                    waiter = self._loops[loop] = loop.create_future()
            # Shielded: all waiters of a loop share one future, which no single one may cancel.
            await asyncio.shield(waiter)


def _release(loop: asyncio.AbstractEventLoop, waiter: asyncio.Future[None]) -> None:
    if _running_loop() is loop:
        _set(waiter)
        return
    try:
        loop.call_soon_threadsafe(_set, waiter)
    except RuntimeError:  # the loop was closed while it waited: nobody is left to wake
        return


def _running_loop() -> asyncio.AbstractEventLoop | None:
    import asyncio

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _set(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
