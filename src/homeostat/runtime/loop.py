"""The loop of one model: requests become jobs, jobs challengers, challengers champions.

Its methods are called within a change of the store, by the one thread that changes it, and what
they decide is told through the account, whose journal keeps it as facts. What it knows is in the
store; an account that is opened again has a loop that knows the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from homeostat.batch import Batch
from homeostat.errors import HomeostatError, InvalidInput
from homeostat.events import (
    ChallengerReady,
    ChallengerRegistered,
    ChallengerRejected,
    ChallengerUndecided,
    DecisionEvent,
    DriftDetected,
    DriftEnded,
    JobEvent,
    ModelPromoted,
    ModelRolledBack,
    RetrainFailed,
    RetrainQueued,
    RetrainRequested,
    RetrainStarted,
    RetrainSucceeded,
    RetrainSuppressed,
    SuppressedEvent,
    SystemEvent,
)
from homeostat.lifecycle.contest import PROMOTED, UNDECIDED, Contest
from homeostat.lifecycle.course import Course
from homeostat.lifecycle.orders import CANCELLED, Trained
from homeostat.lifecycle.rules import WEEK, Past, hindrance
from homeostat.lifecycle.scoring import Predictions
from homeostat.lifecycle.versions import CHALLENGER, CHAMPION, Version
from homeostat.runtime.crash import crashpoint
from homeostat.stores import jobs, versions
from homeostat.stores.jobs import QUEUED, RUNNING, SUCCEEDED, WAITING, Job
from homeostat.stores.store import Store
from homeostat.stores.versions import Progress, Shadow, Standing
from homeostat.times import from_micros, to_micros

_CAUSES = 100  # numbers of events in one
_LINES = 200  # of a trainer's output that are kept

Tell = Callable[[Sequence[SystemEvent]], list[int]]
"""Appends events to the model's journal; their numbers in its log."""


class NotNow(InvalidInput):
    """What was asked for does not fit the state of the loop; nothing has changed."""

    def __init__(self, problem: str) -> None:
        super().__init__("loop", problem)

    def __str__(self) -> str:
        return self.problem


