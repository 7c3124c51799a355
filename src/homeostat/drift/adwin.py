"""ADWIN tells when the mean of a series has changed anywhere inside the window kept so far.

A. Bifet and R. Gavalda, Learning from time-changing data with adaptive windowing, SIAM
International Conference on Data Mining (2007): the test is theorem 3.2 with the bound by the
variance (section 3.3), the window is ADWIN2's exponential histogram (section 4).

The histogram's shape depends on the number n of values in the window alone. Row r holds
buckets of 2**r values, newest first; with M = max_buckets and N = n + M - 1 it has M - 1 of
them, or M where bit r of N is set, and they end at value (N >> r) - (M - 1) of that size.
So all cuts of many checks are known at once, and what a bucket has to remember is one number:
the sum of the window up to its older edge.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import require, whole, within
from homeostat.sequential.alarms import (
    LARGEST,
    Alarm,
    Sequential,
    no_number,
    skip,
)

_FIRST_CHECKS = 64  # made together after a (re)start; doubled as the window grows
_CELLS = 16_384  # cuts looked at together: some 20 arrays of 128 KiB, inside the cache


class ADWIN(Sequential):
    """Adaptive windowing: alarms when two parts of the window differ in their mean.

    delta: the confidence of one check, in (0, 1); smaller means fewer false alarms. clock:
    values from one check to the next. max_buckets: buckets a row of the histogram; more
    means more cuts, a finer place and more work. min_window_length: values that either part
    must have. grace_period: no check before the window holds more values than this. on: the
    series to watch; a label for the monitor, unused here.

    After an alarm `observed` is the absolute difference of the two means and `threshold`
    epsilon_cut, both at the cut where the one exceeds the other most; `since` is how many values
    ago the cut is, and `change` the newer mean minus the older. Before the first alarm they are
    NaN.

    NaN is no observation: skipped. An infinite value, or one beyond 1e100, raises
    InvalidInput. A constant series never alarms. Memory O(clock + max_buckets log n) for a
    window of n values; a value costs O(max_buckets log(n) / clock).

    Alarms are those of River 0.26, which departs from the paper in two ways, kept here: at an
    alarm the paper drops the older part and goes on with the newer, River begins afresh; and
    min_window_length is taken from the lengths in epsilon_cut (the paper has none). River
    shows the newer part until the next value, here the window is empty at once. Sums are
    taken of the values minus the window's first, so a bound met to the last bits may round
    to the other side; values far from their first one keep their precision the better for it.
    """

    name: str = "adwin"
    memory: ClassVar[tuple[str, ...]] = (
        "_pending", "_count", "_origin", "_spread", "_edges", "_sums",
        "observed", "threshold", "change", "since",
    )  # fmt: skip

    _pending: list[float]  # values since the last check, fewer than `clock`
    _count: int  # values in the window up to the last check
    _origin: float  # the first of them; all sums are of the values minus it
    _spread: float  # their sum of squared deviations from their mean
    _edges: NDArray[np.int64]  # 0, the older edge of each bucket, and the count
    _sums: NDArray[np.float64]  # the sum of the window up to each of those edges

    def __init__(
        self,
        delta: float = 0.002,
        *,
        clock: int = 32,
        max_buckets: int = 5,
        min_window_length: int = 5,
        grace_period: int = 10,
        on: str = "error",
    ) -> None:
        within("delta", delta, 0, 1)
        whole("clock", clock, 1)
        whole("min_window_length", min_window_length, 1)
        whole("max_buckets", max_buckets, 2)
        whole("grace_period", grace_period, 0)
        require(isinstance(on, str) and bool(on), "on", on, "the name of a series")
        self.delta = delta
        self.clock = clock
        self.max_buckets = max_buckets
        self.min_window_length = min_window_length
        self.grace_period = grace_period
        self.on = on
        self.observed = math.nan
        self.threshold = math.nan
        self.change = math.nan
        self.since = -1
        self._pending = []
        self._restart()

    @property
    def width(self) -> int:
        """How many values the window holds."""
        return self._count + len(self._pending)

    @property
    def estimation(self) -> float:
        """The mean of the window; NaN when it is empty."""
        if not self.width:
            return math.nan
        origin = self._origin if self._count else self._pending[0]
        total = float(self._sums[-1]) + sum(x - origin for x in self._pending)
        return origin + total / self.width

    def update(self, x: float) -> bool:
        """Take one value; True when the check at it raises an alarm. NaN is skipped."""
        try:
            x = float(x)
        except (TypeError, ValueError, OverflowError) as error:
            raise no_number(x) from error
        if not -LARGEST <= x <= LARGEST:
            return skip(x)
        self._pending.append(x)
        if len(self._pending) < self.clock:
            return False
        values = np.array(self._pending)
        self._pending = []
        return self._take(values)[1]

    def _scan(self, values: NDArray[np.float64]) -> Iterator[Alarm]:
        waiting = len(self._pending)
        whole = (waiting + len(values)) // self.clock * self.clock
        if not whole:
            self._pending += values.tolist()
            return
        stream = np.append(np.array(self._pending), values)
        start = 0
        self._pending = stream[whole:].tolist()
        while start < whole:
            taken, fired = self._take(stream[start : min(whole, start + self._reach())])
            start += taken
            if fired:
                found = self.observed, self.threshold, self.change, self.since
                yield Alarm(start - 1 - waiting, *found)

    def _reach(self) -> int:
        """How many values to look at together: a bounded number of cuts, few after a restart."""
        checks = max(_FIRST_CHECKS, self._count // self.clock)
        return self.clock * max(1, min(checks, _CELLS // len(self._edges)))

    def _take(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        """Take whole clocks up to the first alarm: how many values, and whether there was one."""
        if not self._count:
            self._origin = float(values[0])
        moved = values - self._origin
        sums = np.cumsum(np.append(self._sums[-1], moved))
        counts = np.arange(self._count + 1, self._count + len(values) + 1)
        spreads = self._spreads(moved, sums[1:], counts)
        ends = counts[self.clock - 1 :: self.clock]
        edges = _older_edges(ends, self.max_buckets)
        older = np.append(self._sums[:-1], sums)[self._places(edges)]
        cuts = _Cuts(edges, older, ends, sums[self.clock :: self.clock], spreads)
        fired = self._check(cuts)
        if fired is not None:
            self._restart()
            return (fired + 1) * self.clock, True
        self._count = int(ends[-1])
        self._spread = float(spreads[-1])
        self._edges = np.concatenate(([0], edges[:, -1], ends[-1:]))
        self._sums = np.concatenate(([0.0], older[:, -1], sums[-1:]))
        return len(values), False

    def _spreads(
        self,
        moved: NDArray[np.float64],
        sums: NDArray[np.float64],
        counts: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """The sum of squared deviations at each check; it only grows, so nothing cancels."""
        grown = (moved - sums / counts) ** 2 * (counts / np.maximum(counts - 1, 1))
        return np.cumsum(np.append(self._spread, grown))[self.clock :: self.clock]

    def _places(self, edges: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the sum up to each edge stands in the kept sums followed by the new ones."""
        kept = np.searchsorted(self._edges, np.minimum(edges, self._count))
        return kept + np.maximum(edges - self._count, 0)

    def _check(self, cuts: _Cuts) -> int | None:
        """The first check that alarms, if any; all cuts of it are weighed for the report."""
        suspects = np.flatnonzero(self._suspected(cuts))
        if not len(suspects):
            return None
        change, bound, allowed = self._weigh(cuts.at(suspects))
        excess = np.where(allowed, np.abs(change) - bound, -1.0)
        fired: NDArray[np.bool_] = excess.max(axis=0) > 0.0
        first = int(np.argmax(fired))
        if not fired[first]:
            return None
        cut = int(np.argmax(excess[:, first])), first
        self.change = float(change[cut])
        self.observed, self.threshold = abs(self.change), float(bound[cut])
        at = suspects[first]
        self.since = int(cuts.ends[at] - cuts.edges[cut[0], at]) - 1
        return int(suspects[first])

    def _suspected(self, cuts: _Cuts) -> NDArray[np.bool_]:
        """The checks that can alarm, found without a division or a root for each cut.

        With b and a the lengths before and after the cut and n = b + a, the difference of
        the means is (s_b - s_n * b/n) * n/(b*a). The bound is sqrt(w*p) + w*q with w at
        least n/(b*a), so to exceed it the square of (s_b - s_n * b/n) has to exceed
        b*a * p/n + q*q. The bound is taken 1 % lower, so that no rounding matters here.
        """
        doubt = _doubt(int(cuts.ends[0]), self.delta)  # of the first check, the smallest
        p = 2.0 * (cuts.spreads / cuts.ends) * doubt
        before = cuts.edges.astype(np.float64)
        lean = cuts.older - cuts.totals / cuts.ends * before
        before *= cuts.ends - before
        before *= 0.99 * (p / cuts.ends)
        before += 0.99 * (2.0 / 3.0 * doubt) ** 2
        lean *= lean
        suspected: NDArray[np.bool_] = (lean > before).max(axis=0)
        return suspected & (cuts.ends > self.grace_period)

    def _weigh(
        self, cuts: _Cuts
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """At each cut the newer mean minus the older, epsilon_cut, and if both parts are long."""
        least = self.min_window_length
        before, after = cuts.edges.astype(np.float64), (cuts.ends - cuts.edges).astype(np.float64)
        allowed = np.minimum(before, after) >= least
        before, after = np.maximum(before, least), np.maximum(after, least)
        change = (cuts.totals - cuts.older) / after - cuts.older / before
        weight = 1.0 / (before - (least - 1)) + 1.0 / (after - (least - 1))
        doubt = np.array([_doubt(n, self.delta) for n in cuts.ends.tolist()])
        p, q = 2.0 * (cuts.spreads / cuts.ends) * doubt, 2.0 / 3.0 * doubt
        return change, np.sqrt(weight * p) + weight * q, allowed

    def _restart(self) -> None:
        self._count = 0
        self._origin = 0.0
        self._spread = 0.0
        self._edges = np.zeros(1, dtype=np.int64)
        self._sums = np.zeros(1)


class _Cuts(NamedTuple):
    """The cuts (rows) of some checks (columns), and what is known at each check."""

    edges: NDArray[np.int64]
    older: NDArray[np.float64]  # the sum of the window before the edge
    ends: NDArray[np.int64]
    totals: NDArray[np.float64]
    spreads: NDArray[np.float64]

    def at(self, checks: NDArray[np.int64]) -> _Cuts:
        return _Cuts(
            self.edges[:, checks],
            self.older[:, checks],
            self.ends[checks],
            self.totals[checks],
            self.spreads[checks],
        )


def _doubt(n: int, delta: float) -> float:
    """ln(2 ln(n) / delta). By `math`: numpy's log may round by the length of the array."""
    return math.log(2.0 * math.log(max(n, 2)) / delta)


def _older_edges(ends: NDArray[np.int64], max_buckets: int) -> NDArray[np.int64]:
    """The older edge of each bucket (oldest bucket first) at each end; 0 where there is none.

    A row that is one bucket short repeats its oldest edge: a cut made twice does no harm.
    """
    tops = ends + (max_buckets - 1)
    rows = max(1, (int(tops[-1]) // (max_buckets + 1)).bit_length())
    shifts, ranks = _layout(rows, max_buckets)
    newest = tops >> shifts
    held = np.minimum(ranks, max_buckets - 1 + (newest & 1))
    edges: NDArray[np.int64] = np.maximum(newest - (max_buckets - 1) - held, 0) << shifts
    return edges.reshape(rows * max_buckets, len(ends))


@lru_cache(maxsize=256)
def _layout(rows: int, max_buckets: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    shifts = np.arange(rows - 1, -1, -1, dtype=np.int64).reshape(-1, 1, 1)
    ranks = np.arange(max_buckets, 0, -1, dtype=np.int64).reshape(1, -1, 1)
    return shifts, ranks
