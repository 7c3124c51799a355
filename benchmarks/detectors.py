"""Detectors that River has too, over a 0/1 error stream: in batches and per item, beside River."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from river import drift

import homeostat as hs


def stream(n: int) -> np.ndarray:
    """Errors at rate 0.1 that jump to 0.2 in the middle."""
    rng = np.random.default_rng(42)
    return (rng.random(n) < np.where(np.arange(n) < n // 2, 0.1, 0.2)).astype(np.float64)


def in_batches(detector: Any, xs: np.ndarray) -> float:
    """Numbers per second in batches of 8,192."""
    started = perf_counter()
    for start in range(0, len(xs), 8192):
        detector.update_many(xs[start : start + 8192])
    return len(xs) / (perf_counter() - started)


def per_item(detector: Any, xs: np.ndarray) -> float:
    """Numbers per second, one call each."""
    values = xs.tolist()
    update = detector.update
    started = perf_counter()
    for value in values:
        update(value)
    return len(values) / (perf_counter() - started)


SIDES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "adwin": (hs.ADWIN, drift.ADWIN),
    "page_hinkley": (hs.PageHinkley, drift.PageHinkley),
    "ddm": (hs.drift.DDM, drift.binary.DDM),
    "eddm": (hs.drift.EDDM, drift.binary.EDDM),
}


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", type=int, default=500_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    xs = stream(options.numbers)
    result: dict[str, object] = {"benchmark": "detectors", "numbers": options.numbers}
    for name, (ours, rivers) in SIDES.items():
        in_batches(ours(), xs)  # warm-up: SciPy's import
        rates: dict[str, list[float]] = {"batches": [], "per_item": [], "river_per_item": []}
        for _ in range(options.repeats):
            rates["batches"].append(in_batches(ours(), xs))
            rates["per_item"].append(per_item(ours(), xs))
            rates["river_per_item"].append(per_item(rivers(), xs))
        medians = {kind: median(found) for kind, found in rates.items()}
        result |= {f"{name}_{kind}_per_s": round(rate) for kind, rate in medians.items()}
        for kind in ("batches", "per_item"):
            ratio = medians[kind] / medians["river_per_item"]
            result[f"{name}_{kind}_over_river"] = round(ratio, 2)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
