"""Takes jobs to their trainers, and brings back what came of them.

`step` does what is due; nothing in it waits for a training. Everything it must know after a crash
is in the store before it acts on it: a job is begun again under the same attempt until its trainer
has answered with a handle, and is then looked at by that handle, by whichever process runs.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from homeostat.errors import HomeostatError, InvalidInput
from homeostat.lifecycle.course import Course
from homeostat.lifecycle.orders import (
    ENDED,
    FAILED,
    LOST,
    SUCCEEDED,
    Order,
    Progress,
    Trained,
    Trainer,
)
from homeostat.lifecycle.versions import Version
from homeostat.runtime.crash import crashpoint
from homeostat.runtime.loop import Loop
from homeostat.runtime.training import TooFew, choose, write
from homeostat.stores import jobs, versions
from homeostat.stores.jobs import OPEN, QUEUED, RUNNING, Job
from homeostat.stores.store import Store
from homeostat.trainers.results import within_folder

Change = Callable[[str, Callable[[Loop], Any]], Any]
"""Does something with the loop of a model within a change; returns once that is durable."""

_SECOND = 1_000_000
_BEAT = 15 * _SECOND  # between two signs of life that are kept
_GRACE = 60 * _SECOND  # beyond its time, after which a trainer that keeps silent is given up
_RETRY = 10 * _SECOND
_EARLIER = 20  # versions that a trainer is told of


class Care(msgspec.Struct, frozen=True):
    """Who takes care of a model: how, and with what."""

    course: Course
    trainer: Trainer | None = None
    scorer: Any = None


class Trainings:
    """All jobs of a service. `care_of` a model, by its name; `shelve` keeps an artifact.

    `shelve(path)` answers with where it is from then on, and its digest. `most` trainings run at
    once. `clock` gives microseconds since 1970. `place` says where the artifact of a version is.
    """

    def __init__(
        self, reader: Store, change: Change, care_of: Callable[[str], Care], folder: Path,
        shelve: Callable[[Path], tuple[str, str]], clock: Callable[[], int], most: int = 1,
        place: Callable[[Version], Version] = lambda version: version,
    ) -> None:  # fmt: skip
        self._reader, self._change, self._care_of = reader, change, care_of
        self._folder = folder.absolute()  # a trainer may run in another folder than the service
        self._shelve, self._clock, self._most = shelve, clock, most
        self._place = place
        self._names: dict[int, str] = {}
        self._live: dict[tuple[str, int], tuple[str, str]] = {}  # attempt: model, handle
        self._later: dict[str, int] = {}  # when a job that could not be helped is tried again
        self._beats: dict[str, int] = {}
        self._first = True

    def step(self) -> bool:
        """Do what is due; whether there was anything."""
        if self._first:
            self._first = False
            self._adopt()
        found = jobs.all_of(self._reader, states=OPEN)
        for name in {self._name(job) for job in found if self._overdue(job)}:
            self._change(name, lambda loop: loop.jobs.overdue())
        running = [job for job in found if job.state == RUNNING]
        self._end_others(running)
        moved = False
        for job in running:
            moved |= self._helped(job)
        free = self._most - len(running)
        for job in reversed(self._ready(found)):
            if free <= 0:
                break
            started = self._started(job)
            free -= started
            moved |= started
        return moved

    def _ready(self, found: list[Job]) -> list[Job]:
        """Those that wait for their turn alone: earlier versions are looked at first."""
        queued = [job for job in found if job.state == QUEUED]
        looked = {look.job for look in versions.looks(self._reader)} if queued else set()
        return [job for job in queued if job.id not in looked]

    def _started(self, job: Job) -> bool:
        return self._change(self._name(job), lambda loop: loop.jobs.start(job.id)) is not None

    def _overdue(self, job: Job) -> bool:
        limit = self._care_of(self._name(job)).course.rules.micros("queue")
        return job.state != RUNNING and self._clock() - job.created > limit

    # One job ----------------------------------------------------------------------------------

    def _helped(self, job: Job) -> bool:
        if self._later.get(job.id, 0) > self._clock():
            return False
        try:
            return self._begun(job) if job.handle is None else self._looked(job)
        except TooFew as error:
            self._failed(job, FAILED, str(error))
            return True
        except HomeostatError as error:
            return self._hindered(job, error)

    def _begun(self, job: Job) -> bool:
        name = self._name(job)
        care = self._care_of(name)
        if care.trainer is None:
            self._failed(job, FAILED, "the configuration has no trainer for it any more")
            return True
        order = self._order(job, name, care)
        handle = care.trainer.begin(order)
        crashpoint("trainer_begun")
        manifest = order.manifest
        self._change(name, lambda loop: loop.jobs.handled(job.id, job.token, handle, manifest))
        self._live[job.id, job.token] = (name, handle)
        return True

    def _order(self, job: Job, name: str, care: Care) -> Order:
        folder = self._folder_of(job)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        standing = versions.standing(self._reader, job.model)
        data = care.course.data
        chosen = choose(self._reader, job.model, name, job.position, data, job)
        path = folder / "records.parquet"
        write(chosen, folder / "records.parquet.new")
        os.replace(folder / "records.parquet.new", path)
        return Order(
            job=job.id, token=job.token, model=name, folder=str(folder), reason=job.reason,
            base=standing.champion if standing else None, data=str(path),
            manifest=chosen.manifest, versions=self._versions(name),
            parameters=care.course.parameters,
            seconds=care.course.rules.micros("timeout") / _SECOND,
        )  # fmt: skip

    def _versions(self, name: str) -> dict[str, str]:
        known = versions.all_of(self._reader, name, _EARLIER)
        found = {}
        for each in known:
            with suppress(HomeostatError):  # one that is gone is none to choose from
                found[each.version] = self._place(each).artifact
        return {name: artifact for name, artifact in found.items() if artifact is not None}

    def _looked(self, job: Job) -> bool:
        name = self._name(job)
        trainer = self._care_of(name).trainer
        if trainer is None or job.handle is None:
            self._failed(job, LOST, "the configuration has no trainer for it any more")
            return True
        self._live[job.id, job.token] = (name, job.handle)
        progress = trainer.look(job.handle)
        if progress.state in ENDED and not (progress.state == SUCCEEDED and not progress.result):
            self._ended(job, name, progress)
            return True
        now = self._clock()  # one that ended without a result sends it by itself, in time
        limit = (job.started or now) + self._care_of(name).course.rules.micros("timeout") + _GRACE
        if now > limit:
            trainer.cancel(job.handle)
            self._failed(job, FAILED, "it took too long", progress.lines)
            return True
        if now - self._beats.get(job.id, 0) > _BEAT or list(progress.lines) != job.lines:
            self._beats[job.id] = now
            self._change(name, lambda loop: loop.jobs.beaten(job.id, job.token, progress.lines))
        return False

    def _ended(self, job: Job, name: str, progress: Progress) -> None:
        trained = progress.result
        if progress.state != SUCCEEDED or trained is None:
            self._failed(job, progress.state, progress.problem, progress.lines)
            return
        try:
            trained, digest = self._shelved(job, trained)
        except InvalidInput as error:
            self._failed(job, FAILED, str(error), progress.lines)
            return
        crashpoint("artifact_kept")
        self._change(
            name,
            lambda loop: loop.jobs.succeeded(job.id, job.token, trained, digest, progress.lines),
        )
        self._tidied(job)

    def _shelved(self, job: Job, trained: Trained) -> tuple[Trained, str | None]:
        """The result with its artifact where it is kept, if it is a path that is here.

        Raises InvalidInput where that is not in the folder of the order: nothing else is copied.
        """
        folder = self._folder_of(job)
        if trained.artifact is None or not os.path.lexists(folder / trained.artifact):
            return trained, None
        place, digest = self._shelve(folder / within_folder(trained.artifact, folder))
        return msgspec.structs.replace(trained, artifact=place), digest

    def _failed(self, job: Job, state: str, problem: str, lines: Any = ()) -> None:
        self._change(
            self._name(job), lambda loop: loop.jobs.failed(job.id, job.token, state, problem, lines)
        )
        self._tidied(job)

    def _hindered(self, job: Job, error: HomeostatError) -> bool:
        """It may do better later; but not for ever."""
        now = self._clock()
        rules = self._care_of(self._name(job)).course.rules
        if now - (job.started or now) > rules.micros("timeout"):
            self._failed(job, FAILED, str(error))
            return True
        self._later[job.id] = now + _RETRY
        self._change(
            self._name(job),
            lambda loop: loop.jobs.beaten(job.id, job.token, [f"homeostat: {error}"]),
        )
        return False

    # Those that count no more -----------------------------------------------------------------

    def _adopt(self) -> None:
        """After a start: what was cancelled meanwhile may still run."""
        for job in jobs.all_of(self._reader, limit=100):
            if job.handle is not None and job.state not in (RUNNING, QUEUED):
                self._live[job.id, job.token] = (self._name(job), job.handle)

    def _end_others(self, running: list[Job]) -> None:
        current = {(job.id, job.token) for job in running}
        for attempt in [each for each in self._live if each not in current]:
            name, handle = self._live.pop(attempt)
            trainer = self._care_of(name).trainer
            if trainer is not None:
                try:
                    trainer.cancel(handle)
                except HomeostatError:
                    self._live[attempt] = (name, handle)

    def _tidied(self, job: Job) -> None:
        self._live.pop((job.id, job.token), None)
        self._later.pop(job.id, None)
        (self._folder_of(job) / "records.parquet").unlink(missing_ok=True)
        for old in self._folder_of(job).parent.glob("*"):
            if old.name.isdigit() and int(old.name) < job.token:
                shutil.rmtree(old, ignore_errors=True)

    def _folder_of(self, job: Job) -> Path:
        return self._folder / job.id / str(job.token)

    def _name(self, job: Job) -> str:
        if job.model not in self._names:
            self._names = {model.number: model.name for model in self._reader.models()}
        return self._names[job.model]
