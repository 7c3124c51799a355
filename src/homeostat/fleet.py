"""A configuration for many models: what holds for all, and `[models.NAME]` for one.

A section that stands under a model replaces the section of all: its metrics, its detectors, its
strategy, its alarms. `[service]` is how the service runs, and read there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from homeostat import config
from homeostat.config import Config
from homeostat.engine import Engine
from homeostat.errors import ConfigError, did_you_mean

_WATCHES = ("metrics", "detectors", "strategy")
_OWN = (*_WATCHES, "alarms")


class Fleet(msgspec.Struct, frozen=True):
    """The configuration of every model; `service` is that section as it was written."""

    base: Config
    models: dict[str, Config]
    service: dict[str, Any]
    source: str

    def engine_of(self, model: str) -> Engine:
        """A new engine for a model, declared or not."""
        return self.models.get(model, self.base).engine()


def default() -> Fleet:
    """What is monitored when nobody says otherwise."""
    return Fleet(config.default(), {}, {}, "built-in defaults")


def load_file(path: str | Path) -> Fleet:
    """Read a configuration file; raises ConfigError, or OSError when it cannot be opened."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text: {error}") from error
    return parse(text, str(path))


def parse(text: str, source: str = config.FILE) -> Fleet:
    """Read a configuration and check all of it; raises ConfigError."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: is not valid TOML: {error}") from error
    service = _table(given.pop("service", {}), f"{source}: service")
    models = _table(given.pop("models", {}), f"{source}: models")
    usual = tomllib.loads(config.DEFAULT_TOML)
    base = dict(given)
    if not any(name in given for name in _WATCHES):
        # The usual things are watched; a budget that is given is for the models that are told.
        base = {name: usual[name] for name in _WATCHES} | {
            name: table for name, table in given.items() if name != "alarms"
        }
    own = {
        name: _model(given, base, table, f"{source}: models.{name}")
        for name, table in models.items()
    }
    return Fleet(config.of(base, source), own, service, source)


def _model(given: Mapping[str, Any], base: Mapping[str, Any], own: Any, path: str) -> Config:
    """What holds for all, with the sections of one model in their place."""
    table = _table(own, path)
    for name in table:
        if name not in _OWN:
            raise ConfigError(f"{path}.{name}: no such section; {did_you_mean(name, _OWN)}")
    alarms = {"alarms": given["alarms"]} if "alarms" in given and "detectors" in table else {}
    return config.of({**base, **alarms, **table}, path)


def _table(given: Any, path: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ConfigError(f"{path}: must be a table")
    return given
