"""The table that tells cells, beside a binary search."""

from __future__ import annotations

import numpy as np
import pytest

from homeostat.reference.lookup import Lookup

_EXTREMES = [
    0.0,
    -0.0,
    5e-324,
    1e18,
    -1e18,
    1e300,
    -1e300,
    np.finfo(float).max,
    np.finfo(float).min,
]


def _edges(kind: str) -> np.ndarray:
    rng = np.random.default_rng(7)
    if kind == "none":
        return np.empty(0)
    if kind == "one":
        return np.array([3.0])
    if kind == "whole":
        values = np.arange(-20.0, 21.0)
        return np.unique([values, np.nextafter(values, -np.inf)])
    if kind == "far apart":
        return np.array([-1e308, -1.0, 0.0, 1.0, 1e308])
    draw = {
        "even": lambda: rng.normal(size=500),
        "skewed": lambda: rng.lognormal(0, 3, 500),
        "heavy": lambda: rng.standard_cauchy(500),
        "clustered": lambda: np.concatenate([rng.normal(0, 1e-9, 300), rng.normal(size=200)]),
    }[kind]
    return np.unique(draw())


@pytest.mark.parametrize("n", [10, 5_000, 70_000])
@pytest.mark.parametrize(
    "kind", ["none", "one", "whole", "far apart", "even", "skewed", "heavy", "clustered"]
)
def test_cells_are_those_of_a_binary_search(kind, n):
    edges = _edges(kind)
    rng = np.random.default_rng(n)
    near = edges if len(edges) else np.zeros(1)
    values = np.concatenate(
        [
            rng.choice(near, n),
            np.nextafter(rng.choice(near, n), np.inf),
            rng.standard_cauchy(n),
            rng.integers(-30, 30, n).astype(float),
            _EXTREMES,
        ]
    )
    rng.shuffle(values)
    lookup = Lookup(edges)
    for some in (values, values[: n // 2], values):  # a small table does for few, a large one stays
        assert np.array_equal(lookup.cells(some), np.searchsorted(edges, some))


def test_a_small_table_gives_way_to_a_large_one():
    edges = _edges("skewed")
    values = np.random.default_rng(3).lognormal(0, 3, 80_000)
    lookup = Lookup(edges)
    few = lookup.cells(values[:5_000])
    assert np.array_equal(few, lookup.cells(values)[:5_000])
    assert np.array_equal(few, np.searchsorted(edges, values[:5_000]))
