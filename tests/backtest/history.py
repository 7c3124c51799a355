"""A small history whose concept turns round, and trainers for it."""

import numpy as np

from homeostat.batch import Batch

TURNS = 1500
"""The record at which the relation between `x` and the label turns round."""


def history(n=3000, seed=3, labelled=1.0):
    """One feature; the label is "a" where it is above 0, and after the turn where it is below."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    above = (x > 0) ^ (np.arange(n) >= TURNS)
    truth = np.where(above, "a", "b").astype(object)
    truth[rng.random(n) >= labelled] = None
    return Batch.from_columns(
        model_version="v1",
        predicted_label=np.where(x > 0, "a", "b"),
        ground_truth_label=truth,
        latency_ms=1.0,
        created_at=np.datetime64("2026-01-01", "us") + np.arange(n) * 60_000_000,
        features={"x": x},
    )


class Side:
    """Learns on which side of 0 most of the "a" are."""

    def __init__(self, batch):
        right = (batch.features["x"] > 0) == (np.asarray(batch.ground_truth_label) == "a")
        self.above = right.mean() >= 0.5

    def predict(self, columns):
        return np.where((columns["x"] > 0) == self.above, "a", "b")


def broken(batch):
    """Fails at everything but the first training."""
    if batch.created_at[0] > history(1).created_at[0]:
        raise RuntimeError("out of memory")
    return Side(batch)


class Mute:
    """A model that gives fewer labels than records."""

    def __init__(self, batch):
        pass

    def predict(self, columns):
        return columns["x"][:1] > 0
