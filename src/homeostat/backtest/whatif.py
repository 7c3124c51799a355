"""History with other settings, beside what happened.

Two events are the same if they are of one kind, at one time, about one series; what else they tell
(a threshold, a reason) follows from the settings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from homeostat.events import SystemEvent
from homeostat.times import to_micros

SHOWN = 10
"""Differences that are told one by one, of each side."""

TIMELINE = ("DriftDetected", "RetrainRequested")
"""The kinds of event that a timeline is drawn of."""

Key = tuple[str, str, int]

_PARTS = 60  # of a timeline


class Stretch(msgspec.Struct):
    """A kind of event in equal parts of time: how many then, how many now."""

    kind: str
    then: list[int]
    now: list[int]


class WhatIf(msgspec.Struct):
    """Then: as it was recorded. Now: with the other settings.

    kinds: of each kind of event, how many then and how many now. only_then, only_now: the first
    events that the other side has not. start, end: of the timelines, microseconds since 1970.
    differences: how many events one of the sides has not.
    """

    model: str
    kinds: dict[str, tuple[int, int]]
    differences: int
    only_then: list[Any]
    only_now: list[Any]
    timelines: list[Stretch]
    start: int
    end: int


def whatif(model: str, then: Iterable[SystemEvent], now: Iterable[SystemEvent]) -> WhatIf:
    """Compare two tellings of one history. Memory: all their events."""
    told, telling = list(then), list(now)
    before, after = Counter(map(_key, told)), Counter(map(_key, telling))
    kinds = _kinds(told), _kinds(telling)
    moments = sorted(_moment(event) for event in (*told, *telling))
    start, end = (moments[0], moments[-1]) if moments else (0, 0)
    return WhatIf(
        model,
        {kind: (kinds[0][kind], kinds[1][kind]) for kind in sorted({*kinds[0], *kinds[1]})},
        (before - after).total() + (after - before).total(),
        _beyond(told, before - after),
        _beyond(telling, after - before),
        [
            Stretch(kind, _parts(told, kind, start, end), _parts(telling, kind, start, end))
            for kind in TIMELINE
        ],
        start,
        end,
    )


def _key(event: SystemEvent) -> Key:
    about = getattr(event.payload, "metric", None) or getattr(event.payload, "name", "")
    return event.kind, str(about), _moment(event)


def _kinds(events: Sequence[SystemEvent]) -> Counter[str]:
    return Counter(event.kind for event in events)


def _moment(event: SystemEvent) -> int:
    return to_micros(event.payload.created_at)


def _beyond(events: Sequence[SystemEvent], more: Counter[Key]) -> list[Any]:
    """The first of the events that only this side has, in its order."""
    found: list[Any] = []
    for event in events:
        key = _key(event)
        if more[key] and len(found) < SHOWN:
            more[key] -= 1
            found.append(msgspec.json.decode(event.to_json()))
    return found


def _parts(events: Sequence[SystemEvent], kind: str, start: int, end: int) -> list[int]:
    moments = np.array([_moment(event) for event in events if event.kind == kind], dtype=np.int64)
    parts = (moments - start) * _PARTS // max(end - start + 1, 1)
    return np.bincount(parts, minlength=_PARTS).tolist()  # type: ignore[no-any-return]
