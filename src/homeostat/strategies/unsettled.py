"""Only while accuracy is surely worse than it lately was does an answer count."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import real, require, whole
from homeostat.event_batch import EventBatch
from homeostat.events import MetricUpdated, SystemEvent
from homeostat.protocols import Strategy
from homeostat.sliding import Floats, SlidingSum
from homeostat.state import Stateful
from homeostat.strategy import Answers, Need, RetrainingStrategy, part


class Unsettled(RetrainingStrategy):
    """Pass on an answer only while a metric is surely worse than it lately was, and a while after.

    Surely: the mean of its latest `window` values is worse than the best mean of as many, of the
    latest `within` to `within + 1` windows, by more than `sure` standard errors of such a mean.
    calm: values after the last such one until it passes on nothing any more. metric: one value in
    [0, 1] for each labelled record, like accuracy; others count nothing, nor does NaN. above: it is
    an error rate, worse above.

    So what would ask at mere chance, like `cost` at a low price, is silent on a healthy stream: the
    standard error is that of independent errors, and 6 of them leave room for all the windows that
    are compared. Errors that cluster by themselves take more. A level that stays becomes the usual
    one: it is silent again some `within + 2` windows and `calm` values after. It judges what it
    wraps judges, and outlives a promotion, for what can be had is no matter of one model. Raises
    InvalidSetting. State: 2 floats for each place of a window. Cost: a few operations a record.
    Source: the standard error of a proportion; measured in docs/backtest.md.
    """

    name: ClassVar[str] = "unsettled"
    memory = ("strategy", "recent", "best", "left")

    def __init__(
        self,
        strategy: Strategy,
        *,
        metric: str = "accuracy",
        above: bool = False,
        sure: float = 6.0,
        window: int = 500,
        within: int = 6,
        calm: int = 2_000,
    ) -> None:
        self.strategy = part(strategy)
        require(isinstance(metric, str), "metric", metric, "the name of a metric")
        require(isinstance(above, bool), "above", above, "True or False")
        require(0 < real("sure", sure) < math.inf, "sure", sure, "a finite number above 0")
        self.metric, self.above, self.sure = metric, above, sure
        self.window, self.within = whole("window", window), whole("within", within)
        self.calm = whole("calm", calm, 0, _MOST)
        self.recent = SlidingSum(self.window)  # of how bad each value is, 0 to 1
        self.best = _Best(self.window, self.within)
        self.left = _SETTLED  # values for which it stays open

    def on_event(self, event: SystemEvent) -> SystemEvent | None:
        told = event.payload
        if type(event) is MetricUpdated and told.name == self.metric and 0 <= told.value <= 1:
            self._take(told.value if self.above else 1.0 - told.value)
        answer = self.strategy.on_event(event)
        return answer if self.left > _SETTLED else None

    def renewed(self) -> None:
        self.strategy.renewed()

    def needs(self) -> list[Need]:
        return [*self.strategy.needs(), Need(self.name, "values", self.metric)]

    def watches(self, event: SystemEvent) -> bool:
        return self.strategy.watches(event)

    def on_events(self, events: EventBatch) -> Answers:
        told = events.metric(self.metric)
        kept = np.flatnonzero((told.values >= 0) & (told.values <= 1))
        before = self.left > _SETTLED
        values = told.values[kept]
        is_open = self._all_open(values if self.above else 1.0 - values)
        inner = self.strategy.on_events(events)
        if not len(inner.answered):
            return inner
        latest = np.searchsorted(told.keys_at(kept), inner.answered, side="right")
        return inner.only(np.flatnonzero(np.append(before, is_open)[latest]))

    def _take(self, bad: float) -> None:
        mean = self.recent.push_mean(bad)
        self.left = max(self.left - 1, _SETTLED)
        if self.recent.n == self.window and self._surely(mean, self.best.push(mean)):
            self.left = self.calm

    def _all_open(self, bad: Floats) -> NDArray[np.bool_]:
        """Whether it is open at each value, after which it remembers how it stands."""
        few = max(self.window - 1 - self.recent.n, 0)
        means = self.recent.extend_mean(bad)
        places = np.flatnonzero(self._surely(means[few:], self.best.extend(means[few:]))) + few
        latest = np.full(len(bad), self.left - self.calm - 1)
        latest[places] = places
        latest = np.maximum.accumulate(latest)
        if len(bad):
            self.left = max(self.calm - (len(bad) - 1 - int(latest[-1])), _SETTLED)
        is_open: NDArray[np.bool_] = np.arange(len(bad)) - latest <= self.calm
        return is_open

    def _surely(self, mean: Any, best: Any) -> Any:
        """Whether the mean is worse than the best by more than so many standard errors.

        Both sides are squared, so that a scalar and an array give the same to the last bit.
        """
        variance = mean * (1.0 - mean) / self.window
        return (mean > best) & ((mean - best) * (mean - best) > self.sure * self.sure * variance)


_SETTLED = -1
_MOST = 2**53  # values of calm; beyond any stream


class _Best(Stateful):
    """The lowest of the latest means: of the running stretch, and of those whole before it."""

    memory = ("lowest", "count", "before")

    def __init__(self, window: int, within: int) -> None:
        self.window, self.within = window, within
        self.lowest, self.count = 1.0, 0  # of the running stretch; no mean is above 1
        self.before: list[float] = []

    def push(self, mean: float) -> float:
        """Take one; the lowest after it."""
        self.lowest = min(self.lowest, mean)
        self.count += 1
        best = min([self.lowest, *self.before])
        self._turn()
        return best

    def extend(self, means: Floats) -> Floats:
        """Take many; the lowest after each."""
        found, start = np.empty(len(means)), 0
        while start < len(means):
            end = min(start + self.window - self.count, len(means))
            lowest = np.minimum.accumulate(np.append(self.lowest, means[start:end]))[1:]
            found[start:end] = np.minimum(lowest, min(self.before, default=1.0))
            self.lowest, self.count = float(lowest[-1]), self.count + end - start
            self._turn()
            start = end
        return found

    def _turn(self) -> None:
        """Begin the next stretch where this one is whole."""
        if self.count == self.window:
            self.before = [*self.before, self.lowest][-self.within :]
            self.lowest, self.count = 1.0, 0
