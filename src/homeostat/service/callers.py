"""Who calls: tokens as the store has them, looked up beside the event loop, and known for a moment.

A store that is locked, slow or gone then holds up only who has a token that was not seen lately.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from homeostat.service import tokens
from homeostat.service.reading import Reading
from homeostat.service.tokens import Token
from homeostat.stores.faults import Busy, StoreError

FRESH = 0.5
"""Seconds for which a token counts without being looked up: so soon one that is revoked is not."""

LATELY = 300.0
"""Seconds for which it counts while the store does not answer."""

_SEEN = 10_000


class _Seen(NamedTuple):
    token: Token
    at: float


class Callers:
    """Tells the token of a text, read from the store; `patience` is in seconds.

    `used` hears the id of a token each time that it is looked up and is one.
    Raises StoreError where the store does not answer, and the token was not seen lately.
    """

    def __init__(
        self, reading: Reading, patience: float, clock: Callable[[], float] = time.monotonic,
        used: Callable[[str], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._reading, self._patience, self._clock, self._used = reading, patience, clock, used
        self._seen: dict[bytes, _Seen] = {}  # by digest: no token that is known stays in memory
        self._asked: dict[bytes, asyncio.Future[Token | None]] = {}

    async def __call__(self, text: str) -> Token | None:
        """The token of this text, None for one that is none."""
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        known = self._known(key, FRESH)
        return await self._told(key, text) if known is None else known

    async def _told(self, key: bytes, text: str) -> Token | None:
        try:
            return await asyncio.wait_for(asyncio.shield(self._looked(key, text)), self._patience)
        except (TimeoutError, StoreError) as error:
            known = self._known(key, LATELY)
            if known is not None:
                return known
            if isinstance(error, StoreError):
                raise
            raise Busy("the store does not answer, so that no token is known") from None

    def _known(self, key: bytes, lately: float) -> Token | None:
        seen = self._seen.get(key)
        if seen is None or self._clock() - seen.at >= lately or tokens.expired(seen.token):
            return None
        return seen.token

    def _looked(self, key: bytes, text: str) -> asyncio.Future[Token | None]:
        """The look that is on its way, or one that begins."""
        if key in self._asked:
            return self._asked[key]
        looking = self._reading.begin(lambda store: tokens.known(store, text))
        self._asked[key] = looking
        looking.add_done_callback(partial(self._note, key))
        return looking

    def _note(self, key: bytes, looked: asyncio.Future[Token | None]) -> None:
        del self._asked[key]
        if looked.cancelled() or looked.exception() is not None:
            return
        token = looked.result()
        self._seen.pop(key, None)
        if token is not None:
            if len(self._seen) >= _SEEN:
                self._seen.clear()
            self._seen[key] = _Seen(token, self._clock())
            self._used(token.id)
