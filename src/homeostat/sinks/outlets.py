"""Sinks as the configuration describes them: `[[service.sinks]]`."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from homeostat.collected import named_tables
from homeostat.durations import seconds
from homeostat.errors import ConfigError, HomeostatError, did_you_mean
from homeostat.events import SystemEvent
from homeostat.sinks.outgoing import Sink
from homeostat.sinks.table import SINKS

STARTS = ("now", "beginning")
MOST = 16
"""Sinks of one service: each has a thread."""


class _Around(msgspec.Struct, frozen=True):
    """What stands beside a sink's own settings."""

    name: str | None = None
    models: tuple[str, ...] = ("*",)
    kinds: list[str] | None = None
    give_up_after: str | float = "3d"
    start: str = "now"


class Outlet:
    """A sink, its name, and what it is for.

    `models` are patterns like "churn-*", `kinds` those of events, None for all. An event that could
    not be delivered for `patience` seconds is dead. `start` says where a sink that is new begins:
    "now", or at the "beginning" of the log.
    """

    def __init__(
        self, sink: Sink, name: str | None = None, *, models: Sequence[str] = ("*",),
        kinds: Sequence[str] | None = None, patience: float = 259_200.0, start: str = "now",
    ) -> None:  # fmt: skip
        self.sink, self.name = sink, name or sink.name
        self.models, self.kinds = tuple(models), kinds if kinds is None else frozenset(kinds)
        self.patience, self.start = patience, start

    def __repr__(self) -> str:
        return f"<{self.sink.name} {self.name}>"

    @property
    def wakes(self) -> bool:
        """Whether it tells people, who may ask for silence; a sink with `keeps` is an archive."""
        return not getattr(self.sink, "keeps", False)

    def wants_model(self, model: str) -> bool:
        """Whether it is for this model."""
        return any(fnmatchcase(model, pattern) for pattern in self.models)

    def wants_kind(self, kind: str) -> bool:
        """Whether it is for this kind of event."""
        return self.kinds is None or kind in self.kinds

    def check(self) -> None:
        """Raises ConfigError when something that it needs from outside is not there."""
        check = getattr(self.sink, "check", None)
        if check is not None:
            try:
                check()
            except ConfigError as error:
                raise ConfigError(f"sink {self.name}: {error}") from error


def outlets_of(given: Any, path: str) -> list[Outlet]:
    """The sinks that tables describe; raises ConfigError with the paths to what is wrong."""
    return named_tables(given, path, "sink", MOST, _outlet)


def _outlet(table: dict[str, Any], path: str) -> Outlet:
    settings = dict(table)
    own = {name: settings.pop(name) for name in _Around.__struct_fields__ if name in settings}
    sink = SINKS.made(settings, path, around=_Around.__struct_fields__)
    around = _around(own, path)
    return Outlet(
        sink, around.name, models=around.models, kinds=around.kinds,
        patience=_patience(around.give_up_after, path), start=around.start,
    )  # fmt: skip


def _around(given: dict[str, Any], path: str) -> _Around:
    try:
        around = msgspec.convert(given, _Around)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error
    for kind in around.kinds or ():
        if kind not in SystemEvent.kinds:
            hint = did_you_mean(kind, SystemEvent.kinds)
            raise ConfigError(f"{path}.kinds: {kind!r} is no kind of event; {hint}")
    if around.start not in STARTS:
        hint = did_you_mean(around.start, STARTS)
        raise ConfigError(f"{path}.start: cannot be {around.start!r}; {hint}")
    return around


def _patience(given: str | float, path: str) -> float:
    try:
        patience = seconds(given)
    except HomeostatError as error:
        raise ConfigError(f"{path}.give_up_after: {error}") from error
    if not 0 < patience < 10**9:
        raise ConfigError(f'{path}.give_up_after: must be a time like "3d"')
    return patience
