"""An event on its way out, what takes it, and what can hinder that."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple, Protocol, runtime_checkable

import msgspec

from homeostat.errors import HomeostatError


class GiveUp(HomeostatError):
    """Not this event, ever: it becomes a dead letter."""


class Gone(HomeostatError):
    """Nothing any more: the sink rests until somebody replays it, or the service starts anew."""


class _Event(NamedTuple):
    model: str
    seq: int
    kind: str
    body: bytes


class Outgoing(_Event):
    """An event of a model's log: its number there, its kind, and its JSON as bytes."""

    @property
    def id(self) -> str:
        """The same at every try, and of no other event of this service."""
        return f"{self.model}:{self.seq}"

    @property
    def line(self) -> bytes:
        """The event with its id and place, as JSON in one line."""
        told: dict[str, Any] = {"id": self.id, "model": self.model, "seq": self.seq,
                                "kind": self.kind, "event": msgspec.Raw(self.body)}  # fmt: skip
        return msgspec.json.encode(told) + b"\n"

    @cached_property
    def payload(self) -> dict[str, Any]:
        """What it tells, as plain data; times are text."""
        tagged = msgspec.json.decode(self.body, type=dict[str, dict[str, Any]])
        return next(iter(tagged.values()), {})


@runtime_checkable
class Sink(Protocol):
    """Takes events, one at a time, from one thread."""

    @property
    def name(self) -> str:
        """What kind of sink it is."""
        ...

    def send(self, event: Outgoing) -> None:
        """Return when the other side has it; raise Retry, GiveUp or Gone otherwise."""
        ...
