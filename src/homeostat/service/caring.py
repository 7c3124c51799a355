"""Who takes care of which model: trainers, scorers, registries, as the configuration has them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from homeostat.collected import Faults
from homeostat.errors import ConfigError
from homeostat.lifecycle.course import Course
from homeostat.lifecycle.versions import Registry, Version
from homeostat.registries import Shelf
from homeostat.runtime.following import Following
from homeostat.runtime.ground import NotNow
from homeostat.runtime.keeper import Keeper
from homeostat.runtime.ledger import Ledger
from homeostat.runtime.loop import Loop
from homeostat.runtime.recalling import Recalling
from homeostat.runtime.registrar import Difference, Registrar
from homeostat.runtime.scoring import Scoring
from homeostat.runtime.trainings import Care, Trainings
from homeostat.runtime.workers import Stepping
from homeostat.scorers import scorer_of
from homeostat.stores import versions
from homeostat.stores.faults import StoreError
from homeostat.stores.store import Store
from homeostat.trainers import trainer_of

_log = logging.getLogger("homeostat.loop")


class Caring:
    """The plug-ins of the loop, made at once, so that what cannot be is told at the start.

    `courses` are of models that are declared, `course` of all others. Raises ConfigError.
    """

    def __init__(
        self, courses: Mapping[str, Course] | None = None, course: Course | None = None,
        registries: Sequence[Registry] = (), source: str = "retraining",
    ) -> None:  # fmt: skip
        self.registries = registries
        self.differences: list[Difference] = []  # of registries from us, as last seen
        self.hindered: dict[str, str] = {}  # comparisons, by model: what their scorer says
        self._usual: Care | None = None
        self._cares: dict[str, Care] = {}
        faults = Faults()
        if course is not None:
            with faults.kept():
                self._usual = _care(course, f"{source}: retraining")
        for name, own in (courses or {}).items():
            with faults.kept():
                self._cares[name] = _care(own, f"{source}: models.{name}.retraining")
        faults.tell()

    def course_of(self, name: str) -> Course | None:
        """How a model is taken care of; None for not at all."""
        care = self._cares.get(name, self._usual)
        return None if care is None else care.course

    def care_of(self, name: str) -> Care:
        """How a model is taken care of, and with what."""
        return self._cares.get(name, self._usual) or Care(Course())

    def check(self) -> None:
        """Raises ConfigError, or MissingExtra, when plug-ins lack something that they need."""
        faults = Faults()
        for plugin in self._plugins():
            check = getattr(plugin, "check", None)
            if check is not None:
                with faults.kept():
                    check()
        faults.tell()

    def close(self) -> None:
        """End the processes of scorers."""
        for plugin in self._plugins():
            close = getattr(plugin, "close", None)
            if close is not None:
                close()

    def _differ(self, found: list[Difference]) -> None:
        for each in found:
            if each not in self.differences:
                _log.warning("%s names %s champion of %s, we %s: somebody has changed it there",
                             each.registry, each.registered, each.model, each.champion)  # fmt: skip
        self.differences = found

    def _hinder(self, found: dict[str, str]) -> None:
        for name, problem in found.items():
            if self.hindered.get(name) != problem:
                _log.warning("the comparison of %s waits for its scorer: %s", name, problem)
        self.hindered = found

    def _all(self) -> list[Care]:
        return [*self._cares.values(), *([self._usual] if self._usual else [])]

    def _plugins(self) -> list[Any]:
        found = [plugin for care in self._all() for plugin in (care.trainer, care.scorer)]
        return [*(plugin for plugin in found if plugin is not None), *self.registries]

    @contextmanager
    def working(
        self, keeper: Keeper, opened: Callable[[], Store], folder: Path, clock: Callable[[], int]
    ) -> Iterator[list[Stepping]]:
        """What follows the log for the loop, over a reader of its own."""

        def change(name: str, do: Callable[[Loop], Any]) -> Any:
            def within(ledger: Ledger) -> Any:
                loop = ledger.loop(name)
                if loop is None:
                    raise NotNow(f"{name} is not taken care of any more")
                return do(loop)

            return keeper.submit(within).result()

        def kept(do: Callable[[Store], Any]) -> Any:
            return keeper.submit(lambda ledger: do(ledger.store)).result()

        reader, shelf = opened(), Shelf(folder / "artifacts")
        artifacts = Artifacts(shelf, reader, clock)
        try:
            yield [
                Recalling(reader, change, self.care_of, artifacts.place),
                Trainings(
                    reader, change, self.care_of, folder / "jobs", shelf.keep, clock,
                    place=artifacts.place,
                ),
                Scoring(reader, change, self.care_of, clock, artifacts.place, self._hinder),
                Following(
                    reader, change, self.care_of, clock, artifacts.place,
                    any(care.course.leader.wanted for care in self._all()),
                ),
                Registrar(reader, kept, self.registries, clock, self._differ),
                artifacts,
            ]  # fmt: skip
        finally:
            with suppress(StoreError):
                reader.close()


class Artifacts:
    """The artifacts that are kept here: where each is now, and those that no version names gone."""

    def __init__(self, shelf: Shelf, reader: Store, clock: Callable[[], int]) -> None:
        self._shelf, self._reader, self._clock = shelf, reader, clock
        self._known: dict[str, str] = {}
        self._due = 0

    def place(self, version: Version) -> Version:
        """The version with its artifact where it is, however the folder was moved.

        Raises HomeostatError when it is not there any more, or damaged.
        """
        if version.digest is None:
            return version
        if version.digest not in self._known:
            self._known[version.digest] = str(self._shelf.find(version.digest))
        return msgspec.structs.replace(version, artifact=self._known[version.digest])

    def step(self) -> bool:
        """Once an hour, remove those that no version names."""
        if self._clock() >= self._due:
            self._due = self._clock() + _HOUR
            self._shelf.prune(versions.digests(self._reader))
        return False


_HOUR = 3_600_000_000


def _care(course: Course, path: str) -> Care:
    trainer, scorer = course.trainer, course.scorer
    if trainer is None:
        raise ConfigError(
            f"{path}: has no trainer, so that nothing would ever be retrained; add a table "
            f'[{path.rpartition(" ")[2]}.trainer] with type = "command" and argv, or another '
            "trainer, or take the section out"
        )
    return Care(
        course,
        None if trainer is None else trainer_of(trainer, f"{path}.trainer"),
        None if scorer is None else scorer_of(scorer, f"{path}.scorer"),
    )
