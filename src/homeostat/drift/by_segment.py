"""A detector for each segment of the records, under one budget.

Segments divide the traffic: a budget of one alarm in so many records, kept by the detector of each
segment on its own records, is kept by all of them together on the whole traffic. So nothing has
to be divided, however many segments there are.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from homeostat.batch import Batch, Rows
from homeostat.budget import AlarmBudget
from homeostat.errors import SnapshotMismatch, require
from homeostat.protocols import Alarms, Detector, Note, follows_labels
from homeostat.record import InferenceRecord
from homeostat.segments import Segments
from homeostat.sequential.alarms import Alarm, alarm_of, alarms_of, collect
from homeostat.series import RECORD_SERIES, RECORDS, column_of, value_of
from homeostat.state import Stateful, recall, remember
from homeostat.timeline import Timeline


class _Part:
    """A segment's detector, and which records of the stream it has seen."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.seen = Timeline()  # of numbers of records in place of times


class BySegment(Stateful):
    """The detector for each segment: `BySegment(hs.drift.error_rate(errors), by="country")`.

    detector: any that watches `error`, `latency_ms`, `score` or `records`; each segment has a
    fresh copy. by, max_segments: as for `segmented` metrics, see there for how values read.

    An alarm's series is called as the detector's, followed by the segment: `error[country=DE]`.
    `since` counts records of the whole stream. NaN and missing labels are no observation. Raises
    what the detector raises, and InvalidSetting. Cost per record: the detector's and some 2 µs;
    state: up to `max_segments` + 1 times the detector's.
    """

    on: ClassVar[str] = RECORDS

    def __init__(self, detector: Detector, by: str | Sequence[str], max_segments: int = 100):
        fits = all(hasattr(detector, each) for each in ("on", "update"))
        fits = fits and not isinstance(detector, type)
        require(fits, "detector", detector, "a detector, with update")
        known = detector.on in RECORD_SERIES
        require(known, "detector", detector, f"on one of {', '.join(RECORD_SERIES)}")
        self._segments: Segments[_Part] = Segments(
            by, max_segments, lambda: _Part(_fresh(detector))
        )
        self.detector = detector
        self.by = self._segments.by
        self.max_segments = max_segments
        self.count = 0
        self.observed = math.nan
        self.threshold = math.nan
        self.change = math.nan
        self.since = -1
        self.note: Note | None = None

    @property
    def name(self) -> str:
        """The detector's name."""
        return self.detector.name

    @property
    def follows(self) -> str:
        """As the detector does."""
        return "labels" if follows_labels(self.detector) else "records"

    def within(self, budget: AlarmBudget, records_per_day: float | None = None) -> BySegment:
        """The same, new, for another budget, which need not be divided over the segments."""
        (detector,) = budget.over([self.detector], records_per_day)
        return BySegment(detector, self.by, self.max_segments)

    def update(self, record: InferenceRecord) -> bool:
        """Take one record; True when it raises an alarm in its segment."""
        segment = self._segments.of(record)
        part = self._segments.parts[segment]
        number, self.count = self.count, self.count + 1
        x = value_of(self.detector.on, record)
        if x is None or (x is not record and x != x):
            return False
        part.seen.add(number)
        if not part.detector.update(x):
            return False
        self._tell(self._named(segment, alarm_of(part.detector, 0), number))
        return True

    def alarms(self, batch: Batch) -> Alarms:
        """Take many records; their alarms, in the order of the records."""
        found = [alarm for segment, rows in self._segments.rows(batch)
                 for alarm in self._of_segment(segment, rows, batch)]  # fmt: skip
        self.count += len(batch)
        found.sort(key=lambda alarm: alarm.position)
        for alarm in found[-1:]:
            self._tell(alarm)
        return collect(found, None)

    def _of_segment(self, segment: str, rows: Rows, batch: Batch) -> list[Alarm]:
        part = self._segments.parts[segment]
        inner, values = column_of(self.detector.on, batch.take(rows))
        if not isinstance(values, Batch):
            known = ~np.isnan(values)
            inner, values = inner[known], values[known]
        places = rows[inner]
        told, start = [], 0
        for alarm in alarms_of(part.detector, values):
            row = int(places[alarm.position])
            part.seen.extend(self.count + places[start : alarm.position + 1])
            start = alarm.position + 1
            told.append(self._named(segment, alarm._replace(position=row), self.count + row))
        part.seen.extend(self.count + places[start:])
        return told

    def _named(self, segment: str, alarm: Alarm, number: int) -> Alarm:
        note = alarm.note or Note()
        began = self._segments.parts[segment].seen.before(alarm.since)
        return alarm._replace(
            since=-1 if began is None else number - began,
            note=note._replace(metric=(note.metric or self.detector.on) + segment),
        )

    def _tell(self, alarm: Alarm) -> None:
        _, self.observed, self.threshold, self.change, self.since, self.note = alarm

    def snapshot(self) -> dict[str, Any]:
        """What each segment remembers, in the order of their first records."""
        parts = {
            key: [remember(part.detector), part.seen.snapshot()]
            for key, part in self._segments.parts.items()
        }
        last = [self.observed, self.threshold, self.change, self.since]
        return {"count": self.count, "parts": parts, "last": last}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Put a snapshot back; raises SnapshotMismatch when it is of something else."""
        if set(snapshot) != {"count", "parts", "last"}:
            raise SnapshotMismatch(f"the snapshot holds {sorted(snapshot)}, no segments")
        self.count = snapshot["count"]
        self.observed, self.threshold, self.change, self.since = snapshot["last"]
        self._segments.parts = {}
        for key, (detector, seen) in snapshot["parts"].items():
            part = self._segments.parts[key] = self._segments.make()
            recall(part.detector, detector)
            part.seen.restore(seen)


def _fresh(detector: Any) -> Any:
    return detector.fresh() if hasattr(detector, "fresh") else copy.deepcopy(detector)
