"""Requests and responses that are logged apart, put together; within bounds."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import msgspec

from homeostat.errors import InvalidInput
from homeostat.formats.format import State
from homeostat.formats.table import Fault, Place

MOST = 100_000
"""So many halves may wait for the other one."""

BYTES = 256 << 20
"""And so many bytes of them."""

WAITING = "waiting"
"""What a state has halves under."""

REQUEST, RESPONSE = "request", "response"


class Half(msgspec.Struct):
    """One half: which, where it stood, and what it holds."""

    side: str
    place: Place
    body: Any


class Halves:
    """Halves by their key, the longest waiting first."""

    def __init__(self, most: int = MOST, room: int = BYTES) -> None:
        self._most, self._room = most, room
        self._waiting: OrderedDict[str, Half] = OrderedDict()
        self._bytes = 0

    def put(self, key: str, half: Half, faults: list[Fault]) -> dict[str, Half] | None:
        """Both halves by their side, when this one completes them.

        A second half of the same side is a fault; so is one that had to make room.
        """
        other = self._waiting.get(key)
        if other is not None and other.side == half.side:
            problem = f"came twice for {key!r} before its other half did"
            faults.append((half.place, InvalidInput(half.side, problem, "log each once")))
            return None
        if other is not None:
            self._forget(key)
            return {other.side: other, half.side: half}
        self._waiting[key] = half
        self._bytes += _size(half)
        while len(self._waiting) > self._most or (
            self._bytes > self._room and len(self._waiting) > 1
        ):
            oldest = next(iter(self._waiting))
            faults.append(self._alone(oldest, self._forget(oldest), f"{self._most:,} others"))
        return None

    def end(self) -> list[Fault]:
        """All that still wait: their other half never came."""
        faults = [self._alone(key, half, "the end") for key, half in self._waiting.items()]
        self._waiting.clear()
        self._bytes = 0
        return faults

    def state(self) -> State:
        """Those that wait, as JSON can hold them."""
        kept = {key: msgspec.to_builtins(half) for key, half in self._waiting.items()}
        return {WAITING: kept} if kept else {}

    def resume(self, state: State) -> None:
        """Wait for these again."""
        for key, half in state.get(WAITING, {}).items():
            self._waiting[key] = msgspec.convert(half, Half)
            self._bytes += _size(self._waiting[key])

    def _forget(self, key: str) -> Half:
        half = self._waiting.pop(key)
        self._bytes -= _size(half)
        return half

    @staticmethod
    def _alone(key: str, half: Half, until: str) -> Fault:
        missing = RESPONSE if half.side == REQUEST else REQUEST
        problem = f"of {key!r} did not come before {until} did"
        hint = f"log requests and responses both, in one run (the {half.side} is here)"
        return half.place, InvalidInput(missing, problem, hint)


def _size(half: Half) -> int:
    """About its size in bytes: rows are as long as the line they came from."""
    return len(half.place.raw) + 200
