"""Accuracy from the labels there are, sharpened by how sure the model was of all predictions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from homeostat.batch import Batch
from homeostat.certainty import certainty, scored
from homeostat.columnar import updated
from homeostat.errors import whole
from homeostat.event_batch import surely
from homeostat.events import SystemEvent
from homeostat.intervals import checked_level, students_t, two_sided, wilson
from homeostat.protocols import Bounds, Series
from homeostat.record import InferenceRecord
from homeostat.sliding import Floats, Ints, SlidingFlags, SlidingSum
from homeostat.state import Stateful

_LEAST = 2  # labels for which there is a value
_SURE = 10  # labels from which on Student's t is expanded well
_SLOPE = 12  # labels below which a slope would be noise
_FLAT = 1e-10  # a variance of scores that is no more than rounding
_LABELLED, _RIGHT = 1, 2


class Cuped(Stateful):
    """Accuracy over the latest `window` records that gave a score, of which some are labelled.

    The mean over the labelled, corrected by how much surer or less sure the model was of them
    than of all: `mean(right) - theta * (mean(score of labelled) - mean(score of all))`, with the
    theta of the window. The score is the probability given to the prediction in `scores`, without
    them `score`, cut to 0..1; it need not be calibrated. Where it removes no variance, or there
    are under 12 labels, it is the plain mean. window: records with a score, at least 1. level: of
    the interval, Wilson's at the effective number of labels, with Student's t.

    The labels must be a random sample of the window's records; those that come late seldom are.
    Events are called `cuped_accuracy`, one for each record with a score, with the number of labels
    as n; NaN below 2 labels, without an interval below 10. A record without score says nothing,
    labelled or not. `variance_removed` is the share of the plain mean's variance that is gone.
    Raises InvalidSetting. Cost per record: constant, whatever the window; some 40 µs singly. State:
    81 bytes for each place of the window. Oracle: `homeostat.estimate.mean` on the window. Source:
    Deng, Xu, Kohavi and Walker 2013, 3.2; Angelopoulos et al. 2023 (PPI++), 6.
    """

    greater_is_better: ClassVar[bool] = True
    memory = ("flags", "sums", "variance_removed")

    def __init__(self, window: int = 1000, level: float = 0.95) -> None:
        self.window = whole("window", window)
        self.level = level
        self._z = two_sided(checked_level(level))
        self.flags = SlidingFlags(window, 2)
        self.sums = [SlidingSum(window) for _ in range(5)]
        self.variance_removed = 0.0

    @property
    def name(self) -> str:
        """What its events are called."""
        return "cuped_accuracy"

    def on_record(self, record: InferenceRecord) -> SystemEvent | None:
        score = certainty(record)
        if score != score:
            return None
        truth = record.ground_truth_label
        bits = 0 if truth is None else _LABELLED + _RIGHT * (truth == record.predicted_label)
        n, hits = self.flags.push(bits)
        terms = _terms(score, bits & _LABELLED, bits >> 1)
        sums = [each.push(float(term)) for each, term in zip(self.sums, terms, strict=True)]
        counts = (np.int64(each) for each in (self.flags.n, n, hits))
        value, lower, upper, removed = self._told(*counts, *map(np.float64, sums))
        self.variance_removed = float(removed)
        bounds = surely(n, float(lower), float(upper))
        return updated(self.name, float(value), record, bounds)

    def on_batch(self, batch: Batch) -> Iterable[Series]:
        told = scored(batch)
        parts = [self._fold(scores, correct) for scores, correct in told.blocks()]
        if not parts:
            return []
        values, *bounds = (np.concatenate(each) for each in zip(*parts, strict=True))
        return [Series(self.name, told.rows, values, Bounds(*bounds))]

    def _fold(self, scores: Floats, correct: Floats) -> tuple[Floats, Ints, Floats, Floats]:
        labelled, right = ~np.isnan(correct), correct == 1.0
        bits = labelled * np.uint8(_LABELLED) + right * np.uint8(_RIGHT)
        sizes, (n, hits) = self.flags.extend(bits)
        terms = _terms(scores, labelled, right)
        sums = [each.extend(term) for each, term in zip(self.sums, terms, strict=True)]
        value, lower, upper, removed = self._told(sizes, n, hits, *sums)
        self.variance_removed = float(removed[-1])
        return value, n, lower, upper

    def _told(self, every: Any, n: Any, hits: Any, *sums: Any) -> tuple[Any, Any, Any, Any]:
        """Value, ends of the interval and variance removed, from counts and sums of the window."""
        with np.errstate(divide="ignore", invalid="ignore"):
            mean, variance, shift, sharper = _both_ways(every, n, hits, *sums)
            used = sharper < variance
            removed = np.where(used, 1.0 - sharper / variance, 0.0)
            value = np.where(used, mean - shift, mean)
            value = np.where(n >= _LEAST, np.minimum(np.maximum(value, 0.0), 1.0), np.nan)
            left = np.where(used, sharper, variance)
            effective = np.where(left > 0, variance / left * n, n)
            t = students_t(self._z, np.where(used, n - 2, n - 1))
            lower, upper = wilson(value, effective, t)
        sure = n >= _SURE
        return value, np.where(sure, lower, np.nan), np.where(sure, upper, np.nan), removed


def _terms(score: Any, labelled: Any, right: Any) -> tuple[Any, ...]:
    """What is summed, of scores about the middle of their range: that keeps digits."""
    x = np.minimum(np.maximum(score, 0.0), 1.0) - 0.5
    return x, x * x, x * labelled, x * x * labelled, x * right


def _both_ways(
    every: Any, n: Any, hits: Any, x: Any, xx: Any, lx: Any, lxx: Any, yx: Any
) -> tuple[Any, Any, Any, Any]:
    """The plain mean and its variance; the correction and the variance then, NaN without one."""
    mean, squares = hits / n, hits - hits * hits / n
    variance = squares / (n * (n - 1))
    spread, shared = lxx - lx * lx / n, yx - lx * hits / n  # of scores, of both together
    theta, away = shared / spread, lx / n - x / every
    all_spread = xx / every - (x / every) * (x / every)
    rest = np.maximum(squares - theta * shared, 0.0)
    sharper = rest / (n * (n - 2)) * (1 + away * away / (spread / n))
    sharper += theta * theta * all_spread / every
    varied = (n >= _SLOPE) & (spread > _FLAT * n) & (all_spread > _FLAT)
    return mean, variance, theta * away, np.where(varied, sharper, np.nan)
