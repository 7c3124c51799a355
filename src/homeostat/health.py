"""How the plug-ins of an engine are doing, and which of them are called no more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec.structs import asdict

from homeostat.errors import Overdue, SnapshotMismatch
from homeostat.events import FailureEvent, PluginFailed

T = TypeVar("T")


class Health(msgspec.Struct):
    """Whether a plug-in worked the last time, how often it raised, and the last error's text.

    `off`: it is called no more, until it is tried anew.
    """

    ok: bool = True
    errors: int = 0
    last_error: str = ""
    off: bool = False


class Guard(Protocol):
    """Stands around the calls of plug-ins: does what it is given, or ends it and raises Overdue."""

    def __call__(self, plugin: str, do: Callable[..., T], /, *given: Any) -> T:
        """What `do(*given)` answers, for the plug-in of that label."""
        ...


class Ward:
    """The plug-ins of an engine: what each is called, how it is, and whether it is called.

    With `lenient = False` one failure is enough. `guard` stands around calls over many records,
    and around remembering; None for nobody.
    """

    def __init__(self, plugins: Sequence[object], lenient: bool) -> None:
        self.lenient = lenient
        self.guard: Guard | None = None
        self.labels = _labels(plugins)
        self.health = {label: Health() for label in self.labels.values()}
        self.sick: set[str] = set()
        self.closed: set[int] = set()  # ids of plug-ins that are called no more

    @property
    def off(self) -> list[str]:
        """The plug-ins that are called no more, as `health` calls them."""
        return [label for label, health in self.health.items() if health.off]

    def guarded(self, plugin: object, do: Callable[..., T]) -> Callable[..., T]:
        """Something that a plug-in does, within the guard."""
        guard = self.guard
        return do if guard is None else partial(guard, self.labels[id(plugin)], do)

    def failed(self, plugin: object, error: Exception, moment: datetime) -> list[PluginFailed]:
        """Note an error; the event that tells it, if it is the first since the plug-in worked."""
        if not self.ailing(plugin, error):
            return []
        label = self.labels[id(plugin)]
        return [PluginFailed(FailureEvent(label, self.health[label].last_error, moment))]

    def ailing(self, plugin: object, error: Exception) -> bool:
        """Note an error; whether it is the first since the plug-in worked."""
        label = self.labels[id(plugin)]
        health = self.health[label]
        health.errors += 1
        health.last_error = f"{type(error).__name__}: {error}"
        first, health.ok = health.ok, False
        self.sick.add(label)
        if not self.lenient:
            health.off = True
            self.closed.add(id(plugin))
        return first

    def well(self, plugin: object) -> None:
        """Note that a plug-in worked."""
        if self.sick:
            label = self.labels[id(plugin)]
            self.sick.discard(label)
            self.health[label].ok = True

    def safely(self, plugin: object, do: Callable[[], object]) -> bool:
        """Whether a plug-in did something besides folding; what it raises passes where lenient."""
        if id(plugin) in self.closed:
            return False
        try:
            self.guarded(plugin, do)()
        except Exception as error:
            if self.lenient or isinstance(error, SnapshotMismatch):
                raise
            self.ailing(plugin, error)
            return False
        return True

    def bar(self, reasons: Mapping[str, str]) -> None:
        """Call some plug-ins no more, and say why; nothing happens to those that are off."""
        for plugin, label in self.labels.items():
            if label in reasons and not self.health[label].off:
                health = self.health[label]
                health.ok, health.off, health.errors = False, True, health.errors + 1
                health.last_error = f"{Overdue.__name__}: {reasons[label]}"
                self.sick.add(label)
                self.closed.add(plugin)

    def memory(self) -> dict[str, dict[str, Any]]:
        """How all are, as plain data."""
        return {label: asdict(health) for label, health in self.health.items()}

    def recall(self, kept: Mapping[str, Mapping[str, Any]]) -> None:
        """Take what `memory` gave."""
        self.health.update({label: Health(**was) for label, was in kept.items()})
        self.sick.clear()
        self.sick |= {label for label, health in self.health.items() if not health.ok}
        off = set(self.off)
        self.closed.clear()
        self.closed |= {plugin for plugin, label in self.labels.items() if label in off}


def name_of(plugin: object) -> str:
    """What a plug-in calls itself."""
    return str(getattr(plugin, "name", type(plugin).__name__))


def _label(plugin: object) -> str:
    on = getattr(plugin, "on", None)
    return name_of(plugin) if on is None else f"{name_of(plugin)} on {on}"


def _labels(plugins: Sequence[object]) -> dict[int, str]:
    """What each plug-in is called in reports; namesakes are numbered."""
    labels: dict[int, str] = {}
    for plugin in plugins:
        label = _label(plugin)
        namesakes = sum(known.partition(" #")[0] == label for known in labels.values())
        labels[id(plugin)] = f"{label} #{namesakes + 1}" if namesakes else label
    return labels
