"""Plug-ins of the edges by name, and made from the tables that a configuration describes them in.

Metrics, detectors and strategies are in `plugins`; these hold no memory, and reach outside.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, get_type_hints

import msgspec

from homeostat.errors import ConfigError, HomeostatError, did_you_mean
from homeostat.plugins import imported


class Makers:
    """One kind of plug-in: `word` names it in messages, `group` its entry points.

    `table` has ours by name, each as `module:attribute` of what makes it. A package adds its own
    under the entry points of the group; `module:attribute` names one without any registration.
    """

    def __init__(self, word: str, group: str, table: Mapping[str, str]) -> None:
        self._word, self._group, self.table = word, group, table

    def maker(self, name: str) -> Any:
        """What makes the one of a name; raises ConfigError."""
        target = name if ":" in name else self.table.get(name) or self._others().get(name)
        if target is None:
            hint = did_you_mean(name, {**self._others(), **self.table})
            raise ConfigError(f"{name!r} is no {self._word}; {hint}")
        return imported(target)

    def made(self, table: Mapping[str, Any], path: str, around: Iterable[str] = ()) -> Any:
        """One from its table: `type` and its own settings. `around`: names that stand beside them.

        Raises ConfigError with the path to what is wrong.
        """
        settings = dict(table)
        kind = settings.pop("type", None)
        if not isinstance(kind, str):
            example = next(iter(self.table))
            raise ConfigError(f'{path}.type: is missing; write type = "{example}", or another')
        try:
            make = self.maker(kind)
        except ConfigError as error:
            raise ConfigError(f"{path}.type: {error}") from error
        _check(make, settings, path, around)
        try:
            return make(**settings)
        except ConfigError as error:
            raise ConfigError(f"{path}.{error}") from error
        except HomeostatError as error:
            raise ConfigError(f"{path}: {error}") from error

    def _others(self) -> dict[str, str]:
        from importlib.metadata import entry_points  # slow to import, and seldom needed

        return {point.name: point.value for point in entry_points(group=self._group)}


def _check(make: Any, settings: dict[str, Any], path: str, around: Iterable[str]) -> None:
    """Compare each setting with the type of its parameter."""
    parameters = inspect.signature(make).parameters
    hints = get_type_hints(
        inspect.getattr_static(make, "__init__") if isinstance(make, type) else make
    )
    for name, value in settings.items():
        if name not in parameters:
            hint = did_you_mean(name, {*parameters, *around})
            raise ConfigError(f"{path}.{name}: no such setting; {hint}")
        try:
            msgspec.convert(value, hints.get(name, Any))
        except msgspec.ValidationError as error:
            raise ConfigError(f"{path}.{name}: {error}") from error
    for name, parameter in parameters.items():
        if name not in settings and parameter.default is parameter.empty:
            raise ConfigError(f"{path}.{name}: is missing")
