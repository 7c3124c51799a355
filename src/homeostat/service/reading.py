"""Short looks at the store beside the event loop: one without an answer holds up nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from homeostat.stores.faults import Busy
from homeostat.stores.store import Store

T = TypeVar("T")

MOST = 4_000
"""Looks that wait; more are refused."""


class Reading:
    """A connection to the store, and the one thread that uses it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, "homeostat-reading")
        self.waiting = 0

    def begin(self, look: Callable[[Store], T]) -> asyncio.Future[T]:
        """Look at the store after those who asked before; raises Busy where too many did."""
        if self.waiting >= MOST:
            raise Busy("too much waits for the store, which does not answer")
        loop = asyncio.get_running_loop()
        looking = loop.run_in_executor(self._thread, look, self._store)
        self.waiting += 1
        looking.add_done_callback(self._ended)
        return looking

    async def wait(self, look: Callable[[Store], T], patience: float | None) -> T:
        """What a look finds; raises Busy when it takes longer than `patience`, in seconds.

        It goes on when nobody waits for it any more.
        """
        try:
            return await asyncio.wait_for(asyncio.shield(self.begin(look)), patience)
        except TimeoutError:
            raise Busy("the store does not answer") from None

    def _ended(self, looked: asyncio.Future[T]) -> None:
        self.waiting -= 1
        if not looked.cancelled():
            looked.exception()  # an error that comes when nobody waits any more is no news

    def close(self) -> None:
        """Let go of the store, once what is asked of it is answered."""
        self._thread.shutdown(cancel_futures=True)
        self._store.close()
