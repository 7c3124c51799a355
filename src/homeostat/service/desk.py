"""What the dashboard's views share: the overview of the fleet, and answers that take long."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from homeostat.dashboard.overview import Overview, Seen, seen
from homeostat.errors import HomeostatError
from homeostat.stores.store import Store

if TYPE_CHECKING:
    from homeostat.service.wires import Wires

_APART = 1.0  # seconds between two looks, at least
_SHARE = 5.0  # times what a look costs, that the next one waits
_BETWEEN = 0.02  # seconds between slices of reading
_KEPT = 256  # answers that are remembered


class Desk:
    """One for all who look. The overview is brought up to date at most once a second."""

    def __init__(self) -> None:
        self.overview = Overview()
        self.changed: dict[str, int] = {}  # by model, the overview's version that changed its row
        self._answers: OrderedDict[Any, tuple[Any, float]] = OrderedDict()
        self._lock = threading.Lock()
        self._looking = asyncio.Lock()
        self._due = 0.0
        self._begun = False
        self._warming: asyncio.Future[None] | None = None
        self._models: list[Seen] = []

    async def fresh(self, wires: Wires) -> Overview:
        """The overview, of a second ago at most where the keeper answers."""
        if time.monotonic() < self._due:
            return self.overview
        async with self._looking:
            if time.monotonic() < self._due:
                return self.overview
            began = time.monotonic()
            told, _ = await wires.looked("overview", seen)
            self._models = told or self._models
            await wires.searched_for(self._update)
            cost = time.monotonic() - began
            self._due = time.monotonic() + max(_APART, _SHARE * cost)
            if self.overview.unread and (self._warming is None or self._warming.done()):
                self._warming = asyncio.ensure_future(self._warm(wires))
        return self.overview

    def begin(self, wires: Wires) -> None:
        """Read ahead once: somebody who has opened the page is about to sign in."""
        if not self._begun:
            self._begun = True
            self._warming = asyncio.ensure_future(self._first(wires))

    async def _first(self, wires: Wires) -> None:
        with suppress(HomeostatError):
            await self.fresh(wires)
            await self._warm(wires)

    async def _warm(self, wires: Wires) -> None:
        """Read on what one look had no time for, in slices, so that others have their turn."""
        with suppress(HomeostatError):
            while self.overview.unread and not wires.closing:
                await wires.searched_for(self._update)
                await asyncio.sleep(_BETWEEN)

    def _update(self, store: Store) -> None:
        changed = self.overview.update(store, self._models, time.time_ns() // 1000)
        self.changed |= dict.fromkeys(changed, self.overview.version)

    def answer(self, key: Any) -> Any | None:
        """What was answered before, if that still holds."""
        with self._lock:
            told, until = self._answers.get(key, (None, 0.0))
        return told if time.monotonic() < until else None

    def keep(self, key: Any, told: Any, seconds: float) -> Any:
        """Answer so for a while."""
        with self._lock:
            self._answers[key] = (told, time.monotonic() + seconds)
            self._answers.move_to_end(key)
            while len(self._answers) > _KEPT:
                self._answers.popitem(last=False)
        return told
