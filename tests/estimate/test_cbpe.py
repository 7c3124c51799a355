import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk
from sklearn.isotonic import IsotonicRegression

from homeostat.errors import HomeostatError, InvalidInput, InvalidSetting
from homeostat.estimate import CBPE, EstimateWarning, believable
from homeostat.estimate.calibration import Identity, Isotonic, calibrated
from homeostat.estimate.expected import METRICS


def binary(rng, n, shift=0.0, power=1.0):
    score = 1 / (1 + np.exp(-rng.normal(shift, 2, n)))
    truth = (rng.random(n) < score**power).astype(int)
    return {"y": truth, "pred": (score >= 0.5).astype(int), "score": score}


def of(**options):
    return CBPE(y_true="y", y_pred="pred", y_score="score", **options)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("power", [1.0, 2.0])
def test_estimates_hold_what_labels_show_under_covariate_shift(metric, power):
    rng = np.random.default_rng(11)
    hits = total = 0
    for _ in range(8):
        cbpe = of(chunk_size=500, metrics=[metric]).fit(binary(rng, 8000, power=power))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EstimateWarning)
            table = cbpe.estimate(binary(rng, 20_000, shift=0.8, power=power))
        hits += sum(row.lower <= row.realized <= row.upper for row in table)
        total += len(table)
    assert hits / total == pytest.approx(0.95, abs=0.035)


def test_realised_metrics_equal_scikit_learns():
    rng = np.random.default_rng(12)
    data = binary(rng, 400)
    data["score"] = data["score"].round(1)  # ties
    found = {row.metric: row.realized for row in of().fit(data).estimate(data)}
    y, pred, score = data["y"], data["pred"], data["score"]
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(y, pred))
    assert found["f1"] == pytest.approx(sk.f1_score(y, pred))
    assert found["precision"] == pytest.approx(sk.precision_score(y, pred))
    assert found["recall"] == pytest.approx(sk.recall_score(y, pred))
    assert found["specificity"] == pytest.approx(sk.recall_score(y, pred, pos_label=0))
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(y, score))


@pytest.mark.parametrize("metric", METRICS)
def test_slopes_are_the_derivatives(metric):
    rng = np.random.default_rng(13)
    p, h, s = rng.random(12), rng.random(12) < 0.5, rng.random(12).round(1)
    _, slopes = METRICS[metric](p, h, s)
    for at in range(12):
        up, down = p.copy(), p.copy()
        up[at] += 1e-6
        down[at] -= 1e-6
        numeric = (METRICS[metric](up, h, s)[0] - METRICS[metric](down, h, s)[0]) / 2e-6
        assert slopes[at] == pytest.approx(numeric, abs=1e-6)


def several(rng, n, shift=0.0):
    raw = rng.normal(0, 2, (n, 3)) + np.array([shift, 0.0, 0.0])
    p = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    truth = (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    names = np.array(["ant", "bee", "cat"])
    scores = {f"p_{name}": p[:, at] for at, name in enumerate(names)}
    return pd.DataFrame({"y": names[truth], "pred": names[p.argmax(axis=1)], **scores})


def test_several_classes():
    rng = np.random.default_rng(14)
    scores = {name: f"p_{name}" for name in ("cat", "ant", "bee")}  # any order
    cbpe = CBPE(y_true="y", y_pred="pred", y_score=scores, chunk_size=1000)
    table = cbpe.fit(several(rng, 10_000)).estimate(data := several(rng, 20_000, shift=1.0))
    inside = [row.lower <= row.realized <= row.upper for row in table]
    assert np.mean(inside) > 0.88
    assert table.belief
    first = data[:1000]
    realized = {row.metric: row.realized for row in table[:6]}
    assert realized["accuracy"] == pytest.approx(sk.accuracy_score(first.y, first.pred))
    assert realized["f1"] == pytest.approx(sk.f1_score(first.y, first.pred, average="macro"))
    auc = sk.roc_auc_score(first.y, first[["p_ant", "p_bee", "p_cat"]], multi_class="ovr")
    assert realized["roc_auc"] == pytest.approx(auc)
    right = cbpe.chance_right(data)
    assert right.mean() == pytest.approx((data.y == data.pred).mean(), abs=0.02)


def test_concept_drift_is_told():
    rng = np.random.default_rng(15)
    cbpe = of(chunk_size=500).fit(binary(rng, 5000))
    with pytest.warns(EstimateWarning, match="no longer believable"):
        table = cbpe.estimate(binary(rng, 5000, power=4.0))
    assert not table.belief
    assert "no longer believable" in repr(table)


def test_belief_is_seldom_lost_by_chance():
    rng = np.random.default_rng(16)
    lost = 0
    for _ in range(40):
        cbpe = of(chunk_size=400, metrics=["accuracy"]).fit(binary(rng, 5000))
        data = binary(rng, 8000)
        data["y"] = np.where(rng.random(8000) < 0.5, data["y"], np.nan)  # half have come
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EstimateWarning)
            lost += not cbpe.estimate(data).belief
    assert lost <= 2


