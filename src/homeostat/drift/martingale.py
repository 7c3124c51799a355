"""A conformal test martingale tells when scores no longer look like those before them.

V. Vovk, A. Gammerman and G. Shafer, Algorithmic learning in a random world, 2nd edition (2022),
chapter 8; V. Vovk, I. Petej, I. Nouretdinov, E. Ahlberg, L. Carlsson and A. Gammerman, Retrain or
not retrain: conformal test martingales for change-point detection, COPA 2021. The p-value of a
score is its rank among all scores so far, with ties broken at random:

    p = (number above + u * number equal, itself included) / (number of scores)

As long as any order of the scores is as probable as any other, the p-values are independent and
uniform, whatever the scores' law is. A bet on small p-values (large scores) has a gain whose mean
over (0, 1) is 1: here eps * p^(eps - 1), for shifts and heavy tails, and g for p below c, less
above, for errors. `homeostat.sequential.evidence` gathers the gains, and tells what is guaranteed.

To be bounded in memory the scores are counted in bins, whose edges are quantiles of the first
half of the reference; ranks are among the second half and all that came since, so that the edges
depend on none of the scores that are ranked, and the p-values are exactly uniform.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.budget import AlarmBudget
from homeostat.errors import SEEDS, InvalidSetting, real, require, whole
from homeostat.sequential.alarms import LARGEST, Alarm, Sequential, number, observations
from homeostat.sequential.blocks import Blocks, block_means
from homeostat.sequential.evidence import Evidence, likely_start

_BINS = 64
_LEAST, _MOST = 20, 100_000  # blocks of a reference, and values
_RECENT = 256  # values among which a change is dated
_SHORTEST, _LONGEST = 64, 8192  # values looked at together: few after an alarm, then more
_ROW = 32  # values compared with each other
_POWERS = (1, 4, 7)  # eighths: the eps of the bets
_GROWN = (2.0, 3.5)  # the odds of a p-value below a step's end, over those by chance
_SIDES = {"up": (1,), "down": (-1,), "both": (1, -1)}
_SHARE = 0.1  # where a step ends, unless a tie in the reference suggests another place


class ConformalMartingale(Sequential):
    """Alarms when a series of scores of any size leaves the order that chance would give it.

    reference: healthy scores, 20 to 100,000 of them; None takes the first `warm_up` of the
    stream, and again after every alarm. run_length: healthy values from one alarm to the next, on
    average at least. kind: "sr" (Shiryaev-Roberts, the quicker) or "cusum". mode: "up" bets on
    larger scores (errors, absolute residuals), "down" on smaller ones, "both" on either. block:
    values whose mean is looked at as one score, where neighbours depend on each other; an alarm
    comes at the end of a block. seed: for the breaking of ties, by a number for each value, from
    its place in the stream. on: the series to watch; a label for the monitor.
    `conformal(reference)` makes one for a budget.

    It holds for scores (or block means), the reference among them, of which any order is as
    probable as any other. Scores of any scale and with any tails will do, but not scores whose
    neighbours depend on each other. A change without an alarm becomes normal in time.

    After an alarm `observed` and `threshold` are the evidence and its bound, `since` is how many
    values ago the change most likely began (within the last 256 values or blocks), and `change`
    the mean since then minus that of the reference. Before it `observed` and `change` are NaN.

    NaN is no observation: skipped. An infinite value, or one beyond 1e100, raises InvalidInput.
    A constant series never alarms. Memory O(warm_up) until the bins are known, then O(1), besides
    a reference; a value costs O(1).
    """

    name: str = "conformal"
    exempt: ClassVar[dict[str, str]] = {
        "calm when constant": "a constant unlike the reference is a change"
    }
    memory: ClassVar[tuple[str, ...]] = (
        "_blocks", "_learning", "_edges", "_counts", "_steps", "_mean", "_position", "_evidence",
        "_recent", "observed", "change", "since",
    )  # fmt: skip

    _learning: list[float]  # the values of a reference that is not yet whole
    _edges: NDArray[np.float64]  # the least value of each bin but the first
    _counts: NDArray[np.int64]  # values in each bin
    _steps: list[float]  # where the steps end, on each side
    _mean: float  # of the reference
    _position: int  # values (or blocks) since the start of the stream
    _recent: NDArray[np.float64]  # the last values, and their p-values

    def __init__(
        self,
        reference: Sequence[float] | None = None,
        warm_up: int = 500,
        run_length: float = 100_000.0,
        kind: str = "sr",
        mode: str = "up",
        block: int = 1,
        seed: int = 0,
        *,
        on: str = "error",
    ) -> None:
        whole("block", block)
        whole("warm_up", warm_up, _LEAST * block)
        require(warm_up <= _MOST, "warm_up", warm_up, f"at most {_MOST}")
        length = real("run_length", run_length)
        require(2 * block <= length < math.inf, "run_length", length, "finite, at least two blocks")
        require(
            isinstance(mode, str) and mode in _SIDES, "mode", mode, 'one of "up", "down" and "both"'
        )
        whole("seed", seed, 0, SEEDS)
        require(isinstance(on, str) and bool(on), "on", on, "the name of a series")
        self.reference = None if reference is None else _reference(reference, block)
        self.warm_up = warm_up
        self.run_length = run_length
        self.kind = kind
        self.mode = mode
        self.block = block
        self.seed = seed
        self.on = on
        self.threshold = length / block
        bets = len(_SIDES[mode]) * (len(_POWERS) + len(_GROWN))
        self._blocks = Blocks(block)
        self._evidence = Evidence(bets, kind)
        self.observed = math.nan
        self.change = math.nan
        self.since = -1
        self._position = 0
        self._restart()

    def within(
        self, budget: AlarmBudget, records_per_day: float | None = None
    ) -> ConformalMartingale:
        """The same detector, new, for another budget."""
        return ConformalMartingale(
            self.reference, self.warm_up, max(budget.run_length(records_per_day), 2.0 * self.block),
            self.kind, self.mode, self.block, self.seed, on=self.on,
        )  # fmt: skip

    def update(self, x: float) -> bool:
        """Take one value; True when it raises an alarm. NaN is skipped, O(1)."""
        return bool(len(self.update_many([number(x)])))

    def _scan(self, values: NDArray[np.float64]) -> Iterator[Alarm]:
        waiting = self._blocks.waiting
        means = self._blocks.take(values)
        start, reach = 0, _SHORTEST
        while start < len(means):
            piece = means[start : start + reach]
            taken, fired = self._take(piece) if len(self._counts) else (self._learn(piece), False)
            start += taken
            reach = _SHORTEST if fired else min(2 * reach, _LONGEST)
            if fired:
                place = start * self.block - 1 - waiting
                yield Alarm(place, self.observed, self.threshold, self.change, self.since)

    def _learn(self, values: NDArray[np.float64]) -> int:
        """Take values into the reference, until it is whole: how many."""
        needed = self.warm_up // self.block
        taken = min(needed - len(self._learning), len(values))
        self._learning += values[:taken].tolist()
        self._position += taken
        if len(self._learning) == needed:
            self._begin(np.array(self._learning))
            self._learning = []
        return taken

    def _begin(self, reference: NDArray[np.float64]) -> None:
        """Bins from the first half of the reference, counts from the second."""
        half = len(reference) // 2
        first = np.sort(reference[:half])
        self._edges = _edges(first)
        bins = np.searchsorted(self._edges, reference[half:], side="right")
        self._counts = np.bincount(bins, minlength=len(self._edges) + 1).astype(np.int64)
        self._steps = [_tied(first if side > 0 else first[::-1]) for side in _SIDES[self.mode]]
        self._mean = math.fsum(reference) / len(reference)

    def _take(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        """Take values up to the first alarm: how many, and whether there was one."""
        bins = np.searchsorted(self._edges, values, side="right")
        blind = _blind(bins, self._counts)
        staked = np.stack((values, self._p_values(bins)))[:, blind:]
        evidence = self._evidence.take(self._gains(staked[1]))
        crossed = np.flatnonzero(evidence >= self.threshold)
        taken = blind + int(crossed[0]) + 1 if len(crossed) else len(values)
        self._position += taken
        self._recent = np.append(self._recent, staked[:, : taken - blind], axis=1)[:, -_RECENT:]
        if len(crossed):
            self._report(float(evidence[crossed[0]]))
            return taken, True
        self._counts = self._counts + np.bincount(bins, minlength=len(self._counts))
        return taken, False

    def _p_values(self, bins: NDArray[np.int64]) -> NDArray[np.float64]:
        above, equal = _ranks(bins, self._counts)
        seen = int(self._counts.sum()) + np.arange(1, len(bins) + 1)
        drawn = _uniform(self.seed, self._position, len(bins))
        p_values: NDArray[np.float64] = (above + drawn * (equal + 1)) / seen
        return p_values

    def _gains(self, ps: NDArray[np.float64]) -> NDArray[np.float64]:
        sides = zip(_SIDES[self.mode], self._steps, strict=True)
        return np.concatenate([_bets(ps if side > 0 else 1 - ps, step) for side, step in sides])

    def _report(self, evidence: float) -> None:
        """Say what crossed, then start again."""
        self.observed = min(evidence, LARGEST)
        scores, ps = self._recent
        newer = scores[likely_start(self._gains(ps)) :]
        self.since = len(newer) * self.block - 1
        self.change = math.fsum(newer) / len(newer) - self._mean
        self._restart()

    def _restart(self) -> None:
        self._evidence.restart()
        self._learning = []
        self._edges = np.empty(0)
        self._counts = np.empty(0, dtype=np.int64)
        self._steps = []
        self._mean = math.nan
        self._recent = np.empty((2, 0))
        if self.reference is not None:
            self._begin(block_means(np.array(self.reference), self.block))


def conformal(
    reference: ArrayLike,
    budget: AlarmBudget | str = "1 per 100000 records",
    *,
    kind: str = "sr",
    mode: str = "up",
    block: int = 10,
    seed: int = 0,
    records_per_day: float | None = None,
    on: str = "error",
) -> ConformalMartingale:
    """The detector for a reference of healthy scores, whose false alarms keep to a budget.

    20 to 100,000 values that are not NaN (with blocks, 20 blocks), in the order of their making,
    or InvalidSetting tells how many there are; 500 or more are better. Blocks of 10 withstand
    bursts, and cost little even where there are none; 1 finds a great shift within fewer values.
    """
    values, _ = observations(reference)
    given = AlarmBudget.of(budget)
    whole("block", block)
    return ConformalMartingale(
        values.tolist(),
        run_length=max(given.run_length(records_per_day), 2.0 * block),
        kind=kind,
        mode=mode,
        block=block,
        seed=seed,
        on=on,
    )


def _reference(given: Sequence[float], block: int) -> list[float]:
    values, _ = observations(given)
    least = _LEAST * block
    if not least <= len(values) <= _MOST:
        raise InvalidSetting(f"a reference needs {least} to {_MOST} values, got {len(values)}")
    found: list[float] = values.tolist()
    return found


def _edges(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    """The least value of each bin but the first; the last bin is for what is larger than all."""
    places = np.arange(_BINS) * len(ordered) // _BINS
    distinct = np.unique(ordered)
    least = distinct if len(distinct) <= _BINS else np.unique(ordered[places])
    return np.append(least, np.nextafter(distinct[-1], np.inf))


def _tied(ordered: NDArray[np.float64]) -> float:
    """The share of the last value, where there are but two and it is no more frequent."""
    share = float((ordered == ordered[-1]).mean())
    return share if len(np.unique(ordered)) == 2 and share <= 0.5 else _SHARE


def _blind(bins: NDArray[np.int64], counts: NDArray[np.int64]) -> int:
    """How many of the values come while all before them are equal, so that nothing is staked."""
    if np.count_nonzero(counts) > 1:
        return 0
    others = np.flatnonzero(bins != np.argmax(counts))
    return int(others[0]) + 1 if len(others) else len(bins)


def _ranks(
    bins: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each value, how many before it lie in higher bins, and how many in its own.

    Values are compared with those before them in their row, and counted in bins from row to row.
    """
    n, width = len(bins), len(counts)
    rows = -(-n // _ROW)
    grid = np.append(bins, np.zeros(rows * _ROW - n, dtype=np.int64)).reshape(rows, _ROW)
    row = np.arange(rows)[:, np.newaxis]
    each = np.bincount((row * width + grid).ravel(), minlength=rows * width).reshape(rows, width)
    before = counts + np.cumsum(each, axis=0) - each
    higher = before.sum(axis=1, keepdims=True) - np.cumsum(before, axis=1)
    small = grid.astype(np.int16)
    others, own = small[:, np.newaxis, :], small[:, :, np.newaxis]
    above = higher[row, grid] + np.count_nonzero((others > own) & _EARLIER, axis=2)
    equal = before[row, grid] + np.count_nonzero((others == own) & _EARLIER, axis=2)
    return above.ravel()[:n], equal.ravel()[:n]


_EARLIER = np.tri(_ROW, k=-1, dtype=bool)


def _bets(ps: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """What each bet gains at each p-value; only with roots, which are the same everywhere."""
    ps = np.maximum(ps, 2.0**-53)
    half = np.sqrt(ps)
    quarter = np.sqrt(half)
    eighth = np.sqrt(quarter)
    roots = {1: eighth, 4: half, 7: half * quarter * eighth}
    gains = [power / 8 * roots[power] / ps for power in _POWERS]
    for grown in _GROWN:
        odds = step / (1 - step) * grown
        found = odds / (1 + odds)
        gains.append(np.where(ps <= step, found / step, (1 - found) / (1 - step)))
    return np.stack(gains)


def _uniform(seed: int, start: int, n: int) -> NDArray[np.float64]:
    """Numbers within (0, 1) that depend on the seed and a place alone.

    SplitMix64: G. L. Steele, D. Lea and C. H. Flood, Fast splittable pseudorandom number
    generators, OOPSLA 2014.
    """
    first = (seed * 0xD1342543DE82EF95 + start * _GOLDEN) % 2**64
    state = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(_GOLDEN) + np.uint64(first)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return ((state >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


_GOLDEN = 0x9E3779B97F4A7C15
