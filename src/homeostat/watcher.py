"""A detector at its post: what its alarms become, with their times, once it is in an engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from homeostat.events import DriftDetected, DriftEnded, DriftEvent, EpisodeEvent, SystemEvent
from homeostat.protocols import Alarms, Detector, Note
from homeostat.state import Stateful
from homeostat.timeline import Timeline
from homeostat.times import from_micros, to_micros

Stamp = tuple[str, datetime]
"""The model version and the time of a record."""


class Watcher(Stateful):
    """Turns the alarms of one detector into events.

    Where the detector can tell how many observations ago a change began (it has `since`), the
    times of its observations are remembered; where it ends its episodes, when they began.
    """

    memory = ("timeline", "began")

    def __init__(self, detector: Detector, direction: Callable[[str, float], str]) -> None:
        self.detector = detector
        self.name = str(getattr(detector, "name", type(detector).__name__))
        self.direction = direction
        self.dated = hasattr(detector, "since")
        self.timeline = Timeline()
        self.began: dict[str, tuple[int, str]] = {}

    def saw(self, moment: datetime) -> None:
        """The detector took an observation of this time."""
        if self.dated:
            self.timeline.add(to_micros(moment))

    def alarm(self, stamp: Stamp) -> SystemEvent:
        """The event of the alarm that the detector has just raised."""
        told = self.detector
        change = float(getattr(told, "change", math.nan))
        numbers = float(told.observed), float(told.threshold), change
        return self._event(
            numbers, int(getattr(told, "since", -1)), getattr(told, "note", None), stamp
        )

    def alarms(
        self, found: Alarms, micros: Callable[[], NDArray[np.int64]], stamps: Iterator[Stamp]
    ) -> list[SystemEvent]:
        """The events of the alarms over many observations, which were of these times."""
        times, start, events = micros() if self.dated else None, 0, []
        for at, stamp in enumerate(stamps):
            position = int(found.positions[at])
            if times is not None:  # no more than what was seen by then
                self.timeline.extend(times[start : position + 1])
                start = position + 1
            numbers = tuple(float(column[at]) for column in found[1:4])
            since = -1 if found.since is None else int(found.since[at])
            note = None if found.notes is None else found.notes[at]
            events.append(self._event(numbers, since, note, stamp))
        if times is not None:
            self.timeline.extend(times[start:])
        return events

    def _event(
        self, numbers: tuple[float, ...], since: int, note: Note | None, stamp: Stamp
    ) -> SystemEvent:
        observed, threshold, change = numbers
        note = note or Note()
        metric = note.metric or self.detector.on
        if note.ended:
            return self._end(metric, note.alarms, stamp)
        version, moment = stamp
        direction = note.direction or self.direction(metric, change)
        changed = self.timeline.before(since) if since >= 0 and self.dated else None
        if note.alarms:  # its end will be told, too
            self.began[metric] = to_micros(moment), direction
        return DriftDetected(
            DriftEvent(
                version, metric, threshold, observed, moment, self.name, direction,
                None if changed is None else from_micros(changed),
                since if since >= 0 else None,
                note.evidence,
            )
        )  # fmt: skip

    def _end(self, metric: str, alarms: int, stamp: Stamp) -> SystemEvent:
        version, moment = stamp
        began, direction = self.began.pop(metric, (to_micros(moment), "change"))
        return DriftEnded(
            EpisodeEvent(version, metric, from_micros(began), alarms, moment, self.name, direction)
        )
