"""Bets that a mean is above 0: what they have won is the evidence, and holds at any time.

A bet of the share s on values of at least -reach multiplies its stake by 1 + s * x / reach. While
the next value has, given all before it, a mean of at most 0, no such bet gains on average, and so
does no mixture of them: the capital of 1 ever reaches 1/a with probability at most a (J. Ville,
Étude critique de la notion de collectif, 1939). Bets of many sizes, each with a part of the
capital, win nearly what the best of them wins (the method of mixtures; I. Waudby-Smith and
A. Ramdas, Journal of the Royal Statistical Society B 86, 2024, section 4 and appendix B). For two
models that are right or wrong the values are 1, 0 and -1, and this is a sequential McNemar test:
a bet on who is right where just one of them is.

Only products in the order of the values are taken, so that any cutting gives the same bits.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.state import Stateful

Floats = NDArray[np.float64]

SHARES: Floats = 0.6 * 2.0 ** -np.arange(8.0)
"""The sizes of the bets: from great differences among few to small ones among very many."""

STAKES: Floats = np.array([2.0, 2.0, 2.0, 2.0, 3.0, 2.0, 1.0, 1.0]) / 15.0
"""What each of them begins with, 1 together."""

_LARGEST, _LEAST = 1e300, 1e-300  # beyond which a capital is not told apart


class Bets(Stateful):
    """The capital of the bets that values of at least -reach have a mean above 0.

    Where values may be as low as -1.5 * reach, nothing is lost but a part of the capital, still.
    Memory O(1), a value costs O(1).
    """

    memory: ClassVar[tuple[str, ...]] = ("capitals",)

    capitals: list[float]  # of each bet

    def __init__(self, reach: float) -> None:
        self.reach = reach
        self._sizes = SHARES[:, np.newaxis] / reach
        self.capitals = STAKES.tolist()

    def grown(self, values: Floats) -> Floats:
        """The capital of each bet after each value (bets, values); it is not yet kept."""
        gains: Floats = self._sizes * values + 1.0
        with np.errstate(over="ignore", under="ignore"):
            if len(values):
                gains[:, 0] *= self.capitals
            return np.multiply.accumulate(gains, axis=1)

    def keep(self, grown: Floats, count: int) -> None:
        """Take the first `count` values of what `grown` gave."""
        if count:
            self.capitals = grown[:, count - 1].tolist()

    @property
    def evidence(self) -> float:
        """The whole capital now, an e-value."""
        return min(float(together(np.array(self.capitals)[:, np.newaxis])[0]), _LARGEST)

    @property
    def log_wealth(self) -> float:
        """Its logarithm (nats)."""
        return math.log(max(self.evidence, _LEAST))


def together(grown: Floats) -> Floats:
    """The whole capital after each value."""
    total: Floats = grown[0].copy()
    with np.errstate(over="ignore"):
        for one in grown[1:]:  # in this order, whatever the shape
            total += one
    return total
