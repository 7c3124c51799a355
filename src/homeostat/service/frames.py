"""The log as event streams have it, read once for all who listen to the same model."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

import msgspec

from homeostat.stores.store import Store, Stored

AT_ONCE = 200
_KEPT = 64  # pages


class Page(NamedTuple):
    """Events as they are sent, by their numbers; `full`: more may follow at once.

    `last`: the number of the newest there was then. `rings`: how often the bell had rung by then.
    """

    numbers: list[int]
    frames: list[bytes]
    full: bool
    last: int
    rings: int


Read = Callable[[Callable[[Store], Page]], Awaitable[Page]]


class Frames:
    """Pages of logs. One that is full stays as it is, another until the bell of its model rings.

    `read` reads the store, `rings` tells how often the bell of a model has rung.
    """

    def __init__(
        self,
        read: Callable[[Callable[[Store], Page]], Awaitable[Page]],
        rings: Callable[[str], int],
    ) -> None:
        self._read, self._rings = read, rings
        self._pages: OrderedDict[tuple[int, int], Page] = OrderedDict()
        self._asked: dict[tuple[int, int], asyncio.Future[Page]] = {}

    async def after(self, name: str, model: int, after: int) -> Page:
        """What comes after that number: all, or to the end of a page."""
        page = await self._page(name, model, after // AT_ONCE * AT_ONCE)
        known = bisect_right(page.numbers, after)
        return page._replace(numbers=page.numbers[known:], frames=page.frames[known:])

    async def _page(self, name: str, model: int, start: int) -> Page:
        key, rings = (model, start), self._rings(name)
        page = self._pages.get(key)
        if page is not None and (page.full or page.rings == rings):
            self._pages.move_to_end(key)
            return page
        asked = self._asked.get(key)
        if asked is None:
            reading = self._read(partial(_page, model, start, rings))
            asked = self._asked[key] = asyncio.ensure_future(reading)
            asked.add_done_callback(partial(self._keep, key))
        page = await asyncio.shield(asked)
        return page if page.full or page.rings == rings else await self._page(name, model, start)

    def _keep(self, key: tuple[int, int], asked: asyncio.Future[Page]) -> None:
        del self._asked[key]
        if not asked.cancelled() and asked.exception() is None:
            self._pages[key] = asked.result()
            if len(self._pages) > _KEPT:
                self._pages.popitem(last=False)


def _page(model: int, start: int, rings: int, store: Store) -> Page:
    events = store.events(model, start, AT_ONCE)
    numbers = [event.seq for event in events]
    last = store.last_event(model)
    return Page(numbers, list(map(_framed, events)), len(events) == AT_ONCE, last, rings)


def _framed(event: Stored) -> bytes:
    told = {"seq": event.seq, "kind": event.kind, "event": msgspec.Raw(event.body)}
    data = msgspec.json.encode(told)
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.seq, event.kind.encode(), data)
