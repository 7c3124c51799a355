"""A configuration for many models: what holds for all, and `[models.NAME]` for one.

A section that stands under a model replaces the section of all: its metrics, its detectors, its
strategy, its alarms; and a setting that of all: its task, its reference, its segments. `[service]`
is how the service runs, and read there.
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
from homeostat.lifecycle.covariate import SCORE
from homeostat.privacy import Veils
from homeostat.shorthand import SETTINGS
from homeostat.validation import model_name

_ELSEWHERE = ("retraining", "retention")  # of a model's sections, those that are no measuring
_LONGEST = 128  # bytes of a model's name, unless service.record.name says otherwise
_WATCHES = ("metrics", "detectors", "strategy")
_OWN = (*SETTINGS, *_WATCHES, "alarms", "privacy", "retraining", "retention")


class Fleet(msgspec.Struct, frozen=True):
    """The configuration of every model; `service` is that section as it was written.

    So are `retentions`, those of the models that have one.
    """

    base: Config
    models: dict[str, Config]
    service: dict[str, Any]
    source: str
    courses: dict[str, Course] = {}
    course: Course | None = None
    retentions: dict[str, dict[str, Any]] = {}

    def engine_of(self, model: str) -> Engine:
        """A new engine for a model, declared or not."""
        return self.models.get(model, self.base).engine()

    def lateness_of(self, model: str) -> int:
        """How far behind a model's newest record another counts as late, in microseconds."""
        return self.models.get(model, self.base).late_after

    @property
    def veiled(self) -> bool:
        """Whether features of any model are dropped or hashed."""
        return any(each.privacy for each in (self.base, *self.models.values()))

    def veils(self) -> Veils:
        """What of the features of each model is kept; raises ConfigError where a key is missing."""
        return Veils(self.base.privacy, {name: own.privacy for name, own in self.models.items()})

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
    return of(given, source)


def of(told: Mapping[str, Any], source: str = config.FILE) -> Fleet:
    """A configuration from what its file says, checked; raises ConfigError."""
    given = dict(told)
    service = _table(given.pop("service", {}), f"{source}: service")
    models = _table(given.pop("models", {}), f"{source}: models")
    course = _course(given.pop("retraining", None), f"{source}: retraining")
    for name in models:
        _check_name(name, service, f"{source}: models")
    courses = {
        name: _course(table["retraining"], f"{source}: models.{name}.retraining")
        for name, table in models.items()
        if isinstance(table, dict) and "retraining" in table
    }
    base = _watching(given)
    own = {
        name: _model(given, base, table, f"{source}: models.{name}")
        for name, table in models.items()
    }
    kept = {name: each for name, each in courses.items() if each is not None}
    ages = {
        name: _table(table["retention"], f"{source}: models.{name}.retention")
        for name, table in models.items()
        if "retention" in table
    }
    fleet = Fleet(config.of(base, source), own, service, source, kept, course, ages)
    for name in ("", *own, *courses):
        _check_covariate(fleet, name)
    return fleet


def _check_covariate(fleet: Fleet, name: str) -> None:
    """That the covariate of a comparison is a number still."""
    course = fleet.course_of(name)
    covariate = None if course is None else course.compare.covariate
    if covariate is None or covariate == SCORE or covariate.startswith("scores."):
        return
    path = f"{fleet.source}: {f'models.{name}.' if name in fleet.courses else ''}retraining.compare"
    fleet.models.get(name, fleet.base).privacy.check([covariate], "covariate", path, hashed=False)


def _watching(given: Mapping[str, Any]) -> dict[str, Any]:
    """What holds for all; the usual things are watched where nothing is said of any."""
    if any(name in given for name in (*_WATCHES, "reference")):
        return dict(given)
    # A budget that is given is for the models that are told.
    usual = "binary" if "positive" in given else "classification"
    return {"task": usual} | {name: section for name, section in given.items() if name != "alarms"}


def _check_name(name: str, service: Mapping[str, Any], path: str) -> None:
    record = service.get("record")
    own = record.get("name") if isinstance(record, dict) else None
    longest = own if isinstance(own, int) else _LONGEST
    if not (model_name(name) and len(name) <= longest):
        raise ConfigError(
            f"{path}.{name[:64]!r}: no model can be called so, and no record would name it; use up "
            f"to {longest} letters, digits, '.', '_' and '-', the first a letter or digit"
        )


def _model(given: Mapping[str, Any], base: Mapping[str, Any], own: Any, path: str) -> Config:
    """What holds for all, with the sections of one model in their place.

    A task of its own is in the place of all metrics and detectors that hold for others.
    """
    table = _table(own, path)
    for name in table:
        if name not in _OWN:
            raise ConfigError(f"{path}.{name}: no such section; {did_you_mean(name, _OWN)}")
    watched = "detectors" in table or "reference" in {**base, **table}
    left = {"metrics", "detectors", "positive"} if "task" in table else set()
    if left and not watched:
        left.add("alarms")  # a task's detector keeps to no budget
    kept = {name: section for name, section in base.items() if name not in left}
    alarms = {"alarms": given["alarms"]} if "alarms" in given and watched else {}
    table = {name: section for name, section in table.items() if name not in _ELSEWHERE}
    return config.of({**kept, **alarms, **table}, path)


def _course(given: Any, path: str) -> Course | None:
    return None if given is None else course_of(_table(given, path), path)


def _table(given: Any, path: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ConfigError(f"{path}: must be a table")
    return given
