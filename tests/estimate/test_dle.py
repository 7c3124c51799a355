import warnings

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from homeostat.errors import HomeostatError, InvalidInput, InvalidSetting, MissingExtra
from homeostat.estimate import DLE, EstimateWarning


class Cells:
    """The mean loss in ten cells of the first feature: a model small enough for a test."""

    def fit(self, x, y):
        self.edges = np.quantile(x[:, 0], np.arange(1, 10) / 10)
        at = np.searchsorted(self.edges, x[:, 0])
        total = np.bincount(at, weights=y, minlength=10)
        self.means = total / np.maximum(np.bincount(at, minlength=10), 1)

    def predict(self, x):
        return self.means[np.searchsorted(self.edges, x[:, 0])]


def houses(rng, n, high=1.0, noise=1.0):
    size = rng.uniform(0, high, n)
    truth = 10 + 5 * size + rng.normal(size=n) * (0.2 + size) * noise
    return pd.DataFrame({"size": size, "pred": 10 + 5 * size, "y": truth})


def of(**options):
    options = {"model": Cells, "features": ["size"], **options}
    return DLE(y_pred="pred", y_true="y", **options)


def test_estimates_follow_a_covariate_shift():
    rng = np.random.default_rng(31)
    dle = of(chunk_size=500, metrics=["mae", "mse", "rmse", "mape", "msle", "rmsle"])
    dle.fit(houses(rng, 8000))
    data = houses(rng, 15_000, high=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimateWarning)
        table = dle.estimate(data)
    inside = np.mean([row.lower <= row.realized <= row.upper for row in table])
    assert inside > 0.88
    first = {row.metric: row for row in table[:6]}
    error = (data.y - data.pred)[:500]
    assert first["mae"].realized == pytest.approx(error.abs().mean())
    assert first["rmse"].realized == pytest.approx((error**2).mean() ** 0.5)
    assert first["mape"].realized == pytest.approx((error / data.y[:500]).abs().mean())
    assert first["rmse"].value ** 2 == pytest.approx(first["mse"].value)


def test_scikit_learn_is_the_default():
    rng = np.random.default_rng(32)
    data = houses(rng, 1000)
    data["kind"] = np.where(data["size"] > 0.5, "big", None)
    with threadpool_limits(1):  # threads of several test processes would wait for each other
        dle = of(model=None, features=["size", "kind"], metrics=["mae"]).fit(data)
    later = houses(rng, 1000, high=0.5)
    later["kind"] = "new"
    with threadpool_limits(1):
        row = dle.estimate(later)[0]
    assert row.lower <= row.realized <= row.upper


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.ensemble", None)
    with pytest.raises(MissingExtra, match="scikit-learn"):
        of(model=None).fit(houses(np.random.default_rng(33), 100))


def test_concept_drift_is_told():
    rng = np.random.default_rng(34)
    dle = of(model=Cells(), chunk_size=500).fit(houses(rng, 4000))
    with pytest.warns(EstimateWarning):
        assert not dle.estimate(houses(rng, 4000, noise=2.0)).belief


def test_gaps_and_too_little():
    rng = np.random.default_rng(35)
    dle = of(chunk_size=100).fit(houses(rng, 400))
    data = houses(rng, 120)
    data.loc[::2, "y"] = np.nan
    data.loc[:9, "pred"] = np.nan
    table = dle.estimate(data)
    assert (table[0].n, table[0].labelled) == (90, 45)
    assert np.isnan(table[3].value)
    assert table[3].needed == 30
    assert np.isnan(dle.estimate(data.drop(columns="y"))[0].realized)
    assert len(dle.estimate({"pred": [], "size": []})) == 0


def test_misuse_is_explained():
    with pytest.raises(HomeostatError, match="fit"):
        of().estimate({})
    with pytest.raises(InvalidSetting, match="did you mean 'rmse'"):
        of(metrics=["rms"])
    with pytest.raises(InvalidInput, match="at least 30"):
        of().fit(houses(np.random.default_rng(36), 20))
