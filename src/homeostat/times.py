"""Instants: aware, in UTC, to the microsecond, and written as chrono writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# What chrono's reader takes beyond RFC 3339: blanks, one-digit fields, a leap second.
_LOOSE = re.compile(
    r"\s*(\d{4})-(\d{1,2})-(\d{1,2})[T ]\s*(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d+))?"
    r"\s*(?:(Z|z|UTC)|([+-])(\d{2}):?(\d{2}))\s*"
)


def parse(text: str) -> datetime:
    """Read an instant with a zone; finer than a microsecond is cut off, a leap second ends its day.

    Raises ValueError when the text is no instant, has no zone, or lies outside years 1 to 9999.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = _parse_loose(text)
    if moment.tzinfo is None:
        raise ValueError(f"has no time zone: {text!r}")
    return to_utc(moment)


def _parse_loose(text: str) -> datetime:
    found = _LOOSE.fullmatch(text)
    if found is None or int(found[10] or 0) > 23 or int(found[11] or 0) > 59:
        raise ValueError(f"is not an RFC 3339 time: {text!r}")
    *fields, fraction, _, sign, hours, minutes = found.groups()
    year, month, day, hour, minute, second = map(int, fields)
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    if second == 60:
        second, micro = 59, 999_999
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    moment = datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC)
    return moment - (-offset if sign == "-" else offset)


def to_utc(moment: datetime) -> datetime:
    """The same instant in UTC; raises ValueError outside years 1 to 9999."""
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"lies outside the years 1 to 9999: {moment}") from error
    return moment if type(moment) is datetime else datetime.fromtimestamp(0, UTC).replace(
        year=moment.year, month=moment.month, day=moment.day, hour=moment.hour,
        minute=moment.minute, second=moment.second, microsecond=moment.microsecond,
    )  # fmt: skip


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 in UTC, exact."""
    return (moment - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The instant so many microseconds after 1970."""
    return EPOCH + timedelta(microseconds=micros)


def to_text(moment: datetime) -> str:
    """RFC 3339 with `Z` and 0, 3 or 6 digits of a second, as few as hold the value."""
    micro = moment.microsecond
    precision = "seconds" if not micro else "milliseconds" if micro % 1000 == 0 else "microseconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")
