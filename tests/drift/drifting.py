"""Streams that drift, and the checks that every streaming detector's tests share."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from homeostat.state import to_bytes


def errors(seed: int, size: int = 8000, low: float = 0.02, high: float = 0.6) -> np.ndarray:
    """0/1 errors whose rate jumps, after a run of zeros and with runs of one value within."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(50, 2500, size=max(4, size // 200))
    rates = np.repeat(rng.uniform(low, high, size=len(lengths)), lengths)[:size]
    values = (rng.random(len(rates)) < rates).astype(float)
    values[: 40 * (seed % 4)] = 0.0
    if seed % 2:
        middle = size // 2
        values[middle : middle + 150] = 0.0
        values[middle + 150 : middle + 250] = 1.0
    return values


def normals(seed: int, size: int = 8000) -> np.ndarray:
    """Normal values whose mean jumps, with constant runs and, at times, a constant start."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(50, 2500, size=max(4, size // 200))
    means = np.repeat(rng.normal(0.0, 2.0, size=len(lengths)), lengths)[:size]
    values = rng.normal(means, 1.0)
    values[: 50 * (seed % 3)] = 0.0
    values[size // 2 : size // 2 + 100] = values[size // 2]
    return values


def rows(alarms: Any) -> list[tuple[float, ...]]:
    """Position, observed, threshold, change and since of each alarm."""
    columns = alarms[:5]
    return list(zip(*(column.tolist() for column in columns), strict=True))


def gappy(values: np.ndarray, seed: int = 3) -> np.ndarray:
    """The same with a tenth of the values replaced by NaN."""
    gone = np.random.default_rng(seed).random(len(values)) < 0.1
    return np.where(gone, math.nan, values)


def assert_same_bits_in_any_cut(make: Callable[[], Any], values: np.ndarray) -> None:
    """As a whole, singly and in random pieces: the same reports and the same memory."""
    whole, single = make(), make()
    expected = rows(whole.alarms(values))
    assert len(expected) >= 2
    found = []
    for at, x in enumerate(values.tolist()):
        if single.update(x):
            since = getattr(single, "since", -1)
            found.append((at, single.observed, single.threshold, single.change, since))
    assert found == expected
    assert to_bytes(single.snapshot()) == to_bytes(whole.snapshot())
    for largest in (5, 40, 3000):
        cut, found, start = make(), [], 0
        rng = np.random.default_rng(largest)
        while start < len(values):
            step = int(rng.integers(0, largest))
            told = rows(cut.alarms(values[start : start + step]))
            found += [(at + start, *rest) for at, *rest in told]
            start += step
        assert found == expected
        assert to_bytes(cut.snapshot()) == to_bytes(whole.snapshot())


def assert_refused_without_a_trace(make: Callable[[], Any], values: Any, bad: float) -> None:
    model = make()
    model.update_many(values)
    before = to_bytes(model.snapshot())
    with pytest.raises(ValueError, match=r"xs\[2\] must be"):
        model.update_many([1.0, math.nan, bad, 0.0])
    with pytest.raises(ValueError, match="x must be"):
        model.update(bad)
    assert len(model.update_many([math.nan] * 3)) == 0
    assert model.update_many([]).dtype == np.int64
    assert to_bytes(model.snapshot()) == before


def charted(values: list[float], follow: Any, model: Any) -> list[tuple[float, ...]]:
    """A control chart by definition: learn, then ask `follow` about the values since, in sigmas.

    `follow` gets all of them and says observed, threshold, change in sigmas and since, or None.
    """
    alarms, learning, since = [], [], []
    center, sigma = model.center, model.sigma
    for at, x in enumerate(values):
        if center is None:
            learning.append(x)
            if len(learning) >= model.min_instances and len(set(learning)) > 1:
                center, sigma = statistics.fmean(learning), statistics.stdev(learning)
            continue
        since.append((x - center) / sigma)
        told = follow(since, model)
        if told:
            observed, threshold, moved, began = told
            alarms.append((at, observed, threshold, moved * sigma, began))
            center, sigma, learning, since = model.center, model.sigma, [], []
    return alarms


CHART_MISTAKES: list[dict[str, Any]] = [
    {"min_instances": 1},
    {"min_instances": 30.0},
    {"mode": "sideways"},
    {"mode": ["up"]},
    {"sigma": 1.0},
    {"sigma": None, "center": 0.0},
    {"center": math.nan, "sigma": 1.0},
    {"center": math.inf, "sigma": 1.0},
    {"center": "0", "sigma": 1.0},
    {"sigma": 0.0, "center": 0.0},
    {"sigma": -1.0, "center": 0.0},
    {"on": ""},
    {"on": None},
]
