"""A Parquet file of records: per model and minute accuracy, latency quantiles, drift of columns.

    python benchmarks/parquet.py [--rows 10000000] [--workers 2] [--columns 10] [--json FILE]

The file is written first, in the machine's temporary folder, and removed; writing is not measured.
What is measured: reading it, counting every row on the grid of a reference, merging the workers'
states, and from them each minute's accuracy, p50, p95, p99 and the test of each column.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import homeostat as hs
from homeostat.profiles import monitor, plan_of

MODELS, MINUTES = 5, 60
MINUTE = 60_000_000
START = 1_700_000_000_000_000 // MINUTE * MINUTE
PART = 1_000_000


def words(rng, n, *choices):
    codes = rng.integers(0, len(choices), n).astype(np.int32)
    return pa.DictionaryArray.from_arrays(codes, list(choices)).cast(pa.string())


def part(rng, n, at, total, columns):
    """Some rows of the hour, in the order of time."""
    width = MINUTES * MINUTE
    first, last = at * width // total, (at + n) * width // total
    moments = START + np.sort(rng.integers(first, last, n))
    table = {
        "model": words(rng, n, *(f"m{each}" for each in range(MODELS))),
        "model_version": words(rng, n, "v1"),
        "predicted_label": words(rng, n, "yes", "no"),
        "ground_truth_label": words(rng, n, "yes", "no"),
        "latency_ms": rng.lognormal(2, 1, n),
        "created_at": pa.array(moments, pa.timestamp("us", "UTC")),
    }
    return pa.table(table | {f"f{each}": rng.normal(size=n) for each in range(columns)})


def write(path, rows, columns):
    rng = np.random.default_rng(0)
    writer = None
    for at in range(0, rows, PART):
        table = part(rng, min(PART, rows - at), at, rows, columns)
        writer = writer or pq.ParquetWriter(path, table.schema, use_dictionary=_text(table))
        writer.write_table(table, row_group_size=PART // 4)
    writer.close()


def _text(table):
    return [field.name for field in table.schema if pa.types.is_string(field.type)]


def cpu():
    """Seconds of CPU of this process and of its workers, which other programs do not stretch."""
    return sum(os.times()[:4])


def measure(path, plan, workers):
    started, used = time.perf_counter(), cpu()
    found = monitor(path, plan, workers=workers)
    return found, time.perf_counter() - started, cpu() - used


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--columns", type=int, default=10)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rng = np.random.default_rng(1)
    usual = hs.Reference.fit({f"f{at}": rng.normal(size=100_000) for at in range(given.columns)})
    plan = plan_of(reference=usual, window="1m")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/records.parquet"
        write(path, given.rows, given.columns)
        told, seconds, used = measure(path, plan, given.workers)
    rows = sum(state.cell.records for state in told.states.values())
    assert rows == given.rows, f"{rows:,} of {given.rows:,} rows were counted"
    found = {
        "rows": rows,
        "columns": given.columns,
        "workers": given.workers,
        "places": len(told.states),
        "metrics": len(told.metrics),
        "tests": len(told.comparisons),
        "seconds": round(seconds, 3),
        "cpu_seconds": round(used, 3),
        "rows_per_cpu_second": round(rows / used),
        "rows_per_second": round(rows / seconds),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(found, indent=2))
    if given.json:
        given.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
