"""All that computes, each as a call that answers with bytes. Run as a script: a digest of each."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from samples import answers, batch, errors, people

import homeostat as hs
from homeostat.comparison import TESTS
from homeostat.plugins import TABLE, build
from homeostat.state import to_bytes

SOURCES: dict[str, dict[str, Any]] = {
    "error_rate": {"baseline": 0.1, "n": 2000, "budget": "1 per 1000 records"},
    "harmful_shift": {"source": 0.1, "source_upper": 0.12},
    "e_detector": {"baseline": 0.1},
}
"""What detectors must know of the source; the others need no settings.

A generous budget has a threshold that is soon simulated.
"""

OF_NUMBERS = sorted(set(TABLE["detectors"]) - {"inputs", "by_segment", "episodes"})


def detector(name: str) -> Any:
    """A detector of errors by its name."""
    return build("detectors", {"type": name, **SOURCES.get(name, {})})


def _shown(answer: Any) -> bytes:
    return f"{answer!r}{json.dumps(answer.to_dict(), default=str)}".encode()


def served(n: int, seed: int) -> dict[str, Any]:
    """Predictions with scores, labels and features."""
    rng = np.random.default_rng(seed)
    score = rng.random(n)
    truth = (rng.random(n) < score).astype(float)
    return people(n, seed) | {"score": score, "y": truth, "pred": (score > 0.5).astype(float)}


class Means:
    """A model of the loss that is the mean of each half of the first feature."""

    def fit(self, x: Any, y: Any) -> None:
        self.at = np.median(x[:, 0])
        self.means = np.array([y[x[:, 0] <= self.at].mean(), y[x[:, 0] > self.at].mean()])

    def predict(self, x: Any) -> Any:
        return self.means[(x[:, 0] > self.at).astype(int)]


def _compared() -> bytes:
    sides = people(300, 1), people(200, 2)
    return b"".join(_shown(hs.compare(*sides, tests=test)) for test in TESTS)


def _fitted() -> bytes:
    rng = np.random.default_rng(0)
    data = people(2000, 1) | {
        "many": np.array([f"name {at}" for at in rng.integers(0, 900, 2000)]),
        "mixed": np.array([1, "a", 2.5, None] * 500, dtype=object),
        "sets": [frozenset({"a", "b", "c"})] * 2000,
    }
    reference = hs.Reference.fit(data, categories=100, hashed=["city"])
    profile = reference.profile(people(100, 2) | {"new": np.ones(100), "newer": np.ones(100)})
    table = _shown(hs.compare(reference, profile))
    return reference.to_bytes() + to_bytes(profile.snapshot()) + table


def _collected() -> bytes:
    fitter = hs.ReferenceFitter(500)
    for seed in range(2):
        fitter.update(people(300, seed))
    assert fitter.reference is not None
    return fitter.reference.to_bytes()


def _diagnosed() -> bytes:
    names = {"y": "ground_truth_label", "pred": "predicted_label"}
    before, now = (
        {names.get(name, name): column for name, column in served(400, seed).items()}
        for seed in (1, 2)
    )
    now["age"] = now["age"] * 1000
    return _shown(hs.diagnose(before, now))


def _fair() -> bytes:
    data = served(400, 1)
    return _shown(hs.fairness(data, by="city", prediction="pred", label="y", positive=1.0))


def _estimated() -> bytes:
    names = {"y_true": "y", "y_pred": "pred"}
    makes: list[Any] = [
        hs.estimate.CBPE(**names, y_score="score", chunk_size=100),
        hs.estimate.ATC(**names, y_score="score"),
        hs.estimate.DLE(**names, features=["age", "city"], model=Means, metrics=["mae"]),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hs.estimate.EstimateWarning)
        return b"".join(_shown(each.fit(served(400, 1)).estimate(served(300, 2))) for each in makes)


def _suggested(seed: int = 0) -> bytes:
    data = served(1000, 1)
    chosen = hs.estimate.suggest(data["score"], 50, seed=seed)
    y = data["y"][chosen.rows]
    x = data["score"]
    mean = hs.estimate.mean(y, x[chosen.rows], x, weights=chosen.weights)
    return chosen.rows.tobytes() + chosen.weights.tobytes() + _shown(mean)


def _of_several(name: str) -> Callable[[], bytes]:
    sides = people(60, 1), people(40, 2)
    return lambda: _shown(hs.multivariate.test(*sides, name, permutations=19))


def engine() -> hs.Engine:
    """Inputs, segments, errors by several detectors, metrics and a strategy, all in one."""
    reference = hs.Reference.fit(people(2000, 0))
    return hs.Engine(
        [hs.AccuracyMetric(50, level=0.95), hs.segmented(hs.F1(window=40), by="city")],
        [
            hs.Episodes(hs.drift.inputs(reference, 100, "1 per 500 records")),
            hs.drift.BySegment(detector("error_rate"), by="city"),
            hs.Episodes(hs.ADWIN(delta=0.1)),
            hs.drift.KSWIN(alpha=0.01),
        ],
        hs.any_of(hs.DriftStrategy(), hs.ThresholdStrategy(0.7).hold(5)).cooldown("10m"),
    )


def stream() -> hs.Batch:
    """Records whose errors and ages rise half-way."""
    features = people(1500, 1)
    features["age"] = features["age"] + np.where(np.arange(1500) < 750, 0, 8)
    return batch(features, errors(0.1, 0.5, each=750))


def _monitored() -> bytes:
    made = engine()
    events = made.observe_batch(stream())
    assert {event.kind for event in events} >= {"DriftDetected", "RetrainRequested"}
    return "".join(event.to_json() for event in events).encode() + to_bytes(made.snapshot())


def _detected(name: str) -> Callable[[], bytes]:
    def run() -> bytes:
        made = hs.Engine([], [hs.Episodes(detector(name))])
        events = made.observe_batch(answers(errors(0.05, 0.5, each=1000)))
        return "".join(map(repr, events)).encode() + to_bytes(made.snapshot())

    return run


EVERYTHING: dict[str, Callable[[], bytes]] = {
    "compare": _compared,
    "reference": _fitted,
    "fitter": _collected,
    "diagnose": _diagnosed,
    "fairness": _fair,
    "estimates": _estimated,
    "suggest": _suggested,
    "engine": _monitored,
    **{f"multivariate {name}": _of_several(name) for name in hs.multivariate.TESTS},
    **{f"detector {name}": _detected(name) for name in OF_NUMBERS},
}


def digests() -> dict[str, str]:
    """Sixteen digits of each answer."""
    return {name: hashlib.sha256(run()).hexdigest()[:16] for name, run in EVERYTHING.items()}


if __name__ == "__main__":
    print(json.dumps(digests()))
