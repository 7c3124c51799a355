"""Drift of inputs at the default: false alarms over 20 columns, and how soon a shift is found.

A reference of 5,000 rows, windows of 1,000, 16 numeric and 4 categorical columns. Null: nothing
changed. Power: one numeric column moves by .25 (and .1, .5) standard deviations. Dependent: every
column is an autoregressive series, whose neighbours correlate, with nothing changed, beside what
plain tests would do.
"""

from __future__ import annotations

import argparse
import json
from statistics import median

import numpy as np

import homeostat as hs

REFERENCE, WINDOW, NUMBERS, CATEGORIES = 5_000, 1_000, 16, 4


def rows(n: int, seed: int, shift: float = 0.0, correlation: float = 0.0) -> dict[str, np.ndarray]:
    """Columns of standard normals and of three categories; the first is shifted."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(NUMBERS, n))
    if correlation:
        for at in range(1, n):
            noise[:, at] = correlation * noise[:, at - 1] + noise[:, at] * np.sqrt(
                1 - correlation**2
            )
    found = {f"x{i}": column for i, column in enumerate(noise)}
    found["x0"] = found["x0"] + shift
    return found | {f"c{i}": rng.choice(["a", "b", "c"], n) for i in range(CATEGORIES)}


def batch(columns: dict[str, np.ndarray]) -> hs.Batch:
    """The columns as records, one a second."""
    n = len(columns["x0"])
    return hs.Batch.from_columns(
        model_version="1", predicted_label="a", latency_ms=1.0, features=columns,
        created_at=np.datetime64("2026-01-01", "us") + np.arange(n) * np.timedelta64(1, "s"),
    )  # fmt: skip


def false_alarms(seeds: range, windows: int, correlation: float) -> tuple[float, float]:
    """Alarms in 100 windows: of the default, and of Holm at 1 % without regard to dependence."""
    alarms = plain = 0
    for seed in seeds:
        reference = hs.Reference.fit(rows(REFERENCE, 2 * seed, 0.0, correlation))
        data = rows(windows * WINDOW, 2 * seed + 1, 0.0, correlation)
        alarms += len(hs.drift.inputs(reference, WINDOW).alarms(batch(data)).positions)
        for start in range(0, windows * WINDOW, WINDOW):
            piece = {name: column[start : start + WINDOW] for name, column in data.items()}
            plain += hs.compare(reference, piece, alpha=0.01).drift
    total = windows * len(seeds) / 100
    return alarms / total, plain / total


def found_after(seeds: range, shift: float, most: int = 20) -> float:
    """Windows until the shift is found, the median."""
    delays = []
    for seed in seeds:
        reference = hs.Reference.fit(rows(REFERENCE, 2 * seed))
        data = rows(most * WINDOW, 2 * seed + 1, shift)
        positions = hs.drift.inputs(reference, WINDOW).alarms(batch(data)).positions
        delays.append(int(positions[0]) // WINDOW + 1 if len(positions) else most + 1)
    return median(delays)


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--windows", type=int, default=50, help="windows for each seed")
    parser.add_argument("--first-seed", type=int, default=10_000)
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    default, plain = false_alarms(seeds, options.windows, 0.0)
    some = seeds[: max(1, len(seeds) // 4)]
    result = {
        "benchmark": "inputs",
        "seeds": options.seeds,
        "windows": options.seeds * options.windows,
        "alarms_per_100_windows": round(default, 2),
        "plain_compare_per_100_windows": round(plain, 2),
    }
    for correlation in (0.3, 0.8):
        ours, without = false_alarms(some, options.windows, correlation)
        result[f"alarms_at_correlation_{correlation}"] = round(ours, 2)
        result[f"plain_at_correlation_{correlation}"] = round(without, 2)
    for shift in (0.1, 0.25, 0.5):
        result[f"windows_to_find_{shift}_sd"] = found_after(seeds, shift)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
