import numpy as np
import pandas as pd
import pytest

from homeostat.errors import HomeostatError
from homeostat.estimate import ATC


def binary(rng, n, shift=0.0, digits=8):
    score = (1 / (1 + np.exp(-rng.normal(shift, 2, n)))).round(digits)
    truth = (rng.random(n) < score).astype(int)
    return {"y": truth, "pred": (score >= 0.5).astype(int), "score": score}


def of(**options):
    return ATC(y_true="y", y_pred="pred", y_score="score", **options)


@pytest.mark.parametrize("digits", [1, 8])
def test_on_the_reference_it_is_the_accuracy(digits):
    data = binary(np.random.default_rng(41), 2000, digits=digits)
    row = of().fit(data).estimate(data)[0]
    assert row.value == pytest.approx(row.realized)


def test_it_follows_a_covariate_shift():
    rng = np.random.default_rng(42)
    table = of(chunk_size=500).fit(binary(rng, 8000)).estimate(binary(rng, 10_000, shift=0.7))
    inside = [row.lower <= row.realized <= row.upper for row in table]
    assert np.mean(inside) >= 0.85
    frame = pd.DataFrame(binary(rng, 100))
    assert np.isnan(of().fit(binary(rng, 100)).estimate(frame.drop(columns="y"))[0].realized)


def test_several_classes_and_extremes():
    rng = np.random.default_rng(43)
    data = binary(rng, 300)
    both = {**data, "other": 1 - data["score"]}
    several = ATC(y_true="y", y_pred="pred", y_score={0: "other", 1: "score"})
    assert several.fit(both).estimate(both) == of().fit(data).estimate(data)
    for right in (True, False):
        sure = {**data, "y": data["pred"] if right else 1 - data["pred"]}
        row = of().fit(sure).estimate(sure)[0]
        assert row.value == right
        assert row.upper > row.lower


def test_misuse_and_too_little():
    rng = np.random.default_rng(44)
    with pytest.raises(HomeostatError, match="fit"):
        of().estimate({})
    row = of().fit(binary(rng, 100)).estimate(binary(rng, 10))[0]
    assert np.isnan(row.value)
    assert row.needed == 30
