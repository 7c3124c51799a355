"""The sinks by name, and those that installed packages bring."""

from __future__ import annotations

from typing import Any

from homeostat.errors import ConfigError, did_you_mean
from homeostat.plugins import imported

TABLE = {
    "webhook": "homeostat.sinks.webhook:webhook",
    "alertmanager": "homeostat.sinks.alertmanager:alertmanager",
    "apprise": "homeostat.sinks.apprise:Apprise",
    "jsonl": "homeostat.sinks.jsonl:JSONL",
    "stdout": "homeostat.sinks.stdout:Stdout",
}


def maker(name: str) -> Any:
    """What makes the sink of a name, or of `module:Class`; raises ConfigError."""
    target = name if ":" in name else TABLE.get(name) or _others().get(name)
    if target is None:
        raise ConfigError(f"{name!r} is no sink; {did_you_mean(name, {**_others(), **TABLE})}")
    return imported(target)


def _others() -> dict[str, str]:
    from importlib.metadata import entry_points  # slow to import, and seldom needed

    return {point.name: point.value for point in entry_points(group="homeostat.sinks")}
