"""What a covariate says of a difference before its label comes (CUPED, for some labels of many).

A. Deng, Y. Xu, R. Kohavi and T. Walker 2013; A. N. Angelopoulos, J. C. Duchi and T. Zrnic, PPI++
(2023). Two models on the same records share the covariate, so that it cancels, and nothing is
removed as long as every record has its label. Where only some have, the unlabelled records tell
how far the labelled ones are from all. With l = 1 for a labelled record and 0 otherwise, p the
probability of a label, and g anything known before the label,

    l * difference - (l - p) * g

has the same mean as l * difference, exactly, if labels are given at random. g is the slope of the
difference on the covariate, times how far this covariate lies from their mean, all from records
before; it is held within ±slack, so that bets stay safe. p is stated, or the share so far: then
the mean differs by the product of two errors, of p and of the covariate's mean, which both shrink
with the root of the records.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.state import Stateful

Floats = NDArray[np.float64]

_LEAST = 30  # labels below which a slope would be noise
_FLAT = 1e-12  # a share of the squares that is no more than rounding


class Adjustment(Stateful):
    """The adjustment (l - p) * g of each record, from those before it.

    labelled: the probability of a label, None for the share of labelled records so far. slack:
    what g is held within. Memory O(1), a record costs O(1).
    """

    memory: ClassVar[tuple[str, ...]] = ("origin", "sums")

    origin: float | None  # the first covariate, which sums are taken from
    sums: list[float]  # records, their covariates; of labelled ones: number, x, d, x*x, x*d

    def __init__(self, labelled: float | None, slack: float) -> None:
        self.labelled = labelled
        self.slack = slack
        self.origin = None
        self.sums = [0.0] * 7

    def ahead(
        self, differences: Floats, known: NDArray[np.bool_], covariates: Floats
    ) -> tuple[Floats, Floats]:
        """The adjustments, 0 where there is no covariate, and the sums (7, records + 1)."""
        there = ~np.isnan(covariates)
        origin = self._origin(covariates)
        x = np.where(there, covariates - origin, 0.0)
        both = there & known
        columns = [there, x, both, x * both, differences * both, x * x * both, x * differences]
        steps = np.empty((len(columns), len(x) + 1))
        steps[:, 0] = self.sums
        steps[:, 1:] = columns
        sums: Floats = np.cumsum(steps, axis=1)
        guesses, chances = self._guesses(x, sums[:, :-1])
        return np.where(there, (known - chances) * guesses, 0.0), sums

    def keep(self, covariates: Floats, sums: Floats, count: int) -> None:
        """Take the first `count` records of what `ahead` gave."""
        if not np.isnan(covariates[:count]).all():
            self.origin = self._origin(covariates)
        self.sums = sums[:, count].tolist()

    def _origin(self, covariates: Floats) -> float:
        if self.origin is not None:
            return self.origin
        there = covariates[~np.isnan(covariates)]
        return float(there[0]) if len(there) else 0.0

    def _guesses(self, x: Floats, sums: Floats) -> tuple[Floats, Floats]:
        """What is expected of each difference beyond their mean, and the chance of its label."""
        records, all_x, labels, sx, sd, sxx, sxd = sums
        enough = labels >= _LEAST
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = sxx - sx * sx / labels
            slope = (sxd - sx * sd / labels) / spread
            guesses = np.clip(slope * (x - all_x / records), -self.slack, self.slack)
            chances = labels / records if self.labelled is None else np.float64(self.labelled)
        usable = enough & (spread > _FLAT * sxx)
        return np.where(usable, guesses, 0.0), np.where(usable, chances, 0.0)
