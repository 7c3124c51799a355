"""A fleet of 50 simulated models, some of which break in ways that are known."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import world_model

sys.path.insert(0, str(Path(__file__).parents[1] / "loop"))
from served import Server

HOURS = 26
BREAK = 18  # the hour in which models break
BROKEN, CAUSE, COLUMN = "payments-fraud-eu", "data break", "amount"
"""The one that is to be found, why it broke, and where."""

RETRAINED, APPROVAL, READY = "search-ranking", "loan-approval", "ad-click-through"
SHIFTED, NEW, NUMBERS = "churn-emea", "returns-nordics", "price-hotels"

TASKS = ("churn", "credit-risk", "payments-fraud", "upsell", "lead-score", "delivery-late",
         "support-triage")  # fmt: skip
PLACES = ("apac", "dach", "iberia", "latam", "uk", "us")
NAMES = [
    BROKEN, RETRAINED, APPROVAL, READY, SHIFTED, NEW, NUMBERS, "spam-inbound",
    *(f"{task}-{place}" for task in TASKS for place in PLACES),
]  # fmt: skip

CONFIG = """
lateness = "2h"

[[metrics]]
type = "accuracy"
window = 500

[[metrics]]
type = "segmented"
metric = { type = "accuracy", window = 300 }
by = "country"

[[metrics]]
type = "latency_ms_ewma"

[[detectors]]
type = "episodes"
detector = { type = "inputs", reference = 800, window = 150, budget = "1 per 1000000 records" }

[[detectors]]
type = "episodes"
detector = { type = "adwin", on = "error", delta = 0.00002 }

[service]
durability = "fast"
answer = 5.0
streams = 20

[service.limits]
models = 2000

[[service.sinks]]
type = "jsonl"
name = "archive"
path = "events.jsonl"

[models.price-hotels]
task = "regression"
"""

_LOOP = """
[models.{name}]
strategy = {{ type = "drift", cooldown = "6h" }}

[models.{name}.retraining]
trainer = {{ type = "function", function = "world_model:train", path = ["{here}"] }}
scorer = {{ type = "function", function = "world_model:predict", path = ["{here}"] }}
rules = {{ cooldown = "6h", approval = {approval} }}
data = {{ window = 600, least = 50 }}
compare = {{ minimum = 100, automatic = {automatic}, watch = 400 }}
"""


def configuration() -> str:
    here = Path(__file__).parent
    given = [(RETRAINED, "false", "true"), (APPROVAL, "true", "true"), (READY, "false", "false")]
    return CONFIG + "".join(
        _LOOP.format(name=name, here=here, approval=approval, automatic=automatic)
        for name, approval, automatic in given
    )


class Model:
    """One model's traffic: records an hour, and what becomes of it."""

    def __init__(self, name: str, seed: int) -> None:
        self.name, self.rng = name, np.random.default_rng(seed)
        self.rate = float(self.rng.uniform(60, 200))
        self.noise = float(self.rng.uniform(0.25, 0.9))
        self.version, self.threshold, self.n = "v1", world_model.FIRST, 0
        self.owed: list[tuple[datetime, dict]] = []

    def records(self, hour: int, start: datetime) -> list[dict]:
        """The records of an hour; their labels are owed."""
        rng, late = self.rng, hour >= BREAK
        if self.name == NEW and hour < HOURS - 1:
            return []
        n = rng.poisson(self.rate * (1 + 0.5 * np.sin((hour - 9) / 24 * 2 * np.pi)))
        at = np.sort(rng.uniform(0, 3600, n))
        amount = rng.lognormal(3.5, 0.6, n)
        signal = rng.normal(0, 1, n)
        shift = 0.0
        if late and self.name in (RETRAINED, APPROVAL, READY):
            shift = 1.5
        weights = [0.4, 0.25, 0.2, 0.15]
        if late and self.name == SHIFTED:
            weights = [0.12, 0.25, 0.2, 0.43]
        country = rng.choice(["DE", "FR", "IT", "PL"], n, p=weights)
        device = rng.choice(["web", "ios", "android"], n, p=[0.5, 0.3, 0.2])
        uses_amount = 0.8 * (np.log(amount) - 3.5) if self.name == BROKEN else 0.0
        truth = signal + uses_amount + self.noise * rng.normal(0, 1, n) > shift
        seen = amount * (100 if late and self.name == BROKEN else 1)
        of_amount = 0.8 * (np.log(seen) - 3.5) if self.name == BROKEN else 0.0
        score = 1 / (1 + np.exp(-2.5 * (signal + of_amount - self.threshold)))
        out = []
        for k in range(n):
            moment = start + timedelta(hours=hour, seconds=float(at[k]))
            self.n += 1
            record: dict = {
                "record_id": f"{self.name}-{self.n}", "model": self.name,
                "model_version": self.version, "predicted_label": "yes" if score[k] > 0.5 else "no",
                "score": float(score[k]), "latency_ms": float(rng.lognormal(2.5, 0.4)),
                "created_at": moment.isoformat(),
                "features": {"amount": round(float(seen[k]), 2), "signal": float(signal[k]),
                             "country": str(country[k]), "device": str(device[k])},
            }  # fmt: skip
            label: object = "yes" if truth[k] else "no"
            if self.name == NUMBERS:
                record["predicted_label"] = float(100 + 20 * signal[k])
                del record["score"]
                label = float(100 + 20 * signal[k] + rng.normal(0, 8))
            out.append(record)
            known = moment + timedelta(minutes=float(rng.gamma(2.0, 12.0)))
            self.owed.append((known, {"record_id": record["record_id"], "model": self.name,
                                      "label": label, "time": known.isoformat()}))  # fmt: skip
        return out

    def labels(self, until: datetime) -> list[dict]:
        """The labels that are known by then."""
        due = [label for known, label in self.owed if known <= until]
        self.owed = [each for each in self.owed if each[0] > until]
        return due


