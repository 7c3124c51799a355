"""What a broker is to the stream that reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from homeostat.sources.chunk import Reject


class Message(msgspec.Struct, frozen=True, gc=False):
    """A message: where it stood, its number there, and what it holds; None for nothing."""

    source: str
    number: int
    value: bytes | None


class Pulled(NamedTuple):
    """Some messages, and the offsets behind them: opaque text by names unique in a store."""

    messages: Sequence[Message]
    offsets: Mapping[str, str]


class Broker(Protocol):
    """One broker, read by one thread."""

    def pull(self, most: int) -> Pulled:
        """Messages that came, none when none came for a moment; raises StreamBroken."""
        ...

    def at_end(self) -> bool:
        """Whether all that was there has been pulled."""
        ...

    def hindered(self) -> str | None:
        """Why nothing can come now, where it tries again by itself; None when all is well."""
        ...

    def behind(self) -> int | None:
        """How many messages are there that were not pulled; None where nobody knows."""
        ...

    def taken(self, pulled: Pulled) -> None:
        """What was pulled is durable now: the broker may forget it."""
        ...

    def set_aside(self, message: Message | None, reject: Reject) -> None:
        """A message that is no record, where dead letters are wanted; raises StreamBroken.

        None for one that came with something earlier.
        """
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
