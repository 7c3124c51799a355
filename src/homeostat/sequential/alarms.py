"""What a sequential drift detector takes in, a series of numbers, and gives out, its alarms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.errors import InvalidInput, shown
from homeostat.intake import floats
from homeostat.protocols import Alarms, Note
from homeostat.state import Stateful

__all__ = [
    "LARGEST",
    "Alarm",
    "Alarms",
    "Sequential",
    "alarm_of",
    "alarms_of",
    "collect",
    "no_number",
    "number",
    "observations",
    "skip",
]

LARGEST = 1e100  # detectors square sums of values: any beyond this might overflow


class Alarm(NamedTuple):
    """One alarm: where in the series, the statistic, its bound, and the signed change.

    `since` is how many observations before it the change most likely began, -1 if not known.
    """

    position: int
    observed: float
    threshold: float
    change: float
    since: int = -1
    note: Note | None = None


class Sequential(Stateful):
    """What detectors share: a series taken at once, from `_scan`, which takes it without NaNs."""

    def update_many(self, xs: ArrayLike) -> NDArray[np.int64]:
        """Take a series; the positions in it that raised an alarm. NaNs are skipped."""
        return self.alarms(xs).positions

    def alarms(self, xs: ArrayLike) -> Alarms:
        """Take a series; its alarms with what was observed.

        The result and the state after it do not depend on how a stream is cut into series.
        """
        values, kept = observations(xs)
        self._admit(values, kept)
        return collect(self._scan(values), kept)

    def _admit(self, values: NDArray[np.float64], kept: NDArray[np.int64] | None) -> None:
        """Refuse, before any is taken, a series that this detector cannot take."""

    def _scan(self, values: NDArray[np.float64]) -> Iterator[Alarm]:
        raise NotImplementedError(f"{type(self).__name__} must define _scan")


def collect(found: Iterable[Alarm], kept: NDArray[np.int64] | None) -> Alarms:
    """The alarms in columns; `kept` is where the numbers that were looked at had stood."""
    rows = list(found)
    positions = np.array([row.position for row in rows], dtype=np.int64)
    numbers = np.array([row[1:4] for row in rows], dtype=np.float64).reshape(-1, 3)
    since = np.array([row.since for row in rows], dtype=np.int64)
    notes = [row.note for row in rows] if any(row.note is not None for row in rows) else None
    places = positions if kept is None else kept[positions]
    observed, threshold, change = numbers.T.copy()
    return Alarms(places, observed, threshold, change, since, notes)


def alarm_of(detector: Any, position: int) -> Alarm:
    """The alarm that a detector has just raised."""
    return Alarm(
        position,
        float(detector.observed),
        float(detector.threshold),
        float(getattr(detector, "change", np.nan)),
        int(getattr(detector, "since", -1)),
        getattr(detector, "note", None),
    )


def alarms_of(detector: Any, xs: Any) -> list[Alarm]:
    """The alarms of any detector over a batch or an array without NaNs, by either of its forms."""
    if not len(xs):
        return []
    if not hasattr(detector, "alarms"):
        items = xs.tolist() if isinstance(xs, np.ndarray) else xs
        fired = ((at, detector.update(x)) for at, x in enumerate(items))
        return [alarm_of(detector, at) for at, alarm in fired if alarm]
    found: Alarms = detector.alarms(xs)
    n = len(found.positions)
    since = np.full(n, -1) if found.since is None else found.since
    columns = [column.tolist() for column in (*found[:4], since)]
    return [Alarm(*row) for row in zip(*columns, found.notes or [None] * n, strict=True)]


def observations(xs: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64] | None]:
    """The numbers of a series without its NaNs, and where they stood (None: no NaN in it).

    Raises InvalidInput, before any of the series is taken, when one is infinite or beyond
    1e100 in size; the message names its position. An empty series is a series.
    """
    values = floats("xs", xs)
    if values.ndim != 1:
        raise InvalidInput(
            "xs", f"must be one-dimensional, its shape is {values.shape}", "pass one series"
        )
    values = np.ascontiguousarray(values)
    sizes = np.abs(values)
    if (sizes <= LARGEST).all():
        return values, None
    if (sizes > LARGEST).any():
        first = int(np.argmax(sizes > LARGEST))
        _refuse(f"xs[{first}]", values[first])
    kept = np.flatnonzero(sizes <= LARGEST)
    return values[kept], kept


def skip(x: float) -> bool:
    """No alarm when `x` is NaN; anything else that is out of range is refused."""
    if not np.isnan(x):
        _refuse("x", x)
    return False


def number(x: Any) -> float:
    """One value of a series; InvalidInput for what is no number."""
    try:
        return float(x)
    except (TypeError, ValueError, OverflowError) as error:
        raise no_number(x) from error


def no_number(x: Any) -> InvalidInput:
    """What to raise for a value that `float` does not take."""
    return InvalidInput("x", f"must be a number, got {shown(x)}", "give a series to update_many")


def _refuse(place: str, value: float) -> NoReturn:
    raise InvalidInput(
        place,
        f"must be finite and at most {LARGEST:g} in size, got {float(value)!r}",
        "leave it out or pass NaN where there is no observation",
    )