class World:
    """A service with the fleet in it; close it with `stop`."""

    def __init__(self, folder: Path, names: list[str] | None = None) -> None:
        self.server = Server(folder, configuration(), {})
        self.models = [Model(name, seed) for seed, name in enumerate(names or NAMES)]
        now = datetime.now(UTC).replace(microsecond=0)
        self.start = now - timedelta(hours=HOURS)
        self.hour = 0

    @property
    def url(self) -> str:
        return f"http://{self.server.address}"

    def run(self, hours: int = HOURS, told: Callable[[int], None] = lambda _: None) -> None:
        """Let so many hours pass."""
        for _ in range(hours):
            self.step()
            told(self.hour)

    def step(self) -> None:
        """One hour: records, the labels that are known by its end, and whoever serves then."""
        end = self.start + timedelta(hours=self.hour + 1)
        records = [r for model in self.models for r in model.records(self.hour, self.start)]
        self._sent("/v1/records", records)
        self._sent("/v1/labels", [label for model in self.models for label in model.labels(end)])
        self.hour += 1
        for model in self.models:
            if model.name in (RETRAINED, APPROVAL, READY) and self.hour > BREAK:
                self._served(model)

    def stop(self) -> None:
        self.server.stop()

    def ask(self, method: str, path: str, body: dict | None = None) -> dict:
        sent = None if body is None else json.dumps(body).encode()
        return self.server.ask(method, path, sent, "application/json")

    def _sent(self, path: str, rows: list[dict]) -> None:
        for at in range(0, len(rows), 2_000):
            body = json.dumps(rows[at : at + 2_000]).encode()
            self.server.ask("POST", path, body, "application/json")

    def _served(self, model: Model) -> None:
        """Wait for the trainer, then let the champion serve."""
        for _ in range(600):
            jobs = self.ask("GET", f"/v1/models/{model.name}/jobs")["jobs"]
            if not any(job["state"] in ("queued", "running") for job in jobs):
                break
            time.sleep(0.05)
        told = self.ask("GET", f"/v1/models/{model.name}/versions")
        champion = told["standing"]["champion"]
        if champion != model.version:
            made = {each["version"]: each["artifact"] for each in told["versions"]}
            model.version, model.threshold = champion, world_model.load(made[champion])
