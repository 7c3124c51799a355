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
from homeostat.lifecycle.course import Course, course_of

_WATCHES = ("metrics", "detectors", "strategy")
_OWN = (*_WATCHES, "alarms", "retraining")


class Fleet(msgspec.Struct, frozen=True):
    """The configuration of every model; `service` is that section as it was written."""

    base: Config
    models: dict[str, Config]
    service: dict[str, Any]
    source: str
    courses: dict[str, Course] = {}
    course: Course | None = None

    def engine_of(self, model: str) -> Engine:
        """A new engine for a model, declared or not."""
        return self.models.get(model, self.base).engine()

    def course_of(self, model: str) -> Course | None:
        """How a model is taken care of; None for not at all."""
        return self.courses.get(model, self.course)


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
    course = _course(given.pop("retraining", None), f"{source}: retraining")
    courses = {
        name: _course(table["retraining"], f"{source}: models.{name}.retraining")
        for name, table in models.items()
        if isinstance(table, dict) and "retraining" in table
    }
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
    kept = {name: each for name, each in courses.items() if each is not None}
    return Fleet(config.of(base, source), own, service, source, kept, course)


def _model(given: Mapping[str, Any], base: Mapping[str, Any], own: Any, path: str) -> Config:
    """What holds for all, with the sections of one model in their place."""
    table = _table(own, path)
    for name in table:
        if name not in _OWN:
            raise ConfigError(f"{path}.{name}: no such section; {did_you_mean(name, _OWN)}")
    alarms = {"alarms": given["alarms"]} if "alarms" in given and "detectors" in table else {}
    table = {name: section for name, section in table.items() if name != "retraining"}
    return config.of({**base, **alarms, **table}, path)


def _course(given: Any, path: str) -> Course | None:
    return None if given is None else course_of(_table(given, path), path)


def _table(given: Any, path: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ConfigError(f"{path}: must be a table")
    return given
