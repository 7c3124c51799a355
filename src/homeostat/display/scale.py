"""From values to places in a drawing, and the round values that an axis names."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from math import floor, isfinite, log10
from typing import NamedTuple

_SECONDS = (60, 300, 900, 1800, 3600, 10800, 21600, 43200, 86400, 172800, 604800, 1209600)


class Scale(NamedTuple):
    """A straight line from `low` to `high` in values onto `start` to `end` in a drawing."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value, to a tenth; beyond the ends at the ends."""
        part = (min(max(value, self.low), self.high) - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + part * (self.end - self.start), 1)


def span(values: Iterable[float], pad: float = 0.06) -> tuple[float, float]:
    """The least and the most of the finite values, with some room; 0 to 1 where there are none."""
    known = [value for value in values if isfinite(value)]
    if not known:
        return 0.0, 1.0
    low, high = min(known), max(known)
    room = (high - low) * pad or abs(high) * pad or 0.5
    return low - room, high + room


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round values from low to high, about so many."""
    if not (isfinite(low) and isfinite(high) and low < high):
        return []
    raw = (high - low) / about
    power = 10.0 ** floor(log10(raw))
    step = min((1, 2, 2.5, 5, 10), key=lambda each: abs(each * power - raw)) * power
    first = -floor(-low / step + 1e-9)
    return [round(step * at, 12) for at in range(first, floor(high / step + 1e-9) + 1)]


def moments(start: int, end: int, about: int = 6) -> list[tuple[int, str]]:
    """Round times within a span, with their names; all in milliseconds, UTC."""
    step = next((s for s in _SECONDS if s >= (end - start) / 1000 / about), 0) * 1000
    if not step:
        return _months(start, end, about)
    names = "%H:%M" if step < 43_200_000 else "%-d %b"
    found = range(start + -start % step, end + 1, step)
    return [(at, _text(at, names, step)) for at in found]


def _months(start: int, end: int, about: int) -> list[tuple[int, str]]:
    first, last = _moment(start), _moment(end)
    every = max(1, round(((last - first).days / 30.4) / about))
    found = []
    for month in range(first.year * 12 + first.month, last.year * 12 + last.month + 1):
        at = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
        if month % every == 0 and first <= at <= last:
            found.append((int(at.timestamp() * 1000), f"{at:%b %Y}"))
    return found


def _text(at: int, names: str, step: int) -> str:
    moment = _moment(at)
    midnight = at % 86_400_000 == 0
    if names == "%H:%M" and not midnight:
        return f"{moment:%H:%M}"
    return f"{moment.day} {moment:%b}"


def _moment(at: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
