"""When a request may become a retraining."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from homeostat.durations import seconds
from homeostat.errors import HomeostatError, require

_SECOND = 1_000_000
DAY, WEEK = 86_400 * _SECOND, 7 * 86_400 * _SECOND


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a model may be retrained, and with whose word.

    cooldown: between two requests that become jobs. per_day, per_week: jobs asked for within so
    long, 0 for no limit. at_latest: so long after the last retraining began one is asked for,
    however well all seems; None for never. All four count the records' own time. breaker: failures
    in a row after which `rest` has to go by before the next. approval: somebody has to approve each
    job. seconds: a training may run; queue: one may wait for its turn or a word, by the clock.
    """

    cooldown: str | float = "1h"
    per_day: int = 4
    per_week: int = 14
    at_latest: str | float | None = None
    breaker: int = 3
    rest: str | float = "1d"
    approval: bool = False
    timeout: str | float = "6h"
    queue: str | float = "7d"

    def check(self) -> None:
        """Raises InvalidSetting for what cannot be."""
        for name in ("cooldown", "rest", "timeout", "queue"):
            self._seconds(name)
        if self.at_latest is not None:
            self._seconds("at_latest")
            require(self.micros("at_latest") > 0, "at_latest", self.at_latest, "above 0")
        for name in ("per_day", "per_week", "breaker"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "at least 0")

    def micros(self, name: str) -> int:
        """One of its spans of time, in microseconds."""
        return round(self._seconds(name) * _SECOND)

    def _seconds(self, name: str) -> float:
        try:
            span = seconds(getattr(self, name))
        except HomeostatError:
            span = -1.0
        given = getattr(self, name)
        require(0 <= span < 10**9, name, given, 'a time like "6h", below 30 years')
        return span


class Past(NamedTuple):
    """What the rules look at: the latest jobs of the model, the newest first.

    asked: in the records' time, of each job. coming: whether one waits for its turn. failures: in a
    row, up to the newest that ended; failed_at: when the last of them had been asked for.
    """

    asked: Sequence[int] = ()
    coming: bool = False
    failures: int = 0
    failed_at: int | None = None


def hindrance(rules: Rules, past: Past, now: int) -> str | None:
    """Why a request made now (the records' time) becomes no job; None when it does."""
    if past.coming:
        return "another retraining is queued"
    recent = [at for at in past.asked if at <= now]
    if recent and now - recent[0] < rules.micros("cooldown"):
        return f"cooldown: less than {rules.cooldown} since the last"
    for name, most, span in (("day", rules.per_day, DAY), ("week", rules.per_week, WEEK)):
        if most and sum(now - at < span for at in recent) >= most:
            return f"budget: {most} within a {name}"
    resting = past.failed_at is not None and now - past.failed_at < rules.micros("rest")
    if rules.breaker and past.failures >= rules.breaker and resting:
        return f"breaker: {past.failures} failures in a row, rest {rules.rest}"
    return None
