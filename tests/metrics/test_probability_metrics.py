"""Log loss, Brier score and area under the ROC curve equal scikit-learn's at every prefix."""

import math

import numpy as np
import pytest
from metric_streams import at_every_prefix, batched, class_records, labelled, record, said, values
from sklearn import metrics as sk

from homeostat.batch import Batch
from homeostat.errors import InvalidSetting
from homeostat.metrics.brier import Brier
from homeostat.metrics.log_loss import LogLoss
from homeostat.metrics.roc_auc import ROCAUC

WINDOWS = [1, 17, 1000]
NAMES = ("a", "b", "c", "d")


def truths(window):
    return [each.ground_truth_label for each in window]


def probabilities(window, names):
    return np.array([[each.scores[name] for name in names] for each in window])


def multiclass(seed):
    return labelled(class_records(seed, n=120, confident=True))


def two_classes(seed, n=110, ties=False):
    """Labels 0 and 1 with a confidence in the prediction."""
    rng = np.random.default_rng(seed)
    made = []
    for row in range(n):
        truth = int(rng.random() < 0.4)
        p = min(1.0, max(0.0, round(0.3 + 0.3 * truth + rng.normal(0, 0.3), 1 if ties else 6)))
        predicted = int(p > 0.5)
        made.append(record(predicted, truth, row, score=p if predicted else 1 - p))
    return made


def of_positive(each):
    return each.score if each.predicted_label == 1 else 1 - each.score


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("seed", [1, 2])
def test_log_loss_of_several_classes(window, seed):
    def oracle(part):
        return sk.log_loss(truths(part), y_proba=probabilities(part, NAMES), labels=NAMES)

    at_every_prefix(LogLoss(window), multiclass(seed), oracle)


@pytest.mark.parametrize("window", WINDOWS)
def test_log_loss_of_a_score(window):
    def oracle(part):
        return sk.log_loss(
            truths(part), y_proba=[of_positive(each) for each in part], labels=[0, 1]
        )

    at_every_prefix(LogLoss(window), two_classes(4, ties=True), oracle)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("names", [NAMES, NAMES[:2]])
def test_brier_of_classes(window, names):
    def oracle(part):
        p = probabilities(part, names)
        return sk.brier_score_loss(truths(part), y_proba=p, labels=names)

    records = labelled(class_records(6, n=120, names=names, confident=True))
    at_every_prefix(Brier(window), records, oracle)


@pytest.mark.parametrize("window", WINDOWS)
def test_brier_of_a_score(window):
    def oracle(part):
        return sk.brier_score_loss(
            truths(part), y_proba=[of_positive(each) for each in part], pos_label=1
        )

    at_every_prefix(Brier(window), two_classes(5), oracle)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("ties", [False, True])
def test_roc_auc_of_a_score(window, ties):
    def oracle(part):
        if len(set(truths(part))) < 2:
            return math.nan
        return sk.roc_auc_score(truths(part), [of_positive(each) for each in part])

    at_every_prefix(ROCAUC(window=window), two_classes(7, ties=ties), oracle)


@pytest.mark.parametrize("window", WINDOWS)
def test_roc_auc_of_one_class_against_the_rest(window):
    def oracle(part):
        true = [label == "b" for label in truths(part)]
        if len(set(true)) < 2:
            return math.nan
        return sk.roc_auc_score(true, [each.scores["b"] for each in part])

    at_every_prefix(ROCAUC("b", window), multiclass(8), oracle)


