"""What a model's log says of its past: when its data were broken, and when another regime began.

A regime lasts from the beginning of one drift to that of the next. All is as of a number in the
log, so that whoever asks again hears the same, whatever was told since.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.events import (
    ModelPromoted,
    ModelRolledBack,
    RetrainQueued,
    RetrainStarted,
    SystemEvent,
)
from homeostat.stores.jobs import Job
from homeostat.stores.store import Store
from homeostat.times import to_micros

FOR_EVER = 2**62
"""The end of a span that has none yet."""

_KINDS = ("DriftDetected", "DriftEnded", ModelPromoted.__name__, ModelRolledBack.__name__)
_PAGE = 1000


class Past(NamedTuple):
    """In the records' time, microseconds since 1970.

    broken: spans in which a detector said that the data were broken. onsets: when drifts began,
    ascending.
    """

    broken: list[tuple[int, int]]
    onsets: list[int]

    def broken_at(self, times: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Of each time whether the data were broken then."""
        found = np.zeros(len(times), dtype=bool)
        for began, ended in self.broken:
            found |= (times >= began) & (times <= ended)
        return found


def past_of(store: Store, model: int, job: Job | None = None) -> Past:
    """What the log said when a job was asked for, or approved; without one, all that it says.

    A version that begins to serve ends what was broken, as detectors begin anew then; where the
    data still are, they say so again. Cost: all alarms of the log.
    """
    until = _asked_at(store, model, job)
    open_since: dict[tuple[Any, Any], int] = {}
    broken: list[tuple[int, int]] = []
    onsets: set[int] = set()
    for event in told(store, model, _KINDS, until):
        payload = event.payload
        at = to_micros(payload.created_at)
        if isinstance(event, ModelPromoted | ModelRolledBack):
            broken += [(began, at) for began in open_since.values()]
            open_since = {}
            continue
        key = (payload.detector, payload.metric)
        if event.kind == "DriftEnded":
            if key in open_since:
                broken.append((open_since.pop(key), at))
            continue
        began = to_micros(payload.changed_at or payload.created_at)
        if payload.direction == "broken":
            open_since.setdefault(key, began)
        else:
            onsets.add(began)
    return Past(broken + [(began, FOR_EVER) for began in open_since.values()], sorted(onsets))


def _asked_at(store: Store, model: int, job: Job | None) -> int:
    """The number of the event that tells of a job, or of its start where somebody approved it.

    The latest there may be without a job, and for one that is not told of.
    """
    if job is not None:
        approved = job.actor is not None and job.cause is not None
        kind = RetrainStarted if approved else RetrainQueued
        for seq, event in _numbered(store, model, (kind.__name__,), FOR_EVER):
            if event.payload.job == job.id:
                return seq
    return FOR_EVER


def told(
    store: Store, model: int, kinds: tuple[str, ...], until: int = FOR_EVER
) -> Iterator[SystemEvent]:
    """A model's events of some kinds, in order, up to a number in its log."""
    return (event for _, event in _numbered(store, model, kinds, until))


def _numbered(
    store: Store, model: int, kinds: tuple[str, ...], until: int
) -> Iterator[tuple[int, SystemEvent]]:
    after = 0
    while page := store.events(model, after, _PAGE, kinds):
        for stored in page:
            if stored.seq > until:
                return
            yield stored.seq, SystemEvent.from_json(stored.body)
        after = page[-1].seq
