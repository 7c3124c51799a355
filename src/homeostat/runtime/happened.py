"""What happened to a model in a change, on its way to the log."""

from __future__ import annotations

from collections.abc import Iterable

from homeostat.events import PluginFailed, SystemEvent
from homeostat.stores.store import Store

_HEARD = ("RetrainRequested", "DriftDetected", "DriftEnded")


class Happened:
    """Events that are not in the log yet. `counters` are the model's, and are counted on."""

    def __init__(self, store: Store, model: int, counters: dict[str, int]) -> None:
        self._store, self._model, self._counters = store, model, counters
        self._new: list[tuple[str, bytes]] = []

    def __bool__(self) -> bool:
        return bool(self._new)

    def add(self, events: Iterable[SystemEvent]) -> list[int]:
        """Some more; their numbers in the log."""
        first = self._first + len(self._new)
        self._new += map(told, events)
        return list(range(first, self._first + len(self._new)))

    @property
    def heard(self) -> list[tuple[int, SystemEvent]]:
        """Requests and alarms among them, with their numbers in the log."""
        return [
            (self._first + at, SystemEvent.from_json(body))
            for at, (kind, body) in enumerate(self._new)
            if kind in _HEARD
        ]

    @property
    def so_far(self) -> int:
        """How many events there would be, had no plug-in ever failed, as far as is known."""
        failed = [kind for kind, _ in self._new].count(PluginFailed.__name__)
        return (
            self._counters.get("events", 0) + len(self._new) - failed
            - self._counters.get(f"event.{PluginFailed.__name__}", 0)
            + self._counters.get("untold", 0)
        )  # fmt: skip

    def keep(self, now: int) -> int:
        """Write them; how many they were."""
        new, self._new = self._new, []
        if new:
            self._store.add_events(self._model, self._first, new, now)
            for name in ("events", *(f"event.{kind}" for kind, _ in new)):
                more = len(new) if name == "events" else 1
                self._counters[name] = self._counters.get(name, 0) + more
        return len(new)

    @property
    def _first(self) -> int:
        return self._counters.get("events", 0) + 1


def told(event: SystemEvent) -> tuple[str, bytes]:
    """An event as the log keeps it: its kind, and its JSON."""
    return event.kind, event.to_json().encode()
