"""An e-detector tells when the mean of values in [0, 1] rises above a baseline, for any law.

J. Shin, A. Ramdas and A. Rinaldo, E-detectors: a nonparametric framework for sequential change
detection, New England Journal of Statistics in Data Science 2 (2023), sections 2 to 4. With m the
largest mean that is still all right, a bet on the mean q > m has the gain

    g(x) = x * q / m + (1 - x) * (1 - q) / (1 - m),

the likelihood ratio of 0/1 values, and linear in between: as long as the mean of the next value,
given all before it, is at most m, its average is at most 1. So nothing is assumed but that mean;
`sequential.evidence` gathers the gains of bets on several q, and tells what is guaranteed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.budget import AlarmBudget
from homeostat.confidence import upper_bound
from homeostat.errors import InvalidSetting, real, require, whole, within
from homeostat.sequential.alarms import LARGEST, Alarm, number, observations
from homeostat.sequential.binary import Binary
from homeostat.sequential.blocks import Blocks, block_means, block_size
from homeostat.sequential.evidence import Evidence, likely_start

_GROWN = (1.5, 2.1, 3.2, 8.0, 30.0)  # the odds of an error that the bets look for, over those of m
_RECENT = 256  # values (or block means) among which a change is dated
_SHORTEST, _LONGEST = 64, 8192  # values looked at together: few after an alarm, then more
_LEAST_REFERENCE = 50


class EDetector(Binary):
    """Alarms when the mean of a series within [0, 1] rises above a baseline; proven run length.

    baseline: the mean when all is well. tolerance: a rise of it that does not matter; the two
    together are above 0 and below 1. run_length: healthy values from one alarm to the next, on
    average at least. kind: "sr" (Shiryaev-Roberts, the quicker) or "cusum". block: values whose
    mean is looked at as one, where neighbours depend on each other; an alarm comes at the end of
    a block. on: the series to watch; a label for the monitor. `e_detector(reference)` finds the
    baseline, bounded from above, and the block.

    The guarantee holds for any series whose next value (or block mean) has, given all before it,
    a mean of at most baseline + tolerance. It does not hold where neighbours depend on each other
    and block is 1, nor for a baseline that is an unlucky estimate.

    After an alarm, which clears all but the last report, `observed` and `threshold` are the
    evidence and its bound, `since` is how many values ago the change most likely began (within
    the last 256 values or blocks), and `change` the mean since then minus the baseline. Before it
    `observed` and `change` are NaN. A
    fall of the mean is never a reason to alarm.

    NaN is skipped; a value outside [0, 1] raises InvalidInput. Memory O(1); a value costs O(1).
    """

    name: str = "e_detector"
    exempt: ClassVar[dict[str, str]] = {
        "calm when constant": "errors only, all of them, are a rise over the baseline"
    }
    memory: ClassVar[tuple[str, ...]] = (
        "_blocks", "_evidence", "_recent", "observed", "change", "since",
    )  # fmt: skip

    _recent: NDArray[np.float64]  # the last whole block means

    def __init__(
        self,
        baseline: float,
        tolerance: float = 0.0,
        run_length: float = 100_000.0,
        kind: str = "sr",
        block: int = 1,
        *,
        on: str = "error",
    ) -> None:
        null = real("baseline", baseline) + real("tolerance", tolerance)
        within("baseline", baseline, 0, 1, "[)")
        require(tolerance >= 0, "tolerance", tolerance, "at least 0")
        require(0 < null < 1, "baseline + tolerance", null, "above 0 and below 1")
        whole("block", block)
        length = real("run_length", run_length)
        require(2 * block <= length < math.inf, "run_length", length, "finite, at least two blocks")
        require(isinstance(on, str) and bool(on), "on", on, "the name of a series")
        self.baseline = baseline
        self.tolerance = tolerance
        self.run_length = run_length
        self.kind = kind
        self.block = block
        self.on = on
        self.threshold = length / block
        odds = null / (1 - null) * np.array(_GROWN)
        found = odds / (1 + odds)
        self._miss = ((1 - found) / (1 - null))[:, np.newaxis]
        self._hit = (found / null)[:, np.newaxis] - self._miss
        self._blocks = Blocks(block)
        self._evidence = Evidence(len(_GROWN), kind)
        self.observed = math.nan
        self.change = math.nan
        self.since = -1
        self._restart()

    def within(self, budget: AlarmBudget, records_per_day: float | None = None) -> EDetector:
        """The same detector, new, for another budget."""
        length = max(budget.run_length(records_per_day), 2.0 * self.block)
        return EDetector(self.baseline, self.tolerance, length, self.kind, self.block, on=self.on)

    def update(self, x: float) -> bool:
        """Take one value; True when it raises an alarm. NaN is skipped, O(1)."""
        return bool(len(self.update_many([number(x)])))

    def _scan(self, values: NDArray[np.float64]) -> Iterator[Alarm]:
        waiting = self._blocks.waiting
        means = self._blocks.take(values)
        start, reach = 0, _SHORTEST
        while start < len(means):
            taken, fired = self._take(means[start : start + reach])
            start += taken
            reach = _SHORTEST if fired else min(2 * reach, _LONGEST)
            if fired:
                place = start * self.block - 1 - waiting
                yield Alarm(place, self.observed, self.threshold, self.change, self.since)

    def _take(self, means: NDArray[np.float64]) -> tuple[int, bool]:
        """Take block means up to the first alarm: how many, and whether there was one."""
        evidence = self._evidence.take(self._gains(means))
        crossed = evidence >= self.threshold
        first = int(np.argmax(crossed))
        if not crossed[first]:
            self._recent = np.append(self._recent, means)[-_RECENT:]
            return len(means), False
        self.observed = min(float(evidence[first]), LARGEST)
        recent = np.append(self._recent, means[: first + 1])[-_RECENT:]
        newer = recent[likely_start(self._gains(recent)) :]
        self.since = len(newer) * self.block - 1
        self.change = math.fsum(newer) / len(newer) - self.baseline
        self._restart()
        return first + 1, True

    def _gains(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._hit * means + self._miss

    def _restart(self) -> None:
        self._evidence.restart()
        self._recent = np.empty(0)


def e_detector(
    reference: ArrayLike,
    budget: AlarmBudget | str = "1 per 100000 records",
    *,
    tolerance: float = 0.0,
    kind: str = "sr",
    block: int | None = None,
    level: float = 0.9,
    records_per_day: float | None = None,
    on: str = "error",
) -> EDetector:
    """The e-detector for a reference of healthy 0/1 errors or other numbers in [0, 1].

    Its baseline is an upper confidence bound of the reference's mean, of the given `level`: with
    that probability the run length is at least what the budget allows. `block` None is 1, or 10
    where neighbours in the reference clearly correlate. At least 50 values that are not NaN, or
    InvalidSetting tells how many there are; a value outside [0, 1] raises InvalidInput.
    """
    values, _ = observations(reference)
    if len(values) < _LEAST_REFERENCE:
        raise InvalidSetting(
            f"a reference needs at least {_LEAST_REFERENCE} values, got {len(values)}; "
            "2000 are better"
        )
    if block is None:
        block = block_size(values)
    whole("block", block)
    means = block_means(values, block)
    if len(means) < 2:
        raise InvalidSetting(f"block must be at most half of the reference, got {block}")
    given = AlarmBudget.of(budget)
    run_length = max(given.run_length(records_per_day), 2.0 * block)
    baseline = upper_bound(means, level)
    return EDetector(baseline, tolerance, run_length, kind, block, on=on)
