"""Plug-ins that failed: who was told of it, and the state from which they can be mended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from homeostat.engine import Engine
from homeostat.events import FailureEvent, PluginFailed, SystemEvent
from homeostat.health import Health
from homeostat.times import from_micros


class Isolation:
    """What an account knows of the plug-ins of its engine that are off.

    `good` is the memory of the last snapshot in which all were well, and its position: of the whole
    engine, for what watches a metric misses what the metric misses. None where all are well.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._fresh = engine.snapshot()
        self._known: set[str] = set(engine.off)
        self.good: dict[str, Any] | None = None
        self.news = False
        """Whether a plug-in went off since the last snapshot."""

    def told(self, events: Iterable[SystemEvent]) -> None:
        """Note the failures among events."""
        for event in events:
            if isinstance(event, PluginFailed):
                self._known.add(event.payload.plugin)
                self.news = True

    def untold(self, micros: int) -> list[SystemEvent]:
        """Events of the failures that no event has told of, at a time."""
        health = self._engine.health
        events: list[SystemEvent] = [
            PluginFailed(FailureEvent(label, health[label].last_error, from_micros(micros)))
            for label in self._engine.off
            if label not in self._known
        ]
        self.told(events)
        return events

    def keep_good(self, kept: tuple[int, dict[str, Any]] | None) -> None:
        """Keep the last snapshot, position and memory; None for the very beginning."""
        self.news = False
        if self.good is not None:
            return
        if kept is None:
            self.good = beginning(self._fresh)
            return
        position, memory = kept
        self.good = {
            "position": position, "engine": memory["engine"], "latest": memory["latest"],
            "told": memory.get("told"),
        }  # fmt: skip

    @property
    def mendable(self) -> bool:
        """Whether there is a good state, and one that is off that may be tried."""
        return self.good is not None and not set(self._engine.off) <= self._engine.barred.keys()

    def resumed(self, good: dict[str, Any] | None) -> None:
        """The engine has taken a snapshot; those that are off in it were told of."""
        self.good, self._known = good, set(self._engine.off)

    def tried(self, was: Mapping[str, Health]) -> None:
        """Plug-ins that were off have been tried anew: what is known of their errors stays."""
        for label, before in was.items():
            now = self._engine.health[label]
            now.errors, now.last_error = now.errors + before.errors, before.last_error
        self._known &= set(self._engine.off)
        if not self._engine.off:
            self.good = None


def beginning(fresh: bytes) -> dict[str, Any]:
    """What is good before the first fact: the snapshot of an engine that has seen nothing."""
    return {"position": 0, "engine": fresh, "latest": {}, "told": 0}
