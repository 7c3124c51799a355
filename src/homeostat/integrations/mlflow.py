"""An evaluator for `mlflow.models.evaluate`: drift against a reference, and champion or challenger.

MLflow finds it by its entry point, under the name `homeostat`, and asks it only where its
configuration names a `reference` or a `champion`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from homeostat.comparison import Comparison, compare
from homeostat.decision import Decision, decide
from homeostat.errors import ConfigError, InvalidInput, MissingExtra, did_you_mean
from homeostat.reference import Reference
from homeostat.reference.table import table_of

try:
    import mlflow
    from mlflow.models.evaluation.base import EvaluationResult, ModelEvaluator
except ImportError as error:
    raise MissingExtra("mlflow", "mlflow", "The evaluator of MLflow") from error

_SETTINGS = ("reference", "champion", "alpha", "margin", "report")
PAGE = "homeostat.html"


class Evaluator(ModelEvaluator):  # type: ignore[misc]  # MLflow has no types here
    """Logs metrics, and the report as an artifact `homeostat.html`, to the run.

    evaluator_config: `reference`, the path of a saved Reference, of a Parquet or CSV file, or any
    table that `homeostat.compare` takes; `champion`, the champion's predictions on the same rows;
    `alpha` (0.01 for drift, 0.05 for the decision) and `margin` as in `homeostat.decide`;
    `report=False` logs no page.

    Metrics: `homeostat/drift` (0 or 1), `homeostat/drifted_columns`, `homeostat/columns`, and
    `homeostat/effect/NAME` of those that drifted; with a champion `homeostat/promoted` and
    `homeostat/rejected` (0 or 1), `homeostat/difference` of the mean losses (above 0: the model is
    better) with `homeostat/difference_lower` and `_upper`, which hold at all times. Losses are 0
    and 1 for classes, absolute errors cut to the spread of the labels for a regressor.

    Raises ConfigError for an unknown setting, InvalidInput for tables that cannot be compared.
    """

    name = "homeostat"

    @classmethod
    def can_evaluate(cls, *, model_type: str, evaluator_config: Any, **_: Any) -> bool:
        """Where it is told what to compare with."""
        return any((evaluator_config or {}).get(name) is not None for name in _SETTINGS[:2])

    def evaluate(
        self, *, model_type: str, dataset: Any, run_id: str, evaluator_config: Any,
        model: Any = None, predictions: Any = None, **_: Any,
    ) -> Any:  # fmt: skip
        """Compare, decide, and log both."""
        config = _checked(evaluator_config or {})
        features = _table(dataset)
        metrics: dict[str, float] = {}
        if config.get("reference") is not None:
            reference = _reference(config["reference"])
            known = reference if isinstance(reference, Reference) else table_of(reference).names
            columns = [name for name in features if name in set(known)]
            found = compare(reference, features, alpha=config.get("alpha", 0.01), columns=columns)
            metrics |= _of_drift(found)
            if config.get("report", True):
                _log_page(found, reference, len(dataset.features_data), run_id)
        if config.get("champion") is not None:
            said = (
                dataset.predictions_data if model is None else model.predict(dataset.features_data)
            )
            metrics |= _of_decision(_decided(dataset, np.asarray(said).ravel(), model_type, config))
        client = mlflow.MlflowClient()
        for key, value in metrics.items():
            client.log_metric(run_id, key, value)
        return EvaluationResult(metrics=metrics, artifacts={})


def _checked(config: dict[str, Any]) -> dict[str, Any]:
    for name in config:
        if name not in _SETTINGS:
            raise ConfigError(
                f"evaluator_config: {name!r} is unknown; {did_you_mean(name, _SETTINGS)}"
            )
    return config


def _reference(given: Any) -> Any:
    """A saved reference, or a table: what is at a path, or was given itself."""
    if not isinstance(given, str | Path):
        return given
    if str(given).endswith((".parquet", ".csv")):
        table = table_of(str(given))
        return {name: table.array(name) for name in table.names}
    return Reference.load(given)


def _table(dataset: Any) -> dict[str, Any]:
    data = dataset.features_data
    if hasattr(data, "columns"):
        return {str(name): data[name].to_numpy() for name in data.columns}
    return dict(zip(map(str, dataset.feature_names), np.asarray(data).T, strict=True))


def _of_drift(found: Comparison) -> dict[str, float]:
    told = {
        "homeostat/drift": float(found.drift),
        "homeostat/drifted_columns": float(len(found.drifted)),
        "homeostat/columns": float(len(found)),
    }
    effects = {name: found[name].effect for name in found.drifted}
    return told | {f"homeostat/effect/{_key(n)}": e for n, e in effects.items() if e == e}


def _key(name: str) -> str:
    """A column's name of the characters that MLflow takes in a metric's."""
    return "".join(each if each.isalnum() or each in "_-. " else "_" for each in name)[:120]


def _decided(dataset: Any, said: Any, model_type: str, config: dict[str, Any]) -> Decision:
    truth, champion = (np.asarray(x).ravel() for x in (dataset.labels_data, config["champion"]))
    if len(champion) != len(truth):
        hint = "give the champion's predictions on the same rows"
        raise InvalidInput("champion", f"has {len(champion)} rows, the data {len(truth)}", hint)
    alpha, margin = config.get("alpha", 0.05), config.get("margin", 0.0)
    if model_type != "regressor":
        return decide(champion != truth, said != truth, alpha=alpha, margin=margin)
    spread = float(np.nanmax(truth) - np.nanmin(truth)) or 1.0
    old, new = (np.abs(x - truth) for x in (champion, said))
    return decide(old, new, alpha=alpha, margin=margin, bound=spread)


def _of_decision(found: Decision) -> dict[str, float]:
    told = found.evidence()
    metrics = {
        "homeostat/promoted": float(told["verdict"] == "promoted"),
        "homeostat/rejected": float(told["verdict"] == "rejected"),
        "homeostat/difference": told["difference"],
        "homeostat/difference_lower": told["lower"],
        "homeostat/difference_upper": told["upper"],
    }
    return {name: value for name, value in metrics.items() if value is not None}


def _log_page(found: Comparison, reference: Any, rows: int, run_id: str) -> None:
    from homeostat.report.tables import Tables, report

    known = (
        reference.rows if isinstance(reference, Reference) else len(next(iter(reference.values())))
    )
    page = report(Tables(("reference", "data"), (known, rows), found, None), datetime.now(UTC))
    mlflow.MlflowClient().log_text(run_id, page, PAGE)
