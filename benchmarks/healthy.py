"""How often strategies ask for a retraining where none can help.

    python benchmarks/healthy.py [--seeds N] [--records N] [--who NAMEPREFIX] [--json FILE]

The contestants of `benchmarks/retraining.py` on errors that no model can spare: independent ones at
several rates, ones that cluster, and a task that becomes harder for good at a fifth of the stream.
Whoever asks gets a new model, which is as good as the one before. Records lie half an hour and a
second apart, since cooldowns are times.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.backtest.settings import Settings
from homeostat.backtest.training import Lived
from homeostat.batch import Batch
from retraining import contestants

Errors = NDArray[np.bool_]


def independent(rate: float) -> Callable[[np.random.Generator, int], Errors]:
    """Errors that know nothing of each other."""
    return lambda rng, n: rng.random(n) < rate


def clustered(rate: float, after: float) -> Callable[[np.random.Generator, int], Errors]:
    """An error follows an error with the chance `after`, and all are this rate of the records."""

    def errors(rng: np.random.Generator, n: int) -> Errors:
        usual = rate * (1.0 - after) / (1.0 - rate)
        found, last = np.zeros(n, dtype=bool), False
        for at, x in enumerate(rng.random(n).tolist()):
            last = x < (after if last else usual)
            found[at] = last
        return found

    return errors


def harder(before: float, since: float) -> Callable[[np.random.Generator, int], Errors]:
    """Independent errors, from a fifth of the stream on at another rate."""
    return lambda rng, n: rng.random(n) < np.where(np.arange(n) < n // 5, before, since)


STREAMS: dict[str, Callable[[np.random.Generator, int], Errors]] = {
    "independent, 1 %": independent(0.01),
    "independent, 5 %": independent(0.05),
    "independent, 20 %": independent(0.2),
    "clustered, 10 %": clustered(0.1, 0.4),
    "harder, 5 to 20 %": harder(0.05, 0.2),
}


class Fated:
    """Every model predicts what the stream has for it."""

    def __init__(self, batch: Batch) -> None:
        pass

    def predict(self, columns: Mapping[str, Any]) -> Any:
        """One class a record."""
        return columns["said"]


def history(errors: Errors, seconds: int) -> Batch:
    """Records whose label is 0, and the prediction that any model will make of each."""
    return Batch.from_columns(
        model_version="history",
        predicted_label="",
        ground_truth_label=np.zeros(len(errors), dtype=np.int64),
        latency_ms=0.0,
        created_at=np.datetime64("2026-01-01", "us") + np.arange(len(errors)) * seconds * 1_000_000,
        features={"said": errors.astype(np.int64)},
    )


def asked(stream: str, seconds: int, seeds: int, records: int, who: str) -> dict[str, list[int]]:
    """How often each contestant asks on each of so many streams."""
    found: dict[str, list[int]] = {}
    for seed in range(seeds):
        errors = STREAMS[stream](np.random.default_rng(seed), records)
        lived = Lived(history(errors, seconds), Fated, Settings(window=1_000))
        for each in contestants(1_000, (10, 100), ()):
            if each.name.startswith(who):
                found.setdefault(each.name, []).append(len(lived.live(each).rows))
    return found


def main() -> None:
    """Print the mean and the most of each; the counts to a file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--who", default="", help="contestants whose names begin so, like built")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = []
    for stream in STREAMS:
        for seconds in (1_800, 1):
            print(f"{stream}, {seconds:,} s apart")
            found = asked(stream, seconds, options.seeds, options.records, options.who)
            for name, counts in found.items():
                print(f"  {name:16} {np.mean(counts):8.2f}, at most {max(counts)}", flush=True)
            results.append({"stream": stream, "seconds": seconds, "asked": found})
            if options.json:
                options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
