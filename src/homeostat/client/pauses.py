"""How long to wait before a request is sent again."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 60.0  # seconds between two attempts, unless the service asks for more
_MOST_ASKED = 600.0


def pause(attempt: int, first: float, asked: float | None, chance: float) -> float:
    """Seconds before the next attempt: doubling from `first`, spread by `chance` within [0, 1).

    Never less than the service asked for. `attempt` counts from 0. Spread, so that clients which
    failed together do not come back together (exponential backoff with jitter, Brooker 2015).
    """
    usual = min(LONGEST, first * 2.0 ** min(attempt, 32))
    if asked is None:
        return usual * (0.5 + chance / 2)
    return min(asked, _MOST_ASKED) + usual * chance


def asked_pause(header: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for: a number or a date; None when it says neither."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
