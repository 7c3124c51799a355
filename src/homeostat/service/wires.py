"""What requests reach: the keeper that changes, a reader that looks, and the bell that rings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from homeostat.engine import Engine
from homeostat.privacy import Veils
from homeostat.runtime.crash import crashpoint
from homeostat.runtime.followers import Followers
from homeostat.runtime.guarding import Guarding
from homeostat.runtime.inflows import Inflows
from homeostat.runtime.keeper import Keeper
from homeostat.runtime.ledger import Ledger, an_hour
from homeostat.runtime.mender import Mender
from homeostat.runtime.retention import Keeping
from homeostat.runtime.workers import Stepping, Workers
from homeostat.service.attempts import Attempts
from homeostat.service.bell import Bell
from homeostat.service.bodies import Room
from homeostat.service.callers import Callers
from homeostat.service.caring import Caring
from homeostat.service.desk import Desk
from homeostat.service.figures import Latest
from homeostat.service.frames import Frames
from homeostat.service.pulse import Pulse
from homeostat.service.rates import Rates
from homeostat.service.readers import Readers
from homeostat.service.reading import Reading
from homeostat.service.settings import Service
from homeostat.service.turns import Turns
from homeostat.service.uses import Uses
from homeostat.stores import open_store
from homeostat.stores.faults import Busy
from homeostat.stores.store import Store

T = TypeVar("T")


def now() -> int:
    """Microseconds since 1970, by this machine's clock."""
    return time.time_ns() // 1000


