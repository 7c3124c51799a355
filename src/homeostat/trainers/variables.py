"""Variables that the configuration gives to what trains."""

from __future__ import annotations

from collections.abc import Mapping

from homeostat.errors import ConfigError


def variables(given: Mapping[str, str] | None) -> dict[str, str]:
    """Variables as the configuration has them; raises ConfigError for those that are ours."""
    own = dict(given or {})
    for name, text in own.items():
        if not name or "=" in name or "\0" in name + text:
            raise ConfigError(f"environment: {name!r} can be no variable")
        if name in ("HOMEOSTAT_ORDER", "HOMEOSTAT_RESULT", "HOMEOSTAT_FOLDER"):
            raise ConfigError(f"environment: {name} is set for each order")
    return own
