"""Stores: where the service keeps facts and what follows from them."""

from __future__ import annotations

from pathlib import Path

from homeostat.errors import InvalidSetting
from homeostat.stores.database import Database
from homeostat.stores.store import Store

DURABILITY = ("full", "fast")
_SERVERS = ("postgresql://", "postgres://")


def open_store(where: str | Path, durability: str = "full", *, read_only: bool = False) -> Store:
    """The store in a folder (SQLite) or at `postgresql://...`, its tables made or up to date.

    Raises StoreError, InvalidSetting, MissingExtra.
    """
    if durability not in DURABILITY:
        raise InvalidSetting(
            f"durability must be one of {', '.join(DURABILITY)}, got {durability!r}"
        )
    return Store(_database(where, durability, read_only), migrated=not read_only)


def _database(where: str | Path, durability: str, read_only: bool) -> Database:
    if isinstance(where, str) and where.startswith(_SERVERS):
        from homeostat.stores.postgres import Postgres

        return Postgres(where, durability, read_only)
    from homeostat.stores.sqlite import SQLite

    return SQLite(where, durability, read_only)
