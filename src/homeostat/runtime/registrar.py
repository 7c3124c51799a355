"""Tells registries outside which version has which name: intended, applied, confirmed.

What is to be told is a row, written in the change that decides it. Telling may be repeated, and a
row goes when the registry has it, so that a crash at any step ends the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from homeostat.errors import HomeostatError
from homeostat.lifecycle.versions import CHAMPION, Registry
from homeostat.runtime.crash import crashpoint
from homeostat.stores import versions
from homeostat.stores.store import Store
from homeostat.stores.versions import Move

_FIRST, _LONGEST = 2_000_000, 3600_000_000  # microseconds until the next try, doubled each time

_LOOK = 600_000_000

Kept = Callable[[Callable[[Store], Any]], Any]
"""Does something within a change of the store; returns once that is durable."""


class Difference(NamedTuple):
    """A registry names another champion than we do: somebody else has changed it there."""

    model: str
    registry: str
    champion: str
    registered: str | None


class Registrar:
    """All registries of a service. `clock` gives microseconds since 1970.

    `differing` hears every ten minutes where they differ from us.
    """

    def __init__(
        self, reader: Store, kept: Kept, registries: Sequence[Registry], clock: Callable[[], int],
        differing: Callable[[list[Difference]], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._reader, self._kept, self._registries = reader, kept, registries
        self._clock, self._differing = clock, differing
        self._due = 0

    def step(self) -> bool:
        """Tell what is due, and look at times what they say; whether there was anything to tell."""
        moved = False
        if self._registries and self._clock() >= self._due:
            self._due = self._clock() + _LOOK
            self._differing(self.differences())
        for move in versions.moves(self._reader):
            if move.due <= self._clock():
                moved |= self._told(move)
        return moved

    def differences(self) -> list[Difference]:
        """Where a registry names another champion than ours, and nothing is on its way there."""
        pending = {(move.model, move.alias) for move in versions.moves(self._reader)}
        found = []
        for model in self._reader.models():
            standing = versions.standing(self._reader, model.number)
            if standing is not None and (model.name, CHAMPION) not in pending:
                for registry in self._registries:
                    found += _difference(registry, model.name, standing.champion)
        return found

    def _told(self, move: Move) -> bool:
        version = versions.found(self._reader, move.model, move.version) if move.version else None
        try:
            for registry in self._registries:
                if version is not None:
                    registry.register(version)
                crashpoint("version_registered")
                registry.point(move.model, move.alias, move.version)
        except HomeostatError as error:
            wait = min(_LONGEST, _FIRST * 2 ** min(move.tries, 20))
            due, problem = self._clock() + wait, str(error)[:500]
            self._kept(lambda store: versions.hinder(store, move.id, due, problem))
            return False
        crashpoint("alias_pointed")
        self._kept(lambda store: versions.confirm(store, move.id))
        return True


def _difference(registry: Registry, model: str, champion: str) -> list[Difference]:
    try:
        told = registry.pointed(model, CHAMPION)
    except HomeostatError:  # it is away; what is to be told it is tried again anyway
        return []
    differs = told is not None and told != champion
    return [Difference(model, registry.name, champion, told)] if differs else []
