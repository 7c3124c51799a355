"""Rates and gaps of segments equal pandas and scikit-learn; intervals equal their sources."""

import json
import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix

from homeostat.batch import Batch
from homeostat.errors import InvalidInput, InvalidSetting
from homeostat.parity import GAPS, fairness
from homeostat.parity.intervals import newcombe, ratio_limits, two_sided, wilson
from homeostat.record import InferenceRecord

Z = two_sided(0.05)


def people(seed=0, n=3000):
    rng = np.random.default_rng(seed)
    group = rng.choice(["a", "b", "c"], n, p=[0.5, 0.4, 0.1])
    truth = (rng.random(n) < 0.4).astype(int)
    right = rng.random(n) < np.where(group == "b", 0.7, 0.85)
    predicted = np.where(right, truth, 1 - truth)
    return pd.DataFrame({"group": group, "truth": truth, "predicted": predicted})


def report(data, **settings):
    names = {"by": "group", "prediction": "predicted", "label": "truth", "positive": 1}
    return fairness(data, **names | settings)


def test_rates_are_scikit_learns():
    data = people()
    found = report(data)
    for name, own in data.groupby("group"):
        (tn, fp), (fn, tp) = confusion_matrix(own["truth"], own["predicted"])
        segment = found[name]
        assert segment.n == len(own)
        assert segment.selection_rate.value == own["predicted"].mean()
        assert segment.true_positive_rate.value == tp / (tp + fn)
        assert segment.false_positive_rate.value == fp / (fp + tn)
        interval = binomtest(int(tp), int(tp + fn)).proportion_ci(0.95, "wilson")
        np.testing.assert_allclose(segment.true_positive_rate[1:3], interval, rtol=1e-12)


def test_gaps_are_pandas_to_the_largest_segment():
    data = people(1)
    found = report(data)
    assert found.baseline == "a"
    assert list(found.segments) == ["a", "b", "c"]
    selection = data.groupby("group")["predicted"].mean()
    tpr = data[data["truth"] == 1].groupby("group")["predicted"].mean()
    fpr = data[data["truth"] == 0].groupby("group")["predicted"].mean()
    for name in ("b", "c"):
        gaps = [getattr(found[name], gap).value for gap in GAPS]
        want = [
            selection[name] - selection["a"],
            tpr[name] - tpr["a"],
            max(abs(tpr[name] - tpr["a"]), abs(fpr[name] - fpr["a"])),
            selection[name] / selection["a"],
        ]
        np.testing.assert_allclose(gaps, want, rtol=1e-12)
    assert found["a"].demographic_parity is None
    assert found.worst("equal_opportunity")[0] == "b"
    assert "equalised_odds" in found.unequal["b"]
    other = report(data, baseline="b")
    assert other["a"].demographic_parity.value == -found["b"].demographic_parity.value


