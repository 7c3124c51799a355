"""What the terminal asks of a service."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from homeostat.upkeep.asking import ask

_EVENTS = 200  # the latest of a model, that are looked at
_ROWS = 200

Answer = Mapping[str, Any]


class Link(Protocol):
    """A service; each question raises NoAnswer where there is none."""

    name: str

    def fleet(self, search: str, sort: str) -> Answer:
        """The rows of the fleet: `models`, and `counts` by state."""
        ...

    def model(self, name: str) -> Answer:
        """A model: `row`, `metrics`, `segments`, `alarms` and its latest `events`, newest first."""
        ...


class Service:
    """One over HTTP, by the token in a file."""

    def __init__(self, url: str, token_file: Path) -> None:
        self.name, self._token_file = url, token_file

    def fleet(self, search: str, sort: str) -> Answer:
        query = {"limit": _ROWS, "sort": sort, **({"search": search} if search else {})}
        told: Answer = ask(self.name, self._token_file, "/v1/fleet", query=query)
        return told

    def model(self, name: str) -> Answer:
        path = f"/v1/models/{name}"
        told = ask(self.name, self._token_file, f"{path}/overview")
        after = max(0, told["row"]["events"] - _EVENTS)
        query = {"after": after, "limit": _EVENTS}
        page = ask(self.name, self._token_file, f"{path}/events", query=query)
        return {**told, "events": page["events"][::-1]}
