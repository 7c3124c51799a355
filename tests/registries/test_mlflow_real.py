"""A real MLflow server: the registry, the double that stands for it, and the scorer `mlflow`.

One test, so that one server is started.
"""

import mlflowplace
import numpy as np
import pytest
from mlflowdouble import Double
from scenes import WANTED, play, state, version

from homeostat.batch import Batch
from homeostat.errors import InvalidInput, MissingExtra
from homeostat.lifecycle import CHAMPION
from homeostat.registries import registries_of
from homeostat.registries.mlflow import MovedByHand
from homeostat.registries.rest import RegistryRefused
from homeostat.scorers import ScorerFailed, scorer_of
from homeostat.testing import registry_laws, scorer_laws

MODEL = """
import sys
import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature

class Size(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        assert model_input["count"].dtype.kind == "i", model_input.dtypes
        return np.where(model_input["size"] + model_input["count"] < 5, "ham", "spam")

given = pd.DataFrame({"size": [1.0, 2.0], "count": [1, 2]})
signature = infer_signature(given, np.array(["ham", "spam"]))
if sys.argv[1] == "save":
    mlflow.pyfunc.save_model(sys.argv[2], python_model=Size(), signature=signature)
else:
    with mlflow.start_run():
        mlflow.pyfunc.log_model(name="model", python_model=Size(), signature=signature,
                                registered_model_name="mail")
"""

pytestmark = pytest.mark.skipif(not mlflowplace.found(), reason=mlflowplace.ABSENT)


def registry_at(url, **settings):
    table = {"type": "mlflow", "url": url, "allow_http": True, "allow_private": True}
    return registries_of([{**table, **settings}])[0]


def batch(count=(1.0, 1.0, 2.0, 7.0)):
    n = len(count)
    return Batch.from_columns(
        model_version="1", predicted_label="ham", latency_ms=1,
        created_at=np.datetime64("2026-01-01") + np.arange(n) * np.timedelta64(1, "s"),
        features={"size": [1.0, 4.5, 2.5, 0.0][:n], "count": list(count)},
    )  # fmt: skip


def test_a_real_server(tmp_path):
    with mlflowplace.serving(tmp_path) as url:
        registry = registry_at(url)
        assert play(registry, "churn") == 0
        assert state(registry, "churn") == WANTED
        for law in registry_laws(registry):
            law()
        by_hand(registry)
        same_as_the_double(registry)
        a_model_that_was_logged(url, registry)


def by_hand(registry):
    registry._server.point("churn", CHAMPION, "3")
    with pytest.raises(MovedByHand, match="names 3, and homeostat had it name 1"):
        registry.point("churn", CHAMPION, "second")


def same_as_the_double(registry):
    """What they refuse, they refuse alike."""
    double = Double()
    try:
        found = [refusals(each._server) for each in (registry, registry_at(double.url))]
    finally:
        double.close()
    assert found[0] == found[1]
    assert [code for code in found[0] if code is not None] == [
        "INVALID_PARAMETER_VALUE", *["RESOURCE_DOES_NOT_EXIST"] * 2, "RESOURCE_ALREADY_EXISTS",
        "RESOURCE_DOES_NOT_EXIST",
    ]  # fmt: skip


def refusals(server):
    """What a server answers to each of some calls: MLflow's word, or None."""
    calls = [
        lambda: server.create("a/b"),
        lambda: server.tag("none", "a", "b"),
        lambda: server.point("none", "a", "1"),
        lambda: server._call("POST", "registered-models/create", {"name": "two"}),
        lambda: server._call("POST", "registered-models/create", {"name": "two"}),
        lambda: server.point("two", "a", "1"),
        lambda: server.point("two", "a", None),
        lambda: server.registered("none"),
        lambda: server.numbered("two", "1"),
        lambda: server.tagged("two", "homeostat.version", "x"),
    ]
    return [code_of(call) for call in calls]


def code_of(call):
    try:
        call()
    except RegistryRefused as error:
        return error.code
    return None


def a_model_that_was_logged(url, registry):
    """The trainer has registered it; it is found, named, and predicts."""
    mlflowplace.run(MODEL, "log", MLFLOW_TRACKING_URI=url)
    logged = version("mail", "mail-7", "models:/mail/1", job="mail-7")
    registry.register(logged)
    registry.point("mail", CHAMPION, "mail-7")
    assert registry.pointed("mail", CHAMPION) == "mail-7"
    scorer = scorer_of({"type": "mlflow", "tracking_uri": url, "python": str(mlflowplace.PYTHON)})
    try:
        found = scorer.predict(logged, batch())
        assert found.labels == ["ham", "spam", "ham", "spam"]
        assert scorer.predict(version("mail", "1"), batch()).labels == found.labels  # by `uri`
        with pytest.raises(ScorerFailed, match=r"RESOURCE_DOES_NOT_EXIST: .*name=mail, version=99"):
            scorer.predict(version("mail", "99"), batch())
        for law in scorer_laws(scorer, logged, batch()):
            law()
    finally:
        scorer.close()


def test_a_model_in_a_folder(tmp_path):
    mlflowplace.run(MODEL, "save", tmp_path / "model")
    scorer = scorer_of({"type": "mlflow", "python": str(mlflowplace.PYTHON)})
    try:
        saved = version("mail", "mail-8", str(tmp_path / "model"))
        assert scorer.predict(saved, batch()).labels == ["ham", "spam", "ham", "spam"]
        with pytest.raises(ScorerFailed, match=r"raised MlflowException: .*count"):
            scorer.predict(saved, batch(count=(1.5, 1.0)))  # no whole number
        with pytest.raises(ScorerFailed, match=r"raised MlflowException: .*count"):
            scorer.predict(saved, batch(count=(1.0, float("nan"))))
        numbers = scorer_of({"type": "mlflow", "python": str(mlflowplace.PYTHON),
                             "features": ["sizes"]})  # fmt: skip
        with pytest.raises(InvalidInput, match=r"features\.sizes is not in the records"):
            numbers.predict(saved, batch())
    finally:
        scorer.close()
    with pytest.raises(ScorerFailed, match="cannot start /no/python"):
        scorer_of({"type": "mlflow", "python": "/no/python"}).predict(saved, batch())


def test_without_mlflow(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r'pip install "homeostat\[mlflow\]"'):
        scorer_of({"type": "mlflow"}).predict(version("mail", "1"), batch())
