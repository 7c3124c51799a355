"""Differences between segments equal pandas on the window, in any cutting of the stream."""

import math

import numpy as np
import pandas as pd
import pytest
from metric_streams import batched, bits, from_memory, memory, record, said, said_in_batches, values
from sklearn.metrics import confusion_matrix

from homeostat.errors import InvalidSetting
from homeostat.metrics.disparity import Disparity
from homeostat.testing import parametrize
from homeostat.testing.streams import column_batch, record_streams

KINDS = ["selection_rate", "tpr", "fpr", "accuracy", "disparate_impact"]


def metric(kind, by="group", **settings):
    positive = None if kind == "accuracy" else "yes"
    return Disparity(by, kind, positive, **settings)


def records(seed=0, n=300, groups=("a", "b", "c", None)):
    rng = np.random.default_rng(seed)

    def one_of(*choices):
        return choices[rng.integers(len(choices))]

    return [
        record(
            one_of("yes", "no"),
            one_of("yes", "no", None),
            features={"group": one_of(*groups), "x": float(rng.integers(3))},
        )
        for _ in range(n)
    ]


def counted(kind, items):
    """The records that count for a rate, and whether each is a hit."""
    frame = pd.DataFrame(
        {
            "group": [each.features["group"] for each in items],
            "predicted": [each.predicted_label for each in items],
            "truth": [each.ground_truth_label for each in items],
        }
    )
    selected = frame["predicted"] == "yes"
    if kind in ("selection_rate", "disparate_impact"):
        return frame.assign(hit=selected)
    if kind == "accuracy":
        return frame.assign(hit=frame["predicted"] == frame["truth"]).dropna(subset="truth")
    return frame.assign(hit=selected)[frame["truth"] == ("yes" if kind == "tpr" else "no")]


def oracle(kind, frame, least):
    groups = frame.groupby("group", dropna=False)["hit"].agg(["mean", "size"])
    rates = groups["mean"][groups["size"] >= least]
    if len(rates) < 2:
        return math.nan
    if kind == "disparate_impact":
        return rates.min() / rates.max() if rates.max() else math.nan
    return rates.max() - rates.min()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("window", "least"), [(40, 5), (7, 1)])
def test_pandas_on_the_window_at_every_record(kind, window, least):
    items = records(1)
    frame = counted(kind, items)
    want = [
        oracle(kind, frame.iloc[max(0, end - window) : end], least)
        for end in range(1, len(frame) + 1)
    ]
    told = said(metric(kind, window=window, least=least), items)
    assert [row for row, _, _ in told] == frame.index.tolist()
    np.testing.assert_allclose([value for *_, value in told], want, rtol=1e-12, equal_nan=True)
    assert np.isfinite(want).sum() > 30


