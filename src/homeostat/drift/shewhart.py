"""The Shewhart chart tells of single values far from the centre, and of long runs on one side.

W. A. Shewhart, Statistical Method from the Viewpoint of Quality Control (1939); the rule of runs
is that of Western Electric, Statistical Quality Control Handbook (1956), with run = 8, and of
L. S. Nelson, Journal of Quality Technology 16 (1984), with run = 9.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import whole, within
from homeostat.sequential.chart import SIDES, Chart


class Shewhart(Chart):
    """The chart of single values (x-chart) with limits at k standard deviations.

    k: how many standard deviations from the centre a value may be. run: also alarm at so many
    values in a row on one side of the centre, at least 2; None for no such rule. min_instances:
    values from which the centre and the standard deviation are learned after a (re)start, and
    until they are not all the same. mode: "up", "down" or "both". center, sigma: the known mean
    and standard deviation, in the unit of the series, instead of learning; given together.
    on: the series to watch; a label for the monitor, unused here.

    After an alarm, which clears all but the last report, `observed` is how many standard deviations
    the value was away, `threshold` is k, and `change` the value minus the centre. When a run alone
    raised it, `observed` and `threshold` are its length and `run`, and `change` the mean of the run
    minus the centre; `since` tells where the run began. Before the first alarm `observed` and
    `change` are NaN. What was learned is learned anew after an alarm; a given centre stays.

    Of independent normal values with a known centre, k = 3 raises an alarm once in 370 on
    average, k = 4 once in 16,000, and run = 9 once in 511. A value that is the centre ends a run.

    NaN is no observation: skipped. An infinite value, or one beyond 1e100, raises InvalidInput.
    A constant series never alarms. Memory O(1); a value costs O(1).
    """

    name: str = "shewhart"
    memory: ClassVar[tuple[str, ...]] = (
        *Chart.memory, "since", "threshold", "_side", "_length", "_total",
    )  # fmt: skip

    _side: float  # of the centre, of the last value: 1, -1 or 0
    _length: int  # values in a row there
    _total: float  # their sum, in standard deviations from the centre

    def __init__(
        self,
        k: float = 3.0,
        run: int | None = None,
        min_instances: int = 30,
        mode: str = "both",
        *,
        center: float | None = None,
        sigma: float | None = None,
        on: str = "error",
    ) -> None:
        within("k", k, 0, math.inf)
        if run is not None:
            whole("run", run, 2)
        self.k = k
        self.run = run
        self.threshold = float(k)
        self._configure(min_instances, mode, center, sigma, on)

    def _follow(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        away = np.max([sign * values for sign in SIDES[self.mode]], axis=0)
        far = away > self.k
        starts, lengths = self._runs(values)
        crossed = far | self._too_long(values, lengths)
        first = int(np.argmax(crossed))
        fired = bool(crossed[first])
        last = first if fired else len(values) - 1
        self._remember(values[: last + 1], int(starts[last]), int(lengths[last]))
        if fired and far[last]:
            self._say(float(away[last]), float(self.k), float(values[last]), 0)
        elif fired:
            mean = self._total / self._length
            self._say(float(self._length), float(self.run or 0), mean, self._length - 1)
        return last + 1, fired

    def _runs(self, values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the run that each value ends began (before 0: before these), and its length."""
        sides = np.sign(values)
        places = np.arange(len(values))
        begins = sides != np.append(self._side, sides[:-1])
        starts = np.maximum.accumulate(np.where(begins, places, -self._length))
        return starts, places - starts + 1

    def _too_long(
        self, values: NDArray[np.float64], lengths: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        if self.run is None:
            return np.zeros(len(values), dtype=np.bool_)
        watched = np.isin(np.sign(values), SIDES[self.mode])
        too_long: NDArray[np.bool_] = watched & (lengths >= self.run)
        return too_long

    def _remember(self, values: NDArray[np.float64], start: int, length: int) -> None:
        carried = self._total if start < 0 else 0.0
        self._side = float(np.sign(values[-1]))
        self._length = length
        self._total = float(np.cumsum(np.append(carried, values[max(start, 0) :]))[-1])

    def _say(self, observed: float, threshold: float, moved: float, since: int) -> None:
        self.observed = observed
        self.threshold = threshold
        self.change = moved * self._spread
        self.since = since

    def _passes(self, value: float) -> bool:
        if max([sign * value for sign in SIDES[self.mode]]) > self.k:
            return False
        side = float((value > 0.0) - (value < 0.0))
        length, total = (self._length, self._total) if side == self._side else (0, 0.0)
        if self.run is not None and length + 1 >= self.run and side in SIDES[self.mode]:
            return False
        self._side, self._length, self._total = side, length + 1, total + value
        return True

    def _clear(self) -> None:
        self._side = 0.0
        self._length = 0
        self._total = 0.0
