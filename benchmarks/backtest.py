"""`homeostat backtest` over a million records and five strategies, without training.

    python benchmarks/backtest.py [--records N] [--json FILE]

Makes a file of records (Parquet; `--format jsonl` for JSON Lines) whose errors rise now and then,
runs the command on it, and prints seconds, records a second and what each strategy asked for.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SETTINGS = """\
[[metrics]]
type = "accuracy"
window = 500

[[metrics]]
type = "latency_ms_ewma"
alpha = 0.3

[[detectors]]
type = "adwin"
on = "error"

[strategy]
type = "drift"
cooldown = "1d"

[strategies.low]
type = "threshold"
threshold = 0.85
hold = 100
cooldown = "6h"

[strategies.page_hinkley]
type = "drift"
cooldown = "1d"
detectors = [{ type = "page_hinkley", on = "error" }]
"""
STRATEGIES = "never,every:50000,default,low,page_hinkley"
CHANGES = 10


def records(n: int) -> dict[str, Any]:
    """One label in ten wrong; from each odd tenth on, one in five."""
    rng = np.random.default_rng(7)
    wrong = rng.random(n) < np.where(np.arange(n) * CHANGES // n % 2, 0.2, 0.1)
    return {
        "model_version": np.full(n, "v1"),
        "predicted_label": np.full(n, "yes"),
        "ground_truth_label": np.where(wrong, "no", "yes"),
        "latency_ms": rng.integers(5, 260, n).astype(np.float64),
        "created_at": np.datetime64("2026-01-01", "us") + np.arange(n) * 10_000_000,
    }


def written(n: int, path: Path) -> None:
    """The records as a file."""
    table = pa.table(records(n))
    stamps = table["created_at"].cast(pa.timestamp("us", "UTC"))
    table = table.set_column(table.column_names.index("created_at"), "created_at", stamps)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
        return
    with path.open("w") as file:
        for row in table.to_pylist():
            row["created_at"] = row["created_at"].isoformat()
            file.write(json.dumps(row) + "\n")


def timed(folder: Path, path: Path, n: int) -> dict[str, Any]:
    """Run the command; how long it took, and what it found."""
    (folder / "homeostat.toml").write_text(SETTINGS)
    changes = ",".join(str(n * k // CHANGES) for k in range(1, CHANGES))
    command = [
        sys.executable, "-m", "homeostat", "backtest", str(path),
        "--config", str(folder / "homeostat.toml"), "--strategies", STRATEGIES,
        "--changes", changes, "--json", str(folder / "out.json"), "--output", "json",
    ]  # fmt: skip
    started = perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = perf_counter() - started
    found = json.loads((folder / "out.json").read_text())["strategies"]
    asked = {name: [each["retrainings"], each["false_alarms"]] for name, each in found.items()}
    return {
        "benchmark": "backtest", "records": n, "strategies": len(found), "format": path.suffix[1:],
        "seconds": round(seconds, 1), "records_per_second": round(n / seconds),
        "requests_and_false_alarms": asked,
    }  # fmt: skip


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--format", choices=("parquet", "jsonl"), default="parquet")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / f"records.{options.format}"
        written(options.records, path)
        result = timed(Path(name), path, options.records)
    print(json.dumps(result))
    if options.json:
        options.json.write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
