"""Spans of time as users write them, in seconds."""

from __future__ import annotations

import re
from datetime import timedelta

from homeostat.errors import InvalidSetting, shown

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|[smhdw])\s*")


def seconds(duration: float | str | timedelta) -> float:
    """Seconds, from a number, a timedelta, or text like "90s", "6h" or "1d 12h"."""
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    if isinstance(duration, str):
        return _read(duration)
    if isinstance(duration, int | float) and not isinstance(duration, bool):
        try:
            return float(duration)
        except OverflowError:  # beyond what a float holds
            pass
    raise InvalidSetting(
        f'a duration is seconds, a timedelta or text like "6h", got {shown(duration)}'
    )


def _read(text: str) -> float:
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text):
        raise InvalidSetting(f'{text!r} is no duration; write it like "90s", "6h" or "1d 12h"')
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
