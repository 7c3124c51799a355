"""What the parts of one model's loop stand on: its store, its log, its clock, and who is who."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from homeostat.errors import HomeostatError, InvalidInput
from homeostat.events import JobEvent, SystemEvent
from homeostat.lifecycle.course import Course
from homeostat.lifecycle.versions import Version
from homeostat.stores import versions
from homeostat.stores.jobs import Job
from homeostat.stores.store import Store
from homeostat.stores.versions import Standing
from homeostat.times import from_micros

CAUSES = 100
"""Numbers of events in one."""

Tell = Callable[[Sequence[SystemEvent]], list[int]]
"""Appends events to the model's journal; their numbers in its log."""


class NotNow(InvalidInput):
    """What was asked for does not fit the state of the loop; nothing has changed."""

    def __init__(self, problem: str) -> None:
        super().__init__("loop", problem)

    def __str__(self) -> str:
        return self.problem


class Ground:
    """One model's. `at` is the newest time of its records, `position` that of its next fact."""

    def __init__(
        self, store: Store, number: int, name: str, course: Course, tell: Tell,
        at: Callable[[], int], position: Callable[[], int], clock: Callable[[], int],
    ) -> None:  # fmt: skip
        self.store, self.number, self.name, self.course = store, number, name, course
        self.tell, self.at, self.position, self.clock = tell, at, position, clock
        self.standing = versions.standing(store, number)

    @property
    def champion(self) -> str:
        """Who serves; "" while there is no record."""
        return self.standing.champion if self.standing else ""

    @property
    def known(self) -> Standing:
        """Who is who. Raises NotNow while there is no record."""
        if self.standing is None:
            raise NotNow(f"{self.name} has no record yet, and so no champion")
        return self.standing

    def expected(self, generation: int | None) -> Standing:
        """The same, for somebody who has seen this generation. Raises NotNow for another."""
        standing = self.known
        if generation is not None and generation != standing.generation:
            raise NotNow(
                f"{self.name} has changed its champion since: it is {standing.champion}, "
                f"generation {standing.generation}, not {generation}"
            )
        return standing

    def stand(self, standing: Standing, expected: int | None = -1) -> None:
        """Who is who from now on; `expected` is the generation before, -1 for the one known."""
        before = self.standing.generation if self.standing else None
        expected = before if expected == -1 else expected
        if not versions.keep_standing(self.store, self.number, standing, expected):
            raise HomeostatError(f"the standing of {self.name} was changed by another process")
        self.standing = standing

    def news(
        self, kind: type[SystemEvent], job: Job, version: Version | None = None,
        problem: str | None = None, by: str | None = None, origin: str | None = None,
        metrics: dict[str, float] | None = None,
    ) -> None:  # fmt: skip
        """Tell what became of a job."""
        own = (version.metrics or None) if version else None
        told = JobEvent(
            model_version=self.champion, job=job.id, reason=job.reason,
            created_at=from_micros(self.at()), attempt=max(1, job.token),
            causes=causes_of(job) or None, problem=problem, by=by,
            version=version.version if version else None,
            artifact=version.artifact if version else None, metrics=metrics or own, origin=origin,
        )  # fmt: skip
        self.tell([kind(told)])


def causes_of(job: Job) -> list[int]:
    """The numbers of the request and of the alarms before it."""
    return (([job.cause] if job.cause is not None else []) + job.causes)[:CAUSES]


def but(standing: Standing, **changes: object) -> Standing:
    """Who is who, but for some things."""
    return msgspec.structs.replace(standing, **changes)
