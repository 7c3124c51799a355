"""Ask for a retraining when waiting has cost as much as retraining would."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from homeostat.errors import real, require, whole
from homeostat.event_batch import EventBatch, Keys, MetricValues
from homeostat.events import MetricEvent, MetricUpdated, SystemEvent
from homeostat.sliding import Floats, SlidingSum
from homeostat.standing import Standing, first_beyond
from homeostat.strategy import Need


class CostAware(Standing):
    """Ask when the errors that a retraining would have spared have cost what it costs.

    error_cost: of one wrong prediction, or of one unit of the metric. retraining_cost: in the same
    money. baseline: the value expected after a retraining; None learns it: the best mean of `learn`
    values in a row so far. metric: one value for each labelled record. above: it is an error or
    loss, worse above the baseline. records_per_label: predictions for each labelled one. horizon:
    predictions for which a retrained model would serve; it does not ask while what would be saved
    over so many is below `retraining_cost`.

    This is the rule of renting skis: buy when the rent paid would have bought them. If a retraining
    restores the baseline, errors and retrainings together cost at most twice what the best
    decisions in hindsight would have; no rule that does not know the future can promise less.
    The loss is counted from the last request or promotion on: `baseline - value` for each value,
    never below 0 in sum. Where a metric gives intervals, only what is surely worse or better
    counts, so that noise does not add up. NaN counts nothing. Its request stands. A baseline that
    is learned never becomes worse: where the task itself becomes harder, it asks as often as its
    price allows.

    Raises InvalidSetting. Cost: a few operations a record. Source: Karlin, Manasse, Rudolph and
    Sleator, Competitive snoopy caching (1988).
    """

    name: ClassVar[str] = "cost"
    memory = ("loss", "least", "learned", "recent")

    def __init__(
        self,
        error_cost: float,
        retraining_cost: float,
        baseline: float | None = None,
        *,
        metric: str = "accuracy",
        above: bool = False,
        records_per_label: float = 1.0,
        horizon: int | None = None,
        learn: int = 500,
    ) -> None:
        self.error_cost = _positive("error_cost", error_cost)
        self.retraining_cost = _positive("retraining_cost", retraining_cost)
        self.baseline = None if baseline is None else real("baseline", baseline)
        self.metric, self.above = metric, above
        self.records_per_label = _positive("records_per_label", records_per_label)
        self.horizon = None if horizon is None else whole("horizon", horizon)
        require(isinstance(metric, str), "metric", metric, "the name of a metric")
        require(isinstance(above, bool), "above", above, "True or False")
        self._each = error_cost * records_per_label
        self.learn = whole("learn", learn)
        self.loss = self.least = 0.0  # a running sum, and the lowest that it has been
        self.learned: float | None = None  # the best mean so far, times the sign of a loss
        self.recent = SlidingSum(self.learn)

    def renewed(self) -> None:
        self.loss = self.least = 0.0

    def needs(self) -> list[Need]:
        return [Need(self.name, "values", self.metric)]

    def _asks(self, event: SystemEvent) -> str | None:
        if type(event) is not MetricUpdated or event.payload.name != self.metric:
            return None
        told = event.payload
        if not math.isfinite(told.value):
            return None
        baseline = self._expected(told.value)
        if baseline is None:
            return None
        excess = float(self._excess(*_ends(told), baseline))
        self.loss += excess * self._each
        self.least = min(self.least, self.loss)
        if not (self.loss - self.least >= self.retraining_cost and self._pays(excess)):
            return None
        return self._restart(self.loss - self.least)

    def _asked(self, events: EventBatch) -> tuple[Keys, list[str]]:
        told = events.metric(self.metric)
        kept = np.flatnonzero(np.isfinite(told.values))
        baselines = self._all_expected(told.values[kept])
        if isinstance(baselines, np.ndarray):
            kept = kept[len(kept) - len(baselines) :]  # those before had nothing to compare with
        excess = self._excess(*_all_ends(told, kept), baselines)
        pays = self._pays(excess)
        places, reasons, start, step = [], [], 0, 256
        while start < len(excess):
            losses = excess[start : start + step] * self._each
            losses[0] += self.loss
            losses = losses.cumsum()
            least = np.minimum(np.minimum.accumulate(losses), self.least)
            regrets = np.where(pays[start : start + step], losses - least, -1.0)
            at = first_beyond(regrets, self.retraining_cost, 0)
            if at < len(regrets):
                places.append(start + at)
                reasons.append(self._restart(float(regrets[at])))
                start, step = start + at + 1, 256
            else:
                self.loss, self.least = float(losses[-1]), float(least[-1])
                start, step = start + step, step * 2
        return told.keys_at(kept[places]), reasons

    def _expected(self, value: float) -> float | None:
        """The baseline, with this value if it is learned; None while too few were seen."""
        if self.baseline is not None:
            return self.baseline
        mean = self._sign * self.recent.push_mean(value)
        if self.recent.n < self.learn:
            return None
        self.learned = mean if self.learned is None else min(self.learned, mean)
        return self._sign * self.learned

    def _all_expected(self, values: Floats) -> float | Floats:
        """The baseline; if it is learned, that of each value for which enough were seen."""
        if self.baseline is not None:
            return self.baseline
        few = max(self.learn - 1 - self.recent.n, 0)
        means = self._sign * self.recent.extend_mean(values)[few:]
        if not len(means):
            return means
        start = math.inf if self.learned is None else self.learned
        best: Floats = np.minimum.accumulate(np.append(start, means))[1:]
        self.learned = float(best[-1])
        return self._sign * best

    @property
    def _sign(self) -> float:
        return 1.0 if self.above else -1.0

    def _excess(self, lower: Any, upper: Any, baseline: Any) -> Any:
        """How much worse than the baseline it surely is, or better: then below 0."""
        best, worst = (lower, upper) if self.above else (upper, lower)
        sign = self._sign
        surely_worse = np.maximum(sign * (best - baseline), 0.0)
        return surely_worse + np.minimum(sign * (worst - baseline), 0.0)

    def _pays(self, excess: Any) -> Any:
        """Whether a retraining would save its cost within the horizon."""
        if self.horizon is None:
            return excess >= -math.inf
        return excess * self.error_cost * self.horizon >= self.retraining_cost

    def _restart(self, regret: float) -> str:
        self.loss = self.least = 0.0
        return f"Waiting has cost {regret:.6g}, a retraining costs {self.retraining_cost:.6g}"


def _positive(name: str, value: Any) -> float:
    fits = 0 < real(name, value, "a number above 0") < math.inf
    require(fits, name, value, "a finite number above 0")
    return float(value)


def _ends(told: MetricEvent) -> tuple[float, float]:
    """The interval of a value: itself where its metric gives none, all where it is not known."""
    if not told.n:
        return told.value, told.value
    lower = -math.inf if told.lower is None or told.lower != told.lower else told.lower
    upper = math.inf if told.upper is None or told.upper != told.upper else told.upper
    return lower, upper


def _all_ends(told: MetricValues, kept: Keys) -> tuple[Floats, Floats]:
    values = told.values[kept]
    if told.bounds is None:
        return values, values
    n, lower, upper = told.bounds.at(kept)
    known = n > 0
    lower = np.where(known, np.where(np.isnan(lower), -np.inf, lower), values)
    return lower, np.where(known, np.where(np.isnan(upper), np.inf, upper), values)
