"""A store of the service, opened by somebody who expects one: never made, never guessed."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homeostat.service.server import locked
from homeostat.stores import open_store
from homeostat.stores.faults import StoreBroken, StoreError
from homeostat.stores.schema import STEPS, NewerSchema, version
from homeostat.stores.store import Store
from homeostat.upkeep import outside


class Unusable(StoreError):
    """There is no folder of the service here, or none that can be used."""


@contextmanager
def opened(folder: Path | str, *, read_only: bool = False) -> Iterator[Store]:
    """The store of a folder, or at `postgresql://...`; a service may run.

    Raises StoreError, with nothing changed. To be written to, the tables of a folder are brought up
    to date first.
    """
    if isinstance(folder, str):
        with _at_a_server(folder, read_only) as store:
            yield store
        return
    found = outside.the_file(folder)
    if not found.ok:
        raise Unusable(f"{found.problem}; {found.mend}")
    with _store(folder, read_only=True) as store:
        _check(store, folder)
        if read_only:
            yield store
            return
    with _store(folder, read_only=False) as store:
        yield store


@contextmanager
def alone(where: Path | str) -> Iterator[Store]:
    """The store of a folder, or at `postgresql://...`, while no service may have it.

    Raises Taken or Busy when one has, StoreError.
    """
    with opened(where, read_only=True):  # so that none is made where there is none
        pass
    if isinstance(where, Path):
        with locked(where), opened(where) as store:
            yield store
        return
    store = open_store(where)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _at_a_server(url: str, read_only: bool) -> Iterator[Store]:
    store = open_store(url, read_only=read_only, beside=True)
    try:
        if store.database.execute("SELECT to_regclass('meta')")[0][0] is None:
            raise Unusable("the database is not one of homeostat; start homeostat serve first")
        at = version(store.database)
        if at != len(STEPS):
            mend = "upgrade homeostat" if at > len(STEPS) else "start homeostat serve once"
            raise NewerSchema(f"the database has version {at}, this homeostat {len(STEPS)}; {mend}")
        yield store
    finally:
        store.close()


@contextmanager
def _store(folder: Path, read_only: bool) -> Iterator[Store]:
    store = None
    try:
        store = open_store(folder, read_only=read_only)
        store.database.execute("SELECT COUNT(*) FROM sqlite_master")  # reads, as opening does not
    except StoreBroken as error:
        if store is not None:
            store.close()
        if os.access(folder, os.W_OK):
            raise
        raise Unusable(
            f"{folder} cannot be written by this user, which SQLite needs even to read; run this "
            "as the user that the service has, or on a backup that was restored"
        ) from error
    try:
        yield store
    finally:
        store.close()


def _check(store: Store, folder: Path) -> None:
    statement = "SELECT COUNT(*) FROM sqlite_master WHERE name = 'meta'"
    if not store.database.execute(statement)[0][0]:
        raise Unusable(
            f"{folder} holds a database, but not one of homeostat; name the folder that serve has"
        )
    at = version(store.database)
    if at > len(STEPS):
        raise NewerSchema(
            f"{folder} has version {at}, this homeostat knows {len(STEPS)}; "
            "run: pip install --upgrade homeostat"
        )


def operator() -> str:
    """Who runs this, for the audit log."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a user without a name, as in some containers
        return f"cli:{os.getuid()}"
