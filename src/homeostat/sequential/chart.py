"""Control charts: a series against the centre and spread it had when all was well.

Phase I learns the centre and the standard deviation from the first values, or they are given;
in phase II each chart follows the values in standard deviations from the centre.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import real, require, whole
from homeostat.sequential.alarms import LARGEST, no_number, skip
from homeostat.sequential.stretches import Stretched

__all__ = ["SIDES", "Chart"]

SIDES = {"up": (1.0,), "down": (-1.0,), "both": (1.0, -1.0)}


class Chart(Stretched):
    """What control charts share: they follow values in standard deviations from the centre.

    Learning lasts for `min_instances` values, and until they are not all the same. An alarm ends
    what was learned; a centre and spread that were given stay.
    """

    memory: ClassVar[tuple[str, ...]] = (
        "_count", "_origin", "_sum", "_squares", "_middle", "_spread", "observed", "change",
    )  # fmt: skip

    _origin: float  # the first value since the (re)start
    _sum: float  # of the values minus it, while learning
    _squares: float  # of the same, squared
    _middle: float  # the centre; NaN while learning
    _spread: float  # the standard deviation; NaN while learning

    def _configure(self, min_instances: int, mode: str, center: Any, sigma: Any, on: str) -> None:
        """Check and keep the settings that all charts have, and start."""
        whole("min_instances", min_instances, 2)
        known = isinstance(mode, str) and mode in SIDES
        require(known, "mode", mode, 'one of "up", "down" and "both"')
        together = (center is None) == (sigma is None)
        require(together, "sigma", sigma, "given together with center, or neither")
        if center is not None:
            real("center", center)
            real("sigma", sigma)
            require(abs(center) <= LARGEST, "center", center, f"at most {LARGEST:g} in size")
            require(1 / LARGEST <= sigma <= LARGEST, "sigma", sigma, "above 0 and finite")
        require(isinstance(on, str) and bool(on), "on", on, "the name of a series")
        self.min_instances = min_instances
        self.mode = mode
        self.center = center
        self.sigma = sigma
        self.on = on
        self.observed = math.nan
        self.change = math.nan
        self._restart()

    @property
    def estimation(self) -> float:
        """The centre; NaN while it is being learned."""
        return self._middle

    def update(self, x: float) -> bool:
        """Take one value; True when it raises an alarm. NaN is skipped, O(1)."""
        try:
            x = float(x)
        except (TypeError, ValueError, OverflowError) as error:
            raise no_number(x) from error
        if not -LARGEST <= x <= LARGEST:
            return skip(x)
        learned = not math.isnan(self._middle)
        if learned and self._passes((x - self._middle) / self._spread):
            self._count += 1
            return False
        return self._take(np.array([x]))[1]

    def _take(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        if math.isnan(self._middle):
            return self._learn(values), False
        taken, fired = self._follow((values - self._middle) / self._spread)
        self._count += taken
        if fired:
            self._restart()
        return taken, fired

    def _follow(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        """Take values up to the first alarm, and set what it reports."""
        raise NotImplementedError(f"{type(self).__name__} must define _follow")

    def _passes(self, value: float) -> bool:
        """Take one value that raises no alarm; False, and nothing is taken, when it would."""
        raise NotImplementedError(f"{type(self).__name__} must define _passes")

    def _clear(self) -> None:
        """Forget what was followed."""
        raise NotImplementedError(f"{type(self).__name__} must define _clear")

    def _learn(self, values: NDArray[np.float64]) -> int:
        """Take values up to the end of phase I: how many."""
        if not self._count:
            self._origin = float(values[0])
        moved = values - self._origin
        counts = np.arange(self._count + 1.0, self._count + len(values) + 1.0)
        sums = np.cumsum(np.append(self._sum, moved))[1:]
        squares = np.cumsum(np.append(self._squares, moved * moved))[1:]
        left = squares - sums * (sums / counts)
        learned = (counts >= self.min_instances) & (left > 0.0)
        first = int(np.argmax(learned))
        last = first if learned[first] else len(values) - 1
        self._count, self._sum = int(counts[last]), float(sums[last])
        self._squares = float(squares[last])
        if learned[last]:
            self._middle = self._origin + self._sum / self._count
            self._spread = math.sqrt(float(left[last]) / (self._count - 1))
        return last + 1

    def _restart(self) -> None:
        self._count = 0
        self._origin = 0.0
        self._sum = 0.0
        self._squares = 0.0
        self._middle = math.nan if self.center is None else float(self.center)
        self._spread = math.nan if self.sigma is None else float(self.sigma)
        self._clear()
