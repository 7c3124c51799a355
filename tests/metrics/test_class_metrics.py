"""Rates of classes and coefficients of agreement equal scikit-learn's at every prefix."""

import math
import warnings

import numpy as np
import pytest
from metric_streams import (
    agrees,
    at_every_prefix,
    class_records,
    labelled,
    memory,
    record,
    said,
    values,
    windows,
)
from sklearn import metrics as sk

from homeostat.batch import Batch
from homeostat.errors import InvalidSetting
from homeostat.metrics.balanced_accuracy import BalancedAccuracy
from homeostat.metrics.cohen_kappa import CohenKappa
from homeostat.metrics.f1 import F1
from homeostat.metrics.mcc import MCC
from homeostat.metrics.precision import Precision
from homeostat.metrics.recall import Recall

RATES = {Precision: sk.precision_score, Recall: sk.recall_score, F1: sk.f1_score}
WINDOWS = [1, 17, 1000]


def columns(window):
    pairs = [(each.ground_truth_label, each.predicted_label) for each in window]
    return [list(each) for each in zip(*pairs, strict=True)]


def quietly(function, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **options)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
@pytest.mark.parametrize("zero", [0.0, 1.0])
@pytest.mark.parametrize("window", WINDOWS)
def test_averages(rate, average, zero, window):
    def oracle(part):
        return quietly(RATES[rate], *columns(part), average=average, zero_division=zero)

    metric = rate(average, zero_division=zero, window=window)
    at_every_prefix(metric, labelled(class_records(window, n=90)), oracle)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("window", WINDOWS)
def test_a_class_without_a_rate_can_be_left_out_of_the_mean(rate, window):
    def oracle(part):
        return quietly(RATES[rate], *columns(part), average="macro", zero_division=np.nan)

    at_every_prefix(
        rate("macro", zero_division=None, window=window), labelled(class_records(3, n=90)), oracle
    )


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("zero", [0.0, 1.0, None])
@pytest.mark.parametrize("window", WINDOWS)
def test_one_class(rate, zero, window):
    undefined = math.nan if zero is None else zero

    def oracle(part):
        true, predicted = ([label == "b" for label in each] for each in columns(part))
        return quietly(RATES[rate], true, predicted, zero_division=undefined)

    metric = rate(positive="b", zero_division=zero, window=window)
    at_every_prefix(metric, [record("b", "a"), *labelled(class_records(11, n=90))], oracle)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("zero", [0.0, 1.0, None])
def test_a_class_that_never_came_has_no_rate(rate, zero):
    """scikit-learn refuses such a `pos_label`; a stream may still bring it."""
    records = [*[record("a", "a"), record("c", "a")] * 3, record("a", "a"), record("b", "b")]
    records += [record("a", "a")] * 3
    metric = rate(positive="b", zero_division=zero, window=2)
    told = values(metric, records)
    assert [math.isnan(value) for value in told[:7]] == [True] * 7
    assert told[7:9] == [1.0, 1.0]
    agrees(told[9:], [math.nan if zero is None else zero] * 2, 0, 0)  # it has come, if not lately
    with pytest.raises(ValueError, match="not a valid label"):
        RATES[rate](["a", "c"], ["a", "a"], pos_label="b")


def test_that_a_class_never_came_is_remembered():
    for before, then in (([record("a", "a")], math.nan), ([record("b", "a")], 0.0)):
        metric = Precision(positive="b", window=1)
        list(said(metric, before))
        again = metric.fresh()
        again.restore(metric.snapshot())
        agrees(values(again, [record("a", "a")]), [then], 0, 0)


def kappa(true, predicted):
    return quietly(sk.cohen_kappa_score, true, predicted)


def mcc(true, predicted):
    degenerate = len(set(true)) == 1 or len(set(predicted)) == 1
    return math.nan if degenerate else sk.matthews_corrcoef(true, predicted)


def balanced(true, predicted):
    return quietly(sk.balanced_accuracy_score, true, predicted)


AGREEMENTS = {BalancedAccuracy: balanced, MCC: mcc, CohenKappa: kappa}


@pytest.mark.parametrize("metric", AGREEMENTS)
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("seed", [1, 2])
def test_agreement(metric, window, seed):
    records = labelled(class_records(seed, n=110))
    at_every_prefix(metric(window), records, lambda part: AGREEMENTS[metric](*columns(part)))


@pytest.mark.parametrize("make", [*RATES, *AGREEMENTS])
def test_records_without_truth_say_nothing(make):
    records = class_records(5, missing=0.5)
    rows = [row for row, each in enumerate(records) if each.ground_truth_label is not None]
    told = said(make(window=9), records)
    assert [row for row, _, _ in told] == rows
    agrees([value for *_, value in told], values(make(window=9), labelled(records)), 0, 0)


@pytest.mark.parametrize("make", [*RATES, *AGREEMENTS])
def test_equal_numbers_are_one_class_and_text_is_another(make):
    mixed = [(1, 1.0), (True, 1), (0, False), ("1", "1"), (1, "1"), ("1", 1), (0.0, 1), (2, 2)] * 3
    plain = [
        tuple(repr(float(x)) if not isinstance(x, str) else f"text {x}" for x in p) for p in mixed
    ]
    got = values(make(window=5), [record(predicted, truth) for predicted, truth in mixed])
    assert got == pytest.approx(
        values(make(window=5), [record(predicted, truth) for predicted, truth in plain]),
        nan_ok=True,
    )


