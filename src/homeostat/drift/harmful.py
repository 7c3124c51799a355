"""The test for a harmful shift tells when the mean loss has risen above that of a source.

A. Podkopaev and A. Ramdas, Tracking the risk of a deployed model and detecting harmful
distribution shifts, ICLR 2022, algorithm 1. It alarms as soon as a lower confidence sequence for
the mean of the target's losses lies above an upper confidence bound for the source's, plus a
tolerance. With the betting sequence of I. Waudby-Smith and A. Ramdas (see `homeostat.confidence`)
that is when the capital of the bets against that one mean reaches its goal, so no grid of means
is needed: with u the bound plus the tolerance, the capital is multiplied by

    1 + min(bet_t, c / u) * (x_t - u).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.confidence import MOST, PlugInBets, logs, upper_bound
from homeostat.errors import InvalidSetting, real, require, within
from homeostat.sequential.alarms import Alarm, number, observations
from homeostat.sequential.binary import Binary

_SHORTEST, _LONGEST = 64, 8192  # values looked at together: few after an alarm, then more
_LEAST_REFERENCE = 2


class HarmfulShift(Binary):
    """Alarms when the mean loss since the start is above that of a source; at most once by chance.

    source: the mean loss of the source, in [0, 1]. source_upper: a bound that it is below with a
    probability of 1 - delta / 2. tolerance: a rise of the mean that does no harm, in its unit.
    delta: the probability of ever alarming although the mean rose by no more than that, however
    long the stream is; half of it is spent on the source's bound. on: the series to watch; a
    label for the monitor. `harmful_shift(reference)` finds the first two.

    It asks whether there has been a shift since the start, at once or in the course of time, and
    looks at all the losses since: so a shift long after the start is found late (an e-detector
    is for that). It holds for any series whose next loss has, given all before it, a mean of at
    most source_upper + tolerance. An improvement never alarms. After an alarm, which clears all
    but the last report, a new test begins with a delta of its own.

    `observed` and `threshold` are the logarithms (nats) of the capital and its goal, `change` the
    mean since the start minus the source's. Before the first alarm `observed` and `change` are
    NaN. `estimation` is the mean since the start.

    NaN is skipped; a value outside [0, 1] raises InvalidInput. Memory O(1); a value costs O(1).
    """

    name: str = "harmful_shift"
    exempt: ClassVar[dict[str, str]] = {
        "calm when constant": "losses of 1 only are a rise over the source's mean"
    }
    memory: ClassVar[tuple[str, ...]] = ("_bets", "_capital", "observed", "change")

    _capital: float  # its logarithm

    def __init__(
        self,
        source: float,
        source_upper: float,
        tolerance: float = 0.0,
        delta: float = 0.05,
        *,
        on: str = "error",
    ) -> None:
        limit = real("source_upper", source_upper) + real("tolerance", tolerance)
        within("source", source, 0, 1, "[]")
        require(source <= source_upper, "source_upper", source_upper, f"at least {source!r}")
        require(tolerance >= 0, "tolerance", tolerance, "at least 0")
        require(0 < limit < 1, "source_upper + tolerance", limit, "above 0 and below 1")
        within("delta", delta, 0, 1)
        require(isinstance(on, str) and bool(on), "on", on, "the name of a series")
        self.source = source
        self.source_upper = source_upper
        self.tolerance = tolerance
        self.delta = delta
        self.on = on
        self.threshold = math.log(2 / delta)
        self._limit = limit
        self.observed = math.nan
        self.change = math.nan
        self._restart()

    @property
    def estimation(self) -> float:
        """The mean since the start or the last alarm; NaN when there are no values."""
        return self._bets.mean

    def update(self, x: float) -> bool:
        """Take one value; True when it raises an alarm. NaN is skipped, O(1)."""
        return bool(len(self.update_many([number(x)])))

    def _scan(self, values: NDArray[np.float64]) -> Iterator[Alarm]:
        start, reach = 0, _SHORTEST
        while start < len(values):
            taken, fired = self._take(values[start : start + reach])
            start += taken
            reach = _SHORTEST if fired else min(2 * reach, _LONGEST)
            if fired:
                yield Alarm(start - 1, self.observed, self.threshold, self.change)

    def _take(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        """Take values up to the first alarm: how many, and whether there was one."""
        count, total = self._bets.count, self._bets.total
        bets, _ = self._bets.take(values)
        gains = np.minimum(bets, MOST / self._limit) * (values - self._limit) + 1.0
        capital = np.cumsum(np.append(self._capital, logs(gains)))[1:]
        crossed = capital >= self.threshold
        first = int(np.argmax(crossed))
        if not crossed[first]:
            self._capital = float(capital[-1])
            return len(values), False
        self.observed = float(capital[first])
        total = float(np.cumsum(np.append(total, values[: first + 1]))[-1])
        self.change = total / (count + first + 1) - self.source
        self._restart()
        return first + 1, True

    def _restart(self) -> None:
        self._bets = PlugInBets(self.threshold)
        self._capital = 0.0


def harmful_shift(
    reference: ArrayLike, tolerance: float = 0.0, delta: float = 0.05, *, on: str = "error"
) -> HarmfulShift:
    """The test for a reference of losses at the source: 0/1 errors or other numbers in [0, 1].

    The order of the reference must be that of its making, or any other that does not depend on
    the losses. At least 2 values that are not NaN, or InvalidSetting tells how many there are; a
    value outside [0, 1] raises InvalidInput. A bound of 1 (few values, high losses) raises
    InvalidSetting: nothing could lie above it.
    """
    values, _ = observations(reference)
    if len(values) < _LEAST_REFERENCE:
        raise InvalidSetting(
            f"a reference needs at least {_LEAST_REFERENCE} values, got {len(values)}"
        )
    within("delta", delta, 0, 1)
    source = math.fsum(values) / len(values)
    return HarmfulShift(
        source, max(source, upper_bound(values, 1 - delta / 2)), tolerance, delta, on=on
    )
