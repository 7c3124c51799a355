"""CUSUM tells of a small lasting shift of a mean, by summing what exceeds a tolerated shift.

E. S. Page, Continuous inspection schemes, Biometrika 41 (1954), section 2; the tabular form in
standard deviations is that of D. C. Montgomery, Introduction to Statistical Quality Control,
chapter 9. With z the values in standard deviations from the centre, the sums

    S+ = max(0, S+ + z - slack)   and   S- = max(0, S- - z - slack)

alarm when one exceeds `threshold`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import within
from homeostat.sequential.chart import SIDES, Chart

_LEVEL, _LOW, _SINCE = 0, 1, 2  # the places in what one side remembers
_MOST = 1e6  # of slack and threshold, so that sums of steps keep their precision


class CUSUM(Chart):
    """The tabular CUSUM chart for a moved mean.

    min_instances: values from which the centre and the standard deviation are learned after a
    (re)start, and until they are not all the same. slack: the shift that does not matter, in
    standard deviations; it is quickest at shifts of twice that. threshold: the bound on the sums,
    in standard deviations; larger means fewer false alarms and later ones. mode: "up", "down" or
    "both". center, sigma: the known mean and standard deviation, in the unit of the series,
    instead of learning; given together. on: the series to watch; a label for the monitor.

    After an alarm, which clears all but the last report, `observed` and `threshold` tell what
    crossed what, `since` how many values ago that sum left 0, where the change most likely began,
    and `change` the mean since then minus the centre. Before the first alarm `observed` and
    `change` are NaN. What was learned is learned anew after an alarm; a given centre stays, so
    while the change lasts it alarms again.

    Of independent normal values with a known centre, the defaults raise an alarm once in 465 on
    average, a threshold of 8 once in some 9,000 and of 10 once in 70,000. A centre learned from
    30 values is off by a fifth of a standard deviation, so that this time varies far more from
    one restart to the next, and small shifts can be missed: give center and sigma where they are
    known, or learn from some hundreds.

    NaN is no observation: skipped. An infinite value, or one beyond 1e100, raises InvalidInput.
    A constant series never alarms. Memory O(1); a value costs O(1).

    Frouros 0.9 measures against the running mean instead, in the unit of the series, and only
    upwards: that is `PageHinkley(mode="up", alpha=1)`, to the record.
    """

    name: str = "cusum"
    memory: ClassVar[tuple[str, ...]] = (*Chart.memory, "since", "_sides")

    _sides: list[list[float]]  # the sum of steps, its lowest so far, and values since that

    def __init__(
        self,
        min_instances: int = 30,
        slack: float = 0.5,
        threshold: float = 5.0,
        mode: str = "both",
        *,
        center: float | None = None,
        sigma: float | None = None,
        on: str = "error",
    ) -> None:
        within("slack", slack, 0, _MOST, "[]")
        within("threshold", threshold, 0, _MOST, "(]")
        self.slack = slack
        self.threshold = threshold
        self._configure(min_instances, mode, center, sigma, on)

    def _follow(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        signs = np.array(SIDES[self.mode])[:, np.newaxis]
        # A sum is at most `threshold`, so nothing below -threshold - 1 makes a difference to it;
        # without a bound one such value would drown all later ones.
        steps = np.maximum(signs * values, -self.threshold - 1.0) - self.slack
        carried = np.array(self._sides)
        levels = np.cumsum(np.append(carried[:, :1], steps, axis=1), axis=1)[:, 1:]
        lows = np.minimum(np.minimum.accumulate(levels, axis=1), carried[:, _LOW, np.newaxis])
        sums = levels - lows
        crossed = (sums > self.threshold).any(axis=0)
        first = int(np.argmax(crossed))
        fired = bool(crossed[first])
        taken = first + 1 if fired else len(values)
        for side, level in zip(self._sides, levels[:, :taken], strict=True):
            _remember(side, level)
        if fired:
            self._report()
        return taken, fired

    def _passes(self, value: float) -> bool:
        sides = []
        for sign, (level, low, since) in zip(SIDES[self.mode], self._sides, strict=True):
            level += max(sign * value, -self.threshold - 1.0) - self.slack
            low, since = (level, 0.0) if level < low else (low, since + 1.0)
            if level - low > self.threshold:
                return False
            sides.append([level, low, since])
        self._sides = sides
        return True

    def _report(self) -> None:
        sides = zip(SIDES[self.mode], self._sides, strict=True)
        sign, side = max(sides, key=lambda each: each[1][_LEVEL] - each[1][_LOW])
        self.observed = side[_LEVEL] - side[_LOW]
        self.since = int(side[_SINCE]) - 1
        self.change = sign * (self.observed / side[_SINCE] + self.slack) * self._spread

    def _clear(self) -> None:
        self._sides = [[0.0, 0.0, 0.0] for _ in SIDES[self.mode]]


def _remember(side: list[float], level: NDArray[np.float64]) -> None:
    lowest = int(np.argmin(level))
    if level[lowest] < side[_LOW]:
        side[_LOW] = float(level[lowest])
        side[_SINCE] = float(len(level) - 1 - lowest)
    else:
        side[_SINCE] += len(level)
    side[_LEVEL] = float(level[-1])
