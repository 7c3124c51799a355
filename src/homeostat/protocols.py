"""What a plug-in has to be: the seed's traits, and the columnar forms that are optional.

A class with the first group of methods works as it is. With the columnar form it is fast; with
`snapshot` and `restore` it survives a restart (`homeostat.state.Stateful` writes both from a list
of attribute names). Whatever a plug-in has, `homeostat.testing` checks that the forms agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.batch import Batch, Rows
from homeostat.events import SystemEvent
from homeostat.record import InferenceRecord
from homeostat.series import LABEL_SERIES


class Bounds(NamedTuple):
    """How sure each value is: the observations it rests on, and the ends of its interval."""

    n: NDArray[np.int64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    def at(self, places: NDArray[np.int64]) -> Bounds:
        """Those of some of the values."""
        return Bounds(self.n[places], self.lower[places], self.upper[places])


class Series(NamedTuple):
    """A metric's values over a batch: `values[i]` became known with row `rows[i]`.

    `rows` is None when every row has a value. Rows rise; NaN where a value is not defined.
    `bounds` is for metrics that are estimates; NaN where there is none.
    """

    name: str
    rows: Rows | None
    values: NDArray[np.float64]
    bounds: Bounds | None = None


def follows_labels(plugin: object) -> bool:
    """Whether a metric or detector takes a record when its label becomes known.

    It says so by `follows = "labels"`, and passes over a record without its label. Others take
    every record once, as it comes. A detector on `error` or `absolute_error` need not say it.
    """
    otherwise = "labels" if getattr(plugin, "on", None) in LABEL_SERIES else "records"
    return bool(getattr(plugin, "follows", otherwise) == "labels")


@runtime_checkable
class Metric(Protocol):
    """Folds records into a value."""

    @property
    def name(self) -> str:
        """What its events are called."""
        ...

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        """Take one record; answer with the new value, or None when the record says nothing."""
        ...


@runtime_checkable
class ColumnarMetric(Metric, Protocol):
    """A metric that also folds many records at once, with the same result."""

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        """Take the records of a batch; at most one value a record, over all series."""
        ...


@runtime_checkable
class Detector(Protocol):
    """Steps over one number after another and raises alarms.

    `on` names what it watches: `error` (0/1 per labelled record), `latency_ms`, `score`, or a
    metric by name. After an alarm `observed` and `threshold` hold the statistic and its bound.
    A detector on `records` takes whole records instead, and batches in place of arrays.

    What it may have beyond that: `change`, the signed change of the mean; `since`, how many
    observations ago it most likely began; and `note`, what else there is to say of the alarm.
    """

    name: str
    on: str
    observed: float
    threshold: float

    def update(self, x: float) -> bool:
        """Take one number; True when it raises an alarm."""
        ...


class Note(NamedTuple):
    """What a detector says of an alarm beyond its numbers.

    `metric` is the series that changed, where the detector watches several; `evidence` is plain
    data. With `ended` it is no alarm but the end of what one began, `alarms` alarms long.
    `direction` is given where the signed change cannot tell it.
    """

    metric: str | None = None
    evidence: dict[str, Any] | None = None
    ended: bool = False
    alarms: int = 0
    direction: str | None = None


class Alarms(NamedTuple):
    """Alarms over an array: where, the statistic, its bound, and the signed change of the mean.

    `since` is how many observations before the alarm the change most likely began, -1 where that
    is not known; `notes` has one for each alarm. At most one alarm is raised at a position.
    """

    positions: Rows
    observed: NDArray[np.float64]
    threshold: NDArray[np.float64]
    change: NDArray[np.float64]
    since: NDArray[np.int64] | None = None
    notes: Sequence[Note | None] | None = None


@runtime_checkable
class ColumnarDetector(Detector, Protocol):
    """A detector that also steps over many numbers at once, with the same alarms."""

    def alarms(self, xs: ArrayLike) -> Alarms:
        """Take the numbers in order; what was raised on the way."""
        ...


@runtime_checkable
class Strategy(Protocol):
    """Sees events in order and may answer one with another."""

    def on_event(self, event: SystemEvent) -> SystemEvent | None:
        """React to one event."""
        ...


@runtime_checkable
class Remembers(Protocol):
    """Can hand out its memory as plain data, and take it back."""

    def snapshot(self) -> dict[str, Any]:
        """A copy of the memory."""
        ...

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Continue from a copy."""
        ...
