"""What a user brings to the loop: how the model of the flights is trained, and how it predicts.

`train` is the trainer's, `predict` the scorer's; both are told where things are, and know nothing
of the service. An artifact is a folder with the fitted models. The version that served before the
service was there has none; the variable FLIGHTS_FIRST says where it is.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

import joblib
import numpy as np
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingClassifier

CATEGORICAL = (0, 1, 2)
NEW = ""


def features(columns) -> np.ndarray:
    names = sorted(columns, key=lambda name: int(name.rpartition("f")[2]))
    return np.column_stack([np.asarray(columns[name], dtype=np.float64) for name in names])


class Blend:
    """The mean of what several fitted models hold for probable."""

    def __init__(self, models) -> None:
        self.models = models

    def predict(self, values: np.ndarray) -> np.ndarray:
        share = sum(model.predict_proba(values)[:, 1] for model in self.models)
        return self.models[0].classes_[(share > len(self.models) / 2).astype(int)]


def blended(values: np.ndarray, truth: np.ndarray, age: np.ndarray, windows) -> Blend:
    """A model of each window: of the records that are at most so many days old."""
    ages = [age <= window for window in windows]
    return Blend([fitted(values[rows], truth[rows]) for rows in ages])


def fitted(values: np.ndarray, truth: np.ndarray):
    model = HistGradientBoostingClassifier(
        max_iter=40, max_leaf_nodes=8, min_samples_leaf=100, categorical_features=list(CATEGORICAL),
        early_stopping=False, random_state=0,
    )  # fmt: skip
    return model.fit(values, truth)


def keep(model: Blend, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model.models, folder / "models.joblib")


@cache
def load(artifact: str | None) -> Blend:
    return Blend(joblib.load(Path(artifact or os.environ["FLIGHTS_FIRST"]) / "models.joblib"))


def predict(artifact: str | None, columns) -> list[str]:
    return load(artifact).predict(features(columns)).tolist()


def train(order) -> dict:
    """What is best on the latest records goes forward: a new model, or one that served before.

    In the same season or weather an earlier version may be right again; then it is named, and
    nothing is made.
    """
    table = pq.read_table(order["data"])
    names = [name for name in table.column_names if name.startswith("features.")]
    values = features({name: table[name].to_numpy() for name in names})
    truth = np.array(table["ground_truth_label"].to_pylist())
    made = table["created_at"].to_numpy().astype("datetime64[s]")
    age = (made.max() - made) / np.timedelta64(1, "D")
    windows, recent = (order["parameters"][name] for name in ("windows", "recent"))
    if recent:
        new = blended(values[:-recent], truth[:-recent], age[:-recent], windows)
        scores = scored(order, new, values[-recent:], truth[-recent:])
        print(json.dumps(scores))
        best = max(scores, key=lambda name: scores[name])
        if best != NEW:
            return {"version": best, "metrics": {"recent_accuracy": scores[best]}}
    keep(blended(values, truth, age, windows), Path(order["folder"]) / "model")
    return {"artifact": "model"}


def scored(order, new: Blend, values: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """How often a new model, and each earlier one, is right."""
    earlier = {"january": None, **order["versions"]}
    models = {NEW: new, **{n: load(at) for n, at in earlier.items() if n != order["base"]}}
    return {name: float((model.predict(values) == truth).mean()) for name, model in models.items()}


def main() -> None:
    """As a command: the order is a file, the result another."""
    order = json.loads(Path(os.environ["HOMEOSTAT_ORDER"]).read_text())
    Path(os.environ["HOMEOSTAT_RESULT"]).write_text(json.dumps(train(order)))


if __name__ == "__main__":
    main()
