"""The registry that is in the service's own store: nobody outside has to be told."""

from __future__ import annotations

from homeostat.lifecycle.versions import Version


class Embedded:
    """Points nowhere. Versions and who is champion are in the store, artifacts on the shelf."""

    name = "embedded"

    def register(self, version: Version) -> None:
        """The store has it."""

    def point(self, model: str, alias: str, version: str | None) -> None:
        """The store has it."""

    def pointed(self, model: str, alias: str) -> str | None:
        """None: it could only say what the store says."""
        return None