@pytest.mark.parametrize("make", [*RATES, *AGREEMENTS])
def test_classes_beyond_the_cap_are_one(make):
    """Those are right only where prediction and truth are equal."""
    records = labelled(class_records(8, n=300, names=tuple("abcdefgh")))
    capped = values(make(window=40, max_classes=3), records)

    def counts(part):
        hits, predicted, true = ({}, {}, {})
        for truth, guess in zip(*columns(part), strict=True):
            for counter, label in ((predicted, guess), (true, truth)):
                name = label if label in "abc" else "other"
                counter[name] = counter.get(name, 0) + 1
            if truth == guess:
                name = truth if truth in "abc" else "other"
                hits[name] = hits.get(name, 0) + 1
        return hits, predicted, true

    agrees(capped, [FROM_COUNTS[make](*counts(part)) for part in windows(records, 40)])


def mean_rate(ratio, of_truths=False):
    def rate(hits, predicted, true):
        found = []
        for name in set(true) if of_truths else set(predicted) | set(true):
            above, below = ratio(hits.get(name, 0), predicted.get(name, 0), true.get(name, 0))
            found.append(above / below if below else 0.0)
        return sum(found) / len(found)

    return rate


def products(one, other):
    return sum(count * other.get(name, 0) for name, count in one.items())


def mcc_from_counts(hits, predicted, true):
    n = sum(true.values())
    below = (n * n - products(predicted, predicted)) * (n * n - products(true, true))
    above = sum(hits.values()) * n - products(true, predicted)
    return above / math.sqrt(below) if below else math.nan


def kappa_from_counts(hits, predicted, true):
    n = sum(true.values())
    expected = products(true, predicted) / n
    return (sum(hits.values()) - expected) / (n - expected) if n != expected else math.nan


FROM_COUNTS = {
    Precision: mean_rate(lambda hits, predicted, true: (hits, predicted)),
    Recall: mean_rate(lambda hits, predicted, true: (hits, true)),
    F1: mean_rate(lambda hits, predicted, true: (2 * hits, predicted + true)),
    BalancedAccuracy: mean_rate(lambda hits, predicted, true: (hits, true), of_truths=True),
    MCC: mcc_from_counts,
    CohenKappa: kappa_from_counts,
}


@pytest.mark.parametrize("make", [*RATES, *AGREEMENTS])
def test_memory_does_not_grow_with_classes(make):
    metric = make(window=10, max_classes=5)
    for label in range(200):
        metric.on_record(record(f"class {label}", f"class {label // 2}"))
    before = len(memory(metric))
    for label in range(200, 900):
        metric.on_record(record(f"class {label}", f"class {label // 2}"))
    assert len(memory(metric)) <= before + 16


@pytest.mark.parametrize("make", [*RATES, *AGREEMENTS])
def test_labels_beyond_64_bits_are_classes(make):
    huge = [2**70, 2**70 + 1, 10**400, -(2**63), -(2**63) - 1, 1e300, int(1e300)]
    records = [record(x, y) for x in huge for y in huge]
    metric, batched = make(window=20), make(window=20)
    told = [value for _, _, value in said(metric, records)]
    (series,) = batched.on_batch(Batch.from_records(records))
    np.testing.assert_array_equal(series.values, told)
    assert memory(metric) == memory(batched)


def test_one_class_only():
    records = [record("a", "a")] * 5
    assert values(Precision(), records) == values(F1(), records) == [1.0] * 5
    assert values(BalancedAccuracy(), records) == [1.0] * 5
    assert all(map(math.isnan, values(MCC(), records)))
    assert all(map(math.isnan, values(CohenKappa(), records)))
    assert values(Recall(positive="b"), [record("a", "b"), *records]) == [0.0] * 6
    assert all(map(math.isnan, values(Recall(positive="b"), records)))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "f1_macro"),
        ({"average": "micro"}, "f1_micro"),
        ({"average": "weighted"}, "f1_weighted"),
        ({"positive": "yes"}, "f1"),
        ({"average": "binary", "positive": 1}, "f1"),
    ],
)
def test_names(given, named):
    assert F1(**given).name == named


def test_positives_may_come_from_numpy():
    records = [record(1, 1), record(0, 1), record(True, 0)]
    assert values(Recall(positive=np.int64(1)), records) == [1.0, 0.5, 0.5]
    assert type(Recall(positive=np.str_("a")).positive) is str


@pytest.mark.parametrize(
    "given",
    [
        {"average": "mean"},
        {"average": "binary", "positive": None},
        {"average": "macro", "positive": "a"},
        {"positive": math.nan},
        {"positive": ["a"]},
        {"positive": 10**400},
        {"zero_division": 0.5},
        {"zero_division": math.nan},
        {"window": 0},
        {"window": 2.0},
        {"window": True},
        {"max_classes": 0},
        {"max_classes": 10_001},
    ],
)
def test_settings_out_of_range(given):
    with pytest.raises(InvalidSetting, match=list(given)[-1]):
        Precision(**given)