@pytest.mark.parametrize(
    ("own", "base", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_differences_are_newcombes_examples(own, base, low, high):
    np.testing.assert_allclose(newcombe(own, base, Z), (low, high), atol=5e-5)


def test_ratio_limits_turn_around_and_cover():
    low, high = ratio_limits((30, 90), (40, 80), Z)
    np.testing.assert_allclose(ratio_limits((40, 80), (30, 90), Z), (1 / high, 1 / low))
    assert ratio_limits((0, 40), (10, 40), Z)[0] == 0
    assert ratio_limits((10, 40), (0, 40), Z)[1] == math.inf
    rng = np.random.default_rng(0)
    draws = zip(rng.binomial(60, 0.3, 3000), rng.binomial(90, 0.4, 3000), strict=True)
    limits = [ratio_limits((int(a), 60), (int(b), 90), Z) for a, b in draws]
    assert np.mean([low <= 0.75 <= high for low, high in limits]) == pytest.approx(0.95, abs=0.015)


def test_wilson_at_the_edges():
    for hits, n in ((0, 7), (7, 7), (1, 1000)):
        interval = binomtest(hits, n).proportion_ci(0.95, "wilson")
        np.testing.assert_allclose(wilson(hits, n, Z), interval, atol=1e-12)


def test_equal_segments_are_rarely_called_unequal():
    rng = np.random.default_rng(1)
    wrong = []
    for _ in range(300):
        data = {"group": np.arange(1500) % 10, "predicted": rng.random(1500) < 0.3}
        found = fairness(data, by="group", prediction="predicted", label=None, positive=True)
        wrong.append(any("demographic_parity" in gaps for gaps in found.unequal.values()))
    assert np.mean(wrong) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)


def test_too_few_records_say_how_many_it_takes():
    data = people(2, 400)
    small = report(data[:60])["c"]
    assert math.isnan(small.selection_rate.value)
    assert small.selection_rate.needed == 30
    assert small.demographic_parity.needed == 30
    assert math.isnan(small.equalised_odds.value)
    assert small.unequal == ()
    assert "needs 30" in repr(report(data[:60]))
    assert report(data[:60], least=1)["c"].selection_rate.needed is None


def test_without_truths_only_selection_is_known():
    data = people(3).drop(columns="truth")
    found = report(data, label=None)["b"]
    assert found.demographic_parity.needed is None
    assert found.disparate_impact.needed is None
    assert found.equal_opportunity.needed == 30
    partly = people(3).astype({"truth": object})
    partly.loc[::2, "truth"] = None
    again = report(partly)["b"]
    assert again.selection_rate.n == found.selection_rate.n
    assert again.true_positive_rate.n == (partly[partly.group == "b"]["truth"] == 1).sum()


def test_any_kind_of_data_gives_the_same():
    data = people(4)
    want = report(data).to_dict()
    assert report({name: data[name].tolist() for name in data}).to_dict() == want
    assert report(pl.DataFrame(data.to_dict("list"))).to_dict() == want
    assert report(data.astype({"group": "category"})).to_dict() == want
    batch = Batch.from_columns(
        model_version="v1", predicted_label=data["predicted"], ground_truth_label=data["truth"],
        latency_ms=1, created_at=np.datetime64("2026-01-01"), features={"group": data["group"]},
    )  # fmt: skip
    assert fairness(batch, by="group", positive=1).to_dict() == want
    assert (
        fairness(list(batch)[:500], by="group", positive=1).to_dict()
        == report(data[:500]).to_dict()
    )
    assert isinstance(batch[0], InferenceRecord)
    json.dumps(want)


def test_missing_values_and_many_segments():
    group = ["a"] * 50 + [None] * 40 + ["b", "c", "d"] * 12
    predicted = [1, 0] * 62 + [None, 1]
    data = {"group": group, "predicted": predicted}
    found = report(data, label=None, max_segments=2)
    assert list(found.segments) == ["a", "none", "other"]
    assert [segment.n for segment in found] == [50, 40, 35]
    assert found.skipped == 1
    assert "1 rows without a prediction" in repr(found)


def test_nothing_selected_and_nothing_at_all():
    never = {"group": ["a"] * 40 + ["b"] * 40, "predicted": [0] * 80}
    found = report(never, label=None)["b"]
    assert found.demographic_parity.value == 0
    assert math.isnan(found.disparate_impact.value)
    assert found.unequal == ()
    empty = report({"group": [], "predicted": []}, label=None)
    assert len(empty) == 0
    assert empty.worst("demographic_parity") is None
    assert "no records" in repr(empty)
    assert "no records" in empty._repr_html_()


def test_pages_escape_and_stay_short():
    group = [f"<b>{at:03}</b>" + "x" * 50 for at in np.arange(4000) % 80]
    found = report({"group": group, "predicted": [0, 1] * 2000}, label=None)
    page = found._repr_html_()
    assert "<b>000" not in page
    assert "&lt;b&gt;" in page
    assert "and 50 more" in page
    assert max(map(len, repr(found).splitlines())) < 260


def test_refusals():
    data = people(5, 100)
    for settings in ({"confidence": 1}, {"confidence": "x"}, {"least": 0}, {"max_segments": 0},
                     {"positive": None}, {"baseline": "z"}):  # fmt: skip
        with pytest.raises(InvalidSetting, match=next(iter(settings))):
            report(data, **settings)
    with pytest.raises(InvalidInput, match="did you mean 'group'"):
        report(data, by="groups")
    with pytest.raises(InvalidInput, match="is no table"):
        report(3)
    with pytest.raises(InvalidInput, match="differ in length"):
        report({"group": [1, 2], "predicted": [1]}, label=None)
    with pytest.raises(InvalidSetting, match="did you mean 'demographic_parity'"):
        report(data).worst("demographic")


def test_a_positive_that_is_no_class_is_refused():
    """As scikit-learn refuses a `pos_label` that is none of two labels; one alone may be all."""
    data = {"by": ["a", "b"] * 40, "p": ["no", "yes", "yes", "no"] * 20, "y": ["no", "yes"] * 40}
    for label in ("y", None):
        with pytest.raises(InvalidInput, match=r"is 'Yes', which is no prediction .* no, yes"):
            fairness(data, by="by", prediction="p", label=label, positive="Yes")
    only = data | {"p": ["no"] * 80}
    assert fairness(only, by="by", prediction="p", label="y", positive="yes").segments
    quiet = fairness(only, by="by", prediction="p", label=None, positive="yes")
    assert quiet["a"].selection_rate.value == 0.0
