"""Models of which nobody wants to be told for a while: until when, by whom, and why."""

from __future__ import annotations

import msgspec

from homeostat.stores.store import Store

_KEY = "silence:"


class Silence(msgspec.Struct, frozen=True):
    """Events that come to the log from `since` until before `until` (microseconds) wake nobody."""

    since: int
    until: int
    by: str
    reason: str = ""

    def covers(self, received: int) -> bool:
        """Whether an event of this time is one of them."""
        return self.since <= received < self.until


def of(store: Store, model: str) -> Silence | None:
    """The latest silence of a model, also one that is over; None where there never was one."""
    kept = store.note(_KEY + model)
    return None if kept is None else msgspec.json.decode(kept, type=Silence)


def all_of(store: Store) -> dict[str, Silence]:
    """The latest silence of each model that ever had one."""
    rows = store.database.execute("SELECT key, value FROM meta WHERE key LIKE ?", (_KEY + "%",))
    return {key[len(_KEY) :]: msgspec.json.decode(kept, type=Silence) for key, kept in rows}


def keep(store: Store, model: str, silence: Silence) -> None:
    """Begin a silence, or end one early, in the place of the one before; within a change."""
    store.keep_note(_KEY + model, msgspec.json.encode(silence).decode())
