"""How many records there are in a while."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from math import inf
from typing import ClassVar

import numpy as np

from homeostat.batch import Batch
from homeostat.columnar import updated
from homeostat.durations import seconds
from homeostat.errors import require, within
from homeostat.events import SystemEvent
from homeostat.protocols import Series
from homeostat.record import InferenceRecord
from homeostat.sliding import Floats, Ints
from homeostat.state import Stateful
from homeostat.times import to_micros

_BUCKETS = 60
_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}


class Volume(Stateful):
    """The number of records in the trailing `per`, in the records' own time.

    per: seconds, a timedelta, or text like "1m" or "1d 12h"; a multiple of 60 microseconds. Time
    is cut into buckets of a sixtieth of `per`; the value is the count of the latest 60 of them,
    the newest being still open. A record that comes late counts in its bucket; one older than all
    60 counts in `late` only. Events are called `volume_1m` for 60 seconds, `volume_90s` for 90.

    NaN until `per` has gone by since the bucket of the first record. A silence shows when it
    ends: without a record there is no value. Raises InvalidSetting. Cost per record: constant.
    State: 60 counts. Oracle: a count of records by time. Source: Babcock et al.,
    Models and issues in data stream systems (2002), section 4.2, basic windows.
    """

    greater_is_better: ClassVar[None] = None
    memory = ("counts", "total", "first", "latest", "late")

    def __init__(self, per: float | str | timedelta = "1m") -> None:
        self.per = seconds(per)
        micros = round(within("per", self.per, 0, inf) * 1e6)
        whole = micros >= _BUCKETS and micros % _BUCKETS == 0
        require(whole, "per", per, "a duration above 0, a multiple of 60 microseconds")
        self._width = micros // _BUCKETS
        self.counts: Ints = np.zeros(_BUCKETS, np.int64)  # of bucket b at b % 60
        self.total = 0
        self.first: int | None = None
        self.latest = 0
        self.late = 0

    @property
    def name(self) -> str:
        """`volume_` and the duration in its largest whole unit."""
        for unit, length in _UNITS.items():
            if self.per % length == 0:
                return f"volume_{self.per / length:g}{unit}"
        return f"volume_{self.per:g}s"

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        bucket = to_micros(record.created_at) // self._width
        if self.first is None:
            self.first = self.latest = bucket
        if bucket > self.latest:
            self._advance(bucket)
        if bucket <= self.latest - _BUCKETS:
            self.late += 1
        else:
            self.counts[bucket % _BUCKETS] += 1
            self.total += 1
        warm = self.latest - self.first >= _BUCKETS
        return updated(self.name, float(self.total) if warm else float("nan"), record)

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        buckets = batch.created_at // self._width
        values = self._counted(buckets) if len(buckets) else np.empty(0)
        return [Series(self.name, None, values)]

    def _counted(self, buckets: Ints) -> Floats:
        if self.first is None:
            self.first = self.latest = int(buckets[0])
        latest = np.maximum(np.maximum.accumulate(buckets), self.latest)
        inside = buckets > latest - _BUCKETS
        came = np.sort(buckets[inside])
        totals = self.total + np.cumsum(inside) - self._expired(latest)
        totals -= np.searchsorted(came, latest - _BUCKETS, side="right")
        self._advance(int(latest[-1]))
        kept = came[came > self.latest - _BUCKETS]
        self.counts += np.bincount(kept % _BUCKETS, minlength=_BUCKETS)
        self.total = int(totals[-1])
        self.late += int(np.sum(~inside))
        return np.where(latest - self.first >= _BUCKETS, totals.astype(np.float64), np.nan)

    def _expired(self, latest: Ints) -> Ints:
        """Of the records counted before, how many are too old at these times."""
        oldest = self.latest - _BUCKETS + 1
        in_order = np.roll(self.counts, -(oldest % _BUCKETS))
        gone = np.concatenate([[0], np.cumsum(in_order)])
        expired: Ints = gone[np.minimum(latest - self.latest, _BUCKETS)]
        return expired

    def _advance(self, bucket: int) -> None:
        """Make `bucket` the latest and forget what is too old then."""
        steps = min(bucket - self.latest, _BUCKETS)
        gone = np.arange(bucket - steps + 1, bucket + 1) % _BUCKETS
        self.total -= int(self.counts[gone].sum())
        self.counts[gone] = 0
        self.latest = bucket
