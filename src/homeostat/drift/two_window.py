"""TwoWindow tells when recent values differ from all before them, by a likelihood ratio.

The generalised likelihood ratio of D. Siegmund and E. S. Venkatraman, Using the generalized
likelihood ratio statistic for sequential detection of a change-point, Annals of Statistics 23
(1995), for an unknown mean before the change as well as after it. Their statistic tries every
place of the change; here a few lengths of the recent window are tried, as T. L. Lai, Sequential
changepoint detection in quality control and dynamical systems, JRSS B 57 (1995), proposes. With r
recent values of mean a, o older ones of mean b, n = r + o, and p the mean of all,

    errors:    n H(p) - r H(a) - o H(b),  H(p) = -p log p - (1 - p) log(1 - p)
    gaussian:  n/2 log(1 + (r o / n) (a - b)^2 / W),  W the squared deviations within both windows

is the logarithm of how much likelier two means are than one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import InvalidInput, real, require, whole
from homeostat.sequential import binary
from homeostat.sequential.alarms import LARGEST, Alarm, Sequential, no_number, skip
from homeostat.sliding import SlidingSum

_SIDES = {"up": (1.0,), "down": (-1.0,), "both": (1.0, -1.0)}
_SHORTEST, _LONGEST = 512, 8192  # values looked at together: few after an alarm, then more
_SLACK = 1e-6  # NumPy's logarithms may differ by place in the last bits; Python's decides
_TINY = 1e-300
_RESOLUTION = 1e-9  # of the squared distances from the first value, about what rounding leaves


class TwoWindow(Sequential):
    """A recent window against everything before it since the last restart, baseline unknown.

    threshold: the bound on the log-likelihood ratio, in nats; larger means fewer false alarms and
    later ones. recent: lengths of the recent window, in values, tried side by side; each is
    silent until as many older values came. likelihood: "errors" for values in [0, 1], "gaussian"
    for others, of any mean and one variance. mode: "up", "down" or "both". on: the series to
    watch; a label for the monitor, unused here.

    After an alarm, which clears all but the last report, `observed` is the highest log-likelihood
    ratio of those that crossed `threshold`, `change` the mean of that recent window minus the mean
    of what was before it, and `since` how many values ago that window began. Before the first
    alarm they are NaN, and -1.

    With the defaults, independent 0/1 errors at rate 0.1 raise about 0.6 false alarms in 100,000;
    5,000 values into such a stream a rate of 0.2 is found after some 165 values and 0.3 after 50,
    by the median (simulated; errors that come in bursts raise more).

    NaN is skipped. An infinite value or one beyond 1e100, or with "errors" one outside [0, 1],
    raises InvalidInput. A constant series never alarms. Memory: two floats (with "gaussian" four)
    for each place of the recent windows; a value costs O(1) for each length. With "gaussian" a
    spread under some 3e-5 of the distance to the first value since the restart is taken as that.
    """

    name: str = "two_window"
    memory: ClassVar[tuple[str, ...]] = (
        "_count", "_origin", "_totals", "_windows", "observed", "change", "since",
    )  # fmt: skip

    domain: tuple[float, float] | None
    _count: int  # values since the (re)start
    _origin: float  # what is subtracted from each of them
    _totals: list[float]  # their sum, and that of their squares
    _windows: list[SlidingSum]  # the same sums over each recent window, one length after the other

    def __init__(
        self,
        threshold: float = 8.0,
        recent: Sequence[int] = (50, 150, 500),
        likelihood: str = "errors",
        mode: str = "up",
        *,
        on: str = "error",
    ) -> None:
        fits = 0 < real("threshold", threshold) < math.inf
        require(fits, "threshold", threshold, "finite and above 0")
        fits = isinstance(recent, list | tuple) and len(recent) > 0
        require(fits, "recent", recent, "a list of lengths, at least one")
        fits = isinstance(likelihood, str) and likelihood in _GAINS
        require(fits, "likelihood", likelihood, '"errors" or "gaussian"')
        fits = isinstance(mode, str) and mode in _SIDES
        require(fits, "mode", mode, 'one of "up", "down" and "both"')
        require(isinstance(on, str) and bool(on), "on", on, "the name of a series")
        self.threshold = float(threshold)
        self.recent = [whole("recent", length, 1) for length in recent]
        self.likelihood = likelihood
        self.mode = mode
        self.on = on
        self.domain = (0.0, 1.0) if likelihood == "errors" else None
        self._gain, self._sums = _GAINS[likelihood]
        self.observed = math.nan
        self.change = math.nan
        self.since = -1
        self._restart()

    @property
    def width(self) -> int:
        """How many values it has taken since the start or the last alarm."""
        return self._count

    @property
    def estimation(self) -> float:
        """The mean of those values; NaN when there are none."""
        return self._origin + self._totals[0] / self._count if self._count else math.nan

    def update(self, x: float) -> bool:
        """Take one value; True when it raises an alarm. NaN is skipped."""
        try:
            x = float(x)
        except (TypeError, ValueError, OverflowError) as error:
            raise no_number(x) from error
        if self.domain and not 0.0 <= x <= 1.0:
            return binary.skip(x)
        if not -LARGEST <= x <= LARGEST:
            return skip(x)
        if not self._count and self._sums == 2:
            self._origin = x
        moved = x - self._origin
        powers = [moved, moved * moved][: self._sums]
        self._count += 1
        self._totals = [total + power for total, power in zip(self._totals, powers, strict=True)]
        latest = [
            [sums.push(power) for sums, power in zip(window, powers, strict=True)]
            for window in self._pairs()
        ]
        return self._crosses(float(self._count), self._totals, latest)

    def _pairs(self) -> Iterator[tuple[SlidingSum, ...]]:
        """The sums over each recent window."""
        return zip(*[iter(self._windows)] * self._sums, strict=True)

    def _admit(self, values: NDArray[np.float64], kept: NDArray[np.int64] | None) -> None:
        outside = (values < 0.0) | (values > 1.0)
        if self.domain and outside.any():
            first = int(np.argmax(outside))
            raise InvalidInput(
                f"xs[{first if kept is None else kept[first]}]",
                f"must be within [0, 1], got {float(values[first])!r}",
                'leave it out or pass NaN, or use likelihood="gaussian"',
            )

    def _scan(self, values: NDArray[np.float64]) -> Iterator[Alarm]:
        start = 0
        while start < len(values):
            reach = min(max(self._count, _SHORTEST), _LONGEST)
            taken, fired = self._take(values[start : start + reach])
            start += taken
            if fired:
                yield Alarm(start - 1, self.observed, self.threshold, self.change, self.since)

    def _take(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        """Take values up to the first alarm among them: how many, and whether there was one."""
        if not self._count and self._sums == 2:
            self._origin = float(values[0])
        moved = values - self._origin
        powers = [moved, moved * moved][: self._sums]
        counts = np.arange(self._count + 1.0, self._count + len(values) + 1.0)
        totals = [
            np.cumsum(np.append(total, power))[1:]
            for total, power in zip(self._totals, powers, strict=True)
        ]
        latest = [
            [sums.extend(power) for sums, power in zip(window, powers, strict=True)]
            for window in self._pairs()
        ]
        for at in self._suspects(counts, totals, latest):
            here = [float(total[at]) for total in totals]
            there = [[float(sums[at]) for sums in window] for window in latest]
            if self._crosses(float(counts[at]), here, there):
                return at + 1, True
        self._count, self._totals = int(counts[-1]), [float(total[-1]) for total in totals]
        return len(values), False

    def _suspects(
        self,
        counts: NDArray[np.float64],
        totals: list[NDArray[np.float64]],
        latest: list[list[NDArray[np.float64]]],
    ) -> list[int]:
        """Where a ratio is about as high as the threshold, or higher."""
        found = np.zeros(len(counts), dtype=bool)
        for length, sums in zip(self.recent, latest, strict=True):
            start = int(np.searchsorted(counts, 2 * length))
            if start < len(counts):
                parts = [part[start:] for part in (counts, *totals, *sums)]
                gains = self._gain(np.log, length, *parts)
                found[start:] |= gains >= self.threshold - _SLACK
        places: list[int] = np.flatnonzero(found).tolist()
        return places

    def _crosses(self, n: float, totals: list[float], latest: list[list[float]]) -> bool:
        """Whether one of the windows alarms; if so, say what crossed and start again."""
        found = []
        for length, sums in zip(self.recent, latest, strict=True):
            if n < 2 * length:
                continue
            observed = float(self._gain(math.log, length, n, *totals, *sums))
            change = sums[0] / length - (totals[0] - sums[0]) / (n - length)
            if observed >= self.threshold and any(s * change > 0 for s in _SIDES[self.mode]):
                found.append((observed, change, length - 1))
        if found:
            self.observed, self.change, self.since = max(found)
            self._restart()
        return bool(found)

    def _restart(self) -> None:
        self._count = 0
        self._origin = 0.0
        self._totals = [0.0] * self._sums
        self._windows = [SlidingSum(each) for each in self.recent for _ in range(self._sums)]


def _errors_gain(log: Callable[[Any], Any], length: int, n: Any, total: Any, latest: Any) -> Any:
    """The log-likelihood ratio, of numbers or of arrays, from the sums of 0/1 values."""
    before = n - length
    return (
        n * _entropy(log, total / n)
        - length * _entropy(log, latest / length)
        - before * _entropy(log, (total - latest) / before)
    )


def _entropy(log: Callable[[Any], Any], mean: Any) -> Any:
    hit, miss = np.maximum(mean, _TINY), np.maximum(1 - mean, _TINY)
    return -(hit * log(hit) + miss * log(miss))


def _gaussian_gain(
    log: Callable[[Any], Any],
    length: int,
    n: Any,
    total: Any,
    squares: Any,
    latest: Any,
    latest_squares: Any,
) -> Any:
    """The same of normal values, from their sums and those of their squares."""
    before, rest = n - length, total - latest
    moved = latest / length - rest / before
    within = latest_squares - latest * latest / length
    within = within + (squares - latest_squares - rest * rest / before)
    within = np.maximum(np.maximum(within, _RESOLUTION * squares), _TINY)
    return n / 2 * log(1 + length * before / n * (moved * moved) / within)


_GAINS: dict[str, tuple[Callable[..., Any], int]] = {
    "errors": (_errors_gain, 1),
    "gaussian": (_gaussian_gain, 2),
}
