"""Columns read by short cuts, beside the plain way: a sort, and a count of each object."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from homeostat.comparison.columns import read
from homeostat.reference.columns import counted

WHOLE = (np.int8, np.uint8, np.int16, np.int32, np.int64, np.uint64)


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("end", ["lowest", "highest"])
@pytest.mark.parametrize("n", [0, 1, 50, 5000])
def test_whole_numbers_of_a_narrow_range_are_sorted(kind: Any, end: str, n: int) -> None:
    limits = np.iinfo(kind)
    width = min(999, limits.max - limits.min)
    low = limits.min if end == "lowest" else limits.max - width
    values = np.random.default_rng(n).integers(low, low + width, n, dtype=kind, endpoint=True)
    found = read({"x": values}, "x").numbers
    assert found is not None
    assert found.dtype == kind
    np.testing.assert_array_equal(found, np.sort(values))


def test_the_full_range_is_sorted_without_overflow() -> None:
    limits = np.iinfo(np.int64)
    values = np.array([limits.max, 0, limits.min, 7] * 30_000)
    found = read({"x": values}, "x").numbers
    np.testing.assert_array_equal(found, np.sort(values))


@pytest.mark.parametrize("different", [1, 3, 40, 1000])
@pytest.mark.parametrize("n", [0, 1, 513, 70_000])
@pytest.mark.parametrize("step", [1, 2, -1])
def test_objects_are_counted_in_the_order_of_their_first(different: int, n: int, step: int) -> None:
    names = [f"v{i}" for i in range(different)]
    pool = np.array([*names, *map("{}".format, names), None, float("nan"), 1, 1.0, True], object)
    values = pool[np.random.default_rng(different).integers(0, len(pool), n)][::step]
    assert repr(counted(values)) == repr(dict(Counter(values.tolist())))


def test_what_has_no_hash_is_refused() -> None:
    values = np.empty(2000, object)
    values[:] = [[1]] * 2000
    with pytest.raises(TypeError):
        counted(values)
