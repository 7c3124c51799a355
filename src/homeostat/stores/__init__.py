"""Stores: where the service keeps facts and what follows from them."""

from __future__ import annotations

from pathlib import Path

from homeostat.errors import InvalidSetting
from homeostat.stores.database import Database
from homeostat.stores.store import Store

DURABILITY = ("full", "fast")
_SERVERS = ("postgresql://", "postgres://")


def open_store(
    where: str | Path, durability: str = "full", *, read_only: bool = False, beside: bool = False,
    migrated: bool = True,
) -> Store:  # fmt: skip
    """The store in a folder (SQLite) or at `postgresql://...`, its tables made or up to date.

    `beside` a service that runs: for tokens, audit and the like; the tables stay as they are, and
    so they do where they are not to be `migrated`. Raises StoreError, InvalidSetting, MissingExtra.
    """
    if durability not in DURABILITY:
        raise InvalidSetting(
            f"durability must be one of {', '.join(DURABILITY)}, got {durability!r}"
        )
    database = _database(where, durability, read_only, beside)
    return Store(database, migrated and not (read_only or (beside and on_a_server(where))))


def on_a_server(where: str | Path) -> bool:
    """Whether it is the address of a PostgreSQL."""
    return isinstance(where, str) and where.startswith(_SERVERS)


def _database(where: str | Path, durability: str, read_only: bool, beside: bool) -> Database:
    if isinstance(where, str) and on_a_server(where):
        from homeostat.stores.postgres import Postgres

        return Postgres(where, durability, read_only, beside)
    from homeostat.stores.sqlite import SQLite

    return SQLite(where, durability, read_only)
