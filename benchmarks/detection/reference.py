"""A reference's grid: counting speed, size, many columns, and how near its tests come to raw ones.

python benchmarks/detection/reference.py
"""

from __future__ import annotations

import argparse
import json
import tracemalloc
from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np

from homeostat.comparison import compare
from homeostat.reference import Reference

DRAWS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "log_normal": lambda rng, n: rng.lognormal(0, 2, n),
    "cauchy": lambda rng, n: rng.standard_cauchy(n),
    "whole_numbers": lambda rng, n: rng.integers(0, 100, n),
    "beyond_2_53": lambda rng, n: 2**60 + rng.integers(0, 10**9, n),
}
NEAR = ("ks", "kuiper", "cramer_von_mises", "anderson_darling", "mann_whitney", "welch_t",
        "wasserstein", "energy", "psi", "chi_square")  # fmt: skip


def seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """Of the median run."""
    times = []
    for _ in range(repeats):
        started = perf_counter()
        call()
        times.append(perf_counter() - started)
    return median(times)


def counting(rows: int) -> dict[str, float]:
    """Million values a second on one core, 512 cells; beside a plain binary search."""
    rng = np.random.default_rng(0)
    result = {}
    for name, draw in DRAWS.items():
        reference = Reference.fit({"x": draw(rng, 100_000)})
        values = draw(rng, rows)
        result[name] = rows / 1e6 / seconds(lambda: reference.profile({"x": values}))  # noqa: B023
    edges, values = np.sort(rng.normal(size=512)), rng.normal(size=rows)
    result["plain_searchsorted"] = rows / 1e6 / seconds(lambda: np.searchsorted(edges, values))
    return {name: round(value, 1) for name, value in result.items()}


def sizes() -> dict[str, int]:
    """Bytes of a column in the file, from 100,000 rows."""
    rng = np.random.default_rng(0)
    columns = {
        "numbers": rng.normal(size=100_000),
        "truth": rng.random(100_000) < 0.5,
        "ten_categories": rng.integers(0, 10, 100_000).astype(str),
        "all_different": np.arange(100_000).astype(str),
    }
    found = {name: len(Reference.fit({"x": values}).to_bytes()) for name, values in columns.items()}
    times = np.datetime64("2025-01-06") + np.arange(100_000).astype("m8[m]")
    seasonal = {"x": columns["numbers"], "t": times}
    fitted = Reference.fit(seasonal, time="t", seasonal="hour_of_week")
    return found | {"numbers_by_the_hour": len(fitted.to_bytes())}


def wide(rows: int = 1000) -> dict[str, float]:
    """Milliseconds a column, and how many times longer ten times the columns take."""
    rng = np.random.default_rng(0)
    data = {f"x{i}": rng.normal(size=rows) for i in range(10_000)}
    part = {name: data[name] for name in list(data)[:1000]}
    times = []
    for columns in (part, data):
        started = perf_counter()
        reference = Reference.fit(columns)
        fitted = perf_counter()
        profile = reference.profile(columns)
        counted = perf_counter()
        compare(reference, profile)
        times.append((fitted - started, counted - fitted, perf_counter() - counted))
    few, many = times
    result = {f"{step}_ms": round(t / 10, 2) for step, t in zip(STEPS, many, strict=True)}
    ratios = {f"{s}_ratio": round(b / a, 1) for s, a, b in zip(STEPS, few, many, strict=True)}
    return result | ratios


STEPS = ("fit", "profile", "compare")


def many_names() -> dict[str, float]:
    """A column of a million different names: seconds, and megabytes beside the column itself."""
    names = np.array([f"id{i}" for i in range(1_000_000)], dtype=object)
    took = seconds(lambda: Reference.fit({"x": names}), 1)
    tracemalloc.start()
    Reference.fit({"x": names[:300_000]})
    peak = tracemalloc.get_traced_memory()[1]
    return {"seconds": round(took, 1), "peak_mb_of_300000": round(peak / 1e6, 1)}


def nearness(draws: int = 20) -> dict[str, dict[str, float]]:
    """The mean difference from raw values, and the mean bound, relative to the mean statistic."""
    result = {}
    for name in NEAR:
        raw, off, bound = [], [], []
        for seed in range(draws):
            rng = np.random.default_rng(seed)
            a, b = rng.normal(size=20_000), rng.normal(0.05, 1, 5000)
            exact = compare({"x": a}, {"x": b}, tests=name)["x"]
            counted = compare(Reference.fit({"x": a}), {"x": b}, tests=name)["x"]
            raw.append(abs(exact.statistic))
            off.append(abs(exact.statistic - counted.statistic))
            bound.append(counted.error_bound)
        size = float(np.mean(raw))
        shares = (float(np.mean(each)) / size for each in (off, bound))
        result[name] = dict(zip(("off", "bound"), (float(f"{x:.2g}") for x in shares), strict=True))
    return result


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    options = parser.parse_args()
    result: dict[str, object] = {
        "benchmark": "reference",
        "million_values_a_second": counting(options.rows),
        "bytes": sizes(),
        "ten_thousand_columns": wide(),
        "a_million_names": many_names(),
        "relative_to_the_statistic": nearness(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
