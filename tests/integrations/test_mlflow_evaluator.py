"""The evaluator in a real MLflow, which finds it by its entry point."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from homeostat.errors import MissingExtra

SOURCE = Path(__file__).parents[2] / "src"
_spec = importlib.util.spec_from_file_location(
    "mlflow_place", Path(__file__).parents[1] / "registries" / "mlflowplace.py"
)
mlflowplace = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(mlflowplace)

PROGRAM = """
import json, sys, warnings
warnings.simplefilter("ignore")
import numpy as np, pandas as pd, mlflow
import homeostat as hs

folder = sys.argv[1]
mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
mlflow.create_experiment("gate", artifact_location=f"file://{folder}/artifacts")
mlflow.set_experiment("gate")

def table(seed, shift=0.0, n=1200):
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.5
    return pd.DataFrame({"age": rng.normal(40 + shift, 10, n), "debt%": rng.normal(0, 1, n),
                         "good": truth ^ (rng.random(n) < 0.05),
                         "bad": truth ^ (rng.random(n) < 0.30), "truth": truth})

hs.Reference.fit({k: table(0)[k].to_numpy() for k in ("age", "debt%")}).save(f"{folder}/train.ref")

def evaluated(data, **config):
    said = config.pop("said", "good")
    features = data[["age", "debt%", "truth", said]]
    with mlflow.start_run() as run:
        found = mlflow.models.evaluate(
            data=features, targets="truth", predictions=said,
            model_type=config.pop("type", "classifier"),
            evaluators="homeostat", evaluator_config=config,
        )
    logged = mlflow.get_run(run.info.run_id).data.metrics
    assert logged == found.metrics, (logged, found.metrics)
    pages = [each.path for each in mlflow.MlflowClient().list_artifacts(run.info.run_id)]
    page = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/homeostat.html") if pages else ""
    return {"metrics": found.metrics, "pages": pages, "drift_in_page": "not distributed" in page}

told = {
    "same": evaluated(table(1), reference=f"{folder}/train.ref"),
    "moved": evaluated(table(2, shift=8.0), reference=f"{folder}/train.ref", report=False),
    "better": evaluated(table(3), champion=table(3)["bad"]),
    "worse": evaluated(table(3), said="bad", champion=table(3)["good"].to_numpy()),
    "number": evaluated(
        table(3).assign(truth=lambda t: t["age"] + 1.0, good=lambda t: t["age"] + 1.1),
        type="regressor", champion=table(3)["age"] + 9.0,
    ),
}
wrong = {"unknown": {"referense": 1, "champion": [1]}, "short": {"champion": [True]}}
for name, config in wrong.items():
    try:
        evaluated(table(1), **config)
    except Exception as error:
        told[name] = f"{type(error).__name__}: {error}"
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    if not mlflowplace.found():
        pytest.skip(mlflowplace.ABSENT)
    folder = tmp_path_factory.mktemp("mlflow")
    info = folder / "site" / "homeostat-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: homeostat\nVersion: 0\n")
    (info / "entry_points.txt").write_text(
        "[mlflow.model_evaluator]\nhomeostat = homeostat.integrations.mlflow:Evaluator\n"
    )
    paths = f"{SOURCE}:{folder / 'site'}"
    return json.loads(mlflowplace.run(PROGRAM, folder, PYTHONPATH=paths).splitlines()[-1])


def test_data_like_the_reference(told):
    assert told["same"]["metrics"] == {
        "homeostat/drift": 0, "homeostat/drifted_columns": 0, "homeostat/columns": 2,
    }  # fmt: skip
    assert told["same"]["pages"] == ["homeostat.html"]
    assert not told["same"]["drift_in_page"]


def test_data_that_moved(told):
    metrics = told["moved"]["metrics"]
    assert metrics["homeostat/drift"] == 1
    assert metrics["homeostat/drifted_columns"] == 1
    assert metrics["homeostat/effect/age"] > 0.2
    assert told["moved"]["pages"] == []


def test_a_model_that_is_better_than_the_champion_and_one_that_is_worse(told):
    better, worse = told["better"]["metrics"], told["worse"]["metrics"]
    assert (better["homeostat/promoted"], better["homeostat/rejected"]) == (1, 0)
    assert (worse["homeostat/promoted"], worse["homeostat/rejected"]) == (0, 1)
    assert better["homeostat/difference_lower"] > 0 > worse["homeostat/difference_upper"]


def test_a_regressor(told):
    assert told["number"]["metrics"]["homeostat/promoted"] == 1


def test_what_is_wrong_is_told(told):
    assert "did you mean 'reference'" in told["unknown"]
    assert "champion has 1 rows, the data 1200" in told["short"]


def test_without_mlflow_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.delitem(sys.modules, "homeostat.integrations.mlflow", raising=False)
    with pytest.raises(MissingExtra, match=r"homeostat\[mlflow\]"):
        import homeostat.integrations.mlflow  # noqa: F401
