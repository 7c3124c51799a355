"""The files that a run writes as it goes: events and rejects, one JSON object a line."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Protocol

from homeostat.errors import ConfigError, did_you_mean
from homeostat.event_batch import EventBatch
from homeostat.events import SystemEvent


class Json(Protocol):
    """Anything that is written as one JSON object."""

    def to_json(self) -> str:
        """The object."""
        ...


class Lines:
    """Writes objects a line each; without a file it writes nothing."""

    def __init__(self, file: IO[str] | None) -> None:
        self._file = file

    def write(self, items: Iterable[Json]) -> None:
        """Write them and hand them over at once, to whoever follows the file."""
        if self._file is not None:
            self._file.write("".join([f"{item.to_json()}\n" for item in items]))
            self._file.flush()


def opened(path: str | None) -> AbstractContextManager[IO[str] | None]:
    """A file to write to, standard output for "-", nothing for None."""
    if path is None:
        return nullcontext(None)
    if path == "-":
        return nullcontext(sys.stdout)
    return Path(path).open("w", encoding="utf-8", newline="\n")


def kinds(names: Iterable[str]) -> tuple[type[SystemEvent], ...]:
    """The kinds of event with these names, `drift` being short for DriftDetected; all for none."""
    chosen = [name.strip() for joined in names for name in joined.split(",") if name.strip()]
    return tuple(_kind(name) for name in chosen)


_SHORT = {
    "metric": "MetricUpdated", "drift": "DriftDetected", "retrain": "RetrainRequested",
    "failure": "PluginFailed",
}  # fmt: skip


def _kind(name: str) -> type[SystemEvent]:
    full = {kind.lower(): kind for kind in SystemEvent.kinds} | _SHORT
    if name.lower() not in full:
        known = [*_SHORT, *SystemEvent.kinds]
        raise ConfigError(f"--events-kinds: {name!r} is no event; {did_you_mean(name, known)}")
    return SystemEvent.kinds[full[name.lower()]]


def chosen(events: EventBatch, of: tuple[type[SystemEvent], ...]) -> EventBatch:
    """The events to write."""
    return events.of(*of) if of else events
