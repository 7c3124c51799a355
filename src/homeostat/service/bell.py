"""Wakes whoever waits for events of a model; what they are is in the log."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict


class Bell:
    """Rung from any thread, heard in the event loop it was bound to."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rings: Counter[str] = Counter()
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)

    def bind(self) -> None:
        """Hear in the running loop."""
        self._loop = asyncio.get_running_loop()

    def ring(self, models: set[str]) -> None:
        """There are new events of these models."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ring, models)

    def rings(self, model: str) -> int:
        """How often it has rung for a model."""
        return self._rings[model]

    def _ring(self, models: set[str]) -> None:
        self._rings.update(models)
        for model in models:
            for event in self._waiting.get(model, ()):
                event.set()

    def ring_all(self) -> None:
        """Wake everybody, as at the end."""
        for waiting in self._waiting.values():
            for event in waiting:
                event.set()

    def hear(self, model: str) -> asyncio.Event:
        """An event that is set whenever there is something new; give it back with `forget`."""
        event = asyncio.Event()
        self._waiting[model].add(event)
        return event

    def forget(self, model: str, event: asyncio.Event) -> None:
        """Hear no more."""
        self._waiting[model].discard(event)
        if not self._waiting[model]:
            del self._waiting[model]
