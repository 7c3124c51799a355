"""The retrainings of one model: requests become jobs, and jobs versions, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from homeostat.events import (
    RetrainEvent,
    RetrainFailed,
    RetrainQueued,
    RetrainRequested,
    RetrainStarted,
    RetrainSucceeded,
    RetrainSuppressed,
    SuppressedEvent,
)
from homeostat.lifecycle.orders import CANCELLED, Trained
from homeostat.lifecycle.rules import WEEK, Past, hindrance
from homeostat.lifecycle.versions import Version
from homeostat.runtime.crash import crashpoint
from homeostat.runtime.ground import CAUSES, Ground, NotNow, but
from homeostat.stores import jobs, versions
from homeostat.stores.jobs import QUEUED, RECALLED, RUNNING, SUCCEEDED, WAITING, Job
from homeostat.times import from_micros

_LINES = 200  # of a trainer's output that are kept
_WORDS = 2000  # characters of a problem

Request = tuple[int, str, int]
"""The number of a request in the log, its reason, and its time (the records')."""


class Retrainings:
    """At most one that runs, and one that is to come.

    `asked` hears of each job that a strategy asked for, `made` of each new version, which is to be
    compared. Methods are called within a change of the store.
    """

    def __init__(
        self, ground: Ground, asked: Callable[[Job], None], made: Callable[[Job, Version], None]
    ) -> None:
        self._ground, self._asked, self._made = ground, asked, made
        self._store, self._number = ground.store, ground.number

    # From a request to a job ------------------------------------------------------------------

    def requested(self, requests: Sequence[Request], causes: Sequence[int]) -> None:
        """A strategy asks; what makes no job is told with its reason."""
        rules = self._ground.course.rules
        refused: dict[str, list[tuple[int, int]]] = {}
        past = self._past(min(at for *_, at in requests))
        for seq, reason, at in requests:
            why = hindrance(rules, past, at)
            if why is None:
                self._asked(self._queue(reason, at, cause=seq, causes=causes))
                past = past._replace(coming=True, asked=[at, *past.asked])
            else:
                refused.setdefault(why, []).append((seq, at))
        for why, those in refused.items():
            self._ground.tell([RetrainSuppressed(SuppressedEvent(
                self._ground.champion, why, from_micros(those[-1][1]), len(those),
                [seq for seq, _ in those[:CAUSES]],
            ))])  # fmt: skip

    def at_latest(self, causes: Sequence[int]) -> None:
        """Ask for one, where the last began long ago and nothing hinders another."""
        rules, standing, now = self._ground.course.rules, self._ground.known, self._ground.at()
        if rules.at_latest is None or now - standing.trained < rules.micros("at_latest"):
            return
        if not standing.trained:  # of an older store, which did not count
            self._ground.stand(but(standing, trained=now))
            return
        running = jobs.all_of(self._store, self._number, jobs.OPEN, 1)
        if running or hindrance(rules, self._past(now), now) is not None:
            return
        reason = f"no retraining for {rules.at_latest}"
        asked = RetrainEvent(standing.champion, reason, from_micros(now))
        (seq,) = self._ground.tell([RetrainRequested(asked)])
        self._asked(self._queue(reason, now, cause=seq, causes=causes))

    def retrain(self, actor: str, reason: str = "") -> Job:
        """A person asks; the cooldown and the budgets do not hold. Raises NotNow."""
        name = self._ground.name
        if self._ground.course.trainer is None:
            raise NotNow(f"{name} has no trainer; give it one: [models.{name}.retraining]")
        if self._ground.standing is None:
            raise NotNow(f"{name} has no record yet")
        if jobs.all_of(self._store, self._number, (WAITING, QUEUED), 1):
            raise NotNow(f"a retraining of {name} is queued already")
        return self._queue(reason or "asked for", self._ground.at(), actor=actor)

    def approve(self, actor: str, job: str | None = None, reason: str = "") -> Job:
        """A job that waits for a word has it, with whose it was and why. Raises NotNow.

        It is trained on what has come until now: the word may have taken days.
        """
        waiting = jobs.all_of(self._store, self._number, (WAITING,), 1)
        if not waiting or job not in (None, waiting[0].id):
            raise NotNow(f"no retraining of {self._ground.name} waits for approval")
        why = f": {reason}" if reason else ""
        said = f"{waiting[0].reason}; approved by {actor}{why}"[:_WORDS]
        at = self._ground.position()
        return self._keep(waiting[0], state=QUEUED, actor=actor, reason=said, position=at)

    def _queue(
        self, reason: str, at: int, *, cause: int | None = None, causes: Sequence[int] = (),
        actor: str | None = None,
    ) -> Job:  # fmt: skip
        wants = self._ground.course.rules.approval and actor is None
        job = self._new(WAITING if wants else QUEUED, reason, at)
        job = self._keep(job, cause=cause, causes=[*causes][-CAUSES:], actor=actor)
        crashpoint("job_queued")
        self._ground.news(RetrainQueued, job, by=actor)
        return job

    def _new(self, state: str, reason: str, at: int) -> Job:
        number = jobs.next_number(self._store, self._number)
        return Job(
            id=f"{self._ground.name}-{number}", model=self._number, number=number, state=state,
            reason=reason, asked=at, created=self._ground.clock(), position=self._ground.position(),
        )  # fmt: skip

    def _past(self, now: int) -> Past:
        rules = self._ground.course.rules
        span = max(WEEK, rules.micros("cooldown"), rules.micros("rest"))
        asked = jobs.asked_since(self._store, self._number, now - span - 1)
        coming = bool(jobs.all_of(self._store, self._number, (WAITING, QUEUED), 1))
        failures, failed_at = 0, None
        for job in jobs.latest_ended(self._store, self._number, rules.breaker or 1):
            if job.state in (SUCCEEDED, CANCELLED):
                break
            failures += 1
            failed_at = job.asked if failed_at is None else failed_at
        return Past(asked, coming, failures, failed_at)

    # An attempt -------------------------------------------------------------------------------

    def start(self, job: str) -> Job | None:
        """A queued job runs from now on, as a new attempt; None when another does, or it is not."""
        found = jobs.found(self._store, job)
        running = jobs.all_of(self._store, self._number, (RUNNING,), 1)
        if found is None or found.state != QUEUED or running:
            return None
        now = self._ground.clock()
        found = self._keep(found, state=RUNNING, token=found.token + 1, started=now, beat=now)
        crashpoint("job_started")
        self._ground.stand(but(self._ground.known, trained=self._ground.at()))
        self._ground.news(RetrainStarted, found)
        return found

    def handled(self, job: str, token: int, handle: str, manifest: dict[str, Any]) -> None:
        """The trainer has begun; by this handle it is looked at."""
        found = self._attempt(job, token)
        if found is not None:
            self._keep(found, handle=handle, manifest=manifest)

    def beaten(self, job: str, token: int, lines: Sequence[str]) -> None:
        """The trainer is alive, and has said this."""
        found = self._attempt(job, token)
        if found is not None:
            self._keep(found, beat=self._ground.clock(), lines=list(lines)[-_LINES:])

    def failed(
        self, job: str, token: int, state: str, problem: str, lines: Sequence[str] = (),
        actor: str | None = None,
    ) -> bool:  # fmt: skip
        """An attempt came to nothing; False when it is not the one that counts."""
        found = self._attempt(job, token)
        if found is None:
            return False
        found = self._end(found, state, problem=problem[:_WORDS], lines=_latest(lines, found))
        self._ground.news(RetrainFailed, found, problem=problem[:_WORDS] or state, by=actor)
        return True

    def succeeded(
        self, job: str, token: int, trained: Trained, digest: str | None = None,
        lines: Sequence[str] = (),
    ) -> bool:  # fmt: skip
        """An attempt made a version; False when it is not the one that counts."""
        found = self._attempt(job, token)
        if found is None or self._ground.standing is None:
            return False
        version = self._version(found, trained, digest)
        taken = versions.found(self._store, self._ground.name, version.version)
        if taken is not None and trained.artifact is not None:
            problem = f"it made a version {version.version!r}, which there is already"
            return self.failed(job, token, "failed", problem, lines)
        version = taken or version
        versions.keep(self._store, version)
        found = self._end(found, SUCCEEDED, version=version.version, lines=_latest(lines, found))
        crashpoint("version_kept")
        self._ground.news(RetrainSucceeded, found, version)
        if version.version != self._ground.champion:  # else it holds the champion for the best
            self._made(found, version)
        return True

    def _version(self, job: Job, trained: Trained, digest: str | None) -> Version:
        return Version(
            model=self._ground.name, version=trained.version or job.id, artifact=trained.artifact,
            digest=digest, metrics=trained.metrics, job=job.id, created=self._ground.clock(),
            tags={} if trained.size_bytes is None else {"size_bytes": str(trained.size_bytes)},
        )  # fmt: skip

    def _attempt(self, job: str, token: int) -> Job | None:
        found = jobs.found(self._store, job)
        current = found is not None and found.state == RUNNING and found.token == token
        return found if current and found is not None and found.model == self._number else None

    # Ends that no trainer tells ---------------------------------------------------------------

    def recalled(self, job: str | None, position: int, version: str, causes: list[int]) -> Job:
        """A version is tried again in the place of a job; of one made for it, where none was."""
        found = None if job is None else jobs.found(self._store, job)
        if found is None or found.state not in (WAITING, QUEUED):
            found = self._new(RECALLED, "an earlier version is better now", self._ground.at())
            found = msgspec.structs.replace(found, causes=causes[-CAUSES:])
        return self._end(found, RECALLED, version=version, position=position)

    def cancel(self, actor: str, job: str | None = None, reason: str = "") -> Job:
        """End the job that runs, or else the one that waits; who runs it is told. Raises NotNow."""
        open_jobs = jobs.all_of(self._store, self._number, jobs.OPEN, 2)
        those = [each for each in open_jobs if job in (None, each.id)]
        if not those:
            raise NotNow(f"no retraining of {self._ground.name} runs or waits")
        found = next((each for each in those if each.state == RUNNING), those[0])
        why = f": {reason}"[:_WORDS] if reason else ""
        found = self._end(found, CANCELLED, problem=f"cancelled by {actor}{why}")
        self._ground.news(RetrainFailed, found, problem=f"cancelled{why}", by=actor)
        return found

    def overdue(self) -> None:
        """Jobs that have waited too long for their turn, or for a word, are ended."""
        rules = self._ground.course.rules
        limit = self._ground.clock() - rules.micros("queue")
        for job in jobs.all_of(self._store, self._number, (WAITING, QUEUED), 2):
            if job.created < limit:
                problem = f"it has waited for {rules.queue}"
                self._end(job, CANCELLED, problem=problem)
                self._ground.news(RetrainFailed, job, problem=problem)

    def _end(self, job: Job, state: str, **changes: Any) -> Job:
        return self._keep(job, state=state, ended=self._ground.clock(), **changes)

    def _keep(self, job: Job, **changes: Any) -> Job:
        job = msgspec.structs.replace(job, **changes)
        jobs.keep(self._store, job)
        return job


def _latest(lines: Sequence[str], job: Job) -> list[str]:
    return list(lines)[-_LINES:] or job.lines
