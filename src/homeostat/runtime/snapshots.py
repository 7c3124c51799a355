"""The latest snapshot of a model: what it was at a position, so that restarts begin there."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from homeostat.runtime.crash import crashpoint
from homeostat.state import from_bytes, to_bytes
from homeostat.stores.faults import Damaged
from homeostat.stores.packing import sealed, unsealed
from homeostat.stores.store import Store

_log = logging.getLogger("homeostat.account")

_EVERY = 50_000  # facts, so that a restart takes at most so many again


class Kept(NamedTuple):
    """What was remembered after the facts before a position."""

    position: int
    memory: dict[str, Any]


class Snapshots:
    """Those of one model, of which the store has the latest; `fingerprint` is of its engine.

    `at` is the position of the one that this account stands on, 0 for none.
    """

    def __init__(self, store: Store, number: int, name: str, fingerprint: str) -> None:
        self._store, self._number, self._name = store, number, name
        self._fingerprint = fingerprint
        self.at = 0

    def due(self, position: int) -> bool:
        """Whether it is time for the next."""
        return position - self.at >= _EVERY

    def read(self) -> Kept | None:
        """The latest; None where it is of an engine that was built otherwise. Raises Damaged."""
        found = self._store.snapshot(self._number)
        if found is None or found[1] != self._fingerprint:
            return None
        return self._opened(found)

    def good(self) -> Kept | None:
        """The one that the account stands on; None where there is none, or none to be read."""
        found = self._store.snapshot(self._number) if self.at else None
        try:
            return None if found is None else self._opened(found)
        except Damaged as error:  # then all is folded from the first fact
            _log.error("%s", error)
            return None

    def keep(self, position: int, memory: dict[str, Any]) -> None:
        """Put another in its place."""
        body = sealed(to_bytes(memory))
        self._store.keep_snapshot(self._number, position, self._fingerprint, body)
        crashpoint("snapshot_kept")
        self.at = position

    def _opened(self, found: tuple[int, str, bytes]) -> Kept:
        memory = from_bytes(unsealed(found[2], f"the snapshot of {self._name}"))
        return Kept(found[0], memory)
