"""The section `[service.telemetry]`: where figures and traces are pushed, over OpenTelemetry."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated

import msgspec

from homeostat.errors import ConfigError
from homeostat.outbound.addresses import target_of
from homeostat.outbound.secret import Secret
from homeostat.service.figures import Figure

if TYPE_CHECKING:
    from homeostat.service.otlp import Collector

_Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]


class Telemetry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is pushed, and where; nothing where `endpoint` is left out.

    endpoint: of an OTLP receiver over HTTP, without /v1/..., or the name of a secret. headers: by
    name, each the name of a secret. interval, timeout: seconds. attributes: of the resource.
    sample: the share of requests that have a span, unless their caller decided.
    """

    endpoint: str = ""
    headers: dict[str, str] = {}
    interval: _Seconds = 60.0
    timeout: _Seconds = 10.0
    attributes: dict[str, str] = {}
    metrics: bool = True
    traces: bool = True
    sample: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    allow_http: bool = False

    def address(self) -> str:
        """The endpoint, as it is now; raises ConfigError where it is none."""
        text = Secret(self.endpoint, plain=True).reveal().rstrip("/")
        target_of(text, self.allow_http)
        return text

    def revealed(self) -> dict[str, str]:
        """The headers with their secrets; raises ConfigError where one is not there."""
        return {name: Secret(reference).reveal() for name, reference in self.headers.items()}


def check(telemetry: Telemetry, path: str = "service.telemetry") -> None:
    """Raises ConfigError, or MissingExtra, when something that it needs is not there."""
    if not telemetry.endpoint:
        return
    from homeostat.service import otlp  # noqa: F401  raises MissingExtra

    try:
        telemetry.address()
        telemetry.revealed()
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def collector_of(telemetry: Telemetry, figures: Callable[[], Iterable[Figure]]) -> Collector | None:
    """Who pushes; None where nothing is configured, and then nothing is imported."""
    if not telemetry.endpoint:
        return None
    from homeostat.service.otlp import Collector

    return Collector(telemetry, figures)
