"""Versions of a model, and where it is written down which of them serves."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import msgspec

CHAMPION, CHALLENGER = "champion", "challenger"
"""What a version can be called."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a model.

    artifact: a path, or an address, None where it is served from elsewhere. digest: SHA-256 of the
    artifact, None where it is not kept here. job: the retraining that made it. created:
    microseconds since 1970. tags: remarks for the registry.
    """

    model: str
    version: str
    artifact: str | None = None
    digest: str | None = None
    metrics: dict[str, float] = {}
    job: str | None = None
    created: int = 0
    tags: dict[str, str] = {}


@runtime_checkable
class Registry(Protocol):
    """Where versions and their names are written down outside.

    Every method may be called again after a crash and then changes nothing more. Raises
    HomeostatError when it cannot be reached, which is tried again.
    """

    name: str

    def register(self, version: Version) -> None:
        """Write a version down; one that is known stays as it is."""
        ...

    def point(self, model: str, alias: str, version: str | None) -> None:
        """The alias names this version from now on; None takes the alias away."""
        ...

    def pointed(self, model: str, alias: str) -> str | None:
        """The version that the alias names now."""
        ...
