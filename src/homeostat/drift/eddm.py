"""EDDM tells when errors follow each other clearly sooner than they once did.

M. Baena-Garcia, J. del Campo-Avila, R. Fidalgo, A. Bifet, R. Gavalda and R. Morales-Bueno, Early
drift detection method, Workshop on Knowledge Discovery from Data Streams (2006), section 3. With
p' and s' the mean and standard deviation of the distances between errors since the last restart,
it keeps the largest p' + 2 s' and alarms when the present one is below beta of it. Below alpha of
it, it is in its warning zone.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import real, require, whole, within
from homeostat.sequential.alarms import no_number
from homeostat.sequential.binary import Binary, skip
from homeostat.sequential.stretches import Stretched


class EDDM(Binary, Stretched):
    """The early drift detection method: the distances between errors, in records.

    warm_start: errors after a (re)start before it may alarm; the largest p' + 2 s' is looked for
    after as many records. alpha, beta: the shares of the largest below which the warning zone and
    the alarm begin, 0 < beta <= alpha <= 1. on: the series to watch; a label for the monitor,
    unused here.

    A value of 0.5 or more is an error. After an alarm, which clears all but the last report,
    `observed` is the share that p' + 2 s' is of the largest, `threshold` is beta, and `change` the
    error rate since the largest minus that up to it, which can be below 0 when only the spread of
    the distances has shrunk; `since` is how many records ago the largest was. Before the first
    alarm they are NaN.

    NaN is no observation: skipped. A value outside [0, 1] raises InvalidInput. A constant series
    never alarms. Memory O(1); a value costs O(1).

    Alarms are those of River 0.26 but for rounding: it takes s' with n - 1, starts looking for
    the largest before the paper's 30 errors, and counts the records up to the first error as a
    distance. Its warning, unlike here, outlasts a new largest. It raises many false alarms: some
    30 in 100,000 records of one error rate.
    """

    name: str = "eddm"
    memory: ClassVar[tuple[str, ...]] = (
        "_count", "_errors", "_last", "_squares", "_best", "observed", "threshold", "change",
        "since",
    )  # fmt: skip

    _errors: int  # since the (re)start
    _last: int  # how many records there were at the last of them, the sum of the distances
    _squares: float  # the sum of the squared distances
    _best: list[float]  # the largest p' + 2 s', and the records and errors then

    def __init__(
        self, warm_start: int = 30, alpha: float = 0.95, beta: float = 0.9, *, on: str = "error"
    ) -> None:
        whole("warm_start", warm_start, 1)
        real("beta", beta)
        within("alpha", alpha, 0, 1, "(]")
        require(0 < beta <= alpha, "beta", beta, "above 0 and at most alpha")
        require(isinstance(on, str) and bool(on), "on", on, "the name of a series")
        self.warm_start = warm_start
        self.alpha = alpha
        self.beta = beta
        self.on = on
        self.observed = math.nan
        self.threshold = math.nan
        self.change = math.nan
        self._restart()

    @property
    def warning(self) -> bool:
        """Whether the distances are in the warning zone now."""
        return self._errors > self.warm_start and self._share() < self.alpha

    def update(self, x: float) -> bool:
        """Take one value; True when it raises an alarm. NaN is skipped, O(1)."""
        try:
            x = float(x)
        except (TypeError, ValueError, OverflowError) as error:
            raise no_number(x) from error
        if not 0.0 <= x <= 1.0:
            return skip(x)
        self._count = n = self._count + 1
        if x < 0.5:
            return False
        self._errors += 1
        distance = float(n - self._last)
        self._squares += distance * distance
        self._last = n
        if n > self.warm_start:
            reach = self._reach()
            if reach > self._best[0]:
                self._best = [reach, float(n), float(self._errors)]
            elif self._errors > self.warm_start and reach / self._best[0] < self.beta:
                self._report()
                return True
        return False

    def _take(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        places = np.flatnonzero(values >= 0.5)
        if not len(places):
            self._count += len(values)
            return len(values), False
        records = (places + (self._count + 1)).astype(np.float64)
        errors = np.arange(self._errors + 1.0, self._errors + len(places) + 1.0)
        distances = np.diff(np.append(float(self._last), records))
        squares = np.cumsum(np.append(self._squares, distances * distances))[1:]
        reach = _reach(records, squares, errors)
        tracked = np.where(records > self.warm_start, reach, 0.0)
        best = np.maximum(np.maximum.accumulate(tracked), self._best[0])
        crossed = (reach / best < self.beta) & (errors > self.warm_start)
        first = int(np.argmax(crossed))
        fired = bool(crossed[first])
        last = first if fired else len(places) - 1
        taken = int(places[first]) + 1 if fired else len(values)
        top = int(np.argmax(tracked[: last + 1]))
        if tracked[top] > self._best[0]:
            self._best = [float(tracked[top]), float(records[top]), float(errors[top])]
        self._count += taken
        self._errors, self._last = int(errors[last]), int(records[last])
        self._squares = float(squares[last])
        if fired:
            self._report()
        return taken, fired

    def _reach(self) -> float:
        now = (np.array([float(each)]) for each in (self._last, self._squares, self._errors))
        return float(_reach(*now)[0])

    def _share(self) -> float:
        return self._reach() / self._best[0]

    def _report(self) -> None:
        """Say what crossed, then start again."""
        _, records, errors = self._best
        self.observed = self._share()
        self.threshold = self.beta
        newer = (self._errors - errors) / (self._count - records)
        self.change = newer - errors / records
        self.since = self._count - int(records) - 1
        self._restart()

    def _restart(self) -> None:
        self._count = 0
        self._errors = 0
        self._last = 0
        self._squares = 0.0
        self._best = [1.0, 0.0, 0.0]  # no distance is below 1


def _reach(
    records: NDArray[np.float64], squares: NDArray[np.float64], errors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The p' + 2 s' of so many errors, whose distances sum to `records`."""
    mean = records / errors
    spread = np.maximum(squares - records * mean, 0.0) / np.maximum(errors - 1.0, 1.0)
    reach: NDArray[np.float64] = mean + 2.0 * np.sqrt(spread)
    return reach
