"""Trap: columns of probabilities were taken in another order than the classes.

Spellings of classes: metrics/test_probability_metrics.py; oracles: estimate/test_cbpe.py.
"""

import itertools
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

import homeostat as hs
from homeostat.errors import InvalidInput

CLASSES = ("ant", "bee", "cat")
ORDERS = list(itertools.permutations(CLASSES))
ESTIMATES = {"CBPE": hs.estimate.CBPE, "ATC": hs.estimate.ATC}


def animals(n, seed, classes=CLASSES):
    """Rows whose probabilities differ much between classes; `classes` are those that occur."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([0.6, 1.0, 2.0], n)
    if len(classes) < len(CLASSES):
        p = p * [name in classes for name in CLASSES]
        p = p / p.sum(axis=1, keepdims=True)
    truth = (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    names = np.array(CLASSES)
    columns = {f"p_{name}": p[:, at] for at, name in enumerate(CLASSES)}
    return {"y": names[truth], "pred": names[p.argmax(axis=1)], **columns}


def estimated(make, order, reference, data):
    scores = {name: f"p_{name}" for name in order}
    return make(y_true="y", y_pred="pred", y_score=scores).fit(reference).estimate(data)


def assert_equal(found, expected):
    assert [row.metric for row in found] == [row.metric for row in expected]
    for row, other in zip(found, expected, strict=True):
        assert (row.n, row.labelled) == (other.n, other.labelled)
        numbers = ("value", "lower", "upper", "realized")
        assert [getattr(row, name) for name in numbers] == pytest.approx(
            [getattr(other, name) for name in numbers], rel=1e-9, nan_ok=True
        )


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
@pytest.mark.parametrize("name", ESTIMATES)
def test_the_order_of_the_mapping_means_nothing(name, order):
    make = ESTIMATES[name]
    reference, data = animals(2000, 1), animals(1000, 2)
    expected = estimated(make, CLASSES, reference, data)
    assert_equal(estimated(make, order, reference, data), expected)
    assert all(row.lower <= row.realized <= row.upper for row in expected)


@pytest.mark.parametrize("frame", [dict, pd.DataFrame], ids=["dict", "pandas"])
@pytest.mark.parametrize("name", ESTIMATES)
def test_the_order_of_the_columns_means_nothing(name, frame):
    make = ESTIMATES[name]
    reference, data = animals(2000, 1), animals(1000, 2)
    turned = frame(dict(reversed(data.items())))
    expected = estimated(make, CLASSES, reference, data)
    assert_equal(estimated(make, CLASSES, reference, turned), expected)
    assert_equal(estimated(make, CLASSES, frame(dict(reversed(reference.items()))), data), expected)


@pytest.mark.parametrize("absent", CLASSES)
@pytest.mark.parametrize("name", ESTIMATES)
def test_a_class_that_does_not_occur_moves_no_other(name, absent):
    """Where classes were found in the data, the ones after it would each take another's column."""
    make = ESTIMATES[name]
    reference = animals(2000, 1)
    data = animals(1000, 2, [each for each in CLASSES if each != absent])
    assert absent not in {*data["y"], *data["pred"]}
    expected = estimated(make, CLASSES, reference, data)
    (row,) = (row for row in expected if row.metric == "accuracy")
    if name == "CBPE":  # the threshold of ATC is of the reference's mix of classes
        assert row.value == pytest.approx(row.realized, abs=0.05)
    assert row.realized == pytest.approx((data["y"] == data["pred"]).mean())
    for order in ORDERS:
        assert_equal(estimated(make, order, reference, data), expected)


@pytest.mark.parametrize("absent", CLASSES)
def test_a_class_that_the_reference_lacks(absent):
    others = [each for each in CLASSES if each != absent]
    reference, data = animals(2000, 1, others), animals(1000, 2, others)
    expected = estimated(hs.estimate.CBPE, CLASSES, reference, data)
    accuracy = next(row for row in expected if row.metric == "accuracy")
    assert accuracy.lower <= accuracy.realized <= accuracy.upper
    for order in ORDERS:
        assert_equal(estimated(hs.estimate.CBPE, order, reference, data), expected)


def test_a_class_without_a_column_is_named():
    scores = {name: f"p_{name}" for name in ("ant", "bee")}
    cbpe = hs.estimate.CBPE(y_true="y", y_pred="pred", y_score=scores)
    with pytest.raises(InvalidInput, match="'cat'"):
        cbpe.fit(animals(200, 1))


@pytest.mark.parametrize("positive", [0, 1])
def test_a_single_score_is_of_the_class_that_is_named(positive):
    rng = np.random.default_rng(3)
    score = rng.beta(1, 3, 3000)
    truth = (rng.random(3000) < score).astype(int)
    data = {"y": truth, "pred": (score > 0.5).astype(int), "s": score}
    if positive == 0:
        data |= {"y": 1 - data["y"], "pred": 1 - data["pred"]}
    cbpe = hs.estimate.CBPE(y_true="y", y_pred="pred", y_score="s", positive=positive)
    for row in cbpe.fit(data).estimate(data):
        assert row.value == pytest.approx(row.realized, abs=0.06)


@pytest.mark.parametrize("make", [hs.LogLoss, hs.Brier, lambda: hs.ROCAUC(positive="ant")])
def test_metrics_of_scores_by_class(make):
    data = animals(300, 4)
    found = []
    for order in ORDERS:
        metric = make()
        for at in range(300):
            record = hs.InferenceRecord(
                model_version="v1",
                predicted_label=str(data["pred"][at]),
                ground_truth_label=str(data["y"][at]),
                scores={name: float(data[f"p_{name}"][at]) for name in order},
                latency_ms=1,
                created_at=datetime(2026, 1, 1, tzinfo=UTC),
            )
            event = metric.on_record(record)
        found.append(event.value)
    assert found == pytest.approx([found[0]] * len(ORDERS), rel=1e-12)
    assert 0 < found[0] < 1
