"""KSWIN tells when the latest values of a series are distributed otherwise than those before.

C. Raab, M. Heusinger and F.-M. Schleif, Reactive soft prototype computing for concept drift
streams, Neurocomputing 416 (2020), section 3.2. A window slides over the series; whenever it is
full, as many values as its latest part has are drawn at random, without putting back, from its
older part, and the two samples are compared by the Kolmogorov-Smirnov test.

With samples of the same size n the largest distance of their distribution functions is h/n, and
its chance is a count of lattice paths (B. V. Gnedenko and V. S. Korolyuk, Doklady 80, 1951):

    P(H >= h) = 2 * (C(2n, n-h) - C(2n, n-2h) + C(2n, n-3h) - ...) / C(2n, n)

It is computed in whole numbers, so the distance that is too large is exact for any size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from homeostat.errors import require, whole, within
from homeostat.sequential.alarms import LARGEST, Alarm, Sequential, no_number, skip

_REACH = 512  # values looked at together
_A_DRAW = 4  # numbers that Philox makes at a time


class KSWIN(Sequential):
    """The Kolmogorov-Smirnov test of the latest values against a sample of those before.

    alpha: level of one test, in (0, 1). window_size: values in the window. stat_size: how many of
    them are the latest; at most half the window. seed: of the sampling, 0 to 2**64 - 1. on: the
    series to watch; a label for the monitor, unused here.

    After an alarm the window keeps its latest part; `observed` is the distance of the two
    distribution functions, `threshold` the least distance that is significant, and `change` the
    mean of the latest values minus that of the sample, which says little where only the shape
    changed. Before the first alarm `observed` and `change` are NaN.

    NaN is skipped. An infinite value, or one beyond 1e100, raises InvalidInput. A constant series
    never alarms. Memory: the window; a value costs O(window_size log stat_size). Every value is
    tested: at the default level independent normal values raise some 130 false alarms in 100,000.

    Test n of a seed always draws the same places of the window (Philox is a counter), so nothing
    random is kept. River 0.26 draws others, and after an alarm empties the window, though its code
    sets it to the latest part as the authors' does; given the same draws, and that reset mended,
    its alarms are the same. As there a distance of at most 0.1 is never an alarm.
    """

    name: str = "kswin"
    memory: ClassVar[tuple[str, ...]] = ("_window", "_tests", "observed", "change")

    _window: NDArray[np.float64]  # the latest values, oldest first
    _tests: int  # how many were made

    def __init__(
        self,
        alpha: float = 0.005,
        window_size: int = 100,
        stat_size: int = 30,
        seed: int = 0,
        *,
        on: str = "error",
    ) -> None:
        within("alpha", alpha, 0, 1)
        whole("window_size", window_size, 2)
        whole("stat_size", stat_size, 1)
        fits = 2 * stat_size <= window_size
        require(fits, "stat_size", stat_size, f"at most half of window_size, {window_size}")
        whole("seed", seed, 0, 2**64 - 1)
        require(isinstance(on, str) and bool(on), "on", on, "the name of a series")
        least = _least_significant(stat_size, float(alpha))
        message = "larger: so few values cannot differ at this alpha"
        require(least <= stat_size, "stat_size", stat_size, message)
        self.alpha = float(alpha)
        self.window_size = window_size
        self.stat_size = stat_size
        self.seed = seed
        self.on = on
        self._least = least
        self.threshold = least / stat_size
        self.observed = math.nan
        self.change = math.nan
        self._window = np.empty(0)
        self._tests = 0

    @property
    def width(self) -> int:
        """How many values the window holds."""
        return len(self._window)

    def update(self, x: float) -> bool:
        """Take one value; True when it raises an alarm. NaN is skipped."""
        try:
            x = float(x)
        except (TypeError, ValueError, OverflowError) as error:
            raise no_number(x) from error
        if not -LARGEST <= x <= LARGEST:
            return skip(x)
        return self._take(np.array([x]))[1]

    def _scan(self, values: NDArray[np.float64]) -> Iterator[Alarm]:
        start = 0
        while start < len(values):
            taken, fired = self._take(values[start : start + _REACH])
            start += taken
            if fired:
                yield Alarm(start - 1, self.observed, self.threshold, self.change)

    def _take(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        """Take values up to the first alarm among them: how many, and whether there was one."""
        joined = np.append(self._window[1 - self.window_size :], values)
        if len(joined) < self.window_size:
            self._window = joined
            return len(values), False
        windows = sliding_window_view(joined, self.window_size)
        older, latest = np.split(windows, [self.window_size - self.stat_size], axis=1)
        sample = np.take_along_axis(older, self._drawn(len(windows)), axis=1)
        distances = _distances(sample, latest)
        first = int(np.argmax(distances >= self._least))
        fired = bool(distances[first] >= self._least)
        last = first if fired else len(windows) - 1
        self._tests += last + 1
        self._window = windows[last].copy()
        if fired:
            self._report(int(distances[last]), sample[last], latest[last])
        return len(values) - (len(windows) - 1 - last), fired

    def _drawn(self, tests: int) -> NDArray[np.int64]:
        """The places in the older part that each of the next tests draws."""
        older = self.window_size - self.stat_size
        draws = -(-older // _A_DRAW)
        numbers = np.random.Philox(key=self.seed).advance(self._tests * draws)
        keys = np.random.Generator(numbers).random((tests, draws * _A_DRAW))[:, :older]
        return np.argpartition(keys, self.stat_size - 1, axis=1)[:, : self.stat_size]

    def _report(
        self, distance: int, sample: NDArray[np.float64], latest: NDArray[np.float64]
    ) -> None:
        """Say what differed, and keep the latest values."""
        self.observed = distance / self.stat_size
        self.change = (math.fsum(latest) - math.fsum(sample)) / self.stat_size
        self._window = self._window[-self.stat_size :].copy()


def _distances(sample: NDArray[np.float64], latest: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each row by how many values the two distribution functions differ at most."""
    both = np.concatenate([sample, latest], axis=1)
    order = np.argsort(both, axis=1)
    ranked = np.take_along_axis(both, order, axis=1)
    gaps = np.cumsum(np.where(order < sample.shape[1], 1, -1), axis=1)[:, :-1]
    gaps[ranked[:, :-1] == ranked[:, 1:]] = 0  # within a tie there is no value to differ at
    found: NDArray[np.int64] = np.abs(gaps).max(axis=1)
    return found


@lru_cache(maxsize=256)
def _least_significant(n: int, alpha: float) -> int:
    """The least h that is significant and makes h/n exceed 0.1; n + 1 when there is none."""
    low, high = n // 10 + 1, n + 1
    while low < high:
        middle = (low + high) // 2
        if _chance(n, middle) <= alpha:
            high = middle
        else:
            low = middle + 1
    return low


def _chance(n: int, h: int) -> float:
    """That two samples of n values from one distribution are h/n or more apart."""
    terms = [math.comb(2 * n, n - k * h) for k in range(1, n // h + 1)]
    return 2 * (sum(terms[::2]) - sum(terms[1::2])) / math.comb(2 * n, n)
