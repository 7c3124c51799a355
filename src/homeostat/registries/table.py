"""The registries by name, and those that installed packages bring."""

from __future__ import annotations

from typing import Any

from homeostat.errors import ConfigError
from homeostat.lifecycle.versions import Registry
from homeostat.makers import Makers

TABLE = {
    "mlflow": "homeostat.registries.mlflow:mlflow",
    "embedded": "homeostat.registries.embedded:Embedded",
}

REGISTRIES = Makers("registry", "homeostat.registries", TABLE)


def registries_of(given: Any, path: str = "registries") -> list[Registry]:
    """The registries that tables describe; raises ConfigError with the path to what is wrong."""
    if not isinstance(given, list) or not all(isinstance(table, dict) for table in given):
        raise ConfigError(
            f"{path}: must be tables; write [[{path.rpartition(' ')[2]}]] before each"
        )
    return [REGISTRIES.made(table, f"{path}[{at}]") for at, table in enumerate(given)]
