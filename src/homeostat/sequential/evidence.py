"""Evidence for a change: fair bets whose gains are gathered over when it may have begun.

A bet multiplies what was staked by a gain that is on average at most 1 while nothing has changed.
Staking 1 anew before every value, and following several bets at once, gives the e-detectors of
J. Shin, A. Ramdas and A. Rinaldo, E-detectors: a nonparametric framework for sequential change
detection, New England Journal of Statistics in Data Science 2 (2023), sections 2 and 3: with g_t
the gain at time t,

    sr:     M_t = g_t * (M_(t-1) + 1)      Shiryaev-Roberts: all stakes together
    cusum:  M_t = g_t * max(M_(t-1), 1)    CUSUM: the one that has grown most

averaged over the bets. While nothing has changed, the alarms at M >= A, each of which starts M
anew, are on average at least A values apart (their theorem 2.4).

The recursion is unrolled so that it is fast and yet the same to the last bit however a stream is
cut: from every 64th value on, which is counted from the start, M_t = P_t * (M + I_t) where P is
the product of the gains since then, and I the sum (or the largest) of the 1 / P_(s-1).
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import require
from homeostat.state import Stateful

__all__ = ["KINDS", "Evidence", "likely_start"]

KINDS = ("sr", "cusum")

_STRIDE = 64


class Evidence(Stateful):
    """What several bets have gained together, in one of two ways (see above).

    bets: how many there are. kind: "sr" or "cusum". Gains must be above 1e-4,
    or 64 of them could underflow. Memory O(bets); a value costs O(bets).
    """

    memory: ClassVar[tuple[str, ...]] = ("_within", "_levels", "_products", "_gathered")

    _within: int  # values since the last multiple of 64 of them
    _levels: NDArray[np.float64]  # of each bet, at that multiple
    _products: NDArray[np.float64]  # of its gains since then
    _gathered: NDArray[np.float64]  # the stakes since then, each divided by the product before it

    def __init__(self, bets: int, kind: str = "sr") -> None:
        require(isinstance(kind, str) and kind in KINDS, "kind", kind, '"sr" or "cusum"')
        self.bets = bets
        self.kind = kind
        self._gather: Any = np.add if kind == "sr" else np.maximum
        self.restart()

    def restart(self) -> None:
        """Forget all gains."""
        self._within = 0
        self._levels = np.zeros(self.bets)
        self._products = np.ones(self.bets)
        self._gathered = np.zeros(self.bets)

    def take(self, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        """The evidence after each value, from the gains (bets, values) at it.

        Where it overflows it is infinite: restart it at the alarm that this must be.
        """
        n = gains.shape[1]
        if n == 0:
            return np.empty(0)
        end = self._within + n
        rows = -(-end // _STRIDE)
        width = _STRIDE if rows > 1 else end
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            products, gathered = self._unrolled(gains, rows, width)
            levels = self._chained(products[:, :, -1], gathered[:, :, -1])
            each = products * self._gather(levels[:, :rows, np.newaxis], gathered)
            total = each[0]
            for one in each[1:]:  # in this order, whatever the shape
                total = total + one
        self._remember(end, levels, products, gathered)
        evidence: NDArray[np.float64] = total.ravel()[end - n : end] / self.bets
        return evidence

    def _unrolled(
        self, gains: NDArray[np.float64], rows: int, width: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """In rows of 64: the products of the gains, and the stakes divided by them."""
        within, n = self._within, gains.shape[1]
        steps = np.ones((self.bets, rows * width))
        steps[:, within : within + n] = gains
        if within:
            steps[:, within - 1] = self._products
        products = np.multiply.accumulate(steps.reshape(self.bets, rows, width), axis=2)
        stakes = np.empty_like(products)
        stakes[:, :, 0] = 1.0
        np.divide(1.0, products[:, :, :-1], out=stakes[:, :, 1:])
        if within:
            stakes[:, 0, : within - 1] = 0.0
            stakes[:, 0, within - 1] = self._gathered
        return products, self._gather.accumulate(stakes, axis=2)

    def _chained(
        self, products: NDArray[np.float64], gathered: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The levels where the rows begin, and after the last of them."""
        level = self._levels
        levels = [level]
        for product, stakes in zip(products.T.copy(), gathered.T.copy(), strict=True):
            level = product * self._gather(level, stakes)
            levels.append(level)
        return np.array(levels).T

    def _remember(
        self,
        end: int,
        levels: NDArray[np.float64],
        products: NDArray[np.float64],
        gathered: NDArray[np.float64],
    ) -> None:
        row, self._within = divmod(end, _STRIDE)
        self._levels = levels[:, row].copy()
        if self._within:
            self._products = products[:, row, self._within - 1].copy()
            self._gathered = gathered[:, row, self._within - 1].copy()
        else:
            self._products = np.ones(self.bets)
            self._gathered = np.zeros(self.bets)


def likely_start(gains: NDArray[np.float64]) -> int:
    """Where a change most likely began: from there on, one of the bets gains most.

    `gains` is (bets, values), with at least one value. The estimate is Page's (Biometrika 41,
    1954).
    """
    logs = np.log(gains)
    since = np.cumsum(logs[:, ::-1], axis=1)[:, ::-1]
    return int(np.unravel_index(np.argmax(since), since.shape)[1])
