"""Plug-ins that hung so that the process had to end: kept beside the store, and off from then on.

A file of its own, for the thread that owns the store is the one that hangs. What is in it holds for
a plug-in as it was then: with other settings, or another source file, it is tried anew. What the
overseer ended the service for counts as well, from where it said so.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from homeostat.engine import Engine
from homeostat.errors import ConfigError
from homeostat.plugins import spec
from homeostat.runtime import slate

T = TypeVar("T")

FILE = "hung.json"


class Hang(msgspec.Struct, frozen=True):
    """A plug-in of a model that hung, `mark`: as it was built then, and why it is off."""

    model: str
    plugin: str
    mark: str
    why: str

    @property
    def told(self) -> str:
        """Why it is off, for those who look at its health."""
        return f"{self.why}; tried again when it is changed, or after `homeostat mended`"


class Hangs:
    """Those of a data folder. Every call reads the file anew; raises ConfigError if it is junk."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / FILE

    def all(self) -> list[Hang]:
        """All of them, the oldest first."""
        left = slate.left(self._folder)
        if left is None:
            return self._kept()
        last = _decoded(left, Hang, self._folder / slate.FILE)
        return [*_others(self._kept(), last), last]

    def settle(self) -> None:
        """Keep also what was left by the overseer, before there is another."""
        if slate.left(self._folder) is not None:
            self._keep(self.all())

    def add(self, hang: Hang) -> None:
        """Keep one, in the place of what was known of that plug-in; durable when it returns."""
        try:
            known = self.all()
        except ConfigError:
            known = []  # what hangs now is worth more
        self._keep([*_others(known, hang), hang])

    def forget(self, model: str | None = None, plugin: str | None = None) -> list[Hang]:
        """Let those of a model or plug-in, or all, be tried at the next start; which they were."""
        known = self.all()
        gone = [each for each in known if model in (None, each.model)
                and plugin in (None, each.plugin)]  # fmt: skip
        if gone:
            self._keep([each for each in known if each not in gone])
        return gone

    def _kept(self) -> list[Hang]:
        try:
            return _decoded(self._path.read_bytes(), list[Hang], self._path)
        except FileNotFoundError:
            return []

    def _keep(self, hangs: list[Hang]) -> None:
        new = self._path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(hangs)))
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        slate.take_off(self._folder)


def _decoded(body: bytes, kind: type[T], path: Path) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"{path}: is not what was written: {error}; remove it, and every plug-in is tried anew"
        ) from error


def _others(known: list[Hang], hang: Hang) -> list[Hang]:
    return [each for each in known if (each.model, each.plugin) != (hang.model, hang.plugin)]


def marks(engine: Engine) -> dict[str, str]:
    """How each plug-in of an engine is built, as a short text: its settings, and its source."""
    return {label: _mark(plugin) for label, plugin in engine.labels.items()}


def foreign(engine: Engine) -> bool:
    """Whether one of its plug-ins is, or holds, what is not ours."""
    return any(":" in kind for plugin in engine.labels.values() for kind in _types(spec(plugin)))


def _mark(plugin: object) -> str:
    told = spec(plugin)
    digest = hashlib.sha256(msgspec.json.encode(told, order="sorted"))
    for path in sorted({path for path in map(_source, _types(told)) if path}):
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()[:32]


def _types(told: Any) -> Iterator[str]:
    """The types that a description names, its own and those of what it holds."""
    if isinstance(told, Mapping):
        if isinstance(told.get("type"), str):
            yield told["type"]
        told = list(told.values())
    if isinstance(told, list):
        for each in told:
            yield from _types(each)


def _source(kind: str) -> str | None:
    """The file of a class that is not ours; None where there is none."""
    module = sys.modules.get(kind.partition(":")[0]) if ":" in kind else None
    path = getattr(module, "__file__", None)
    return path if path is not None and Path(path).is_file() else None
