"""The section `[service]` of the configuration: where it listens, and its limits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from homeostat.collected import Faults
from homeostat.errors import ConfigError, did_you_mean
from homeostat.lifecycle.versions import Registry
from homeostat.registries import registries_of
from homeostat.runtime.inlets import Inlet, inlets_of
from homeostat.runtime.ledger import Limits
from homeostat.runtime.retention import Retention, check
from homeostat.service.attempts import AttemptLimits
from homeostat.service.bodies import BodyLimits
from homeostat.service.rates import RateLimits
from homeostat.service.telemetry import Telemetry
from homeostat.sinks import Outlet, outlets_of
from homeostat.sources.limits import RecordLimits


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the service runs.

    store: `postgresql://...`, or `env:NAME` for a variable that holds it; SQLite in the data folder
    where it is left out. readers: processes beside this one that read large bodies, 0 for none.
    capacity: bytes of requests that may wait, and of bodies in memory.
    headers, keep_alive: seconds in which the headers of a request have to come, and until the next
    one. plugin_seconds: that one call of a plug-in may take, with up to 16,384 records at once; one
    that takes longer is ended, and the plug-in is off. answer: seconds after which a reader is told
    the latest figures that are known, should the newest not be had. grace: seconds for what has
    begun when the service ends.
    """

    store: str = ""
    host: str = "127.0.0.1"
    port: int = 8321
    durability: str = "full"
    behind_proxy: bool = False
    tls_cert: str | None = None
    tls_key: str | None = None
    hosts: list[str] = []
    origins: list[str] = []
    connections: int = 1024
    streams: int = 100
    readers: int = 1
    capacity: int = 256 << 20
    grace: float = 30.0
    headers: float = 10.0
    keep_alive: int = 75
    answer: float = 1.0
    plugin_seconds: float = 10.0
    body: BodyLimits = BodyLimits()
    record: RecordLimits = RecordLimits()
    attempts: AttemptLimits = AttemptLimits()
    rates: RateLimits = RateLimits()
    telemetry: Telemetry = Telemetry()
    limits: Limits = Limits()
    retention: Retention = Retention()
    sinks: tuple[Outlet, ...] = ()
    sources: tuple[Inlet, ...] = ()
    registries: tuple[Registry, ...] = ()

    def where(self, folder: Path) -> str | Path:
        """Where the store is; raises ConfigError when a variable is named that is not set."""
        if not self.store:
            return folder
        name = self.store.removeprefix("env:")
        if name == self.store:
            return self.store
        if name not in os.environ:
            raise ConfigError(f"service.store: the variable {name} is not set")
        return os.environ[name]

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in ("127.0.0.1", "::1", "localhost")


def service_of(given: dict[str, Any], path: str) -> Service:
    """The section, checked; raises ConfigError, which tells all that is wrong."""
    made: dict[str, Any] = {}
    faults = Faults()
    for name, value in given.items():
        with faults.kept():
            made[name] = _setting(name, value, path)
    faults.tell()
    return checked(Service(**made), path)


def _setting(name: str, value: Any, path: str) -> Any:
    if name == "sinks":
        return tuple(outlets_of(value, f"{path}.sinks"))
    if name == "sources":
        return tuple(inlets_of(value, f"{path}.sources"))
    if name == "registries":
        return tuple(registries_of(value, f"{path}.registries"))
    names = Service.__struct_fields__
    if name not in names:
        raise ConfigError(f"{path}.{name}: no such setting; {did_you_mean(name, names)}")
    try:
        return getattr(msgspec.convert({name: value}, Service), name)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at `$")
        said = said.replace("Expected", "must be").replace("`", "")
        raise ConfigError(f"{path}{place.rstrip('`')}: {said}") from error


def checked(settings: Service, path: str = "service") -> Service:
    """The settings, unless they would open the service to a network without protection."""
    check(settings.retention, f"{path}.retention")
    if settings.durability not in ("full", "fast"):
        hint = did_you_mean(settings.durability, ("full", "fast"))
        raise ConfigError(f"{path}.durability: cannot be {settings.durability!r}; {hint}")
    if not 0.01 <= settings.plugin_seconds <= 3600:
        raise ConfigError(
            f"{path}.plugin_seconds: must be from 0.01 to 3600, got {settings.plugin_seconds:g}"
        )
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise ConfigError(f"{path}.tls_cert and tls_key: give both, or neither")
    if not (settings.local or settings.behind_proxy or settings.tls_cert):
        raise ConfigError(
            f"{path}.host: {settings.host!r} can be reached from other machines, and tokens would "
            "go there in the clear; give tls_cert and tls_key, or behind_proxy = true where a "
            "proxy before it ends TLS"
        )
    return settings
