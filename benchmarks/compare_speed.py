"""`compare` on 50 columns, 40 numeric and 10 of text, beside a loop of SciPy's `ks_2samp`."""

from __future__ import annotations

import argparse
import json
import resource
from statistics import median
from time import perf_counter

import numpy as np

NUMERIC, TEXT = 40, 10
WORDS = np.array(["red", "green", "blue", "black", "white"], dtype=object)


def table(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Normal, skewed and whole numbers in turn, and words."""
    rng = np.random.default_rng(seed)
    kinds = (rng.standard_normal, rng.standard_exponential, lambda n: rng.integers(0, 1000, n))
    numbers = {f"x{i}": kinds[i % 3](rows) for i in range(NUMERIC)}
    return numbers | {f"c{i}": WORDS[rng.integers(0, 5, rows)] for i in range(TEXT)}


def ours(reference: dict[str, np.ndarray], current: dict[str, np.ndarray]) -> float:
    """Seconds for all columns."""
    from homeostat.comparison import compare

    started = perf_counter()
    compare(reference, current)
    return perf_counter() - started


def scipys(reference: dict[str, np.ndarray], current: dict[str, np.ndarray]) -> float:
    """Seconds for the numeric columns alone."""
    from scipy.stats import ks_2samp

    started = perf_counter()
    for i in range(NUMERIC):
        ks_2samp(reference[f"x{i}"], current[f"x{i}"])
    return perf_counter() - started


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", type=int, default=100_000)
    parser.add_argument("--current", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    reference = table(options.reference, 0)
    result: dict[str, object] = {"benchmark": "compare_speed", "reference": options.reference}
    for rows in options.current:
        current = table(rows, 1)
        times = [
            (ours(reference, current), scipys(reference, current)) for _ in range(options.repeats)
        ]
        own, other = (median(each) for each in zip(*times, strict=True))
        result[f"rows_{rows}"] = {
            "seconds": round(own, 3),
            "scipy_ks_loop_seconds": round(other, 3),
            "times_faster": round(other / own, 1),
        }
    narrow, wide = ({f"x{i}": np.arange(200.0) for i in range(n)} for n in (1000, 10_000))
    few, many = (ours(side, side) for side in (narrow, wide))
    result["columns_10000_to_1000"] = round(many / few, 1)
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(result))


if __name__ == "__main__":
    main()
