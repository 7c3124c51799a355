"""What came of one contestant, in numbers."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from homeostat.backtest.alarms import UNKNOWN, uncalled, unprompted
from homeostat.backtest.settings import Settings
from homeostat.batch import Rows
from homeostat.times import from_micros, to_text

TOLD = 10_000
"""Requests of a contestant that are told one by one; all are counted."""

_PARTS = 100  # of the history, for accuracy over time


class Trace(msgspec.Struct):
    """What happened: which predictions were right (-1: not known), and where was asked.

    became: of each request, what the retraining came to: "retrained", "rejected" by a gate, or
    "failed: ..."; "requested" where nobody trains. first: the first record that counts.
    suppressed: requests that rules did not let pass.
    """

    name: str
    correct: NDArray[np.int8]
    rows: Rows
    reasons: list[str]
    became: list[str]
    calendar: bool = False
    first: int = 0
    suppressed: int = 0


class Outcome(msgspec.Struct):
    """The figures of one contestant.

    accuracy: of the labelled records, None when there is none. cost: of retrainings and of wrong
    predictions. regret: the cost beyond that of the best calendar in hindsight, None where nobody
    trains. over_time: accuracy in equal parts of the history, None without labels. events: the
    first 10,000 requests: record (from 0), created_at, reason, false_alarm, became. suppressed:
    requests that rules did not let pass; they count for nothing else.
    """

    name: str
    accuracy: float | None
    retrainings: int
    cost: float
    false_alarms: int
    labelled: int
    wrong: int
    regret: float | None = None
    replaced: int = 0
    over_time: list[float | None] = []
    events: list[dict[str, Any]] = []
    calendar: bool = False
    suppressed: int = 0


def outcome(
    trace: Trace, times: NDArray[np.int64], settings: Settings, changes: list[int] | None
) -> Outcome:
    """The figures of a trace; `times` are those of all records."""
    served = trace.correct[trace.first :]
    labelled, wrong = int((served != UNKNOWN).sum()), int((served == 0).sum())
    if changes is None:
        false = unprompted(trace.correct, trace.rows, settings.around)
    else:
        false = uncalled(trace.rows, changes, settings.within)
    return Outcome(
        trace.name,
        1 - wrong / labelled if labelled else None,
        len(trace.rows),
        settings.retraining_cost * len(trace.rows) + settings.error_cost * wrong,
        int(false.sum()),
        labelled,
        wrong,
        replaced=trace.became.count("retrained"),
        over_time=over_time(served),
        events=_events(trace, times, false),
        calendar=trace.calendar,
        suppressed=trace.suppressed,
    )


def over_time(correct: NDArray[np.int8]) -> list[float | None]:
    """Accuracy in equal parts, at most 100; None for one without labels."""
    parts = np.array_split(correct, min(_PARTS, max(len(correct), 1)))
    known = [part[part != UNKNOWN] for part in parts]
    return [float(part.mean()) if len(part) else None for part in known]


def with_regret(outcomes: list[Outcome], calendars: list[Outcome]) -> list[Outcome]:
    """The outcomes with their cost beyond that of the cheapest calendar."""
    least = min((each.cost for each in calendars), default=None)
    if least is None:
        return outcomes
    return [msgspec.structs.replace(each, regret=each.cost - least) for each in outcomes]


def pareto(points: list[Outcome]) -> list[Outcome]:
    """Those of whom nobody else is as accurate with fewer retrainings, or more with as many."""
    return [
        one
        for one in points
        if not any(
            (other.accuracy or 0.0) >= (one.accuracy or 0.0)
            and other.retrainings <= one.retrainings
            and (other.accuracy, other.retrainings) != (one.accuracy, one.retrainings)
            for other in points
        )
    ]


def _events(
    trace: Trace, times: NDArray[np.int64], false: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    told = slice(TOLD)
    moments = map(from_micros, times[trace.rows[told]].tolist())
    columns = (trace.rows[told].tolist(), moments, trace.reasons[told], false[told].tolist())
    return [
        {
            "record": row, "created_at": to_text(moment), "reason": reason, "false_alarm": alarm,
            "became": trace.became[at] if trace.became else "requested",
        }
        for at, (row, moment, reason, alarm) in enumerate(zip(*columns, strict=True))
    ]  # fmt: skip
