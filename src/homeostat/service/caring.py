"""Who takes care of which model: trainers, scorers, registries, as the configuration has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from homeostat.lifecycle.course import Course
from homeostat.lifecycle.versions import Registry
from homeostat.registries import Shelf
from homeostat.runtime.keeper import Keeper
from homeostat.runtime.ledger import Ledger
from homeostat.runtime.loop import Loop, NotNow
from homeostat.runtime.registrar import Registrar
from homeostat.runtime.scoring import Scoring
from homeostat.runtime.trainings import Care, Trainings
from homeostat.runtime.workers import Stepping
from homeostat.scorers import scorer_of
from homeostat.stores.faults import StoreError
from homeostat.stores.store import Store


class Caring:
    """The plug-ins of the loop, made at once, so that what cannot be is told at the start.

    `courses` are of models that are declared, `course` of all others. Raises ConfigError.
    """

    def __init__(
        self, courses: Mapping[str, Course] | None = None, course: Course | None = None,
        registries: Sequence[Registry] = (), source: str = "retraining",
    ) -> None:  # fmt: skip
        self.registries = registries
        self._usual = None if course is None else _care(course, f"{source}: retraining")
        self._cares = {
            name: _care(own, f"{source}: models.{name}.retraining")
            for name, own in (courses or {}).items()
        }

    def course_of(self, name: str) -> Course | None:
        """How a model is taken care of; None for not at all."""
        care = self._cares.get(name, self._usual)
        return None if care is None else care.course

    def care_of(self, name: str) -> Care:
        """How a model is taken care of, and with what."""
        return self._cares.get(name, self._usual) or Care(Course())

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

        reader = opened()
        try:
            yield [
                Trainings(
                    reader, change, self.care_of, folder / "jobs",
                    Shelf(folder / "artifacts").keep, clock,
                ),
                Scoring(reader, change, self.care_of, clock),
                Registrar(reader, kept, self.registries, clock),
            ]  # fmt: skip
        finally:
            with suppress(StoreError):
                reader.close()


def _care(course: Course, path: str) -> Care:
    from homeostat.trainers import trainer_of

    trainer, scorer = course.trainer, course.scorer
    return Care(
        course,
        None if trainer is None else trainer_of(trainer, f"{path}.trainer"),
        None if scorer is None else scorer_of(scorer, f"{path}.scorer"),
    )
