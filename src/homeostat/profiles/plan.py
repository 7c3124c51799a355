"""What is counted, by what: read from the configuration of all models."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any

import msgspec

from homeostat import fleet
from homeostat.config import FILE
from homeostat.errors import ConfigError, InvalidSetting, require
from homeostat.reference import Reference
from homeostat.windows import Span

WINDOW = "1m"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How records are cut and counted; plain data, so that it goes anywhere as bytes.

    window: microseconds, from multiples of which windows begin. segments: names of features or
    fields, each list together. references: by model the bytes of its reference; "" is that of all
    others. features: the columns that are features, None for all that are no fields.
    """

    window: int
    segments: list[list[str]] = []
    references: dict[str, bytes] = {}
    features: list[str] | None = None

    def reference(self, model: str) -> Reference | None:
        """What a model's columns are counted on; None where it has no reference."""
        kept = self.references.get(model, self.references.get("", b""))
        return _reference(kept) if kept else None

    def to_bytes(self) -> bytes:
        """As MessagePack."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Plan:
        """What `to_bytes` wrote."""
        return msgspec.msgpack.decode(data, type=Plan)


@lru_cache(maxsize=64)
def _reference(kept: bytes) -> Reference:
    return Reference.from_bytes(kept)


def plan_of(
    config: str | PathLike[str] | Mapping[str, Any] | None = None,
    *,
    reference: Reference | Mapping[str, Reference] | None = None,
    window: str | None = None,
    segments: list[str | list[str]] | None = None,
    features: list[str] | None = None,
) -> Plan:
    """The plan of a configuration: a `homeostat.toml`, or what one says as a mapping.

    `windows`, `segments` and `reference` are taken from it, of `[models.NAME]` its reference; what
    is given beside it wins. A reference of a number of first records depends on their order and is
    none here. Raises ConfigError, InvalidSetting, InvalidInput for a reference that is not there.
    """
    given = settings_of(config)
    fleet.of(given, FILE if config is None or isinstance(config, Mapping) else str(config))
    width = given.get("windows", WINDOW) if window is None else window
    if not isinstance(width, str):
        raise InvalidSetting(
            f"windows: {width!r} records depend on the order of all records, and cannot be merged; "
            'name a time like "1m"'
        )
    by = given.get("segments", []) if segments is None else segments
    lists = [[each] if isinstance(each, str) else list(each) for each in by]
    require(
        not any(name.startswith("metadata.") for each in lists for name in each),
        "segments", by, "fields and features: metadata is not read here",
    )  # fmt: skip
    return Plan(
        window=Span.of(width).size,
        segments=lists,
        references=_references(given, reference),
        features=features,
    )


def settings_of(config: str | PathLike[str] | Mapping[str, Any] | None) -> dict[str, Any]:
    """What a configuration says, as plain data. Raises ConfigError, or OSError for no such file."""
    if config is None or isinstance(config, Mapping):
        return dict(config or {})
    try:
        return tomllib.loads(Path(config).read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{config}: is not valid TOML: {error}") from error


def _references(given: Mapping[str, Any], own: Any) -> dict[str, bytes]:
    if isinstance(own, Reference):
        return {"": own.to_bytes()}
    if own is not None:
        return {name: each.to_bytes() for name, each in own.items()}
    tables = {"": given, **given.get("models", {})}
    paths = {name: table.get("reference") for name, table in tables.items()}
    return {
        name: Reference.load(path).to_bytes() if isinstance(path, str) else b""
        for name, path in paths.items()
        if path is not None
    }
