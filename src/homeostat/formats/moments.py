"""Times as logs write them, made into instants a column at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from homeostat.times import from_micros, parse, to_micros

_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 1 / 1000}
_SHORTEST = len("2026-01-31T12:00:00")


def since_epoch(values: Sequence[Any], unit: str) -> list[Any]:
    """Counts since 1970 (numbers, or text of digits) as instants; what is none stays as it is."""
    return [_counted(value, unit) for value in values]


def _counted(value: Any, unit: str) -> Any:
    try:
        whole = int(value)
        micros = whole // 1000 if unit == "ns" else round(whole * _UNITS[unit])
        return from_micros(micros)
    except (TypeError, ValueError, OverflowError):
        return value


def micros(text: Any) -> int | None:
    """The microseconds since 1970 of a time as text; None where it is none."""
    try:
        return to_micros(parse(text))
    except (TypeError, ValueError):
        return None


def any_naive(values: Any) -> bool:
    """Whether a time among the first ones has no zone; of datetime64 none tells."""
    return any(_is_naive(value) for value in list(values[:20]))


def _is_naive(value: Any) -> bool:
    if isinstance(value, np.datetime64):
        return True
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return False
    return isinstance(moment, datetime) and moment.tzinfo is None


def zoned(values: Any, zone: str) -> Any:
    """Times, of which those without a zone are of this one; what is no time stays as it is.

    datetime64 is UTC already.
    """
    if isinstance(values, np.ndarray):
        if values.dtype.kind == "M":
            return values
        values = values.tolist()
    quick = _quick(values) if zone == "UTC" else None
    return [_zoned(value, zone) for value in values] if quick is None else quick


def _quick(values: Sequence[Any]) -> Any:
    """Texts that are all plain and in UTC; None for any others."""
    if not values or set(map(type, values)) != {str}:
        return None
    bare = [value.removesuffix("Z")[:26] for value in values]
    if min(map(len, bare)) < _SHORTEST or any("+" in v or v.count("-") != 2 for v in bare):
        return None
    tails = {value[26:].rstrip("0123456789") for value in values}
    if not tails <= {"", "Z"}:
        return None
    try:
        return np.array(bare, dtype="M8[us]")
    except ValueError:
        return None


def _zoned(value: Any, zone: str) -> Any:
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else _local(value, zone)
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    return moment if moment.tzinfo is not None else _local(moment, zone)


def _local(moment: datetime, zone: str) -> datetime:
    return moment.replace(tzinfo=ZoneInfo(zone))
