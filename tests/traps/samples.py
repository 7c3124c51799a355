"""Columns of every kind, records made of columns, and every pair of a test and what it takes."""

from __future__ import annotations

from typing import Any

import numpy as np

import homeostat as hs
from homeostat.comparison import TESTS

START = np.datetime64("2026-01-05", "us")
SECOND = np.timedelta64(1, "s")
SIDES = {"raw": dict, "counts": hs.Reference.fit}
"""What the reference side of a comparison is made of: raw values, or counts on a grid."""

CASES = [(test, kind) for test in sorted(TESTS) for kind in TESTS[test].takes]
TWO_VALUES = ("fisher", "z_proportions")


def column(kind: str, n: int, seed: int = 0) -> Any:
    """Values of a kind; of numbers, times and categories there are more than two."""
    rng = np.random.default_rng(seed)
    if kind == "number":
        return rng.normal(size=n)
    if kind == "truth":
        return rng.random(n) < 0.5
    if kind == "category":
        return rng.choice(["Oslo", "Rome", "Lima", "Bern"], n)
    return START + rng.integers(0, 10**9, n) * np.timedelta64(1, "us")


def for_test(test: str, kind: str, n: int, seed: int = 0) -> Any:
    """Values that a test takes: two different ones where it compares no more."""
    values = column(kind, n, seed)
    if test not in TWO_VALUES or kind == "truth":
        return values
    pair = {"number": [0.0, 1.0], "category": ["no", "yes"], "time": [START, START + SECOND]}[kind]
    return np.array(pair)[np.random.default_rng(seed).integers(0, 2, n)]


def constant(kind: str, n: int) -> Any:
    """The same value over and over."""
    value = {"number": 7.5, "truth": True, "category": "Oslo", "time": START}[kind]
    return np.full(n, value)


def people(n: int, seed: int) -> dict[str, Any]:
    """Independent features of people."""
    rng = np.random.default_rng(seed)
    return {
        "age": rng.normal(40, 10, n),
        "kids": rng.integers(0, 4, n),
        "city": rng.choice(["Oslo", "Rome", "Lima"], n),
        "member": rng.random(n) < 0.3,
    }


def batch(features: dict[str, Any], wrong: Any = False, start: int = 0) -> hs.Batch:
    """A record a second, of which `wrong` ones have another label than was predicted."""
    n = len(next(iter(features.values())))
    return hs.Batch.from_columns(
        model_version="v1",
        predicted_label="a",
        ground_truth_label=np.where(np.broadcast_to(wrong, n), "b", "a"),
        latency_ms=1.0,
        created_at=START + (start + np.arange(n)) * SECOND,
        features=features,
    )


def errors(*rates: float, each: int, seed: int = 0) -> Any:
    """Truth values: `each` answers at every rate, True where one is wrong."""
    rng = np.random.default_rng(seed)
    return rng.random(each * len(rates)) < np.repeat(rates, each)


def answers(wrong: Any) -> hs.Batch:
    """Records without features."""
    return batch({"x": np.zeros(len(wrong))}, wrong)
