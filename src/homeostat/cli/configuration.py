"""A configuration file as the commands take it: all of it checked, and what it comes to."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from homeostat import config, fleet
from homeostat.cli.group import USAGE, Failure
from homeostat.collected import Faults

if TYPE_CHECKING:
    from homeostat.service.settings import Service

ALL = "(all others)"
"""Where the models stand that have no section of their own."""


def settings_of(path: str | None) -> fleet.Fleet:
    """The configuration of all models: of the file, of the usual one here, or what is built in."""
    if path is None:
        here = Path(config.FILE)
        return fleet.load_file(here) if here.is_file() else fleet.default()
    try:
        return fleet.load_file(path)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}", USAGE) from error


def configured_by(path: str | None) -> dict[str, str]:
    """The file that `settings_of` reads and the SHA-256 of what is in it; empty for none."""
    file = Path(config.FILE if path is None else path)
    if not file.is_file():
        return {}
    return {"file": str(file), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


def service_settings(settings: fleet.Fleet, chosen: Mapping[str, Any] = {}) -> Service:
    """How the service runs, with what was `chosen` besides; raises ConfigError."""
    from homeostat.runtime.retention import own_ages
    from homeostat.service.settings import service_of

    service = service_of({**settings.service, **chosen}, f"{settings.source}: service")
    own = own_ages(settings.retentions, settings.source)
    return msgspec.structs.replace(service, retention=service.retention.with_own(own))


def told(path: str, as_json: bool) -> str:
    """What a file comes to, a line a model or as JSON; raises ConfigError."""
    try:
        settings = fleet.load_file(path)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}", USAGE) from error
    _check_service(settings)
    models = {name: _watched(settings, name) for name in settings.models} | {
        ALL: _watched(settings, "")
    }
    unused = _unused_tasks(path)
    if as_json:
        found = {"target": path, "ok": True, "models": models, "warnings": unused}
        return msgspec.json.encode(found).decode()
    lines = [
        f"{name}: {', '.join(each['metrics']) or 'no metrics'}; watched by "
        f"{', '.join(each['detectors']) or 'nothing'}"
        for name, each in models.items()
    ]
    return "\n".join([*lines, *(f"warning: {each}" for each in unused)])


def _unused_tasks(path: str) -> list[str]:
    """What to say of each task whose metrics are not measured, as others are written out."""
    given = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    models = {f"models.{name}.": table for name, table in given.get("models", {}).items()}
    return [
        f"{place}task adds no metrics, as [[{place}metrics]] is written out and wins; "
        "remove it to measure what the task does"
        for place, table in {"": given, **models}.items()
        if "task" in table and "metrics" in table
    ]


def _check_service(settings: fleet.Fleet) -> None:
    if not (settings.service or settings.retentions or settings.courses or settings.course):
        return  # for the library alone, which needs nothing of the service
    from homeostat.service.caring import Caring

    faults = Faults()
    with faults.kept():
        service_settings(settings)
    with faults.kept():
        Caring(settings.courses, settings.course, (), settings.source)
    faults.tell()


def _watched(settings: fleet.Fleet, name: str) -> dict[str, Any]:
    engine = settings.engine_of(name)
    return {
        "metrics": [_called(metric) for metric in engine.metrics],
        "detectors": [f"{_called(each)} on {each.on}" for each in engine.detectors],
        "strategy": None if engine.strategy is None else _called(engine.strategy),
        "late_after_s": settings.lateness_of(name) / 1e6,
    }


def _called(plugin: Any) -> str:
    name = getattr(plugin, "name", type(plugin).__name__)
    by = getattr(plugin, "by", None)
    return f"{name}[{','.join([by] if isinstance(by, str) else by)}]" if by else str(name)
