"""How often the predictions are right, judged without labels by how sure the model was."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from homeostat.batch import Batch
from homeostat.certainty import Calibration, certainty, fitted, scored
from homeostat.columnar import updated
from homeostat.errors import whole
from homeostat.event_batch import surely
from homeostat.events import SystemEvent
from homeostat.intervals import checked_level, two_sided
from homeostat.protocols import Bounds, Series
from homeostat.record import InferenceRecord
from homeostat.sliding import Floats, Ints, Ring, SlidingSum, counts_after
from homeostat.state import Stateful

_LEAST = 30  # records for which a normal interval is honest
_IDENTITY = [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0]]  # a score is a chance
_APART = 4.0  # standard errors: by chance alone once in some 16,000 windows


class Estimated(Stateful):
    """Accuracy over the latest `window` records that gave a score, labelled or not.

    The mean of the chances that the predictions are right: the probability given to the
    prediction in `scores`, without them the `score`. window: such records, at least 1. level: of
    the interval, which holds what the labels of the window would show; from 30 records on.
    calibration: rows [score, chance, variance] of a rising map from scores to chances, best from
    `Estimated.calibrated`; without, a score is a chance, cut to 0..1, taken to be exact.

    Events are called `estimated_accuracy`; a record without score says nothing. Blind to a changed
    relation between inputs and labels, so it is compared with labels as they come: when the latest
    `window` labelled records contradict it by 4 standard errors, `believable` turns False and
    values come with n but without an interval, until labels agree again. So whoever acts on the
    interval alone, like `PerformanceStrategy`, does not act on what is not believable. Watch it
    by `believable`, or by the missing interval.

    Raises InvalidSetting. Cost per record: constant, and one count for each point of a
    calibration. State: 8 floats for each place of the window. Oracle: `homeostat.estimate.CBPE` on
    the window. Source: NannyML, "Confidence-based Performance Estimation"; Białek et al. 2024
    (arXiv 2401.08348), 3.
    """

    greater_is_better: ClassVar[bool] = True
    memory = ("chances", "spreads", "blocks", "counts", "gaps", "doubts", "against", "believable")

    def __init__(
        self,
        window: int = 1000,
        level: float = 0.95,
        calibration: list[list[float]] | None = None,
    ) -> None:
        self.window = whole("window", window)
        self.level = level
        self._z = two_sided(checked_level(level))
        self._map = Calibration(_IDENTITY if calibration is None else calibration)
        self.calibration = None if calibration is None else self._map.points
        self._errors: list[float] = self._map.errors.tolist()
        self.chances, self.spreads = SlidingSum(window), SlidingSum(window)
        self.blocks = Ring(window, np.uint16)  # the point next to each score, from 1 on
        self.counts = [0] * len(self._errors)
        self.gaps, self.doubts = SlidingSum(window), SlidingSum(window)  # of the labelled
        self.against = [0.0, 0.0]  # their sums: right minus chance, and its variance
        self.believable = True

    @classmethod
    def calibrated(
        cls, scores: ArrayLike, correct: ArrayLike, *, window: int = 1000, level: float = 0.95
    ) -> Self:
        """One that has learnt what scores mean from a reference.

        scores: the score of each prediction; correct: whether it was right, 0 or 1. Pairs with
        NaN are left out. Raises InvalidInput with fewer than 30 others. Cost: one sort.
        """
        return cls(window, level, fitted(scores, correct))

    @property
    def name(self) -> str:
        """What its events are called."""
        return "estimated_accuracy"

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        score = certainty(record)
        if score != score:
            return None
        chance = self._map.chance(score)
        spread = chance * (1.0 - chance)
        sums = self.chances.push(chance), self.spreads.push(spread)
        pull = self._push_block(self._map.nearest(score))
        truth = record.ground_truth_label
        if truth is not None:
            gap = float(truth == record.predicted_label) - chance
            self.against = [self.gaps.push(gap), self.doubts.push(spread)]
        labelled = (self.gaps.n, *self.against)
        value, lower, upper, believed = self._told(self.chances.n, *sums, pull, *labelled)
        self.believable = bool(believed)
        bounds = surely(self.chances.n, float(lower), float(upper))
        return updated(self.name, float(value), record, bounds)

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        told = scored(batch)
        parts = [self._fold(scores, correct) for scores, correct in told.blocks()]
        if not parts:
            return []
        values, *bounds = (np.concatenate(each) for each in zip(*parts, strict=True))
        return [Series(self.name, told.rows, values, Bounds(*bounds))]

    def _fold(self, scores: Floats, correct: Floats) -> tuple[Floats, Ints, Floats, Floats]:
        chances = self._map.chances_of(scores)
        spreads = chances * (1.0 - chances)
        sizes = counts_after(self.chances.n, len(scores), self.window)
        sums = self.chances.extend(chances), self.spreads.extend(spreads)
        pulls = self._extend_blocks(self._map.nearest_of(scores))
        labelled = self._labelled(correct - chances, spreads)
        values, lower, upper, believed = self._told(sizes, *sums, pulls, *labelled)
        self.believable = bool(believed[-1])
        return values, sizes, lower, upper

    def _labelled(self, gaps: Floats, spreads: Floats) -> tuple[Ints, Floats, Floats]:
        """After each record: how many labelled there are, and the sums over them."""
        known = ~np.isnan(gaps)
        latest = np.cumsum(known)
        before = self.gaps.n
        sizes = np.append(before, counts_after(before, int(latest[-1]), self.window))
        gap_sums = np.append(self.against[0], self.gaps.extend(gaps[known]))
        doubts = np.append(self.against[1], self.doubts.extend(spreads[known]))
        self.against = [float(gap_sums[-1]), float(doubts[-1])]
        return sizes[latest], gap_sums[latest], doubts[latest]

    def _push_block(self, block: int) -> float:
        """How much the errors of the calibration move the sum of chances: its variance."""
        leaving = self.blocks.push(block + 1)
        self.counts[block] += 1
        if leaving:
            self.counts[leaving - 1] -= 1
        pull = 0.0
        for count, error in zip(self.counts, self._errors, strict=True):
            if error:
                pull += count * count * error
        return pull

    def _extend_blocks(self, blocks: Ints) -> Floats:
        entering = (blocks + 1).astype(np.uint16)
        leaving = self.blocks.extend(entering)
        pull = np.zeros(len(blocks))
        for block, error in enumerate(self._errors):
            came, went = entering == block + 1, leaving == block + 1
            if error:
                moves = came.view(np.int8) - went.view(np.int8)
                counts = np.cumsum(moves, dtype=np.int64) + self.counts[block]
                pull += counts * counts * error
            self.counts[block] += int(came.sum()) - int(went.sum())
        return pull

    def _told(
        self, n: Any, total: Any, spread: Any, pull: Any, labelled: Any, gap: Any, doubt: Any
    ) -> tuple[Any, Any, Any, Any]:
        """The value, its interval, and whether the labels leave it believable."""
        value = total / n
        half = self._z * np.sqrt((spread + pull) / (n * n))
        allowed = doubt + pull / (n * n) * (labelled * labelled)
        believed = (labelled < _LEAST) | (gap * gap <= _APART * _APART * allowed)
        shown = (n >= _LEAST) & believed
        lower = np.where(shown, np.maximum(value - half, 0.0), np.nan)
        upper = np.where(shown, np.minimum(value + half, 1.0), np.nan)
        return value, lower, upper, believed
