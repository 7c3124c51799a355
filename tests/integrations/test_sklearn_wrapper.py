import pickle
import sys

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import homeostat as hs
from homeostat.errors import MissingExtra
from homeostat.integrations.sklearn import Monitored


def rows(seed=0, n=500, shift=0.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    x[:, 0] += shift
    return x, x[:, 0] + x[:, 1] > 0


@pytest.mark.parametrize("inner", [LogisticRegression, LinearRegression], ids=lambda c: c.__name__)
def test_it_passes_the_checks_of_scikit_learn(inner):
    found = check_estimator(Monitored(inner()), on_fail=None, on_skip=None)
    failed = {each["check_name"]: each["exception"] for each in found if each["status"] == "failed"}
    assert failed == {}
    assert sum(each["status"] == "passed" for each in found) > 40


def test_the_answer_is_that_of_the_estimator():
    x, y = rows()
    plain, watched = LogisticRegression().fit(x, y), Monitored(LogisticRegression()).fit(x, y)
    for method in ("predict", "predict_proba", "decision_function", "predict_log_proba"):
        assert np.array_equal(getattr(plain, method)(x), getattr(watched, method)(x))
    assert watched.score(x, y) == plain.score(x, y)
    assert is_classifier(watched)
    assert is_regressor(Monitored(LinearRegression()))
    assert not hasattr(Monitored(LinearRegression()), "predict_proba")
    assert hasattr(Monitored(KMeans()), "transform")


def test_it_tells_drift_of_what_it_predicts_on():
    x, y = rows()
    watched = Monitored(LogisticRegression()).fit(x, y)
    watched.predict(rows(1)[0])
    assert not watched.drift().drift
    watched.forget().predict(rows(2, shift=1.0)[0])
    assert watched.drift().drifted == ("x0",)
    assert watched.profile_.rows == 500


def test_a_data_frame_keeps_its_names():
    import pandas as pd

    x, y = rows()
    table = pd.DataFrame(x, columns=["a", "b", "c"])
    watched = Monitored(make_pipeline(StandardScaler(), LogisticRegression())).fit(table, y)
    watched.predict(table)
    assert list(watched.reference_) == ["a", "b", "c"]
    assert watched.feature_names_in_.tolist() == ["a", "b", "c"]


def test_a_monitor_gets_records():
    x, y = rows()
    monitor = hs.ModelMonitor()
    watched = Monitored(LogisticRegression(), monitor=monitor, model="m", model_version="3")
    heard = monitor.subscribe(hs.MetricUpdated)
    watched.fit(x, y).predict(x[:10])
    assert monitor.engine.records == 10
    event = heard.try_recv()
    assert event.model_version == "3"
    assert event.value > 0  # a latency: there are no labels yet


class Broken:
    def observe_batch(self, batch):
        raise RuntimeError("the disk is full")


def test_predict_never_fails_because_of_the_watching():
    x, y = rows()
    watched = Monitored(LogisticRegression(), monitor=Broken()).fit(x, y)
    assert len(watched.predict(x)) == 500
    assert (watched.problems_, watched.problem_) == (1, "RuntimeError: the disk is full")


def test_clones_have_the_same_parameters_and_share_the_monitor():
    monitor = hs.ModelMonitor()
    first = Monitored(LogisticRegression(C=3.0), monitor=monitor, model="m")
    other = clone(first.fit(*rows()))
    assert not hasattr(other, "estimator_")
    assert other.monitor is monitor
    assert other.get_params()["estimator__C"] == 3.0
    assert other.set_params(estimator__C=2.0).estimator.C == 2.0
    assert first.estimator.C == 3.0


def test_it_can_be_searched_scored_and_pickled():
    x, y = rows()
    search = GridSearchCV(Monitored(LogisticRegression()), {"estimator__C": [0.1, 1.0]}, cv=3)
    assert search.fit(x, y).best_score_ > 0.9
    assert cross_val_score(Monitored(LogisticRegression()), x, y, cv=3).min() > 0.9
    watched = Monitored(LogisticRegression(), monitor=hs.ModelMonitor()).fit(x, y)
    watched.predict(x)
    again = pickle.loads(pickle.dumps(watched))
    assert again.monitor is None
    assert np.array_equal(again.predict(x), watched.predict(x))
    assert again.profile_.rows == 1000


def test_nothing_is_told_before_it_is_fitted():
    with pytest.raises(NotFittedError):
        Monitored(LogisticRegression()).predict(rows()[0])
    with pytest.raises(NotFittedError):
        Monitored(LogisticRegression()).drift()


def test_without_scikit_learn_the_error_names_the_extra(monkeypatch):
    monkeypatch.delitem(sys.modules, "homeostat.integrations.sklearn")
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(MissingExtra, match=r"homeostat\[learn\]"):
        import homeostat.integrations.sklearn  # noqa: F401
