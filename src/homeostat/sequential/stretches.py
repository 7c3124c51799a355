"""A series taken in stretches that grow while nothing happens and end at the first alarm."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from homeostat.sequential.alarms import Alarm, Sequential

__all__ = ["LONGEST", "SHORTEST", "Stretched"]

SHORTEST, LONGEST = 1024, 8192  # values looked at together: few after an alarm, then more


class Stretched(Sequential):
    """A detector that starts again at each alarm; `_take` looks at one stretch."""

    observed: float
    threshold: float
    change: float
    since: int = -1  # observations from the likely beginning of the change to the alarm
    _count: int  # values since the (re)start

    def _scan(self, values: NDArray[np.float64]) -> Iterator[Alarm]:
        start = 0
        while start < len(values):
            reach = min(max(self._count, SHORTEST), LONGEST)
            taken, fired = self._take(values[start : start + reach])
            start += taken
            if fired:
                yield Alarm(start - 1, self.observed, self.threshold, self.change, self.since)

    def _take(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        """Take values up to the first alarm among them: how many, and whether there was one."""
        raise NotImplementedError(f"{type(self).__name__} must define _take")
