"""How a model is, in one word and one sentence, from what is known of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from homeostat.dashboard.happening import Happening
from homeostat.dashboard.open_alarms import rank

DEGRADED, DRIFTING, RETRAINING = "degraded", "drifting", "retraining"
PROVISIONAL, HEALTHY = "provisional", "healthy"

STATES = (DEGRADED, DRIFTING, RETRAINING, PROVISIONAL, HEALTHY)
"""The worst first, as the fleet is sorted."""

_ENOUGH = 100  # labelled records of the latest day
_COVERED = 0.2  # share of them with a label


class Facts(msgspec.Struct, frozen=True):
    """What the state follows from.

    fallen: how the main metric has clearly left what is usual, in words. learning: rows that a
    reference has, and those that it needs.
    """

    alarms: list[Happening]
    off: list[str]
    fallen: str | None = None
    job: str | None = None
    job_state: str = ""
    challenger: str | None = None
    ready: bool = False
    records: int = 0
    labelled: int | None = None  # of the latest day; None where that was not read yet
    coverage: float = 0.0
    learning: tuple[int, int] | None = None


class State(NamedTuple):
    """A word of STATES, and why; `seq` is the event that tells more, None for none."""

    word: str
    reason: str
    seq: int | None = None


def state_of(facts: Facts) -> State:
    """The state; a retraining that is under way stands before the trouble that began it."""
    trouble = _trouble(facts)
    course = _course(facts)
    if course is None:
        return trouble or _quiet(facts)
    told = f"{course}; {trouble.reason}" if trouble else course
    return State(RETRAINING, told, trouble.seq if trouble else None)


def _trouble(facts: Facts) -> State | None:
    worst = sorted(facts.alarms, key=lambda told: (rank(told), told.at))
    if facts.fallen:
        told = f"; {said(worst[0])}{_others(worst)}" if worst else ""
        return State(DEGRADED, facts.fallen + told, worst[0].seq if worst else None)
    if worst and rank(worst[0]) < 2:
        return State(DEGRADED, said(worst[0]) + _others(worst), worst[0].seq)
    if facts.off:
        return State(DEGRADED, f"{', '.join(facts.off)} failed and is off")
    if worst:
        return State(DRIFTING, said(worst[0]) + _others(worst), worst[0].seq)
    return None


def _others(alarms: list[Happening]) -> str:
    return f" (+{len(alarms) - 1} more)" if len(alarms) > 1 else ""


def _course(facts: Facts) -> str | None:
    if facts.job_state == "waiting":
        return f"{facts.job} waits for approval"
    if facts.job is not None:
        return f"{facts.job} is {facts.job_state}"
    if facts.challenger is None:
        return None
    told = "has won and waits for a word" if facts.ready else "is compared with the champion"
    return f"{facts.challenger} {told}"


def _quiet(facts: Facts) -> State:
    if not facts.records:
        return State(PROVISIONAL, "no record yet")
    if facts.learning is not None:
        have, need = facts.learning
        return State(PROVISIONAL, f"learning what is usual: {have:,} of {need:,} records")
    if facts.labelled is None:
        return State(HEALTHY, "no alarm is open")
    if facts.labelled < _ENOUGH:
        return State(PROVISIONAL, f"{facts.labelled:,} labels in the latest day, too few to tell")
    if facts.coverage < _COVERED:
        return State(PROVISIONAL, f"{facts.coverage:.0%} of the latest day has a label")
    return State(HEALTHY, "no alarm is open")


def said(told: Happening) -> str:
    """An alarm in a few words."""
    event, evidence = told.event, told.event.get("evidence") or {}
    metric = str(event.get("metric"))
    if event.get("direction") == "broken":
        schema = evidence.get("schema") or []
        return "data broken: " + ("; ".join(map(str, schema[:2])) or metric)
    columns = evidence.get("columns") or []
    if columns:
        more = f" and {len(columns) - 2} more" if len(columns) > 2 else ""
        return f"{metric} drifted: {', '.join(columns[:2])}{more}"
    word = {"worse": "got worse", "better": "got better"}.get(
        str(event.get("direction")), "changed"
    )
    return f"{metric} {word}{_observed(event)}"


def _observed(event: dict[str, Any]) -> str:
    observed, threshold = event.get("observed"), event.get("threshold")
    if not isinstance(observed, int | float) or not isinstance(threshold, int | float):
        return ""
    return f": {observed:.3g}, threshold {threshold:.3g}"
