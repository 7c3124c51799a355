"""A challenger that is good in the test and bad in traffic; and a storm of drift.

For each seed a model of its own in one `homeostat serve`: the world changes, the service retrains,
the new version wins on records that were held out, and is promoted. Whoever deployed it feeds it
with inputs in another unit, so that in traffic it is worse than the version that it has replaced.
The records are right; only what is said of them is not. Prints for each seed how many records the
new version served until the roll-back, and the median. Then a storm of 10,000 requests to retrain,
and how many retrainings were made of them. `python benchmarks/loop/bad_deployment.py`
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import bad_school
import numpy as np
from served import Server

START = np.datetime64("2026-01-01T00:00:00", "us")
STEP = 50  # records between two looks at who serves
MOST = 20_000
STORM = 10_000  # requests

CONFIG = """
[[metrics]]
type = "accuracy"
window = 500

[strategy]
type = "threshold"
threshold = 0.75
hold = 2000

[retraining.trainer]
type = "function"
function = "bad_school:train"
path = ["{here}"]

[retraining.scorer]
type = "function"
function = "bad_school:predict"
path = ["{here}"]

[retraining.rules]
cooldown = "1d"

[retraining.data]
window = 1500
held_out = 500
held = "latest"
"""


class World:
    """Records of one model. `shift` moves the threshold that is right."""

    def __init__(self, model: str, seed: int) -> None:
        self.model, self.n, self.shift = model, 0, 0.0
        self._rng = np.random.default_rng(seed)

    def records(self, n: int, version: str, threshold: float, skew: float) -> list[dict]:
        """The next records, served by a version which sees x times `skew`."""
        x = self._rng.normal(size=n) + self.shift
        truth = x + 0.5 * self._rng.normal(size=n) > self.shift
        at = START + (self.n + np.arange(n)) * np.timedelta64(1, "s")
        self.n += n
        said = bad_school.said(x * skew, threshold)
        return [
            {"record_id": f"{self.model}-{when}", "model": self.model, "model_version": version,
             "predicted_label": label, "ground_truth_label": "yes" if true else "no",
             "latency_ms": 1.0, "created_at": f"{when}Z", "features": {"x": float(value)}}
            for when, label, true, value in zip(at, said, truth, x, strict=True)
        ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=7)
    parser.add_argument("--skew", type=float, nargs="*", default=[0.1, 0.3])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bad") as folder:
        server = Server(Path(folder), CONFIG.format(here=Path(__file__).parent), {})
        try:
            found = {skew: deployed(server, options.seeds, skew) for skew in options.skew}
            asked, made = storm(server)
        finally:
            server.stop()
    print(f"{asked:,} requests: {made} retraining")
    medians = {str(skew): statistics.median(served) for skew, served in found.items()}
    print(json.dumps({"records_to_rollback": medians, "requests": asked, "retrainings": made}))


def deployed(server: Server, seeds: int, skew: float) -> list[int]:
    """For each seed, how many records the bad version served."""
    runs = [one(server, f"shop-{skew}-{seed}", seed, skew) for seed in range(seeds)]
    served = [run["served"] for run in runs]
    test, traffic = (statistics.mean(run[name] for run in runs) for name in ("test", "traffic"))
    print(f"x times {skew}: {test:.1%} right in the test, {traffic:.1%} in traffic; rolled back "
          f"{sum(run['back'] for run in runs)} of {seeds} after {statistics.median(served):,.0f} "
          f"records, {min(served):,} to {max(served):,}")  # fmt: skip
    return served


def one(server: Server, model: str, seed: int, skew: float) -> dict:
    """A model until its new version is taken back."""
    world, threshold = World(model, seed), bad_school.FIRST
    sent(server, world.records(3_000, "v1", threshold, 1.0))
    world.shift = 1.0
    while (now := standing(server, model))["champion"] == "v1":
        assert world.n < MOST, f"{model} was not retrained"
        sent(server, world.records(STEP, "v1", threshold, 1.0))
        server.rest(model)
    version, first = now["champion"], world.n
    (promoted,) = server.heard(model, ["ModelPromoted"])
    artifact = next(each["artifact"] for each in made(server, model) if each["version"] == version)
    right = []
    while standing(server, model)["champion"] == version and world.n - first < MOST:
        records = world.records(STEP, version, bad_school.load(artifact), skew)
        right += [r["predicted_label"] == r["ground_truth_label"] for r in records]
        sent(server, records)
        server.rest(model)
    back = server.heard(model, ["ModelRolledBack"])
    return {"served": world.n - first, "back": bool(back), "traffic": statistics.mean(right),
            "test": promoted["challenger_accuracy"]}  # fmt: skip


def storm(server: Server) -> tuple[int, int]:
    """A model that is always wrong: how often it asks, and how many retrainings are made."""
    world = World("storm", 0)
    asked = 0
    while asked < STORM:
        records = world.records(500, "v1", 0.0, 1.0)
        for each in records:
            each["predicted_label"] = "no" if each["ground_truth_label"] == "yes" else "yes"
        sent(server, records)
        asked = len(server.heard("storm", ["RetrainRequested"]))
    server.rest("storm")
    return asked, len(server.heard("storm", ["RetrainQueued"]))


def sent(server: Server, records: list[dict]) -> None:
    server.ask("POST", "/v1/records", json.dumps(records).encode(), "application/json")


def standing(server: Server, model: str) -> dict:
    return server.ask("GET", f"/v1/models/{model}/versions")["standing"]


def made(server: Server, model: str) -> list[dict]:
    return server.ask("GET", f"/v1/models/{model}/versions")["versions"]


if __name__ == "__main__":
    main()
