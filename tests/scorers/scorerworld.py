"""Records to predict from, and versions that are to predict."""

import os
from pathlib import Path

import numpy as np

from homeostat.batch import Batch
from homeostat.lifecycle import Version

SIZES = [1.0, 7.0, 3.5, 9.0, 4.9, 5.0, 0.1 + 0.2]


def batch(labels="ham", **features):
    features = features or {"size": SIZES, "kind": ["a", "b", None, "a", "b", "b", "ü"]}
    n = len(next(iter(features.values())))
    return Batch.from_columns(
        model_version="v1", predicted_label=labels, latency_ms=1, features=features,
        created_at=np.datetime64("2026-01-01") + np.arange(n) * np.timedelta64(1, "s"),
    )  # fmt: skip


def version(artifact=None, name="v2", model="mail"):
    return Version(model=model, version=name, artifact=artifact)


HAM = ["ham", "spam", "ham", "spam", "ham", "spam", "ham"]


def gone(pid):
    """Whether a process has ended; one whose parent has not looked yet is a zombie."""
    for _ in range(10_000):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        os.sched_yield()
    return False
