"""How much one token may ask for: buckets that refill as time passes; who emptied his own waits.

The token bucket of networks (the leaky bucket as a meter, Turner 1986): what is not used adds up,
to a limit, and may be used at once. A body counts as its bytes come, so that none has to be refused
once it has begun: the bucket may owe, and who owes waits until that is paid.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Annotated

import msgspec
from starlette.types import Message, Receive

from homeostat.service.figures import OTHER

PROBES = ("/readyz",)
"""Paths that are never refused: whoever probes would end a service that says to come later."""

_Rate = Annotated[float, msgspec.Meta(ge=0, le=1e15)]
_Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
_NEEDED = {"ingest": ("ingest", "bytes"), "read": ("read",)}
"""Buckets that a route of a scope has to find something in; what administers needs none."""

_HELD = 10_000  # tokens whose buckets are kept
_TOLD = 100  # tokens whose refusals are counted by name
_NOTHING = 1e-6  # what rounding leaves: who waited as long as he was told to is not refused again


class RateLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one token may do a second, each on its own; 0 is no limit.

    requests: that send records or labels. bytes: of their bodies, as they come over the wire.
    reads: requests that read. burst: seconds of it that add up while nothing is asked.
    """

    requests: _Rate = 0.0
    bytes: _Rate = 0.0
    reads: _Rate = 0.0
    burst: _Seconds = 10.0


class Bucket:
    """Refilled by `rate` a second, up to `most` or at least one; `now` is in seconds."""

    __slots__ = ("_at", "_left", "_most", "_rate")

    def __init__(self, rate: float, most: float, now: float) -> None:
        self._rate, self._most = rate, max(1.0, most)
        self._left, self._at = self._most, now

    def wait(self, now: float) -> float:
        """Seconds until one is in it; 0 for now."""
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        missing = 1.0 - self._left
        return missing / self._rate if missing > _NOTHING else 0.0

    def take(self, n: float) -> None:
        """Take so many out, even more than there are."""
        self._left -= n


class Rates:
    """The buckets of all tokens, by their ids. Bounded; for one thread. `clock` gives seconds.

    `refusals` has how often each was refused: the first hundred by their ids, all others together.
    """

    def __init__(self, limits: RateLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._clock = limits.burst, clock
        rates = {"ingest": limits.requests, "bytes": limits.bytes, "read": limits.reads}
        self._rates = {kind: rate for kind, rate in rates.items() if rate}
        self._kinds = {
            scope: [kind for kind in kinds if kind in self._rates]
            for scope, kinds in _NEEDED.items()
        }
        self._held: dict[str, dict[str, Bucket]] = {}
        self.refusals: Counter[str] = Counter()

    def wait(self, token: str, path: str, scope: str) -> float:
        """Seconds until this token may use a route of this scope; 0 for now, and then it counts."""
        kinds = self._kinds.get(scope)
        if not kinds or path in PROBES:
            return 0.0
        now = self._clock()
        buckets = self._of(token, now)
        seconds = max(buckets[kind].wait(now) for kind in kinds)
        if seconds:
            self.refusals[token if self._named(token) else OTHER] += 1
        elif scope in kinds:
            buckets[scope].take(1.0)
        return seconds

    def weighed(self, token: str, scope: str, receive: Receive) -> Receive:
        """The same as `receive`, which counts the bytes of a body where they are limited."""
        if scope != "ingest" or "bytes" not in self._rates:
            return receive

        async def counted() -> Message:
            message = await receive()
            self._of(token, self._clock())["bytes"].take(float(len(message.get("body", b""))))
            return message

        return counted

    def _of(self, token: str, now: float) -> dict[str, Bucket]:
        buckets = self._held.get(token)
        if buckets is None:
            if len(self._held) >= _HELD:
                self._held.clear()  # all begin with full ones
            buckets = self._held[token] = {
                kind: Bucket(rate, rate * self._burst, now) for kind, rate in self._rates.items()
            }
        return buckets

    def _named(self, token: str) -> bool:
        return token in self.refusals or len(self.refusals) < _TOLD
