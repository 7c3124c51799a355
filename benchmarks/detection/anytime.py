"""Detectors that are valid at any time, on error streams at 0.1: false alarms, delays, speed.

The streams and the budget are those of error_rate.py: a reference of 2,000 records, then the
stream, from the same source; one false alarm in 100,000 records. The harmful-shift test, which is
made for shifts at the start, may alarm in 5 % of all streams ever, and its delays are from there.
Prints a table and, last, one JSON line.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from error_rate import CHANGE, KINDS, RATE, REFERENCE, SEED, stream

from homeostat.confidence import ConfidenceSequence
from homeostat.drift.e_detection import EDetector, e_detector
from homeostat.drift.error_rate import error_rate
from homeostat.drift.harmful import HarmfulShift, harmful_shift
from homeostat.drift.martingale import ConformalMartingale, conformal

Make = Callable[[np.ndarray], Any]

DETECTORS: dict[str, Make] = {
    "e-SR, baseline known": lambda _: EDetector(RATE),
    "e-SR": e_detector,
    "e-SR, tolerance .02": lambda r: e_detector(r, tolerance=0.02),
    "e-SR, blocks of 10": lambda r: e_detector(r, block=10),
    "e-SR, blocks of 20, tolerance .02": lambda r: e_detector(r, block=20, tolerance=0.02),
    "e-CUSUM": lambda r: e_detector(r, kind="cusum"),
    "conformal (blocks of 10)": conformal,
    "conformal, no blocks": lambda r: conformal(r, block=1),
    "conformal, no reference": lambda _: ConformalMartingale(block=10),
    "error_rate": error_rate,
    "harmful shift": harmful_shift,
}
AT_START = ("harmful shift",)
MOST = 10_000


def false_alarms(make: Make, kind: str, seeds: int, n: int = 100_000) -> float:
    """Per 100,000 records."""
    found = 0
    for seed in range(seeds):
        reference, xs = stream(kind, n, seed)
        found += len(make(reference).update_many(xs))
    return round(found * 100_000 / n / seeds, 3)


def delay(make: Make, kind: str, changed: float, seeds: int, healthy: int) -> float:
    """The median, over the streams without an alarm before the change; a miss counts as late."""
    delays = []
    for seed in range(seeds):
        reference, xs = stream(kind, CHANGE + MOST, seed, changed)
        found = make(reference).update_many(xs[CHANGE - healthy :]) - healthy
        if not (found < 0).any():
            delays.append(int(found[0]) + 1 if len(found) else MOST)
    return float(np.median(delays))


def measured(name: str, seeds: int) -> dict[str, float]:
    """All figures of one detector."""
    make, healthy = DETECTORS[name], 0 if name in AT_START else CHANGE
    row: dict[str, float] = {kind: false_alarms(make, kind, seeds) for kind in KINDS[:4]}
    for kind in ("independent", "bursts_0.4"):
        for changed in (0.15, 0.2, 0.3):
            row[f"{kind} {RATE}->{changed}"] = delay(make, kind, changed, 3 * seeds, healthy)
    return row


def speeds(n: int) -> dict[str, float]:
    """Millions of 0/1 values a second, each the best of three."""
    xs = (np.random.default_rng(SEED).random(n) < RATE).astype(float)
    makes: dict[str, Callable[[], Any]] = {
        "e_detector": lambda: EDetector(RATE),
        "e_detector, blocks of 10": lambda: EDetector(RATE, block=10),
        "conformal": ConformalMartingale,
        "harmful_shift": lambda: HarmfulShift(RATE, 0.12),
        "confidence sequence, bernstein": lambda: ConfidenceSequence(kind="bernstein"),
        "confidence sequence, betting": ConfidenceSequence,
    }
    found = {}
    for name, make in makes.items():
        few = xs[: n // 20] if name.endswith("betting") else xs
        seconds = []
        for _ in range(3):
            fresh, started = make(), perf_counter()
            fresh.update_many(few)
            seconds.append(perf_counter() - started)
        found[name] = round(len(few) / min(seconds) / 1e6, 3)
    return found


def show(name: str, row: dict[str, float]) -> None:
    """One line of the table."""
    print(f"| {name} | " + " | ".join(f"{value:g}" for value in row.values()) + " |", flush=True)


def main() -> None:
    """Print the table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="streams of 100,000 records a figure")
    parser.add_argument("--values", type=int, default=1_000_000, help="for the speeds")
    options = parser.parse_args()
    started = perf_counter()
    rows: dict[str, dict[str, float]] = {}
    for name in DETECTORS:
        rows[name] = measured(name, options.seeds)
        if len(rows) == 1:
            print("| detector | " + " | ".join(rows[name]) + " |")
            print("|---" * (len(rows[name]) + 1) + "|")
        show(name, rows[name])
    result = {
        "benchmark": "anytime", "seed": SEED, "seeds": options.seeds, "reference": REFERENCE,
        "false_alarms_per_100k_and_median_delays": rows,
        "million_values_a_second": speeds(options.values),
        "seconds": round(perf_counter() - started, 1),
    }  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
