"""Halves of records that wait for the other, across restarts."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from homeostat.sources.chunk import Chunk
from homeostat.sources.traffic import Recogniser

Resume = Callable[[str], str | None]
"""The offset that was kept under a name; None where there is none."""


class Waiting:
    """What waits in a recogniser is kept with the offsets, under a key of its own."""

    def __init__(self, recogniser: Recogniser, key: str, resume: Resume) -> None:
        self.recogniser, self._key = recogniser, f"halves {key}"
        kept = resume(self._key)
        self._remembered = kept is not None
        recogniser.resume(msgspec.json.decode(kept or "{}").items())

    def remembered(self, chunk: Chunk, offsets: dict[str, str]) -> Chunk:
        """The chunk with its offsets, and with the halves that wait once it is taken."""
        state = self.recogniser.state()
        if state or self._remembered:
            offsets[self._key] = msgspec.json.encode(state).decode()
            self._remembered = bool(state)
        return chunk._replace(offsets=offsets)
