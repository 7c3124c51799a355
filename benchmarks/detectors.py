"""Detectors that River has too, over a 0/1 error stream: in batches and per item, beside River."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parent / "detection"))
from peers import PEERS, Peer


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


SIDES: dict[str, Peer] = {peer.ours.name: peer for peer in PEERS.values()}  # type: ignore[attr-defined]
MOST_ONE_BY_ONE = 100_000  # of the stream's numbers, from its middle


def rates(name: str, numbers: int, repeats: int) -> dict[str, float]:
    """Medians of numbers per second in batches, per item, and of River's per item."""
    peer, xs = SIDES[name], stream(numbers)
    around = max(0, (numbers - MOST_ONE_BY_ONE) // 2)
    few = xs[around : numbers - around]
    theirs = 1 - few if peer.right else few
    in_batches(peer.ours(), xs)  # warm-up: SciPy's import
    found: dict[str, list[float]] = {"batches": [], "per_item": [], "river_per_item": []}
    for _ in range(repeats):
        found["batches"].append(in_batches(peer.ours(), xs))
        found["per_item"].append(per_item(peer.ours(), few))
        found["river_per_item"].append(per_item(peer.rivers(), theirs))
    return {kind: median(each) for kind, each in found.items()}


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", type=int, default=500_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=list(SIDES), default=list(SIDES))
    options = parser.parse_args()
    result: dict[str, object] = {"benchmark": "detectors", "numbers": options.numbers}
    for name in options.only:
        medians = rates(name, options.numbers, options.repeats)
        result |= {f"{name}_{kind}_per_s": round(rate) for kind, rate in medians.items()}
        for kind in ("batches", "per_item"):
            ratio = medians[kind] / medians["river_per_item"]
            result[f"{name}_{kind}_over_river"] = round(ratio, 2)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
