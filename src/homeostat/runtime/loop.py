"""The loop of one model: requests become jobs, jobs challengers, challengers champions.

Its methods are called within a change of the store, by the one thread that changes it, and what
they decide is told through the account, whose journal keeps it as facts. What it knows is in the
store; an account that is opened again has a loop that knows the same. `jobs` are its retrainings,
`pairs` the comparison that runs, `lead` who answers between promotions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from homeostat.events import (
    ChallengerReady,
    ChallengerRegistered,
    ChallengerRejected,
    ChallengerUndecided,
    DecisionEvent,
    DriftDetected,
    DriftEnded,
    ModelPromoted,
    ModelRolledBack,
    RetrainRequested,
    SystemEvent,
    WatchEnded,
)
from homeostat.lifecycle.contest import PROMOTED, UNDECIDED
from homeostat.lifecycle.course import Course
from homeostat.lifecycle.versions import CHALLENGER, CHAMPION, Version
from homeostat.runtime.crash import crashpoint
from homeostat.runtime.ground import CAUSES, Ground, NotNow, Tell, but, causes_of
from homeostat.runtime.leading import Leading
from homeostat.runtime.pairing import Pairing
from homeostat.runtime.retrainings import Retrainings
from homeostat.stores import versions
from homeostat.stores.jobs import Job
from homeostat.stores.store import Store
from homeostat.stores.versions import Look, Standing
from homeostat.times import from_micros, to_micros

RECALLED, TRAINED = "recalled", "trained"
"""Where a challenger comes from: an earlier version that is tried again, or a retraining."""


class Loop:
    """One model's. `at` is the newest time of its records, `position` that of its next fact."""

    def __init__(
        self, store: Store, number: int, name: str, course: Course, tell: Tell,
        at: Callable[[], int], position: Callable[[], int], clock: Callable[[], int],
    ) -> None:  # fmt: skip
        self._ground = Ground(store, number, name, course, tell, at, position, clock)
        self.name, self._store, self._number = name, store, number
        self.jobs = Retrainings(self._ground, self._asked_for, self._challenge)
        self.pairs = Pairing(self._ground)
        self.lead = Leading(self._ground)

    @property
    def standing(self) -> Standing | None:
        """Who is who; None before the first record."""
        return self._ground.standing

    def met(self, version: str | None) -> None:
        """The version of the oldest record; the first there is makes the champion."""
        if self.standing is None and version is not None:
            self._ground.stand(self._first(version), None)
            versions.keep(
                self._store, Version(model=self.name, version=version, created=self._ground.clock())
            )

    def _first(self, version: str) -> Standing:
        now = self._ground.at()
        return Standing(champion=version, looked=now, trained=now)

    def heard(self, events: Sequence[tuple[int, SystemEvent]]) -> None:
        """New alarms and requests, with their numbers in the log."""
        standing = self.standing
        if standing is None:
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
            self._ground.stand(but(standing, alarms=alarms))
        if self._ground.course.trainer is not None:
            causes = sorted(alarms.values())[-CAUSES:]
            if requests:
                self.jobs.requested(requests, causes)
            self.jobs.at_latest(causes)
        self._look_at_times()

    # Versions ---------------------------------------------------------------------------------

    def _challenge(self, job: Job, version: Version, recalled: dict[str, float] | None = None
    ) -> None:  # fmt: skip
        """A version is compared from now on; `recalled`: what a look at it has shown."""
        standing = self._ground.known
        large = self._too_large(version)
        if standing.watched:
            self._end_watch(standing, f"{version.version} has come, to be compared")
        elif standing.challenger is not None:
            self._close(ChallengerUndecided, standing, "a newer challenger has come", {})
        self._ground.stand(but(
            self._ground.known, challenger=version.version, watched=False, ready=False,
            since=self._ground.at(), job=job.id, causes=causes_of(job),
        ))  # fmt: skip
        self.pairs.begin(job.manifest.get("cut", job.position))
        self.lead.registered(version.version)
        versions.intend(self._store, self.name, CHALLENGER, version.version, self._ground.clock())
        origin = TRAINED if recalled is None else RECALLED
        self._ground.news(ChallengerRegistered, job, version, origin=origin, metrics=recalled)
        if large:
            self.reject(reason=large)

    def _too_large(self, version: Version) -> str:
        """Why it is too large to serve, as far as the sizes are known."""
        most = self._ground.course.compare.larger
        champion = versions.found(self._store, self.name, self._ground.champion)
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
        standing = self._ground.expected(expected)
        chosen = version or (None if standing.watched else standing.challenger)
        if chosen is None:
            raise NotNow(f"{self.name} has no challenger; name the version")
        if chosen == standing.champion:
            raise NotNow(f"{chosen} is the champion of {self.name} already")
        found = versions.found(self._store, self.name, chosen)
        if found is None:
            raise NotNow(f"{self.name} has no version {chosen!r}")
        if chosen != standing.challenger or standing.watched:  # what made it is another job
            standing = but(standing, job=found.job, causes=[])
        told = self._decision(standing, chosen, reason or "asked for", by, evidence)
        if standing.watched:
            self._end_watch(standing, f"{chosen} serves from now on", by=by)
        watching = self._ground.course.compare.watch > 0
        now = but(self._ground.known, job=standing.job, causes=standing.causes)
        self._enthrone(now, chosen, standing.champion, watching)
        self._ground.tell([ModelPromoted(told)])
        self.lead.promoted(chosen, standing.champion)

    def reject(
        self, version: str | None = None, *, reason: str = "", by: str | None = None,
        evidence: dict[str, Any] | None = None, undecided: bool = False,
    ) -> None:  # fmt: skip
        """The challenger is compared no more; the champion stays. Raises NotNow.

        version: another one that may lead, which it then does no more.
        """
        standing = self._ground.known
        if version not in (None, standing.challenger):
            self._leads_no_more(standing, str(version), reason, by)
            return
        if standing.challenger is None or standing.watched:
            raise NotNow(f"{self.name} has no challenger")
        kind = ChallengerUndecided if undecided else ChallengerRejected
        self._close(kind, standing, reason or "asked for", evidence, by)

    def _leads_no_more(
        self, standing: Standing, version: str, reason: str, by: str | None
    ) -> None:  # fmt: skip
        if version == standing.champion:
            raise NotNow(f"{version} is the champion of {self.name}; roll it back")
        if not self.lead.out(version):
            raise NotNow(f"{self.name} has no version {version!r} that may lead")
        told = self._decision(but(standing, job=None, causes=[]), version,
                              reason or "asked for", by, None)  # fmt: skip
        self._ground.tell([ChallengerRejected(told)])

    def roll_back(
        self, *, reason: str = "", by: str | None = None, evidence: dict[str, Any] | None = None,
        expected: int | None = None,
    ) -> None:  # fmt: skip
        """The version that served before serves again, whatever has become of the other."""
        standing = self._ground.expected(expected)
        if standing.previous is None:
            raise NotNow(f"{self.name} has had no other champion")
        told = self._decision(standing, standing.champion, reason or "asked for", by, evidence,
                              serves=standing.previous)  # fmt: skip
        self._enthrone(standing, standing.previous, standing.champion, watching=False)
        self._ground.tell([ModelRolledBack(told)])
        self.lead.promoted(standing.previous, None)
        self.lead.out(standing.champion)

    def _enthrone(self, standing: Standing, champion: str, before: str, watching: bool) -> None:
        after = but(
            standing, champion=champion, previous=before, generation=standing.generation + 1,
            challenger=before if watching else None, watched=watching, ready=False,
            since=self._ground.at(), reign=self._ground.position(),
            alarms={},  # detectors begin anew
        )  # fmt: skip
        self.pairs.drop()
        self._ground.stand(after, standing.generation)
        if watching:
            self.pairs.begin(self._ground.position())
        crashpoint("promoted")
        versions.intend(self._store, self.name, CHALLENGER, None, self._ground.clock())
        versions.intend(self._store, self.name, CHAMPION, champion, self._ground.clock())

    def _close(
        self, kind: type[SystemEvent], standing: Standing, reason: str,
        evidence: dict[str, Any] | None, by: str | None = None,
    ) -> None:  # fmt: skip
        assert standing.challenger is not None
        told = self._decision(standing, standing.challenger, reason, by, evidence)
        self._end_comparison(standing)
        versions.intend(self._store, self.name, CHALLENGER, None, self._ground.clock())
        self._ground.tell([kind(told)])
        if kind is ChallengerRejected:
            self.lead.out(standing.challenger)

    def _end_watch(
        self, standing: Standing, reason: str, evidence: dict[str, Any] | None = None,
        by: str | None = None,
    ) -> None:  # fmt: skip
        """The version that was replaced is compared no more; the champion stays."""
        assert standing.challenger is not None
        shown = self.pairs.shown() if evidence is None else evidence
        told = self._decision(standing, standing.challenger, reason, by, shown)
        self._end_comparison(standing)
        self._ground.tell([WatchEnded(told)])

    def _end_comparison(self, standing: Standing) -> None:
        self.pairs.drop()
        self._ground.stand(but(standing, challenger=None, watched=False, ready=False))

    # Verdicts ---------------------------------------------------------------------------------

    def settle(self) -> None:
        """Keep what has come to the comparison, and decide where it is decided."""
        settled = self.pairs.settled()
        if settled is None:
            return
        verdict, reason, evidence = settled
        if self._ground.known.watched:
            if verdict == PROMOTED:
                self.roll_back(reason=reason, evidence=evidence)
            else:
                self._end_watch(self._ground.known, reason, evidence)
        elif verdict == PROMOTED:
            self._won(reason, evidence)
        else:
            self.reject(reason=reason, evidence=evidence, undecided=verdict == UNDECIDED)

    def _won(self, reason: str, evidence: dict[str, Any]) -> None:
        """The challenger serves from now on, or waits for a person's word."""
        standing = self._ground.known
        if self._ground.course.compare.automatic:
            self.promote(reason=reason, evidence=evidence)
        elif not standing.ready and standing.challenger is not None:
            self._ground.stand(but(standing, ready=True))
            told = self._decision(standing, standing.challenger, reason, None, evidence)
            self._ground.tell([ChallengerReady(told)])

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
            created_at=from_micros(self._ground.at()), n=shown.get("n"),
            champion_accuracy=champion, challenger_accuracy=other,
            job=standing.job, causes=standing.causes or None, by=by, evidence=evidence or None,
        )  # fmt: skip

    # Earlier versions -------------------------------------------------------------------------

    def _asked_for(self, job: Job) -> None:
        """Before a job that a strategy asked for, earlier versions are looked at."""
        standing, recall = self._ground.known, self._ground.course.recall
        now = self._ground.at()
        if recall.wanted and now - standing.looked >= recall.micros("cooldown"):
            self._look(Look(self._number, job.position, job.id), now)

    def _look_at_times(self) -> None:
        """Earlier versions are looked at without a request too, where that is wanted."""
        standing, recall = self._ground.known, self._ground.course.recall
        now = self._ground.at()
        if not recall.wanted or recall.every is None or _challenged(standing):
            return
        if now - standing.looked >= recall.micros("every"):
            self._look(Look(self._number, self._ground.position(), None), now)

    def _look(self, look: Look, now: int) -> None:
        if not _challenged(self._ground.known) and versions.ask_look(self._store, look):
            self._ground.stand(but(self._ground.known, looked=now))

    def looked(
        self, look: Look, champion: str, version: str | None,
        evidence: Mapping[str, Any], shown: Mapping[str, float],
    ) -> None:  # fmt: skip
        """What a look has found: a version that is better than the champion, or None.

        It challenges, in the place of the job that was asked for where that is wanted, and has
        won. Nothing happens where another champion serves by now, or a challenger has come.
        """
        if not versions.end_look(self._store, look):
            return
        crashpoint("looked")
        standing = self._ground.known
        found = None if version is None else versions.found(self._store, self.name, version)
        if found is None or standing.champion != champion or _challenged(standing):
            return
        causes = sorted(standing.alarms.values())
        place = look.job if self._ground.course.recall.instead else None
        job = self.jobs.recalled(place, look.position, found.version, causes)
        self._challenge(job, found, dict(shown))
        if self._ground.known.challenger == found.version:  # else it was too large
            self._won(f"an earlier version: {evidence['reason']}", dict(evidence))


def _challenged(standing: Standing) -> bool:
    """Whether a challenger is compared, in which case nothing is recalled."""
    return standing.challenger is not None and not standing.watched
