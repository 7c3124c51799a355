"""What a user brings to the loop: how the model of the flights is trained, and how it predicts.

`train` is the trainer's, `predict` the scorer's; both are told where things are, and know nothing
of the service. An artifact is a folder with the fitted model.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import joblib
import numpy as np
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingClassifier

CATEGORICAL = (0, 1, 2)
N_FEATURES = 15


def features(columns) -> np.ndarray:
    names = sorted(columns, key=lambda name: int(name.rpartition("f")[2]))
    return np.column_stack([np.asarray(columns[name], dtype=np.float64) for name in names])


def fitted(values: np.ndarray, truth: np.ndarray):
    model = HistGradientBoostingClassifier(
        max_iter=40, max_leaf_nodes=8, min_samples_leaf=100, categorical_features=list(CATEGORICAL),
        early_stopping=False, random_state=0,
    )  # fmt: skip
    return model.fit(values, truth)


def keep(model, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / "model.joblib")


def load(artifact: str):
    return joblib.load(Path(artifact) / "model.joblib")


def predict(artifact: str, columns) -> list[str]:
    return load(artifact).predict(features(columns)).tolist()


def train(order) -> dict:
    """Fit to all but the latest records; on those, the best of what there is goes forward.

    A version that served before may be right again, in the same season or weather: then nothing new
    is needed, and it is named.
    """
    table = pq.read_table(order["data"]).to_pydict()
    values = features({k: v for k, v in table.items() if k.startswith("features.")})
    truth = np.array(table["ground_truth_label"])
    recent = min(int(order.get("parameters", {}).get("recent", 2000)), len(truth) // 3)
    model = fitted(values[:-recent], truth[:-recent])
    held, known = values[-recent:], truth[-recent:]
    scores = {"": float((model.predict(held) == known).mean())}
    for version, artifact in order.get("versions", {}).items():
        if artifact and version != order["base"]:
            scores[version] = float((load(artifact).predict(held) == known).mean())
    best = max(scores, key=lambda name: scores[name])
    print(json.dumps({"scores": {name or "new": round(s, 4) for name, s in scores.items()}}))
    if best:
        return {"version": best, "metrics": {"recent_accuracy": scores[best]}}
    keep(fitted(values, truth), Path(order["folder"]) / "model")
    return {"artifact": "model", "metrics": {"recent_accuracy": scores[""]}}


def main() -> None:
    """As a command: the order is a file, the result another."""
    order = json.loads(Path(os.environ["HOMEOSTAT_ORDER"]).read_text())
    Path(os.environ["HOMEOSTAT_RESULT"]).write_text(json.dumps(train(order)))


if __name__ == "__main__":
    main()
