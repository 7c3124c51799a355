"""Traffic whose errors and inputs change halfway, so that detectors have something to tell."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import homeostat as hs
from homeostat import fleet

MINUTE = 60_000_000
START = 1_700_000_000_000_000 // MINUTE * MINUTE
CONFIG = {
    "metrics": [{"type": "accuracy", "window": 50}, {"type": "latency_ms_ewma", "alpha": 0.3}],
    "detectors": [
        {"type": "adwin", "on": "error", "delta": 0.002},
        {"type": "page_hinkley", "on": "latency_ms"},
    ],
    "strategy": {"type": "drift", "cooldown": "1m"},
    "models": {"b": {"metrics": [{"type": "accuracy", "window": 10}]}},
}


def traffic(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    late = np.arange(n) >= n // 2
    right = rng.random(n) > np.where(late, 0.5, 0.05)
    predicted = rng.random(n) < 0.5
    words = np.array(["no", "yes"], dtype=object)
    truth = words[np.where(right, predicted, ~predicted).astype(int)]
    truth[rng.random(n) < 0.1] = None
    return pa.table(
        {
            "model": np.array(["a", "b", None], dtype=object)[rng.integers(0, 3, n)],
            "model_version": np.array(["v1", "v2"], dtype=object)[rng.integers(0, 2, n)],
            "predicted_label": words[predicted.astype(int)],
            "ground_truth_label": truth,
            "latency_ms": rng.gamma(5, 1, n) * np.where(late, 3, 1),
            "created_at": pa.array(
                START + np.sort(rng.integers(0, 5 * MINUTE, n)), pa.timestamp("us", "UTC")
            ),
            "record_id": [f"r{at:06}" for at in range(n)],
            "age": np.where(rng.random(n) < 0.05, np.nan, rng.normal(40 + 10 * late, 10, n)),
            "clicks": rng.integers(0, 30, n),
            "country": np.array(["DE", "FR", "US"], dtype=object)[rng.integers(0, 3, n)],
        }
    )


def usual(**settings):
    return hs.Reference.fit(records(traffic(seed=5)), **settings)


def records(table):
    """The records of a table on one machine."""
    columns = {name: table[name] for name in table.column_names}
    columns["model"] = [one or "default" for one in table["model"].to_pylist()]
    return hs.Batch.from_frame(columns)


def expected_events(table, config=None, values=False):
    """The events of each model on one machine: its records by time, one engine."""
    batch = records(table)
    order = np.lexsort((batch.column("record_id").astype(str), batch.created_at))
    found = []
    models = batch.column("model")
    for model in sorted(set(models.tolist())):
        own = batch.take(np.array([row for row in order if models[row] == model]))
        engine = fleet.of(config or CONFIG).engine_of(model)
        told = list(engine.observe_batch(own))
        kept = [one for one in told if values or one.kind != "MetricUpdated"]
        found += [(model, at, event.to_json()) for at, event in enumerate(kept)]
    return found


def write(folder, name, table):
    pq.write_table(table, folder / f"{name}.parquet")


def shuffled(table):
    return table.take(np.random.default_rng(1).permutation(table.num_rows))


def after(data):
    """One record of another model, long after all others."""
    row = data.slice(0, 1).to_pylist()[0]
    row |= {"model": "clock", "created_at": None, "record_id": "last"}
    table = pa.Table.from_pylist([row], data.schema)
    at = data.schema.get_field_index("created_at")
    times = pa.array([START + 60 * MINUTE], pa.timestamp("us", "UTC"))
    return table.set_column(at, data.schema.field("created_at"), times)