def test_sklearns_confusion_matrix():
    items = records(2, 400, ("a", "b"))
    rates = {"tpr": [], "fpr": []}
    for group in "ab":
        own = [r for r in items if r.features["group"] == group and r.ground_truth_label]
        truth, predicted = zip(*((r.ground_truth_label, r.predicted_label) for r in own),
                               strict=True)  # fmt: skip
        (tn, fp), (fn, tp) = confusion_matrix(truth, predicted, labels=["no", "yes"])
        rates["tpr"].append(tp / (tp + fn))
        rates["fpr"].append(fp / (fp + tn))
    for kind, (one, other) in rates.items():
        assert values(metric(kind), items)[-1] == pytest.approx(abs(one - other), abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_any_cutting_gives_the_same_and_memory_goes_on(kind):
    items = records(3)
    hostile = [each for stream in record_streams()[:3] for each in list(stream.items)[:150]]
    for by, stream in (
        ("group", items), ("x", hostile), ("kind", hostile), ("predicted_label", hostile),
        ("absent", items),
    ):  # fmt: skip
        for settings in ({"window": 30, "least": 2}, {"least": 1, "max_segments": 2}):
            single = metric(kind, by, **settings)
            told = bits(said(single, stream))
            n = len(stream)
            for sizes in ([n], [1, 0, 60, n - 61], [7] * (n // 7) + [n % 7]):
                cut = metric(kind, by, **settings)
                assert bits(said_in_batches(cut, batched(stream), sizes)) == told
                assert memory(cut) == memory(single)
            resumed = metric(kind, by, **settings)
            first = bits(said(resumed, stream[:100]))
            again = from_memory(resumed, memory(resumed))
            rest = [(row + 100, *what) for row, *what in bits(said(again, stream[100:]))]
            assert first + rest == told
            assert memory(again) == memory(single)


def test_a_batch_of_columns_is_its_records():
    batch = column_batch(200)
    for kind, by in (("selection_rate", "kind"), ("fpr", "x"), ("tpr", "model_version")):
        one, other = (Disparity(by, kind, 1, window=50, least=1) for _ in range(2))
        assert bits(said_in_batches(one, batch, [200])) == bits(said(other, list(batch)))
        assert memory(one) == memory(other)


def test_segments_beyond_the_cap_are_one():
    items = [
        record(predicted, features={"group": group})
        for group, predicted in [
            ("a", "yes"), ("b", "yes"), ("c", "no"), ("d", "yes"), ("c", "no"), ("d", "yes"),
        ]
    ]  # fmt: skip
    found = values(metric("selection_rate", least=1, max_segments=2), items)
    assert found[-1] == 0.5  # a and b: 1, c and d together: 1/2


def test_equal_numbers_are_one_segment_and_missing_ones_another():
    groups = [1, 1.0, True, None, math.nan]
    items = [
        record("yes" if at < 3 else "no", features={"group": group})
        for at, group in enumerate(groups)
    ]
    found = values(metric("selection_rate", least=2), items)
    assert found[-1] == 1.0
    assert all(math.isnan(value) for value in found[:-1])


def test_nothing_is_invented():
    assert values(metric("tpr"), [record("yes")] * 50) == []
    unselected = [record("no", features={"group": group}) for group in "ab" * 40]
    assert math.isnan(values(metric("disparate_impact"), unselected)[-1])
    known = [record("no", "yes", features={"group": "a"}), *unselected]
    assert values(metric("selection_rate"), known)[-1] == 0.0
    few = values(metric("selection_rate"), known[:59])
    assert all(math.isnan(value) for value in few)


@pytest.mark.parametrize("kind", ["selection_rate", "fpr"])
@pytest.mark.parametrize("sizes", [[1] * 161, [7] * 23, [161]])
def test_a_label_that_never_came_is_of_no_class(kind, sizes):
    items = [record("no", "no", features={"group": group}) for group in "ab" * 40]
    misspelt = Disparity("group", kind, "Yes")
    assert all(map(math.isnan, values(misspelt, items)))
    came = [*items, record("yes", "no", features={"group": "a"}), *items]
    one_by_one = values(metric(kind), came)
    assert [math.isnan(value) for value in one_by_one] == [True] * 80 + [False] * 81
    in_batches = said_in_batches(metric(kind), batched(came), sizes)
    assert bits(in_batches) == bits(said(metric(kind), came))


@pytest.mark.parametrize(
    ("made", "name", "better"),
    [
        (metric("tpr"), "disparity_tpr.group", False),
        (metric("disparate_impact", "a,b"), "disparate_impact.a%2Cb", True),
    ],
)
def test_names(made, name, better):
    assert made.name == name
    assert made.greater_is_better is better


@parametrize(
    Disparity("kind", positive="yes", least=5),
    Disparity("kind", "tpr", "yes", window=50, least=3),
    Disparity("x", "fpr", "yes", window=50, least=1, max_segments=2),
    Disparity("predicted_label", "accuracy", window=70, least=2),
    Disparity("kind", "disparate_impact", "yes", window=100, least=2),
)
def test_laws(law):
    law()


@pytest.mark.parametrize(
    "settings",
    [
        {"by": ""}, {"by": 3}, {"by": ["a"]}, {"kind": "tnr"}, {"kind": 3}, {"kind": None},
        {"positive": None}, {"positive": float("nan")}, {"positive": []},
        {"kind": "accuracy"}, {"window": 0}, {"window": "9"}, {"least": 0}, {"least": None},
        {"max_segments": 0}, {"max_segments": 10_001}, {"max_segments": "x"},
    ],
)  # fmt: skip
def test_refusals(settings):
    with pytest.raises(InvalidSetting, match=next(iter(settings)).replace("kind", "kind|positive")):
        Disparity(**{"by": "group", "positive": "yes"} | settings)
