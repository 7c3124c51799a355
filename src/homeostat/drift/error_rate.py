"""The default detector: tells when an error rate rises above what a reference showed.

Two cumulative sums of likelihood ratios (E. S. Page, Continuous inspection schemes, Biometrika 41,
1954; G. Lorden, Annals of Mathematical Statistics 42, 1971) run side by side: with m the baseline,
each assumes odds of an error that have grown by another factor, and adds for every x in [0, 1]

    S = max(0, S + (x * log(g (1-m) / (m (1-g))) + log((1-g) / (1-m))) / dependence)

What makes its alarms keep to a budget:

- The one threshold is computed, not chosen: the average run length of the sums solves a linear
  system over their states (D. Brook and D. A. Evans, Biometrika 59, 1972), and is averaged over
  what the baseline may be, given how many errors and records it was estimated from. Where errors
  are few, the sums start from an exact upper limit of the baseline (`homeostat.sequential.rates`).
- Bursts: the sums are divided by the variance inflation (1 + r) / (1 - r) of a series whose
  neighbours correlate by r, measured in the reference, and taken as 1 unless r is clearly positive.
- While nothing is suspected the baseline is learned further, from blocks that are at least one
  block old, but never beyond 3 standard errors of the reference: a change cannot become normal.
- A rise that is too small for the sums, or for the reference to tell, is found by comparing the
  latest 6 to 48 blocks with all before them (`homeostat.sequential.learned`); that has a part of
  the budget of its own.
- Cycles and other slow wandering: when the block means of the stream spread clearly wider than
  chance allows, their excess spread is tolerated from then on, up to a quarter of the baseline.

All sums are whole numbers (units of 2**-32), so that no order of adding can change a bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.budget import AlarmBudget
from homeostat.errors import InvalidInput, InvalidSetting, require, whole, within
from homeostat.sequential.alarms import Alarm, no_number, observations
from homeostat.sequential.binary import Binary, skip
from homeostat.sequential.learned import Learned, least_rise
from homeostat.sequential.rates import limits

_ONE = 2**32  # one unit of a sum
_GROWN = (2.1, 2.7)  # the factors of the odds that the two sums look for
_ANCHOR = 3.0  # standard errors of the reference that the baseline may move in
_ERRORS, _SHORTEST, _LONGEST = 50, 200, 20_000  # a block: about so many errors, in records
_TIMES = 4  # references that a block is worth at most: few errors must be learned from soon
_SMALL = 0.1  # the part of the budget for rises that only blocks show
_LEAST_REFERENCE = 50
_LEAST_THRESHOLD = 0.5
_LEAST_ERROR = 0.065  # standard error of the baseline in logits, however much was learned
_RAISED = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)  # standard scores of the limit it is raised to
_SHOWN = math.log(0.05 / 0.95)  # logit of the rate that stands for all rarer ones
_ENDED = 1e-13  # the chance that any record ends a run: longer ones are beyond floats


class ErrorRate(Binary):
    """Alarms when the mean of a 0/1 (or other [0, 1]) series rises above a baseline.

    baseline: the mean when all is well, above 0 and below 1. n: from how many records it was
    estimated. dependence: how much wider sums of the series vary than those of independent 0/1
    errors of that mean (1: like them; bursts: more). budget: false alarms, as an AlarmBudget or
    its text. tolerance: a rise of the mean that does not matter, in its unit. records_per_day:
    the traffic, for a budget per time. on: the series to watch; a label for the monitor.
    `error_rate(reference)` measures the first three.

    After an alarm both sums start afresh, and the blocks since the change are forgotten; what was
    learned before stays, so while the rate stays high it alarms again. `observed` is the larger
    sum, or the evidence of the blocks, in nats, and `threshold` the bound of the sums; an alarm
    has the bound that was crossed. `since` is how many values ago that sum left 0, or those blocks
    began: where the change most likely began; `change` is the mean since then, minus the baseline.
    Before the first alarm `observed` and `change` are NaN. A fall of the mean never alarms.

    The threshold is computed for a model of the series and checked by simulation, not proven:
    docs/alarm-budget.md has the figures and the limits.

    NaN is skipped; a value outside [0, 1] raises InvalidInput. A value costs O(1), memory is
    O(1); a new threshold, some 10 ms, is computed when the records learned have doubled.
    """

    name: str = "error_rate"
    exempt: ClassVar[dict[str, str]] = {
        "calm when constant": "errors only, all of them, are a rise over the baseline"
    }
    memory: ClassVar[tuple[str, ...]] = (
        "_sums", "_runs", "_block", "_learned", "_known", "_raised",
        "threshold", "observed", "change", "since",
    )  # fmt: skip

    threshold: float
    _sums: list[int]
    _runs: list[list[int]]  # for each sum, since it left 0: records, and their total
    _block: list[int]  # records in the current block, and their total
    _known: float  # records learned when the threshold was computed
    _raised: float  # logits that the sums start above the baseline, while it is too uncertain

    def __init__(
        self,
        baseline: float,
        n: int,
        dependence: float = 1.0,
        budget: AlarmBudget | str = "1 per 100000 records",
        tolerance: float = 0.0,
        records_per_day: float | None = None,
        *,
        on: str = "error",
    ) -> None:
        within("baseline", baseline, 0, 1)
        whole("n", n, _LEAST_REFERENCE)
        within("dependence", dependence, 0.01, math.inf, "[)")
        within("tolerance", tolerance, 0, 1, "[)")
        require(isinstance(on, str) and bool(on), "on", on, "the name of a series")
        self.baseline = float(baseline)
        self.n = n
        self.dependence = float(dependence)
        self.budget = str(AlarmBudget.of(budget))
        self.tolerance = tolerance
        self.records_per_day = records_per_day
        self.on = on
        self._narrow = math.sqrt(min(1.0, self.dependence))
        self._run_length = AlarmBudget(self.budget).run_length(records_per_day)
        longest = min(_TIMES * n, _LONGEST)
        self._length = max(min(math.ceil(_ERRORS / self.baseline), longest), _SHORTEST)
        self.observed = math.nan
        self.change = math.nan
        self.since = -1
        self._least = least_rise(self._run_length / _SMALL, self._length)
        self._learned = Learned(self.baseline, n, self._length, self.dependence)
        self._set_threshold()
        self._restart()
        self._tune()

    @property
    def estimation(self) -> float:
        """The baseline as learned so far."""
        return self._mean

    def within(self, budget: AlarmBudget, records_per_day: float | None = None) -> ErrorRate:
        """The same detector, new, for another budget."""
        return ErrorRate(
            self.baseline, self.n, self.dependence, budget, self.tolerance,
            records_per_day or self.records_per_day, on=self.on,
        )  # fmt: skip

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Put a snapshot back; raises SnapshotMismatch when it is of something else."""
        super().restore(snapshot)
        self._tune()

    def update(self, x: float) -> bool:
        """Take one value; True when it raises an alarm. NaN is skipped, O(1)."""
        try:
            x = float(x)
        except (TypeError, ValueError, OverflowError) as error:
            raise no_number(x) from error
        if not 0.0 <= x <= 1.0:
            return skip(x)
        units = round(x * _ONE)
        fired = False
        for j, run in enumerate(self._runs):
            level = self._sums[j] + self._base[j] + round(x * self._slope[j])
            if level <= 0:
                self._sums[j] = run[0] = run[1] = 0
                continue
            self._sums[j] = level
            run[0] += 1
            run[1] += units
            fired = fired or level >= self._bound
        block = self._block
        block[0] += 1
        block[1] += units
        if fired:
            self._report()
            return True
        return block[0] == self._length and self._end_block()

    def _scan(self, values: NDArray[np.float64]) -> Iterator[Alarm]:
        units = np.rint(values * _ONE).astype(np.int64)
        start = 0
        while start < len(values):
            stop = start + self._length - self._block[0]
            taken, fired = self._take(values[start:stop], units[start:stop])
            start += taken
            if fired:
                yield Alarm(start - 1, self.observed, self._crossed, self.change, self.since)

    def _take(self, values: NDArray[np.float64], units: NDArray[np.int64]) -> tuple[int, bool]:
        """Take values of one block up to the first alarm: how many, and whether there was one."""
        slopes, bases = np.array(self._slope)[:, np.newaxis], np.array(self._base)[:, np.newaxis]
        steps = np.rint(values * slopes).astype(np.int64) + bases
        steps[:, 0] += self._sums
        levels = np.cumsum(steps, axis=1)
        levels -= np.minimum(np.minimum.accumulate(levels, axis=1), 0)
        crossed = levels.max(axis=0) >= self._bound
        taken = int(np.argmax(crossed))
        fired = bool(crossed[taken])
        taken = taken + 1 if fired else len(values)
        for j, run in enumerate(self._runs):
            zeros = np.flatnonzero(levels[j, :taken] == 0)
            since = 0
            if len(zeros):
                since = int(zeros[-1]) + 1
                run[0] = run[1] = 0
            run[0] += taken - since
            run[1] += int(units[since:taken].sum())
            self._sums[j] = int(levels[j, taken - 1])
        self._block[0] += taken
        self._block[1] += int(units[:taken].sum())
        if fired:
            self._report()
            return taken, True
        return taken, self._block[0] == self._length and self._end_block()

    def _end_block(self) -> bool:
        """Learn from the block before this one, which no alarm followed; or alarm at a rise."""
        self._learned.take(self._block[1] / _ONE / self._length)
        self._block = [0, 0]
        rise = self._learned.rise(self._lowest, self.tolerance)
        if rise.nats >= self._least:
            self.observed, self._crossed = rise.nats, self._least
            self.change, self.since = rise.change, rise.blocks * self._length - 1
            self._restart(rise.blocks)
            return True
        if self._learned.settled[0] >= 2 * self._known:
            self._set_threshold()
        self._tune()
        return False

    def _set_threshold(self) -> None:
        """The threshold that keeps the run length, for as much as is known of the baseline."""
        self._known = self._learned.settled[0]
        # in logits, and as if the series were of 0/1 errors: narrower ones are scaled to that
        mean = self._bounded(self._learned.settled[1])
        error = math.sqrt(max(1.0, self.dependence) / (self._known * mean * (1 - mean)))
        error = max(error, _LEAST_ERROR)
        logit = math.log(mean / (1 - mean))
        run_length = self._run_length / (1 - _SMALL)
        self.threshold, self._raised = _threshold(
            round(logit, 2), float(f"{error:.2g}"), float(f"{run_length:.3g}")
        )

    def _bounded(self, mean: float) -> float:
        """The mean, or the nearest that the reference allows."""
        lowest, highest = _interval(self.baseline, self.n / self.dependence)
        return min(max(mean, lowest), highest)

    def _tune(self) -> None:
        """The steps of the sums, from what was learned."""
        self._lowest, _ = _interval(self.baseline, self.n / self.dependence)
        self._mean = self._bounded(self._learned.settled[1])
        odds = self._mean / (1 - self._mean) * math.exp(self._raised * self._narrow)
        null = odds / (1 + odds) + self.tolerance + self._learned.wandering(self._mean)
        null = min(null, (self._mean + 9) / 10)
        self._slope, self._base = [], []
        for grown in _GROWN:
            hit, miss = _steps(null, grown**self._narrow)
            self._slope.append((hit - miss) / self.dependence * _ONE)
            self._base.append(round(miss / self.dependence * _ONE))
        self._bound = round(self.threshold * _ONE)

    def _report(self) -> None:
        """Say what crossed, then start again."""
        worst = max(range(len(_GROWN)), key=self._sums.__getitem__)
        count, total = self._runs[worst]
        self.observed = self._sums[worst] / _ONE
        self._crossed = self.threshold
        self.change = total / _ONE / count - self._mean
        self.since = count - 1
        self._restart(-(-(count - self._block[0]) // self._length))

    def _restart(self, blocks: int = 0) -> None:
        """Start again, without the latest blocks, which the change began in."""
        self._sums = [0] * len(_GROWN)
        self._runs = [[0, 0] for _ in _GROWN]
        self._block = [0, 0]
        if blocks > 0:
            self._learned.forget(blocks)
            self._tune()


def error_rate(
    reference: ArrayLike,
    budget: AlarmBudget | str = "1 per 100000 records",
    *,
    tolerance: float = 0.0,
    records_per_day: float | None = None,
    on: str = "error",
) -> ErrorRate:
    """The default detector, for a reference of healthy 0/1 errors or other numbers in [0, 1].

    The order of the reference matters: how errors cluster in it is measured and allowed for. At
    least 50 values that are not NaN, or InvalidSetting tells how many are missing; a value
    outside [0, 1] raises InvalidInput. 2,000 or more are better: the fewer, the later it alarms.
    """
    values, _ = observations(reference)
    if ((values < 0.0) | (values > 1.0)).any():
        worst = values[(values < 0.0) | (values > 1.0)][0]
        raise InvalidInput("reference", f"must be within [0, 1], got {float(worst)!r}")
    n = len(values)
    if n < _LEAST_REFERENCE:
        raise InvalidSetting(
            f"a reference needs at least {_LEAST_REFERENCE} values, got {n}; 2000 are better"
        )
    baseline = (float(values.sum()) + 0.5) / (n + 1)  # never 0 or 1
    return ErrorRate(baseline, n, _dependence(values), budget, tolerance, records_per_day, on=on)


def _dependence(values: NDArray[np.float64]) -> float:
    """How much wider sums of these values vary than those of independent 0/1 errors."""
    n, mean = len(values), float(values.mean())
    away = values - mean
    variance = float(away @ away) / n
    if variance <= 1e-12:
        return 1.0
    noise = 1 / math.sqrt(n)
    correlation = float(away[1:] @ away[:-1]) / (n * variance)
    inflation = 1.0
    if correlation > 2 * noise:  # one standard error more: it is an estimate
        correlation = min(correlation + noise, 0.99)
        inflation = (1 + correlation) / (1 - correlation)
    length = 25
    if n >= 40 * length:  # dependence that reaches further than the neighbour
        blocks = away[: n // length * length].reshape(-1, length).mean(axis=1)
        wider = float(blocks @ blocks) / len(blocks) * length / variance
        if wider > inflation * (1 + 3.5 * math.sqrt(2 / len(blocks))):
            inflation = wider
    binary = bool(((values == 0) | (values == 1)).all())
    narrow = 1.0 if binary else min(1.0, variance / (mean * (1 - mean)) * (1 + 2 * noise))
    return max(0.01, narrow * inflation)


def _interval(mean: float, n: float) -> tuple[float, float]:
    """Where a rate may be that was estimated from `n` records (Wilson, JASA 22, 1927)."""
    z2 = _ANCHOR**2 / n
    middle = mean + z2 / 2
    half = math.sqrt(z2 * (mean * (1 - mean) + z2 / 4))
    return (middle - half) / (1 + z2), (middle + half) / (1 + z2)


def _steps(null: float, grown: float) -> tuple[float, float]:
    """What an error adds to a sum that looks for odds grown so, and what the lack of one does."""
    odds = null / (1 - null) * grown
    found = odds / (1 + odds)
    return math.log(found / null), math.log((1 - found) / (1 - null))


@lru_cache(maxsize=1024)
def _threshold(logit: float, error: float, run_length: float) -> tuple[float, float]:
    """The threshold at which healthy records raise one alarm in `run_length`, to 3 decimals.

    And by how many logits the sums must start above the mean: where so few errors were seen
    that no threshold near log(run_length), which a known mean would never need, is enough.
    logit, error: the mean and its standard error, which tell how many errors were seen.
    """
    # without the half of an error, and of its lack, that keep a mean off 0 and 1
    errors, others = (max(0.0, 1 / (error * error * _rate(side)) - 0.5) for side in (-logit, logit))
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    shifts = limits(errors, others, nodes) - logit
    weights /= weights.sum()
    target = -math.log(run_length)
    most = max(_LEAST_THRESHOLD, 1.1 * math.log(run_length))
    raised = 0.0
    for limit in limits(errors, others, _RAISED).tolist():
        if _log_rate(most, logit, shifts, weights, raised) <= target:
            break
        raised = max(0.0, limit - logit)
    low, high = _LEAST_THRESHOLD, most
    while high - low > 0.02:  # the logarithm of the rate is nearly linear in the threshold
        middle = (low + high) / 2
        if _log_rate(middle, logit, shifts, weights, raised) <= target:
            high = middle
        else:
            low = middle
    return math.ceil(high * 1000) / 1000, raised


def _log_rate(
    threshold: float,
    logit: float,
    shifts: NDArray[np.float64],
    weights: NDArray[np.float64],
    raised: float,
) -> float:
    """Alarms a record, of all sums, averaged over where the true logit may be: shifted so."""
    # Rare errors are a Poisson process: only their number counts, so 0.05 stands for them all.
    shown = min(max(logit, _SHOWN - raised), -_SHOWN)
    rarer = max(1.0, _rate(shown) / _rate(logit))
    rates = 1 / (1 + np.exp(-shown - shifts))
    total = np.zeros(len(shifts))
    for grown in _GROWN:
        total += 1 / _run_lengths(threshold, _steps(_rate(shown + raised), grown), rates)
    return math.log(float(weights @ total) / rarer)


def _rate(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def _run_lengths(
    threshold: float, steps: tuple[float, float], rates: NDArray[Any]
) -> NDArray[np.float64]:
    """The average run length of one sum at each error rate: Brook and Evans' linear system.

    Lengths beyond 1 / _ENDED come out as that: without such an end, solutions beyond what floats
    can tell may have any size and sign, and a run that never ends would seem to end at once.
    """
    finest = min(abs(step) for step in steps) / 2
    states = min(max(math.ceil(threshold / finest), 40), 140)
    grid = threshold / states
    moves = []
    for step in steps:  # a step between two states goes to both, in the mean where it should
        target = np.clip(np.arange(states) + step / grid, 0.0, states)
        lower = np.floor(target).astype(np.int64)
        move = np.zeros((states, states + 2))
        rows = np.arange(states)
        move[rows, lower] += 1 - (target - lower)
        move[rows, lower + 1] += target - lower
        moves.append(move[:, :states])
    hit, miss = moves
    share = rates[:, np.newaxis, np.newaxis]
    system = np.eye(states) - (1 - _ENDED) * (share * hit + (1 - share) * miss)
    ones = np.ones((len(rates), states, 1))
    lengths: NDArray[np.float64] = np.linalg.solve(system, ones)[:, 0, 0].astype(np.float64)
    return np.maximum(lengths, 1.0)
