"""The latest day of each model in half hours, in memory: what a row of the fleet draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from homeostat.dashboard.quality import CURVES, main_of
from homeostat.dashboard.sums import FIELDS, Floats, cells_of, column, sums_of
from homeostat.runtime.cells import MINUTE
from homeostat.stores.store import Store

STEP = 30 * MINUTE
STEPS = 48
_NOW = 8  # half hours that the value now is of
_FRESH = 2  # half hours that new records go to, mostly
_AGAIN = 60  # looks after which all half hours of a model are read again, for late labels
_LEAST = 8  # labels of a half hour, below which its value is noise
_MOST = 20_000  # cells of one look


class Spark:
    """Half-hour sums up to the newest record, and what they come to.

    end: where the newest half hour ends, in microseconds. seen: what the model's counters were at
    the read. looks: reads since the last of the whole day. began: where the time began that
    the value now is of, in ms. told: for JSON.
    """

    def __init__(
        self, newest: int, sums: Floats, seen: tuple[int, ...] = (), looks: int = 0, since: int = 0
    ) -> None:
        self.end, self.sums, self.seen, self.looks = end_of(newest), sums, seen, looks
        self._newest, end = newest, self.end
        own = (end - since) // STEP  # half hours since the champion serves
        latest = max(1, min(_NOW, own))
        self.began = (end - latest * STEP) // 1000
        self.told = self._told(latest)

    def _told(self, latest: int) -> dict[str, Any]:
        """For JSON: the main metric over the day, what it is now, and records an hour."""
        metric = main_of(self.sums)
        curve = CURVES[metric](self.sums)
        sure = curve.n >= _LEAST
        whole = self.sums.sum(axis=0, keepdims=True)
        now = CURVES[metric](self.sums[-latest:].sum(axis=0, keepdims=True))
        records = column(self.sums, "records")
        covered = float(column(whole, "labelled")[0] / max(1.0, column(whole, "records")[0]))
        return {
            "metric": metric,
            "value": _plain(now.value[0]),
            "low": _plain(now.low[0]),
            "high": _plain(now.high[0]),
            "n": int(now.n[0]),
            "spark": [_plain(x) for x in np.where(sure, curve.value, np.nan)],
            "traffic": [int(n) for n in records],
            "rate": self._rate(records),
            "coverage": covered,
            "labelled": int(column(whole, "labelled")[0]),
        }

    def _rate(self, records: Floats) -> float:
        """Records an hour, over the latest two half hours, of which the newest is not over yet."""
        span = max(STEP, self._newest - (self.end - 2 * STEP))
        return round(float(records[-2:].sum()) * 2 * STEP / span, 2)


def end_of(newest: int) -> int:
    """Where the half hour of a moment ends."""
    return newest - newest % STEP + STEP


class Sparks:
    """Sparks by model. Used by one thread at a time."""

    def __init__(self) -> None:
        self._kept: dict[str, Spark] = {}

    def of(self, name: str) -> Spark | None:
        """What was read last, if anything."""
        return self._kept.get(name)

    def stale(self, name: str, seen: tuple[int, ...]) -> bool:
        """Whether the model's counters have moved since it was read."""
        kept = self._kept.get(name)
        return kept is None or kept.seen != seen

    def read(
        self, store: Store, number: int, name: str, newest: int, seen: tuple[int, ...], since: int
    ) -> None:
        """Read what may have changed: the newest half hours, and now and then all of the day."""
        end = end_of(newest)
        before = self._kept.get(name)
        if before is None or before.looks >= _AGAIN or not 0 <= end - before.end < STEPS * STEP:
            sums, looks = _read(store, number, end - STEPS * STEP, end), 0
        else:
            start = max(end - STEPS * STEP, before.end - _FRESH * STEP)
            fresh = _read(store, number, start, end)
            kept = before.sums[: len(before.sums) - _FRESH]
            sums, looks = np.concatenate([kept, fresh])[-STEPS:], before.looks + 1
        self._kept[name] = Spark(newest, sums, seen, looks, since)

    def forget(self, names: set[str]) -> None:
        """Keep these alone."""
        self._kept = {name: spark for name, spark in self._kept.items() if name in names}


def latest(store: Store, number: int, newest: int, since: int) -> Spark:
    """The latest day up to a moment, of a champion that serves since another; microseconds."""
    end = end_of(newest)
    return Spark(newest, _read(store, number, end - STEPS * STEP, end), since=since)


def _read(store: Store, number: int, start: int, end: int) -> Floats:
    cells = cells_of(store, number, start, end, _MOST)
    out = np.zeros(((end - start) // STEP, len(FIELDS)))
    if cells:
        places = np.array([(at - start) // STEP for _, at, _ in cells])
        np.add.at(out, places, sums_of(body for *_, body in cells))
    return out


def _plain(value: float) -> float | None:
    return round(float(value), 5) if value == value else None
