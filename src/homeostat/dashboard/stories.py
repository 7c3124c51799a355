"""Retrainings as stories: the drift, the request, the job, the comparison, the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from homeostat.dashboard.happening import Happening
from homeostat.dashboard.happenings import DECISIONS
from homeostat.dashboard.states import said

_STAGES = {
    "DriftDetected": "drift", "DriftEnded": "ended", "RetrainRequested": "request",
    "RetrainSuppressed": "request", "RetrainQueued": "job", "RetrainStarted": "job",
    "RetrainSucceeded": "job", "RetrainFailed": "job", "ChallengerRegistered": "challenger",
    "ChallengerReady": "verdict", "ChallengerRejected": "verdict", "ChallengerUndecided": "verdict",
    "ModelPromoted": "promotion", "ModelRolledBack": "rollback", "WatchEnded": "watch",
    "PluginFailed": "failure",
}  # fmt: skip
_OUTCOMES = {
    "ModelRolledBack": "rolled back", "ModelPromoted": "promoted", "ChallengerRejected": "rejected",
    "ChallengerUndecided": "undecided", "ChallengerReady": "waits for a word",
    "RetrainFailed": "failed", "RetrainSucceeded": "compared", "RetrainStarted": "running",
    "RetrainQueued": "queued",
}  # fmt: skip


class Step(msgspec.Struct):
    """One event of a story, in words, with its numbers. `at` in milliseconds, records' time."""

    seq: int
    kind: str
    stage: str
    at: int
    said: str
    event: dict[str, Any]


class Story(msgspec.Struct):
    """What belongs together: a retraining, or a decision or an alarm that had none."""

    model: str
    job: str | None
    outcome: str
    begun: int
    at: int
    steps: list[Step]


def stories(model: str, told: Sequence[Happening], limit: int = 50) -> list[Story]:
    """The stories in a log, the newest first. Events that are no longer known are left out."""
    by_seq = {each.seq: each for each in told}
    jobs: dict[str, dict[int, Happening]] = {}
    taken: set[int] = set()
    for each in told:
        job = each.event.get("job")
        if isinstance(job, str):
            own = jobs.setdefault(job, {})
            own[each.seq] = each
            own |= {seq: by_seq[seq] for seq in each.event.get("causes") or () if seq in by_seq}
    for own in jobs.values():
        taken |= own.keys()
    own_story = (*DECISIONS, "DriftDetected", "PluginFailed")
    alone = [[each] for each in told if each.seq not in taken and each.kind in own_story]
    found = [_story(model, job, list(own.values())) for job, own in jobs.items()]
    found += [_story(model, None, own) for own in alone]
    found.sort(key=lambda story: (-story.at, -story.steps[-1].seq))
    return found[:limit]


def _story(model: str, job: str | None, events: list[Happening]) -> Story:
    steps = [step(each) for each in sorted(events, key=lambda each: each.seq)]
    kinds = [each.kind for each in reversed(steps)]
    outcome = next((_OUTCOMES[kind] for kind in kinds if kind in _OUTCOMES), "")
    if job is None and not outcome:
        outcome = "plug-in failed" if kinds[0] == "PluginFailed" else "alarm"
    return Story(model, job, outcome, steps[0].at, steps[-1].at, steps)


def step(told: Happening) -> Step:
    """An event in words."""
    return Step(told.seq, told.kind, _STAGES.get(told.kind, "other"), told.at, _said(told),
                told.event)  # fmt: skip


def notes(told: Iterable[Happening]) -> list[Step]:
    """All events in words, the newest first."""
    return [step(each) for each in sorted(told, key=lambda each: -each.seq)]


def _said(told: Happening) -> str:
    event = told.event
    reason = str(event.get("reason") or "")
    tail = f": {reason}" if reason else ""
    challenger, champion = event.get("challenger"), event.get("model_version")
    match told.kind:
        case "DriftDetected":
            return said(told)
        case "DriftEnded":
            n = event.get("alarms", 1)
            return f"{event.get('metric')}: no alarm any more, after {n} alarm{'s' * (n != 1)}"
        case "RetrainRequested":
            return f"retraining asked for{tail}"
        case "RetrainSuppressed":
            return f"{event.get('requests'):,} requests made no job{tail}"
        case "RetrainQueued":
            return f"{event.get('job')} queued{tail}"
        case "RetrainStarted":
            return f"{event.get('job')} runs, attempt {event.get('attempt', 1)}"
        case "RetrainSucceeded":
            return f"{event.get('job')} made {event.get('version')}"
        case "RetrainFailed":
            return f"{event.get('job')} failed: {event.get('problem') or 'no reason given'}"
        case "ChallengerRegistered":
            return f"{event.get('version')} is compared with {champion}"
        case "ChallengerReady":
            return f"{challenger} is better than {champion}, and waits for a word{tail}"
        case "ChallengerRejected":
            return f"{challenger} rejected, {champion} stays{tail}"
        case "ChallengerUndecided":
            return f"{challenger} against {champion} is undecided{tail}"
        case "ModelPromoted":
            return f"{challenger} promoted in the place of {champion}{tail}"
        case "ModelRolledBack":
            return f"rolled back to {champion}, {challenger} gave way{tail}"
        case "WatchEnded":
            return f"{champion} stays, the watch is over{tail}"
        case "LeaderChanged":
            return f"{champion} answers in the place of {event.get('previous')}"
        case "PluginFailed":
            return f"{event.get('plugin')} failed: {event.get('error')}"
        case _:
            return told.kind