class Wires:
    """Everything behind the routes. `engine_of` makes the engine of a model by its name.

    `declared` are the models of the configuration, which are there before their first record;
    `caring` is who takes care of them; `lateness_of` and `veils` are as for the ledger.
    """

    def __init__(
        self, folder: Path, settings: Service, engine_of: Callable[[str], Engine],
        on_broken: Callable[[Exception], None], declared: Collection[str] = (),
        caring: Caring | None = None, lateness_of: Callable[[str], int] = an_hour,
        veils: Veils | None = None,
    ) -> None:  # fmt: skip
        veils = veils or Veils()
        self.caring = caring or Caring()
        self.folder, self.settings = folder, settings
        self._where = settings.where(folder)
        self.bell = Bell()
        self.began = time.monotonic()
        self.listeners = 0  # event streams that are open
        self.turns = Turns()  # of theirs
        self.frames = Frames(self.read_in_time, self.bell.rings)
        self.room = Room(settings.capacity)
        self.attempts = Attempts(settings.attempts)
        self.rates = Rates(settings.rates)
        self.pulse = Pulse()  # of the event loop
        self._searching = asyncio.Lock()  # one at a time reads what takes long
        self.searched = 0.0  # seconds that such reading took, all in all
        self._seen: dict[str, Any] = {}
        self._deaf_since: float | None = None
        self.closing = False
        self._guarding = Guarding(folder, engine_of, settings.plugin_seconds)
        self._mender = Mender(self._guarding.engine_of)
        self._keeping = Keeping(settings.retention, now)
        self._uses = Uses(now)
        self.keeper = Keeper(
            lambda: open_store(self._where, settings.durability),
            lambda store: Ledger(
                store,
                self._guarding.engine_of,
                now,
                settings.limits,
                declared,
                self.caring.course_of,
                lateness_of,
                veils,
            ),
            capacity=settings.capacity,
            on_events=self._told,
            on_broken=on_broken,
            tend=self._tend,
        )
        self.latest = Latest(self.keeper.look)
        self.followers = Followers(settings.sinks, self.keeper, self._opened, now)
        self.inflows = Inflows(
            [each.veiled() for each in settings.sources] if veils else settings.sources,
            self.keeper, now,
        )  # fmt: skip
        self.workers = Workers(self._worked)
        self.readers = Readers(settings.readers, settings.record)
        self.desk = Desk()

    def open(self) -> None:
        """Open the store and take up where it stopped; returns when all state is there."""
        self.followers.check()
        self.caring.check()
        self._guarding.start()
        self.keeper.start()
        self.reader: Store = self._opened()
        self._reading = Reading(self.reader)
        self.callers = Callers(self._reading, self.settings.answer, used=self._uses.note)
        self._searcher: Store = self._opened()  # a connection is for one thread at a time
        self.followers.start()
        crashpoint("followers_begun")
        self.workers.start()
        self.inflows.start()
        crashpoint("workers_begun")

    async def changed(self, do: Callable[[Ledger], T], weight: int = 0, turn: int = 0) -> T:
        """Do this within a transaction, in its turn; returns when it is durable.

        What was submitted is done even when nobody waits for it any more.
        """
        return await asyncio.shield(_future(self.keeper.submit(do, weight, turn)))

    async def looked(self, name: str, look: Callable[[Ledger], T]) -> tuple[T | None, bool]:
        """What a look at the ledger tells, and whether that is old.

        Where the keeper does not answer in time, or has no store, it is what it told last under
        this name; None when that was nothing. A look copies what it tells.
        """
        try:
            looking = asyncio.shield(_future(self.keeper.look(look)))
            told = await asyncio.wait_for(looking, self.settings.answer)
        except TimeoutError:
            self._deaf_since = self._deaf_since or time.monotonic()
            return self._seen.get(name), True
        except Busy:
            return self._seen.get(name), True
        self._deaf_since = None
        if told is not None:
            self._seen[name] = told
        return told, False

    @property
    def deaf(self) -> float:
        """Seconds for which no look at the ledger was answered in time, since one was not."""
        return 0.0 if self._deaf_since is None else time.monotonic() - self._deaf_since

    async def read(self, look: Callable[[Store], T]) -> T:
        """What a short look at the store finds, beside the event loop; raises Busy, StoreError."""
        return await self._reading.wait(look, self.settings.answer)

    async def read_in_time(self, look: Callable[[Store], T]) -> T:
        """The same for who can wait, however long it takes."""
        return await self._reading.wait(look, None)

    async def searched_for(self, search: Callable[[Store], T]) -> T:
        """What a long read of the store finds, in a thread of its own; one after the other.

        It goes on when nobody waits for it any more, and the next waits until it is done.
        """
        async with self._searching:
            began = time.monotonic()
            searching = asyncio.ensure_future(asyncio.to_thread(search, self._searcher))
            try:
                return await asyncio.shield(searching)
            finally:
                if not searching.done():
                    await asyncio.wait([searching])
                self.searched += time.monotonic() - began

    def store_bytes(self) -> int:
        """Size of the store's files in the folder; 0 where it is elsewhere."""
        return sum(file.stat().st_size for file in self.folder.glob("homeostat.db*"))

    def close(self) -> None:
        """Finish what was accepted, and let go."""
        self.inflows.close(self.settings.grace)
        self.workers.stop(self.settings.grace)
        self.caring.close()
        self.followers.close(self.settings.grace)
        self.keeper.close(self.settings.grace)
        self._guarding.stop()
        self._reading.close()
        self._searcher.close()

    def _tend(self, ledger: Ledger) -> bool:
        """A piece of what is due besides requests: mending first, then what is old."""
        self._uses.keep(ledger.store)
        return self._mender(ledger.accounts) or self._keeping(ledger)

    def _told(self, models: set[str]) -> None:
        self.bell.ring(models)
        self.followers.wake(models)
        self.workers.wake()

    def _worked(self) -> AbstractContextManager[Sequence[Stepping]]:
        return self.caring.working(self.keeper, self._opened, self.folder, now)

    def _opened(self) -> Store:
        return open_store(self._where, read_only=True)


def _future(found: Future[T]) -> asyncio.Future[T]:
    """What the keeper answers, for the event loop."""
    future = asyncio.wrap_future(found)
    future.add_done_callback(_heard)
    return future


def _heard(future: asyncio.Future[Any]) -> None:
    """An error that comes when nobody waits any more is no news."""
    if not future.cancelled():
        future.exception()
