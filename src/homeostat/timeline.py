"""When past observations were made: finely for the latest, coarsely for old ones.

Level k has the time of every observation whose number is a multiple of 2**k, the latest `_KEPT`
of them. So an observation is told to within 1/`_KEPT` of how long ago it was, in memory that
grows with the logarithm of the stream.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from homeostat.state import Stateful

_KEPT = 64


class Timeline(Stateful):
    """The times of past observations, in microseconds since 1970."""

    memory = ("count", "levels")

    def __init__(self) -> None:
        self.count = 0
        self.levels: list[list[int]] = []

    def extend(self, micros: NDArray[np.int64]) -> None:
        """So many more observations; the same for any cutting of a stream. O(log(stream))."""
        if not len(micros):
            return
        if not self.count:
            self.add(int(micros[0]))
            micros = micros[1:]
        first, self.count = self.count, self.count + len(micros)
        origin = self.levels[-1][:1]  # the highest level always begins with the first of all
        for level in range(self.count.bit_length()):
            step = 1 << level
            start = -(-first // step) * step
            if start >= self.count:
                return
            if level == len(self.levels):
                self.levels.append(origin)
            surplus = max(0, (self.count - 1 - start) // step + 1 - _KEPT)
            marks = micros[start + surplus * step - first :: step].tolist()
            self.levels[level] = (self.levels[level] + marks)[-_KEPT:]

    def add(self, micros: int) -> None:
        """One more observation. O(1) on average."""
        number, self.count = self.count, self.count + 1
        if not number:
            self.levels = [[micros]]
            return
        for level in range((number & -number).bit_length()):
            if level == len(self.levels):
                self.levels.append([self.levels[-1][0]])
            times = self.levels[level]
            times.append(micros)
            del times[:-_KEPT]

    def before(self, places: int) -> int | None:
        """The time of the observation so many before the latest; None where there was none."""
        number = self.count - 1 - places
        if places < 0 or number < 0:
            return None
        for level, times in enumerate(self.levels):
            back = (self.count - 1 >> level) - (number >> level)
            if back < len(times):
                return times[-1 - back]
        return self.levels[-1][0]
