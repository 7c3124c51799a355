"""Hours of the week: what a column usually holds at each, for windows that do not cover a week."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.errors import InvalidInput
from homeostat.intake import Array, floats
from homeostat.reference.columns import values_of

HOURS = 168
MOST = 20  # groups of cells that are counted by the hour
HOUR = 3_600_000_000  # microseconds
_MONDAY = 72  # 1970-01-01 was a Thursday: three days after a Monday


class _Scalable(Protocol):
    def scaled(self, factors: NDArray[np.float64], share: float) -> Self: ...


T = TypeVar("T", bound=_Scalable)


class Season(NamedTuple):
    """The group of each cell, and how often each group was seen at each hour of the week."""

    groups: NDArray[np.uint8]
    counts: NDArray[np.int64]

    def expected(self, hours: ArrayLike) -> NDArray[np.float64]:
        """Each group's expected share in a window with so many records at each hour.

        Hours at which the reference has no record count as the whole reference. NaN where the
        window or the reference is empty.
        """
        weights = floats("hours", hours)
        if weights.shape != (HOURS,) or not (weights >= 0).all():
            raise InvalidInput("hours", "must be 168 counts", "profile.hours has them")
        seen = self.counts.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            overall = self.counts.sum(axis=0) / self.counts.sum()
            shares = np.where(seen > 0, self.counts / np.maximum(seen, 1), overall)
            found: NDArray[np.float64] = weights @ shares / weights.sum()
        return found

    def grouped(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """A window's counts, of cells, as counts of groups."""
        out = np.zeros(self.counts.shape[1], np.int64)
        np.add.at(out, self.groups, counts)
        return out

    def worth(self, hours: ArrayLike) -> float:
        """How many of the reference's rows such a mix of hours rests on, as if drawn from it."""
        weights = floats("hours", hours)
        seen = np.maximum(self.counts.sum(axis=1), 1)
        spread = float((weights**2 / seen).sum())
        return float(weights.sum() ** 2 / spread) if spread else 0.0


def mixed(tally: T, season: Season, hours: ArrayLike) -> T:
    """A reference's column as it would be with so many rows at each hour of the week."""
    usual, total = season.counts.sum(axis=0), float(season.counts.sum())
    expected = season.expected(hours)
    worth = min(season.worth(hours), total)
    if not total or not worth or np.isnan(expected).any():
        return tally
    with np.errstate(invalid="ignore", divide="ignore"):
        factors = np.where(usual > 0, expected * worth / usual, 0.0)
    return tally.scaled(factors[season.groups], worth / total)


def hours_of(times: Array) -> NDArray[np.int64]:
    """The hour of the week (0: Monday 0 h, UTC) of each time; -1 where it is missing."""
    if times.dtype.kind in "iu":  # microseconds
        return _hours(times.astype(np.int64))
    values = values_of(times)
    if values.kind not in ("time", "empty"):
        raise InvalidInput("time", f"holds a {values.kind}", "name a column of times")
    hours = np.full(len(times), -1, np.int64)
    if values.numbers is not None and values.n:
        found = _hours(values.numbers)
        hours[slice(None) if values.present is None else values.present] = found
    return hours


def _hours(micros: NDArray[np.int64]) -> NDArray[np.int64]:
    return (micros // HOUR + _MONDAY) % HOURS


def histogram(hours: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many rows lie in each hour of the week."""
    return np.bincount(hours[hours >= 0], minlength=HOURS)


def season_of(cells: NDArray[Any], hours: NDArray[np.int64], counts: NDArray[np.int64]) -> Season:
    """The season of one column from its rows' cells (-1: none) and hours (-1: none)."""
    groups = _groups(counts)
    wide = int(groups.max()) + 1
    known = (cells >= 0) & (hours >= 0)
    places = hours[known] * wide + groups[cells[known]]
    table = np.bincount(places, minlength=HOURS * wide).reshape(HOURS, wide)
    return Season(groups, table.astype(np.int64))


def _groups(counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Neighbouring cells together, each group of about as many values."""
    total = max(1, int(counts.sum()))
    middle = (np.cumsum(counts) - counts / 2) / total
    rough = np.minimum((middle * MOST).astype(np.int64), MOST - 1)
    return np.unique(rough, return_inverse=True)[1].astype(np.uint8)
