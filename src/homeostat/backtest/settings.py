"""What a backtest compares: `[backtest]` and the `[strategies.NAME]` tables of a configuration."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from homeostat import config
from homeostat.errors import ConfigError, InvalidSetting, did_you_mean, require
from homeostat.fleet import Fleet
from homeostat.fleet import parse as parse_fleet


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The section `[backtest]`.

    retraining_cost, error_cost: of one retraining, and of one wrong prediction, in the same money.
    trainer: `module:function`. window: the latest labelled records that it gets. held_out: the
    latest of them, kept back for the comparison of a gate; None: a quarter. around: labelled
    records in which a drop must show for a request not to be a false alarm, see
    `homeostat.backtest.alarms`. within: records after a known change in which a request answers it.
    """

    retraining_cost: float = 100.0
    error_cost: float = 1.0
    trainer: str | None = None
    window: int = 1000
    held_out: int | None = None
    around: int = 500
    within: int = 2000

    def check(self) -> Settings:
        """Itself; raises InvalidSetting for what cannot be."""
        for name in ("retraining_cost", "error_cost"):
            value = getattr(self, name)
            require(0 <= value < float("inf"), name, value, "a finite number of at least 0")
        for name in ("window", "around", "within"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        held = self.kept_back
        require(0 < held < self.window, "held_out", held, "above 0 and below the window")
        return self

    @property
    def kept_back(self) -> int:
        """Labelled records on which a gate compares."""
        return max(self.window // 4, 1) if self.held_out is None else self.held_out


class Plan(msgspec.Struct, frozen=True):
    """A configuration, the settings of its backtest, and the strategies that it names."""

    fleet: Fleet
    settings: Settings
    strategies: dict[str, dict[str, Any]]

    def base(self, model: str | None = None) -> config.Config:
        """What is measured and watched of a model."""
        return self.fleet.base if model is None else self.fleet.models.get(model, self.fleet.base)


def load(path: str | Path | None) -> Plan:
    """Read a configuration file, the defaults for None; raises ConfigError, or OSError."""
    if path is None:
        return parse(config.DEFAULT_TOML, "built-in defaults")
    return parse(Path(path).read_text(encoding="utf-8-sig"), str(path))


def parse(text: str, source: str = config.FILE) -> Plan:
    """Read a configuration and check all of it; raises ConfigError."""
    fleet = parse_fleet(text, source)  # which complains of what is no TOML
    given = tomllib.loads(text)
    strategies = _tables(given.get("strategies", {}), f"{source}: strategies")
    return Plan(fleet, _settings(given.get("backtest", {}), f"{source}: backtest"), strategies)


def _tables(given: Any, path: str) -> dict[str, dict[str, Any]]:
    if not isinstance(given, Mapping):
        raise ConfigError(f"{path}: must be tables; write [strategies.NAME] before each")
    for name, table in given.items():
        if not isinstance(table, dict):
            raise ConfigError(f"{path}.{name}: must be a table; write [strategies.{name}]")
    return dict(given)


def _settings(given: Any, path: str) -> Settings:
    if not isinstance(given, Mapping):
        raise ConfigError(f"{path}: must be one table; write [backtest] before its settings")
    known = [field.name for field in msgspec.structs.fields(Settings)]
    for name in given:
        if name not in known:
            raise ConfigError(f"{path}.{name}: no such setting; {did_you_mean(name, known)}")
    try:
        return msgspec.convert(given, Settings).check()
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at `$")
        said = said.replace("Expected", "must be").replace("`", "")
        raise ConfigError(f"{path}{place.rstrip('`')}: {said}") from error
    except InvalidSetting as error:
        raise ConfigError(f"{path}: {error}") from error
