"""One event when a drift begins, and one when it is over, instead of an alarm again and again.

As in the alerting of Prometheus, an alarm that repeats itself keeps one episode firing, and only
silence, or an alarm of the opposite change, resolves it. What is silence follows from the alarm:
where the change took `since` observations to be found, and lasted, it would be found again after
about as many more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from homeostat.batch import Batch
from homeostat.budget import AlarmBudget
from homeostat.errors import SnapshotMismatch, require, whole
from homeostat.protocols import Alarms, Detector, Note, follows_labels
from homeostat.sequential.alarms import Alarm, alarm_of, alarms_of, collect, observations
from homeostat.state import Stateful, recall, remember

_PATIENCE = 5  # times what the change took to be found
_LEAST, _USUAL = 200, 1000  # observations of silence: at least, and where `since` is not known
_Open = tuple[float, int, int]
"""Of an episode: the sign of its change, the count at which it is due to end, its alarms."""


class Episodes(Stateful):
    """A detector whose alarms are told as episodes: the first of them, and that it is over.

    detector: any detector, of numbers or of records; each series it names has episodes of its
    own. quiet: so many observations without an alarm end an episode; None: five times what the
    latest alarm's change took to be found (at least 200), or 1,000 where the detector cannot tell.

    The beginning is the detector's alarm as it is. An alarm of the opposite change ends the
    episode at once; others only prolong it. At the end `note.ended` is set and `note.alarms` says
    how many alarms the episode had; `change` and `since` are then those of its latest alarm.
    An episode that ends in the same step as another is told one observation later.

    NaN is no observation. Raises what the detector raises, and InvalidSetting. Cost: the
    detector's and O(1).
    """

    memory = ("count", "open", "observed", "threshold", "change", "since")

    def __init__(self, detector: Detector, quiet: int | None = None) -> None:
        fits = all(hasattr(detector, each) for each in ("on", "update"))
        fits = fits and not isinstance(detector, type)
        require(fits, "detector", detector, "a detector, with update")
        self.detector = detector
        self.quiet = None if quiet is None else whole("quiet", quiet, 1)
        self.count = 0  # observations so far
        self.open: dict[str, _Open] = {}  # by series
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

    @property
    def on(self) -> str:
        """The series that the detector watches."""
        return self.detector.on

    @property
    def domain(self) -> tuple[float, float] | None:
        """As for the detector."""
        found: tuple[float, float] | None = getattr(self.detector, "domain", None)
        return found

    @property
    def exempt(self) -> dict[str, str]:
        """As for the detector."""
        return dict(getattr(self.detector, "exempt", {}))

    def within(self, budget: AlarmBudget, records_per_day: float | None = None) -> Episodes:
        """The same episodes, new, of the detector for another budget."""
        (detector,) = budget.over([self.detector], records_per_day)
        return Episodes(detector, self.quiet)

    def snapshot(self) -> dict[str, Any]:
        """What the detector and the open episodes remember."""
        return {"detector": remember(self.detector), **super().snapshot()}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Put a snapshot back; raises SnapshotMismatch when it is of something else."""
        if "detector" not in snapshot:
            raise SnapshotMismatch(f"episodes remember their detector, not {sorted(snapshot)}")
        super().restore({name: kept for name, kept in snapshot.items() if name != "detector"})
        recall(self.detector, snapshot["detector"])

    def update(self, x: Any) -> bool:
        """Take one observation; True when an episode begins or ends with it."""
        if isinstance(x, float) and math.isnan(x):
            return False
        raised = [alarm_of(self.detector, 0)] if self.detector.update(x) else []
        return len(list(self._told(raised, 1))) > 0

    def update_many(self, xs: ArrayLike | Batch) -> Any:
        """Take many; the positions at which episodes began or ended."""
        return self.alarms(xs).positions

    def alarms(self, xs: ArrayLike | Batch) -> Alarms:
        """Take many; the beginnings and ends of episodes."""
        if isinstance(xs, Batch):
            return collect(self._told(alarms_of(self.detector, xs), len(xs)), None)
        values, kept = observations(xs)
        return collect(self._told(alarms_of(self.detector, values), len(values)), kept)

    def _told(self, raised: list[Alarm], n: int) -> Iterator[Alarm]:
        """What is told of the alarms within the next `n` observations, at most one at each."""
        first, at = self.count, 0
        for alarm in raised:
            yield from self._ends(first, at, alarm.position)
            self.count = first + alarm.position + 1
            told = self._hear(alarm)
            at = alarm.position + (told is not None)
            if told is not None:
                yield told
        yield from self._ends(first, at, n)
        self.count = first + n

    def _ends(self, first: int, start: int, stop: int) -> Iterator[Alarm]:
        """The ends that are due, each at the first free place from `start` on, before `stop`."""
        while self.open:
            series = min(self.open, key=lambda name: self.open[name][1])
            start = max(start, self.open[series][1] - first - 1)
            if start >= stop:
                return
            yield self._end(series, start)
            start += 1

    def _hear(self, alarm: Alarm) -> Alarm | None:
        """Begin, prolong or end an episode."""
        series = (alarm.note.metric if alarm.note else None) or ""
        sign = float(np.sign(alarm.change)) if alarm.change == alarm.change else 0.0
        due = self.count + self._silence(alarm.since)
        _, self.observed, self.threshold, self.change, self.since, _ = alarm
        if series not in self.open:
            self.open[series] = sign, due, 1
            note = (alarm.note or Note())._replace(alarms=1)
            return self._say(alarm._replace(note=note))
        before, _, alarms = self.open[series]
        self.open[series] = before, due, alarms + 1
        return self._end(series, alarm.position) if before * sign < 0 else None

    def _silence(self, since: int) -> int:
        if self.quiet is not None:
            return self.quiet
        return _USUAL if since < 0 else max(_LEAST, _PATIENCE * since)

    def _end(self, series: str, position: int) -> Alarm:
        _, _, alarms = self.open.pop(series)
        note = Note(series or None, None, True, alarms)
        numbers = self.observed, self.threshold, self.change, self.since
        return self._say(Alarm(position, *numbers, note))

    def _say(self, told: Alarm) -> Alarm:
        self.note = told.note
        return told
