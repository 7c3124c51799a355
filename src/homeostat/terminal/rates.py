"""Records a second, from counts that were seen at several times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class Rates:
    """By model its records a second between the latest two looks.

    Before the second look, what the service says of the latest hour.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, int]] = {}
        self.now: dict[str, float] = {}

    def look(self, rows: Iterable[Mapping[str, Any]], at: float) -> None:
        """Rows of the fleet at a time in seconds."""
        rows = list(rows)
        for row in rows:
            name, records = row["model"], row["records"]
            before = self._seen.get(name)
            if before is None:
                self.now[name] = row.get("rate", 0.0) / 3600
            elif at > before[0]:
                self.now[name] = max(records - before[1], 0) / (at - before[0])
        self._seen = {row["model"]: (at, row["records"]) for row in rows}
        self.now = {name: self.now[name] for name in self._seen}
