"""`monitor.observe(record)` with the default metrics and a strategy, every event built."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from statistics import median
from time import perf_counter

import homeostat as hs


def records(n: int) -> list[hs.InferenceRecord]:
    """Records with one wrong prediction in ten."""
    now = datetime.now(UTC)
    return [
        hs.InferenceRecord(
            model_version="v1.0.0",
            predicted_label="ok",
            ground_truth_label="bad" if i % 10 == 0 else "ok",
            latency_ms=5 + i % 256,
            created_at=now,
        )
        for i in range(n)
    ]


def once(traffic: list[hs.InferenceRecord]) -> float:
    """Records per second of one pass."""
    monitor = hs.ModelMonitor(strategy=hs.ThresholdStrategy(0.90))
    started = perf_counter()
    for record in traffic:
        monitor.observe(record)
    return len(traffic) / (perf_counter() - started)


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    traffic = records(options.records)
    rates = [once(traffic) for _ in range(options.repeats)]
    print(json.dumps({"benchmark": "observe", "records": options.records,
                      "per_s": round(median(rates))}))  # fmt: skip


if __name__ == "__main__":
    main()