@pytest.mark.parametrize(
    ("truth", "spelt"),
    [
        ("yes", "yes"), (1, "1"), (1.0, "1"), (1, "1.0"), (True, "true"), (True, "True"),
        (True, "1"), (False, "false"), (0, "0"), (0.5, "0.5"), ("1", "1"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("make", [LogLoss, Brier, lambda: ROCAUC(0.25)])
def test_spellings_of_labels_in_scores(truth, spelt, make):
    scores = {spelt: 0.25, "x": 0.5, "y": 0.25}
    records = [record("x", truth, scores=scores)]
    expected = {LogLoss: -math.log(0.25), Brier: 0.75**2 + 0.25 + 0.25**2}.get(make)
    (series,) = make().on_batch(batched(records))
    for told in (values(make(), records), series.values.tolist()):
        assert told == ([] if expected is None else pytest.approx([expected]))


def test_roc_auc_reads_the_positive_class_in_any_spelling():
    for positive, spelt in ((True, "true"), (1, "1.0"), ("yes", "yes"), (0, "False")):
        records = [
            record("?", positive, scores={spelt: 0.9, "other": 0.1}),
            record("?", "other", scores={spelt: 0.2}),
        ]
        assert values(ROCAUC(positive), records)[1] == 1.0


def silent():
    yield record("a", None, score=0.5, scores={"a": 0.5})  # no truth
    yield record("a", "b")  # no probability
    yield record("a", "b", scores={})
    yield record("a", "b", scores={"a": 0.5, "c": 0.5})  # none of the truth
    yield record("a", "b", scores={"a": 0.5, "c": 0.5}, score=0.5)  # which `score` does not mend


@pytest.mark.parametrize("make", [LogLoss, Brier])
def test_records_that_say_nothing(make):
    metric = make()
    assert said(metric, silent()) == []
    assert all(len(series.values) == 0 for series in metric.on_batch(batched(list(silent()))))


def test_roc_auc_needs_truth_and_score():
    records = [record("a", None, score=0.5), record("a", "a"), record("a", "a", scores={"b": 1.0})]
    assert said(ROCAUC("a"), records) == []


def test_a_single_class_stands_for_two():
    records = [record("a", "a", scores={"a": 0.25}), record("a", "b", scores={"a": 0.25})]
    assert values(LogLoss(1), records) == pytest.approx([-math.log(0.25), -math.log(0.75)])
    assert values(Brier(1), records) == pytest.approx([0.75**2, 0.25**2])
    (series,) = Brier(1).on_batch(batched(records))
    assert series.values.tolist() == values(Brier(1), records)


def test_sure_and_wrong_is_clipped_as_in_scikit_learn():
    records = [record("a", "b", score=1.0), record("a", "a", score=1.0), record("b", "a", score=5)]
    clipped = -math.log(np.finfo(float).eps)
    assert values(LogLoss(1), records) == pytest.approx([clipped, 0.0, clipped])


def test_roc_auc_without_both_classes_is_nan():
    records = [record("no", "no", score=0.5)] * 4 + [record("yes", "yes", score=0.5)]
    assert np.isnan(values(ROCAUC(), records)).all()
    assert values(ROCAUC("yes"), records)[-1] == 0.5


def test_gaps_in_columns_of_scores():
    batch = Batch.from_columns(
        model_version="v", latency_ms=1, created_at=np.datetime64("2026-01-01"),
        predicted_label=["a", "b", "b", "a"], ground_truth_label=["a", "a", "b", "b"],
        score=[0.6, 0.7, np.nan, 0.9],
        scores={"a": [0.1, np.nan, np.nan, np.nan], "b": [0.9, np.nan, 0.4, np.nan]},
    )  # fmt: skip
    for make in (LogLoss, Brier, lambda: ROCAUC("a")):
        told = said(make(), list(batch))
        (series,) = make().on_batch(batch)
        np.testing.assert_array_equal(series.values, [value for *_, value in told])
        np.testing.assert_array_equal(series.rows, [row for row, *_ in told])
    assert [value for *_, value in said(LogLoss(1), list(batch))] == pytest.approx(
        [-math.log(p) for p in (0.1, 0.3, 0.4, 0.1)]
    )


@pytest.mark.parametrize("positive", [None, math.inf, {"a": 1}])
def test_positive_must_be_a_label(positive):
    with pytest.raises(InvalidSetting, match="positive"):
        ROCAUC(positive)