class Loop:
    """One model's. `at` is the newest time of its records, `position` that of its next fact."""

    def __init__(
        self, store: Store, number: int, name: str, course: Course, tell: Tell,
        at: Callable[[], int], position: Callable[[], int], clock: Callable[[], int],
    ) -> None:  # fmt: skip
        self._store, self.number, self.name, self.course = store, number, name, course
        self._tell, self._at, self._position, self._clock = tell, at, position, clock
        self.standing = versions.standing(store, number)
        self._contest: Contest | None = None
        self._progress = Progress(0, 0)
        self._waiting = 0  # predictions of shadows whose record or label has not come
        self._unkept = False
        self._resumed()

    # Requests ---------------------------------------------------------------------------------

    def met(self, version: str | None) -> None:
        """The version of the oldest record; the first there is makes the champion."""
        if self.standing is None and version is not None:
            self._stand(Standing(champion=version), None)
            versions.keep(
                self._store, Version(model=self.name, version=version, created=self._clock())
            )

    def heard(self, events: Sequence[tuple[int, SystemEvent]]) -> None:
        """New alarms and requests, with their numbers in the log."""
        standing = self.standing
        if standing is None or not events:
            return
        alarms, requests = dict(standing.alarms), []
        for seq, event in events:
            if isinstance(event, DriftDetected):
                alarms[f"{event.payload.detector} on {event.payload.metric}"] = seq
            elif isinstance(event, DriftEnded):
                alarms.pop(f"{event.payload.detector} on {event.payload.metric}", None)
            elif isinstance(event, RetrainRequested):
                at = to_micros(event.payload.created_at)
                requests.append((seq, event.payload.reason, at))
        if alarms != standing.alarms:
            self._stand(msgspec.structs.replace(standing, alarms=alarms))
        if requests and self.course.trainer is not None:
            self._asked(requests, sorted(alarms.values())[-_CAUSES:])

    def _asked(self, requests: Sequence[tuple[int, str, int]], causes: list[int]) -> None:
        refused: dict[str, list[tuple[int, int]]] = {}
        past = self._past(min(at for *_, at in requests))
        for seq, reason, at in requests:
            why = hindrance(self.course.rules, past, at)
            if why is None:
                self._queue(reason, at, cause=seq, causes=causes)
                past = past._replace(coming=True, asked=[at, *past.asked])
            else:
                refused.setdefault(why, []).append((seq, at))
        for why, those in refused.items():
            self._tell([RetrainSuppressed(SuppressedEvent(
                self._champion, why, from_micros(those[-1][1]), len(those),
                [seq for seq, _ in those[:_CAUSES]],
            ))])  # fmt: skip

    def retrain(self, actor: str, reason: str = "") -> Job:
        """A person asks; the cooldown and the budgets do not hold. Raises NotNow."""
        if self.course.trainer is None:
            raise NotNow(
                f"{self.name} has no trainer; give it one: [models.{self.name}.retraining]"
            )
        if self.standing is None:
            raise NotNow(f"{self.name} has no record yet")
        if jobs.all_of(self._store, self.number, (WAITING, QUEUED), 1):
            raise NotNow(f"a retraining of {self.name} is queued already")
        return self._queue(reason or "asked for", self._at(), actor=actor)

    def approve(self, actor: str, job: str | None = None) -> Job:
        """A job that waits for a word has it. Raises NotNow."""
        waiting = jobs.all_of(self._store, self.number, (WAITING,), 1)
        if not waiting or job not in (None, waiting[0].id):
            raise NotNow(f"no retraining of {self.name} waits for approval")
        return self._keep(waiting[0], state=QUEUED, actor=actor)

    def _queue(
        self, reason: str, at: int, *, cause: int | None = None, causes: Sequence[int] = (),
        actor: str | None = None,
    ) -> Job:  # fmt: skip
        number = jobs.next_number(self._store, self.number)
        wants = self.course.rules.approval and actor is None
        job = Job(
            id=f"{self.name}-{number}", model=self.number, number=number,
            state=WAITING if wants else QUEUED, reason=reason, asked=at, created=self._clock(),
            position=self._position(), cause=cause, causes=[*causes][-_CAUSES:], actor=actor,
        )  # fmt: skip
        jobs.keep(self._store, job)
        crashpoint("job_queued")
        self._news(RetrainQueued, job, by=actor)
        return job

    def _past(self, now: int) -> Past:
        span = max(WEEK, self.course.rules.micros("cooldown"), self.course.rules.micros("rest"))
        asked = jobs.asked_since(self._store, self.number, now - span - 1)
        coming = bool(jobs.all_of(self._store, self.number, (WAITING, QUEUED), 1))
        failures, failed_at = 0, None
        for job in jobs.latest_ended(self._store, self.number, self.course.rules.breaker or 1):
            if job.state in (SUCCEEDED, CANCELLED):
                break
            failures += 1
            failed_at = job.asked if failed_at is None else failed_at
        return Past(asked, coming, failures, failed_at)

    # Jobs -------------------------------------------------------------------------------------

    def start(self, job: str) -> Job | None:
        """A queued job runs from now on, as a new attempt; None when another does, or it is not."""
        found = jobs.found(self._store, job)
        running = jobs.all_of(self._store, self.number, (RUNNING,), 1)
        if found is None or found.state != QUEUED or running:
            return None
        now = self._clock()
        found = self._keep(found, state=RUNNING, token=found.token + 1, started=now, beat=now)
        crashpoint("job_started")
        self._news(RetrainStarted, found)
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
            self._keep(found, beat=self._clock(), lines=list(lines)[-_LINES:])

    def failed(
        self, job: str, token: int, state: str, problem: str, lines: Sequence[str] = (),
        actor: str | None = None,
    ) -> bool:  # fmt: skip
        """An attempt came to nothing; False when it is not the one that counts."""
        found = self._attempt(job, token)
        if found is None:
            return False
        kept = list(lines)[-_LINES:] or found.lines
        found = self._keep(
            found, state=state, ended=self._clock(), problem=problem[:2000], lines=kept
        )
        self._news(RetrainFailed, found, problem=problem[:2000] or state, by=actor)
        return True

    def succeeded(
        self, job: str, token: int, trained: Trained, digest: str | None = None,
        lines: Sequence[str] = (),
    ) -> bool:  # fmt: skip
        """An attempt made a version; False when it is not the one that counts."""
        found = self._attempt(job, token)
        if found is None or self.standing is None:
            return False
        version = self._version(found, trained, digest)
        taken = versions.found(self._store, self.name, version.version)
        if taken is not None and trained.artifact is not None:
            problem = f"it made a version {version.version!r}, which there is already"
            return self.failed(job, token, "failed", problem, lines)
        version = taken or version
        versions.keep(self._store, version)
        kept = list(lines)[-_LINES:] or found.lines
        found = self._keep(
            found, state=SUCCEEDED, ended=self._clock(), version=version.version, lines=kept
        )
        crashpoint("version_kept")
        self._news(RetrainSucceeded, found, version)
        if version.version != self.standing.champion:  # else it holds the champion for the best
            self._challenge(found, version)
        return True

    def _version(self, job: Job, trained: Trained, digest: str | None) -> Version:
        return Version(
            model=self.name, version=trained.version or job.id, artifact=trained.artifact,
            digest=digest, metrics=trained.metrics, job=job.id, created=self._clock(),
            tags={} if trained.size_bytes is None else {"size_bytes": str(trained.size_bytes)},
        )  # fmt: skip

    def cancel(self, actor: str, job: str | None = None, reason: str = "") -> Job:
        """End the job that runs, or else the one that waits; who runs it is told. Raises NotNow."""
        open_jobs = jobs.all_of(self._store, self.number, jobs.OPEN, 2)
        those = [each for each in open_jobs if job in (None, each.id)]
        if not those:
            raise NotNow(f"no retraining of {self.name} runs or waits")
        found = next((each for each in those if each.state == RUNNING), those[0])
        why = f": {reason}"[:2000] if reason else ""
        found = self._keep(
            found, state=CANCELLED, ended=self._clock(), problem=f"cancelled by {actor}{why}"
        )
        self._news(RetrainFailed, found, problem=f"cancelled{why}", by=actor)
        return found

    def overdue(self) -> None:
        """Jobs that have waited too long for their turn, or for a word, are ended."""
        limit = self._clock() - self.course.rules.micros("queue")
        for job in jobs.all_of(self._store, self.number, (WAITING, QUEUED), 2):
            if job.created < limit:
                problem = f"it has waited for {self.course.rules.queue}"
                self._keep(job, state=CANCELLED, ended=self._clock(), problem=problem)
                self._news(RetrainFailed, job, problem=problem)

    def _attempt(self, job: str, token: int) -> Job | None:
        found = jobs.found(self._store, job)
        current = found is not None and found.state == RUNNING and found.token == token
        return found if current and found is not None and found.model == self.number else None

    # Versions ---------------------------------------------------------------------------------

    def _challenge(self, job: Job, version: Version) -> None:
        standing = self._known
        large = self._too_large(version)
        if standing.challenger is not None and not standing.watched:
            self._close(ChallengerUndecided, standing, "a newer challenger has come", {})
        self._stand(msgspec.structs.replace(
            self._known, challenger=version.version, watched=False, ready=False, since=self._at(),
            job=job.id, causes=_causes(job),
        ))  # fmt: skip
        self._compare(job.manifest.get("cut", job.position))
        versions.intend(self._store, self.name, CHALLENGER, version.version, self._clock())
        self._news(ChallengerRegistered, job, version)
        if large:
            self.reject(reason=large)

    def _too_large(self, version: Version) -> str:
        """Why it is too large to serve, as far as the sizes are known."""
        most = self.course.compare.larger
        champion = versions.found(self._store, self.name, self._champion)
        sizes = [
            float((each.tags if each else {}).get("size_bytes", 0)) for each in (champion, version)
        ]
        if most is None or not all(sizes) or sizes[1] <= most * sizes[0]:
            return ""
        return f"it is too large: {sizes[1]:,.0f} bytes against {sizes[0]:,.0f}"

    def promote(
        self, version: str | None = None, *, reason: str = "", by: str | None = None,
        evidence: dict[str, Any] | None = None, expected: int | None = None,
    ) -> None:  # fmt: skip
        """A version serves from now on: the challenger, or one that is named. Raises NotNow.

        expected: the generation that whoever asks has seen, so that two who ask promote once.
        """
        standing = self._expected(expected)
        chosen = version or (None if standing.watched else standing.challenger)
        if chosen is None:
            raise NotNow(f"{self.name} has no challenger; name the version")
        if chosen == standing.champion:
            raise NotNow(f"{chosen} is the champion of {self.name} already")
        if versions.found(self._store, self.name, chosen) is None:
            raise NotNow(f"{self.name} has no version {chosen!r}")
        told = self._decision(standing, chosen, reason or "asked for", by, evidence)
        watching = self.course.compare.watch > 0
        self._enthrone(standing, chosen, standing.champion, watching)
        self._tell([ModelPromoted(told)])

    def reject(
        self, *, reason: str = "", by: str | None = None, evidence: dict[str, Any] | None = None,
        undecided: bool = False,
    ) -> None:  # fmt: skip
        """The challenger is compared no more; the champion stays. Raises NotNow."""
        standing = self._known
        if standing.challenger is None or standing.watched:
            raise NotNow(f"{self.name} has no challenger")
        kind = ChallengerUndecided if undecided else ChallengerRejected
        self._close(kind, standing, reason or "asked for", evidence, by)

    def roll_back(
        self, *, reason: str = "", by: str | None = None, evidence: dict[str, Any] | None = None,
        expected: int | None = None,
    ) -> None:  # fmt: skip
        """The version that served before serves again, whatever has become of the other."""
        standing = self._expected(expected)
        if standing.previous is None:
            raise NotNow(f"{self.name} has had no other champion")
        told = self._decision(standing, standing.champion, reason or "asked for", by, evidence,
                              serves=standing.previous)  # fmt: skip
        self._enthrone(standing, standing.previous, standing.champion, watching=False)
        self._tell([ModelRolledBack(told)])

    def _enthrone(self, standing: Standing, champion: str, before: str, watching: bool) -> None:
        after = msgspec.structs.replace(
            standing, champion=champion, previous=before, generation=standing.generation + 1,
            challenger=before if watching else None, watched=watching, since=self._at(),
            alarms={},  # detectors begin anew
        )  # fmt: skip
        self._drop_comparison()
        self._stand(after, standing.generation)
        if watching:
            self._compare(self._position())
        crashpoint("promoted")
        versions.intend(self._store, self.name, CHALLENGER, None, self._clock())
        versions.intend(self._store, self.name, CHAMPION, champion, self._clock())

    def _close(
        self, kind: type[SystemEvent], standing: Standing, reason: str,
        evidence: dict[str, Any] | None, by: str | None = None,
    ) -> None:  # fmt: skip
        assert standing.challenger is not None
        told = self._decision(standing, standing.challenger, reason, by, evidence)
        self._end_comparison(standing)
        versions.intend(self._store, self.name, CHALLENGER, None, self._clock())
        self._tell([kind(told)])

    def _end_comparison(self, standing: Standing) -> None:
        self._drop_comparison()
        self._stand(msgspec.structs.replace(standing, challenger=None, watched=False))

    # The comparison ---------------------------------------------------------------------------

    def labelled(self, batch: Batch) -> None:
        """The labels of these records have become known; a shadow's prediction may wait for them.

        What that decides is decided by `settle`.
        """
        if self._contest is None or not self._waiting:
            return
        ids = batch.column("record_id").tolist()
        challenger = self._known.challenger or ""
        own, correct = batch.outcome
        labelled = range(len(correct)) if own is None else own.tolist()
        named = [ids[row] for row in labelled if ids[row] is not None]
        waiting = versions.shadows(self._store, self.number, challenger, named)
        rows = [row for row in labelled if ids[row] in waiting]
        if rows:
            self._paired(batch.take(np.array(rows)), [waiting[ids[row]] for row in rows])
            done = [ids[row] for row in rows]
            versions.end_shadows(self._store, self.number, challenger, done)
            self._waiting -= len(rows)

    def shadowed(self, version: str, sent: Batch, known: Batch) -> int:
        """Predictions of the challenger for records that another version serves; how many wait.

        known: those of the records that have come and have a label.
        """
        standing = self.standing
        if self._contest is None or standing is None or standing.challenger != version:
            return 0
        ids = sent.column("record_id").tolist()
        labels = [msgspec.json.encode(label).decode() for label in sent.predicted_label.tolist()]
        latencies = sent.latency_ms.tolist()
        waiting = {one: Shadow(one, label, latency) for one, label, latency
                   in zip(ids, labels, latencies, strict=True) if one is not None}  # fmt: skip
        those = known.column("record_id").tolist()
        rows = [row for row, one in enumerate(those) if one in waiting]
        if rows:
            self._paired(known.take(np.array(rows)), [waiting.pop(those[row]) for row in rows])
        versions.add_shadows(self._store, self.number, version, waiting.values())
        self._waiting += len(waiting)
        return len(waiting)

    def scored(
        self, version: str, began: int, end: int, batch: Batch, found: Predictions,
        recalled: tuple[Batch, Predictions, Predictions] | None = None,
    ) -> None:  # fmt: skip
        """What a scorer has let the version predict, of the facts between two positions.

        recalled: older records, and what the champion and this version say of them.
        """
        standing = self.standing
        current = standing is not None and standing.challenger == version
        if self._contest is None or not current or self._progress.cursor != began:
            return
        self._progress = self._progress._replace(cursor=end)
        if recalled is not None:
            self._contest.recall(*recalled)
        self._contest.update(batch, found)
        self._unkept = True

    def settle(self) -> None:
        """Keep what has come to the comparison, and decide where it is decided."""
        if self._contest is None or not (self._unkept or self._contest.late(self._at())):
            return
        self._unkept = False
        versions.keep_comparison(self._store, self.number, self._progress, self._contest.snapshot())
        crashpoint("comparison_kept")
        verdict = self._contest.verdict(self._at())
        if verdict is None:
            return
        evidence, reason = self._contest.evidence(), self._contest.reason
        if self._known.watched:
            if verdict == PROMOTED:
                self.roll_back(reason=reason, evidence=evidence)
            else:
                self._end_comparison(self._known)
        elif verdict == PROMOTED and self.course.compare.automatic:
            self.promote(reason=reason, evidence=evidence)
        elif verdict == PROMOTED:
            self._wait_for_a_word(reason, evidence)
        else:
            self.reject(reason=reason, evidence=evidence, undecided=verdict == UNDECIDED)

    def _wait_for_a_word(self, reason: str, evidence: dict[str, Any]) -> None:
        standing = self._known
        if standing.ready or standing.challenger is None:
            return
        self._stand(msgspec.structs.replace(standing, ready=True))
        told = self._decision(standing, standing.challenger, reason, None, evidence)
        self._tell([ChallengerReady(told)])

    def comparison(self) -> dict[str, Any] | None:
        """What the comparison that runs shows so far."""
        return None if self._contest is None else self._contest.evidence()

    def _paired(self, batch: Batch, shadows: Sequence[Shadow]) -> None:
        if self._contest is None:
            return
        labels = [msgspec.json.decode(shadow.label) for shadow in shadows]
        latencies = [shadow.latency_ms for shadow in shadows]
        known = [latency for latency in latencies if latency is not None]
        self._contest.update(batch, Predictions(
            labels=labels, latency_ms=known if len(known) == len(latencies) else None
        ))  # fmt: skip
        self._unkept = True

    def _compare(self, cut: int) -> None:
        """Begin to compare the champion with the challenger on the records from a position on."""
        standing = self._known
        assert standing.challenger is not None
        self._progress = Progress(cut, cut)
        self._contest = self._new_contest(standing)
        self._waiting = 0
        self._unkept = False
        versions.keep_comparison(self._store, self.number, self._progress, self._contest.snapshot())

    def _resumed(self) -> None:
        standing = self.standing
        body = versions.comparison(self._store, self.number)
        progress = versions.progress(self._store, self.number)
        if standing is None or standing.challenger is None or body is None or progress is None:
            return
        self._progress = progress
        self._contest = self._new_contest(standing)
        self._contest.restore(body)
        self._waiting = versions.waiting_shadows(self._store, self.number)

    def _new_contest(self, standing: Standing) -> Contest:
        return Contest(
            self.course.compare, standing.champion, standing.since, watch=standing.watched
        )

    def _drop_comparison(self) -> None:
        versions.drop_comparison(self._store, self.number)
        self._contest, self._waiting, self._unkept = None, 0, False

    # Words ------------------------------------------------------------------------------------

    def _decision(
        self, standing: Standing, challenger: str, reason: str, by: str | None,
        evidence: dict[str, Any] | None, serves: str | None = None,
    ) -> DecisionEvent:  # fmt: skip
        shown = evidence or {}
        champion, other = shown.get("champion_accuracy"), shown.get("challenger_accuracy")
        if shown.get("watch") and serves is not None:  # there the champion is whom it takes back
            champion, other = other, champion
        return DecisionEvent(
            model_version=serves or standing.champion, challenger=challenger, reason=reason,
            created_at=from_micros(self._at()), n=shown.get("n"),
            champion_accuracy=champion, challenger_accuracy=other,
            job=standing.job, causes=standing.causes or None, by=by, evidence=evidence or None,
        )  # fmt: skip

    def _news(
        self, kind: type[SystemEvent], job: Job, version: Version | None = None,
        problem: str | None = None, by: str | None = None,
    ) -> None:  # fmt: skip
        told = JobEvent(
            model_version=self._champion, job=job.id, reason=job.reason,
            created_at=from_micros(self._at()), attempt=max(1, job.token),
            causes=_causes(job) or None, problem=problem, by=by,
            version=version.version if version else None,
            artifact=version.artifact if version else None,
            metrics=(version.metrics or None) if version else None,
        )  # fmt: skip
        self._tell([kind(told)])

    @property
    def _champion(self) -> str:
        return self.standing.champion if self.standing else ""

    @property
    def _known(self) -> Standing:
        if self.standing is None:
            raise NotNow(f"{self.name} has no record yet, and so no champion")
        return self.standing

    def _expected(self, generation: int | None) -> Standing:
        standing = self._known
        if generation is not None and generation != standing.generation:
            raise NotNow(
                f"{self.name} has changed its champion since: it is {standing.champion}, "
                f"generation {standing.generation}, not {generation}"
            )
        return standing

    # Keeping ----------------------------------------------------------------------------------

    def _keep(self, job: Job, **changes: Any) -> Job:
        job = msgspec.structs.replace(job, **changes)
        jobs.keep(self._store, job)
        return job

    def _stand(self, standing: Standing, expected: int | None = -1) -> None:
        before = self.standing.generation if self.standing else None
        expected = before if expected == -1 else expected
        if not versions.keep_standing(self._store, self.number, standing, expected):
            raise HomeostatError(f"the standing of {self.name} was changed by another process")
        self.standing = standing


def _causes(job: Job) -> list[int]:
    """The numbers of the request and of the alarms before it."""
    return (([job.cause] if job.cause is not None else []) + job.causes)[:_CAUSES]
