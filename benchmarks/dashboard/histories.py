"""A history for a backtest: records whose truth turns twice, and a trainer for them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

N = 12_000
TURNS = ((0, 0.0), (4_000, 1.2), (8_000, -0.6))  # from which record on the truth begins where
START = datetime(2026, 1, 1, tzinfo=UTC)

CONFIG = """
[[metrics]]
type = "accuracy"
window = 500

[[detectors]]
type = "adwin"
on = "error"

[backtest]
retraining_cost = 100
error_cost = 1
window = 600
trainer = "histories:Threshold"

[strategies.drift]
type = "drift"
cooldown = "6h"

[strategies.ddm]
type = "drift"
detectors = [{ type = "ddm", on = "error" }]

[strategies.accuracy]
type = "threshold"
threshold = 0.8
hold = 300
"""


class Threshold:
    """The threshold on the signal that was right most often."""

    def __init__(self, batch: Any) -> None:
        signal = batch.features["signal"].astype(float)
        truth = batch.ground_truth_label.astype(str) == "yes"
        tried = np.linspace(-3.0, 3.0, 121)
        right = [((signal > threshold) == truth).mean() for threshold in tried]
        self.threshold = tried[int(np.argmax(right))]

    def predict(self, columns: Any) -> Any:
        return np.where(columns["signal"].astype(float) > self.threshold, "yes", "no")


def write(folder: Path) -> None:
    """`history.jsonl` and `backtest.toml`."""
    rng = np.random.default_rng(3)
    truths = np.zeros(N)
    for at, threshold in TURNS:
        truths[at:] = threshold
    with (folder / "history.jsonl").open("w") as file:
        for k, signal in enumerate(rng.normal(size=N)):
            noise = 0.4 * rng.normal()
            record = {
                "record_id": f"h{k}", "model_version": "v1", "latency_ms": 5.0,
                "created_at": (START + timedelta(minutes=k)).isoformat(),
                "predicted_label": "yes" if signal > 0 else "no",
                "ground_truth_label": "yes" if signal + noise > truths[k] else "no",
                "features": {"signal": float(signal)},
            }  # fmt: skip
            file.write(json.dumps(record) + "\n")
    (folder / "backtest.toml").write_text(CONFIG)
