"""What the healthy blocks of a series showed, and whether the latest rose above the others.

Blocks of equal length are learned one after the other, on top of a reference. The latest ones are
also kept by themselves: they can be taken back, and their mean can be compared with that of all
before them, however uncertain the reference is by itself. Such cuts of the past are those of ADWIN
(A. Bifet and R. Gavalda, SIAM International Conference on Data Mining 2007), at block lengths that
about double, with normal tails in place of Hoeffding's.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import ClassVar, NamedTuple

from homeostat.state import Stateful

__all__ = ["Learned", "Rise", "least_rise"]

_CUTS = (6, 8, 12, 16, 24, 32, 48)  # the latest blocks that are compared with those before
_BEFORE = 10  # blocks before them, at least, so that a cycle has shown itself
_TRIED = 1.2  # independent comparisons that those at the end of a block are worth
_REMEMBERED = 100  # blocks, or the reference where it is longer
_CLEARLY = 2.0  # standard errors of the spread of block means
_PEAK, _MOST = 1.4, 0.25  # a cycle's peak in standard deviations; tolerated share of the mean
_LEAST_VARIANCE = 1e-9  # against rounding where all values are 0 or 1


class _Sums(NamedTuple):
    """Of what was learned: records and their total; blocks, their means and the squares of those.

    Old blocks fade, so that none of these grows without end.
    """

    records: float
    total: float
    blocks: float
    means: float
    squares: float

    @property
    def mean(self) -> float:
        return self.total / self.records

    @property
    def spread(self) -> float:
        """The variance of block means."""
        return max(0.0, self.squares - self.means * self.means / self.blocks) / (self.blocks - 1)


class Rise(NamedTuple):
    """How many of the latest blocks are higher, by how much, and the evidence in nats."""

    blocks: int
    change: float
    nats: float


class Learned(Stateful):
    """A mean learned from a reference and then from blocks, of which the latest can be forgotten.

    mean, n: of the reference, and its records. length: records in a block. dependence: how much
    wider sums of the series vary than those of independent 0/1 values. A block costs O(1).
    """

    memory: ClassVar[tuple[str, ...]] = ("_means", "_sums")

    _means: list[float]  # of the latest blocks
    _sums: list[list[float]]  # _Sums before the first of them and after each

    def __init__(self, mean: float, n: int, length: int, dependence: float) -> None:
        self.mean = mean
        self.n = n
        self.length = length
        self.dependence = dependence
        self._chance = dependence * mean * (1 - mean) / length
        self._means = []
        self._sums = [[float(n), n * mean, 0.0, 0.0, 0.0]]

    @property
    def settled(self) -> tuple[float, float]:
        """Records and their mean, without the newest block: a change may have begun in it."""
        sums = self._settled
        return sums.records, sums.mean

    @property
    def _settled(self) -> _Sums:
        return _Sums(*self._sums[max(len(self._sums) - 2, 0)])

    def take(self, mean: float) -> None:
        """Learn the mean of one more block."""
        old = _Sums(*self._sums[-1])
        most = float(max(self.n, _REMEMBERED * self.length))
        records, total = old.records + self.length, old.total + mean * self.length
        if records > most:
            records, total = most, total * (most / records)
        keep = (_REMEMBERED - 1) / old.blocks if old.blocks >= _REMEMBERED else 1.0
        self._sums.append([
            records, total,
            old.blocks * keep + 1, old.means * keep + mean, old.squares * keep + mean * mean,
        ])  # fmt: skip
        self._means.append(mean)
        if len(self._means) > _CUTS[-1]:
            del self._means[0], self._sums[0]

    def forget(self, blocks: int) -> None:
        """Take the latest blocks back, as far as they are kept."""
        blocks = min(blocks, len(self._means))
        if blocks:
            del self._means[-blocks:], self._sums[-blocks:]

    def wandering(self, mean: float) -> float:
        """The peak of slow wandering about a mean; 0 where it may be chance."""
        return self._wandering(self._settled, mean)

    def _wandering(self, sums: _Sums, mean: float) -> float:
        if sums.blocks < 5:
            return 0.0
        spread = sums.spread
        if spread <= self._chance * (1 + _CLEARLY * math.sqrt(2 / sums.blocks)):
            return 0.0
        return min(_PEAK * math.sqrt(spread - self._chance), _MOST * mean)

    def rise(self, lowest: float, tolerance: float) -> Rise:
        """Of the latest blocks, those that most clearly rose over all before them.

        lowest: what the mean before them is taken for at least. tolerance: a rise that does not
        count. Rise(0, 0.0, 0.0) when too little was learned to tell.
        """
        best = Rise(0, 0.0, 0.0)
        total, added = 0.0, 0
        for blocks in _CUTS:
            if blocks > len(self._means) or self._sums[-1 - blocks][2] < _BEFORE:
                break
            while added < blocks:
                added += 1
                total += self._means[-added]
            change, nats = self._compared(blocks, total / blocks, lowest, tolerance)
            if nats > best.nats:
                best = Rise(blocks, change, nats)
        return best

    def _compared(
        self, blocks: int, latest: float, lowest: float, tolerance: float
    ) -> tuple[float, float]:
        """The rise of the latest blocks, and half the square of its standard score."""
        before = _Sums(*self._sums[-1 - blocks])
        mean, records = max(before.mean, lowest), blocks * self.length
        clear = latest - mean - tolerance
        if clear <= 0:
            return latest - mean, 0.0
        clear -= self._wandering(before, mean)
        if clear <= 0:
            return latest - mean, 0.0
        pooled = (latest * records + mean * before.records) / (records + before.records)
        variance = max(pooled * (1 - pooled), _LEAST_VARIANCE) * self.dependence
        variance *= max(1.0, before.spread / self._chance)
        variance *= 1 / records + 1 / before.records
        return latest - mean, clear * clear / (2 * variance)


def least_rise(run_length: float, length: int) -> float:
    """The evidence in nats that chance alone gives once in so many records."""
    chance = min(0.05, length / run_length / _TRIED)
    return NormalDist().inv_cdf(chance) ** 2 / 2
