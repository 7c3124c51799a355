"""How a folder begins: its mark, its first token, and the file that this is told in."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from homeostat.errors import ConfigError
from homeostat.runtime.crash import crashpoint
from homeostat.service import tokens
from homeostat.stores import audit, mounts, open_store
from homeostat.stores.faults import StoreBroken, StoreFull

MARK, WRITTEN = "begun", "token-file"
"""Files in the folder: that it is in use, and the digest of what was written to the token file."""

_CONFIGURED = "configuration"  # the note that holds what the latest start was configured by
_LEAST = 4096  # bytes of a database that was in use: one page


def check_local(folder: Path) -> None:
    """Raises ConfigError when the folder is, or would be, on a file system of a network."""
    kind = mounts.network(folder)
    if kind:
        raise ConfigError(
            f"--data {folder}: is on a network's file system ({kind}), which can lose what was "
            "committed; name a folder on a local disk, or keep everything in a PostgreSQL: "
            "service.store"
        )


def check_kept(folder: Path) -> None:
    """Raises StoreBroken when the database of a folder that was in use is gone, empty or cut off.

    SQLite would begin anew there, and drop a log that is left. Longer files it checks itself.
    """
    from homeostat.stores.sqlite import FILE

    path, log = folder / FILE, folder / f"{FILE}-wal"
    size = _size(path)
    if size >= _LEAST or not ((folder / MARK).exists() or _size(log)):
        return
    state = "is gone" if not path.exists() else "is cut off" if size else "is empty"
    raise StoreBroken(
        f"{path} {state}, and {folder} was in use, so this is no first start; put the file back, "
        f"restore a backup (homeostat restore BACKUP --data {folder} --replace), or name a new "
        "folder to begin anew"
    )


def mark(folder: Path) -> None:
    """Note that the folder is in use, once its database is."""
    path = folder / MARK
    if path.exists():
        return
    _write(path, "")
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def first_token(where: str | Path, told: Callable[[str], None]) -> None:
    """Make an administrator's token when there is none yet.

    It is told before it counts: whoever is stopped in between starts with another, and is not left
    with one that nobody has heard.
    """
    store = open_store(where)
    try:
        if tokens.any_admin(store):
            return
        with store.change():
            text = tokens.create(store, "admin", name="first start")
            number = text.split("_")[1]
            audit.record(store, "serve", "token create", id=number, scope="admin", models="",
                         name="first start", expires=None)  # fmt: skip
            told(text)
            crashpoint("before_token")
        crashpoint("after_token")
    finally:
        store.close()


def note_configuration(where: str | Path, configuration: Mapping[str, Any]) -> None:
    """Write into the audit log what the service is configured by, where that is not as before.

    On a full disk the next start does: another configuration may be what makes room.
    """
    told = msgspec.json.encode(configuration, order="sorted").decode()
    store = open_store(where)
    try:
        if store.note(_CONFIGURED) == told:
            return
        with suppress(StoreFull), store.change():
            store.keep_note(_CONFIGURED, told)
            audit.record(store, "serve", "configuration", **configuration)
    finally:
        store.close()


class TokenFile:
    """Where the first token of a folder is written: never over what somebody else wrote.

    Empty is nobody's. What this folder wrote before, in a start that was killed, it knows by the
    digest; the file is empty while that changes, so that it is known at every instant.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self._path, self._folder = path, folder

    def check(self) -> None:
        """Raises ConfigError when it cannot be written, or holds what is not ours."""
        parent = self._path.absolute().parent
        if not parent.is_dir() and parent != self._folder.absolute():
            raise ConfigError(f"--token-file {self._path}: there is no folder {parent}; make it")
        if self._path.is_dir():
            raise ConfigError(f"--token-file {self._path}: is a folder; name a file in it")
        if not self._path.is_file():
            return
        try:
            held = self._path.read_bytes()
        except OSError as error:
            raise ConfigError(f"--token-file {self._path}: {error.strerror}") from error
        if held and _digest(held) != self._digest():
            raise ConfigError(
                f"--token-file {self._path}: there is a file already, which would be overwritten; "
                "name one that is not there, or remove it"
            )

    def write(self, text: str) -> None:
        """The token alone, for its owner alone; raises ConfigError."""
        self.check()
        told = text + "\n"
        try:
            if not self._path.is_file() and self._path.exists():  # a pipe or a terminal
                self._path.write_text(told)
                return
            _write(self._path, "")
            _write(self._folder / WRITTEN, _digest(told.encode()))
            _write(self._path, told)
        except OSError as error:
            raise ConfigError(f"--token-file {self._path}: {error.strerror}") from error

    def _digest(self) -> str:
        try:
            return (self._folder / WRITTEN).read_text(errors="replace")
        except FileNotFoundError:
            return ""


def _write(path: Path, text: str) -> None:
    """In place of what it had, private, and on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _digest(held: bytes) -> str:
    return hashlib.sha256(held).hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
