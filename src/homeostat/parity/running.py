"""One call that compares the rates of all segments."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np

from homeostat.errors import InvalidInput, InvalidSetting, did_you_mean, require, whole, within
from homeostat.parity.counts import Counts, columns, counted, missing, neither, text
from homeostat.parity.intervals import absolute, newcombe, ratio_limits, two_sided, wilson
from homeostat.parity.report import Estimate, Fairness, Segment

_SEVERAL = (list, tuple, set, dict, np.ndarray)


def fairness(
    data: Any,
    *,
    by: str,
    positive: Any,
    prediction: str = "predicted_label",
    label: str | None = "ground_truth_label",
    baseline: Any = None,
    confidence: float = 0.95,
    least: int = 30,
    max_segments: int = 100,
) -> Fairness:
    """How the selection, true-positive and false-positive rates differ between segments.

    data: a dict of columns, a data frame, a Batch, or a list of records (whose features are
    columns too). by: the column that makes segments; missing values are the segment "none",
    beyond the `max_segments` largest all are "other". positive: the value of the favourable
    class. label: the truths, None where there are none; rows without a truth count for the
    selection rate alone. baseline: a segment, left out for the largest. least: records that a
    rate needs; below it is NaN, and `needed` says how many it takes.

    Gaps are the segment's rate less the baseline's: demographic parity (selection rate), equal
    opportunity (true-positive rate), equalised odds (the larger of the absolute differences of
    true- and false-positive rate); disparate impact is the ratio of the selection rates. Rates
    have Wilson's intervals, differences Newcombe's, ratios Donner and Zou's; the gaps' are widened
    (Bonferroni) so as to hold for all segments with enough records together.

    Raises InvalidInput for what is no table or lacks a column, and for a `positive` that is none of
    several classes, InvalidSetting for a baseline that is no segment, or a setting outside its
    range. Cost: one pass over the rows. Oracle: `pandas`
    groups, `sklearn.metrics.confusion_matrix`. Sources: Wilson (1927); Newcombe, Interval
    estimation for the difference between independent proportions (1998), method 10; Donner and
    Zou, Closed-form confidence intervals for functions of the normal mean and standard deviation
    (2012); Hardt, Price and Srebro, Equality of opportunity (2016).
    """
    within("confidence", confidence, 0, 1)
    whole("least", least)
    whole("max_segments", max_segments)
    one = positive is not None and not isinstance(positive, _SEVERAL)
    require(one, "positive", positive, "the value of the favourable class")
    found = columns(data, [by, prediction] + ([] if label is None else [label]))
    groups, predicted = found[by], found[prediction]
    truth = np.full(len(groups), None) if label is None else found[label]
    there = np.array([not missing(value) for value in predicted], bool)
    if others := neither(predicted[there], truth[there], positive):
        raise InvalidInput(
            "positive", f"is {positive!r}, which is no prediction and no truth",
            f"name one of the classes: {', '.join(others[:10])}",
        )  # fmt: skip
    counts = counted(groups[there], predicted[there], truth[there], positive, max_segments)
    chosen = _baseline(counts, baseline)
    compared = sum(own.selected[1] >= least for name, own in counts.items() if name != chosen)
    measure = _Measure(confidence, max(1, compared), least)
    segments = {
        name: measure.segment(name, own, counts.get(chosen, own), name == chosen)
        for name, own in counts.items()
    }
    return Fairness(segments, chosen, by, positive, confidence, int(np.count_nonzero(~there)))


def _baseline(counts: dict[str, Counts], asked: Any) -> str:
    if asked is None or not counts:
        return next(iter(counts), "")
    name = text(asked)
    if name not in counts:
        raise InvalidSetting(f"baseline {asked!r} is no segment; {did_you_mean(name, counts)}")
    return name


class _Measure:
    """Rates and gaps with their intervals."""

    def __init__(self, confidence: float, others: int, least: int) -> None:
        self._alone = two_sided(1 - confidence)
        self._together = two_sided((1 - confidence) / others)
        self._halved = two_sided((1 - confidence) / others / 2)  # for the larger of two differences
        self._least = least

    def segment(self, name: str, own: Counts, base: Counts, is_baseline: bool) -> Segment:
        """One segment beside the baseline."""
        rates = [self._rate(*counts) for counts in own]
        found = Segment(name, own.selected[1], *rates)
        if is_baseline:
            return found
        return found._replace(
            demographic_parity=self._gap(own.selected, base.selected),
            equal_opportunity=self._gap(own.true, base.true),
            equalised_odds=self._odds(own, base),
            disparate_impact=self._ratio(own.selected, base.selected),
        )

    def _rate(self, hits: int, n: int) -> Estimate:
        if n < self._least:
            return Estimate(nan, n=n, needed=self._least)
        return Estimate(hits / n, *wilson(hits, n, self._alone), n)

    def _few(self, own: tuple[int, int], base: tuple[int, int]) -> Estimate | None:
        n = min(own[1], base[1])
        return Estimate(nan, n=n, needed=self._least) if n < self._least else None

    def _gap(self, own: tuple[int, int], base: tuple[int, int]) -> Estimate:
        few = self._few(own, base)
        if few:
            return few
        low, high = newcombe(own, base, self._together)
        return Estimate(own[0] / own[1] - base[0] / base[1], low, high, min(own[1], base[1]))

    def _odds(self, own: Counts, base: Counts) -> Estimate:
        pairs = [(own.true, base.true), (own.false, base.false)]
        for few in (self._few(*pair) for pair in pairs):
            if few:
                return few
        values = [abs(a[0] / a[1] - b[0] / b[1]) for a, b in pairs]
        limits = [absolute(*newcombe(*pair, self._halved)) for pair in pairs]
        n = min(counts[1] for pair in pairs for counts in pair)
        return Estimate(max(values), max(x[0] for x in limits), max(x[1] for x in limits), n)

    def _ratio(self, own: tuple[int, int], base: tuple[int, int]) -> Estimate:
        few = self._few(own, base)
        if few:
            return few
        n = min(own[1], base[1])
        p, q = own[0] / own[1], base[0] / base[1]
        if not q:
            return Estimate(nan, 0.0, inf, n)
        return Estimate(p / q, *ratio_limits(own, base, self._together), n)
