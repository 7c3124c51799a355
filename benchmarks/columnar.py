"""5 M records as columns through the default metrics and ThresholdStrategy(0.90).

From plain numpy columns: validated, every metric value and every retraining request produced.
"""

from __future__ import annotations

import argparse
import json
from statistics import median
from time import perf_counter

import numpy as np

import homeostat as hs
import original


def columns(n: int) -> dict[str, object]:
    """The traffic of the original's benchmark: one label in ten wrong, latencies of 5 to 260 ms."""
    rng = np.random.default_rng(42)
    start = np.datetime64("2026-01-01T00:00:00", "us")
    return {
        "model_version": "v1.0.0",
        "predicted_label": "ok",
        "ground_truth_label": np.where(rng.random(n) < 0.1, "bad", "ok"),
        "latency_ms": rng.integers(5, 261, n),
        "created_at": start + np.arange(n),
    }


def once(traffic: dict[str, object], n: int, window: int) -> tuple[float, int]:
    """Records per second of one pass, and how many retrainings it asked for."""
    monitor = hs.ModelMonitor(
        [hs.AccuracyMetric(window), hs.LatencyMetric(0.3)], strategy=hs.ThresholdStrategy(0.90)
    )
    started = perf_counter()
    events = monitor.observe_batch(hs.Batch.from_columns(**traffic))
    values = [events.metric_values(name) for name in ("accuracy", "latency_ms_ewma")]
    requests = np.asarray(events.of(hs.RetrainRequested))
    spent = perf_counter() - started
    assert all(len(each) == n for each in values)
    return n / spent, len(requests)


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    original.add_option(parser)
    options = parser.parse_args()
    n, traffic = options.records, columns(options.records)
    program = original.build(options.original) if options.original else None
    once(traffic, n, 100)  # warm-up: SciPy's import, the first touch of memory
    rates: dict[int, list[float]] = {100: [], 10_000: []}
    theirs = []
    requests = 0
    for _ in range(options.repeats):
        for window, found in rates.items():
            once(traffic, n, window)  # the pause before may have cost it its memory
            rate, asked = once(traffic, n, window)
            found.append(rate)
            requests = asked if window == 100 else requests
        if program:
            theirs.append(original.rate(program, n, 100, 0))
    result: dict[str, object] = {
        "benchmark": "columnar",
        "records": n,
        "requests": requests,
        "per_s": round(median(rates[100])),
        "window_10000_over_100": round(median(rates[100]) / median(rates[10_000]), 3),
    }
    print(json.dumps(original.beside(rates[100], theirs, result) if program else result))


if __name__ == "__main__":
    main()