def test_labels_are_optional_and_may_be_partial():
    rng = np.random.default_rng(17)
    cbpe = of(chunk_size=500).fit(binary(rng, 2000))
    data = binary(rng, 1200)
    without = {name: data[name] for name in ("pred", "score")}
    table = cbpe.estimate(without)
    assert [(row.start, row.end) for row in table.of("f1")] == [(0, 500), (500, 1000), (1000, 1200)]
    assert np.isnan(table.to_dict()["realized"]).all()
    assert table.belief.checked == 0
    late = [None if at % 3 else int(label) for at, label in enumerate(data["y"])]
    partly = cbpe.estimate({**data, "y": late})
    assert partly.to_dict()["value"] == table.to_dict()["value"]
    assert partly[0].labelled == 167
    frame = pd.DataFrame({**data, "y": pd.array(late, dtype="Int64")})
    assert cbpe.estimate(frame) == partly
    assert partly != table


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_any_data_frame_will_do(library):
    frames = pytest.importorskip(library)
    data = binary(np.random.default_rng(23), 500)
    frame = frames.DataFrame(data) if library == "polars" else frames.table(data)
    assert of().fit(frame).estimate(frame) == of().fit(data).estimate(data)


def test_too_little_is_nan_with_what_is_needed():
    rng = np.random.default_rng(18)
    cbpe = of(chunk_size=20).fit(binary(rng, 500))
    row = cbpe.estimate(binary(rng, 20))[0]
    assert np.isnan([row.value, row.lower, row.upper]).all()
    assert row.needed == 30
    assert len(cbpe.estimate({"pred": [], "score": []})) == 0
    with pytest.raises(InvalidInput, match="at least 30"):
        of().fit(binary(rng, 29))


def test_rows_without_a_score_are_left_out():
    rng = np.random.default_rng(19)
    cbpe = of().fit(binary(rng, 500))
    data = binary(rng, 300)
    gaps = data["score"].copy()
    gaps[::3] = np.nan
    kept = np.isfinite(gaps)
    less = {name: values[kept] for name, values in data.items()}
    some, fewer = cbpe.estimate({**data, "score": gaps}), cbpe.estimate(less)
    assert some.to_dict()["value"] == fewer.to_dict()["value"]
    assert some[0].n == 200
    assert np.isnan(cbpe.chance_right({**data, "score": gaps})[0])
    assert np.isnan(cbpe.estimate({**data, "score": gaps * np.nan})[0].value)


def test_labels_of_other_names():
    rng = np.random.default_rng(20)
    data = binary(rng, 2000)
    words = {
        **data,
        "y": np.where(data["y"], "yes", "no"),
        "pred": np.where(data["pred"], "yes", "no"),
    }
    plain = of().fit(data).estimate(data)
    assert of(positive="yes").fit(words).estimate(words) == plain
    with pytest.raises(InvalidInput, match="positive="):
        of().fit(words)
    with pytest.raises(InvalidInput, match="none of the classes"):
        of().fit(data).estimate({**data, "pred": data["pred"] + 1})
    truths = {name: values == 1 if name != "score" else values for name, values in data.items()}
    assert of().fit(truths).estimate(truths) == plain


def test_misuse_is_explained():
    with pytest.raises(HomeostatError, match="fit"):
        of().estimate({})
    with pytest.raises(InvalidSetting, match="did you mean 'recall'"):
        of(metrics=["recal"])
    with pytest.raises(InvalidSetting, match="chunk_size"):
        of(chunk_size=0)
    with pytest.raises(InvalidInput, match="not a column"):
        of().fit({"scores": [1]})
    with pytest.raises(InvalidInput, match="not numeric"):
        of().fit({"score": ["a"] * 50, "y": [1] * 50})


def test_isotonic_equals_scikit_learns():
    rng = np.random.default_rng(21)
    scores = rng.random(3000).round(2)
    outcomes = (rng.random(3000) < scores**2).astype(float)
    at = np.append(rng.random(500), [-1, 2])
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, outcomes).predict(at)
    assert np.allclose(Isotonic().fit(scores, outcomes).predict(at), theirs, atol=1e-12)


def test_calibrates_only_where_it_helps():
    rng = np.random.default_rng(22)
    scores = rng.random(4000)
    fair = (rng.random(4000) < scores).astype(float)
    skewed = (rng.random(4000) < scores**3).astype(float)
    assert type(calibrated(scores, fair)) is Identity
    assert type(calibrated(scores, skewed)) is Isotonic
    assert type(calibrated(scores * 3 - 1, fair)) is Isotonic  # no chances at all


def test_constant_scores_and_one_class():
    data = {"y": np.ones(100), "pred": np.ones(100), "score": np.full(100, 0.7)}
    found = {row.metric: row for row in of().fit(data).estimate(data)}
    assert found["accuracy"].realized == 1
    assert found["accuracy"].value == pytest.approx(1)
    assert np.isnan(found["roc_auc"].realized)


def test_nothing_to_check_is_believable():
    belief = believable([])
    assert belief
    assert belief.evidence == 1


@pytest.mark.parametrize("wrong", [1.5, -0.2])
def test_a_score_that_is_no_probability_is_refused(wrong):
    rng = np.random.default_rng(0)
    data = {"y": rng.integers(0, 2, 100), "pred": np.ones(100, int), "score": rng.random(100)}
    model = CBPE(y_true="y", y_pred="pred", y_score="score")
    assert repr(model).endswith("roc_auc; not fitted>")
    model.fit(data | {"score": data["score"].astype(np.float32) + np.float32(1e-7)})
    assert repr(model).endswith("; fitted>")
    bad = data | {"score": np.append(data["score"][:-1], wrong)}
    for take in (model.fit, model.estimate):
        with pytest.raises(InvalidInput, match=f"row 99: score holds {wrong:g}, .* within 0 and 1"):
            take(bad)
