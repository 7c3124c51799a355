"""How often an address may fail to name a token: a bucket of failures for each, refilled slowly.

It is against guessing. Whoever authenticated lately goes on, also behind the same proxy as one who
guesses: the tokens that were right are remembered by their digest.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Annotated

import msgspec

_Count = Annotated[int, msgspec.Meta(ge=1)]
_Positive = Annotated[float, msgspec.Meta(gt=0)]


class AttemptLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many failures an address has before it waits, and how many a minute come back.

    addresses: that are remembered, those that failed last. tokens: that authenticated `lately`
    (seconds), and pass whatever their address does.
    """

    burst: _Count = 30
    per_minute: _Positive = 10.0
    addresses: _Count = 10_000
    tokens: _Count = 10_000
    lately: _Positive = 3600.0


class Attempts:
    """What came of the tokens that were sent. Bounded; for one thread. `clock` gives seconds."""

    def __init__(self, limits: AttemptLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # failures; as of when
        self._passed: OrderedDict[bytes, float] = OrderedDict()
        self.failures = self.refusals = 0

    def wait(self, address: str, token: str) -> float:
        """Seconds until this address may try such a token; 0 for now. More counts as a refusal."""
        if self._lately(_digest(token)):
            return 0.0
        missing = 1.0 - self._failures_left(_network(address))
        if missing <= 0:
            return 0.0
        self.refusals += 1
        return missing * 60.0 / self._limits.per_minute

    def failed(self, address: str, token: str) -> None:
        """The token was none."""
        self.failures += 1
        self._passed.pop(_digest(token), None)
        network = _network(address)
        self._left[network] = (max(0.0, self._failures_left(network) - 1.0), self._clock())
        self._left.move_to_end(network)
        if len(self._left) > self._limits.addresses:
            self._left.popitem(last=False)

    def passed(self, token: str) -> None:
        """The token was right."""
        digest = _digest(token)
        self._passed[digest] = self._clock()
        self._passed.move_to_end(digest)
        if len(self._passed) > self._limits.tokens:
            self._passed.popitem(last=False)

    def _lately(self, digest: bytes) -> bool:
        at = self._passed.get(digest)
        return at is not None and self._clock() - at < self._limits.lately

    def _failures_left(self, network: str) -> float:
        left, at = self._left.get(network, (float(self._limits.burst), self._clock()))
        back = (self._clock() - at) * self._limits.per_minute / 60.0
        return min(float(self._limits.burst), left + back)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _network(address: str) -> str:
    """What counts as one: an address; in IPv6 the /64, of which a host has all."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:  # of a socket that has none
        return address
    if known.version == 4:
        return address
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((int(known) >> 64 << 64, 64)))
