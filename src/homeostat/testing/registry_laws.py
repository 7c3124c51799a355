"""The laws of registries: tried on a model of a name that the registry does not know yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from homeostat.lifecycle.versions import CHALLENGER, CHAMPION, Registry, Version
from homeostat.testing.outcome import Breach, Law, Skip


class Trial(NamedTuple):
    """What a law is tried on: each has a model of its own."""

    registry: Registry
    model: str

    def register(self, name: str) -> None:
        """Write down a version of this name."""
        self.registry.register(Version(model=self.model, version=name, metrics={"accuracy": 0.9}))

    def points(self, alias: str, wanted: str | None, where: str) -> None:
        """A breach when the alias names another version."""
        found = self.registry.pointed(self.model, alias)
        if found != wanted:
            raise Breach(
                f"{where}: {alias} names {found!r}, not {wanted!r}", "Answer what was told"
            )


def shape(trial: Trial) -> None:
    """It has a name, and the three calls; a model that it does not know has no alias."""
    if not isinstance(trial.registry, Registry) or not isinstance(trial.registry.name, str):
        raise Breach("it lacks a name, register, point or pointed", "See lifecycle.Registry")
    trial.points(CHAMPION, None, "before anything")
    trial.registry.point(trial.model, CHALLENGER, None)  # there is nothing to take away


def register_is_idempotent(trial: Trial) -> None:
    """A version that is registered again stays what it is, and keeps its names."""
    _points_somewhere(trial)
    trial.register("b")
    trial.points(CHAMPION, "a", "after another was registered")
    trial.register("a")
    trial.registry.point(trial.model, CHAMPION, "b")
    trial.points(CHAMPION, "b", "registered again after others")


def point_is_idempotent(trial: Trial) -> None:
    """An alias may be told again, to one that it has, and to none that it has not."""
    _points_somewhere(trial)
    for version in ("a", "a", None, None, "a"):
        trial.registry.point(trial.model, CHAMPION, version)
        trial.points(CHAMPION, version, "told again")


def aliases_are_apart(trial: Trial) -> None:
    """To move one alias leaves the others."""
    _points_somewhere(trial)
    trial.register("b")
    trial.registry.point(trial.model, CHALLENGER, "b")
    trial.points(CHAMPION, "a", "after the challenger came")
    trial.registry.point(trial.model, CHAMPION, "b")
    trial.points(CHALLENGER, "b", "after it was promoted")
    trial.registry.point(trial.model, CHALLENGER, None)
    trial.points(CHAMPION, "b", "after it was no challenger any more")


_LAWS: tuple[Callable[[Trial], None], ...] = (
    shape, register_is_idempotent, point_is_idempotent, aliases_are_apart,
)  # fmt: skip


def registry_laws(registry: Registry, model: str = "law") -> Iterator[Law]:
    """The laws of a registry, each of which can be called; models are named `model`-1 and on."""
    for at, law in enumerate(_LAWS, 1):
        name = law.__name__.replace("_", " ")
        trial = Trial(registry, f"{model}-{at}")
        yield Law(name, (law.__doc__ or "").strip(), partial(law, trial))


def _points_somewhere(trial: Trial) -> None:
    """A champion is registered, twice; skips what can be tried only where it is then told."""
    trial.register("a")
    trial.register("a")
    trial.registry.point(trial.model, CHAMPION, "a")
    if trial.registry.pointed(trial.model, CHAMPION) is None:
        raise Skip("it points nowhere")
    trial.points(CHAMPION, "a", "once it was told")
