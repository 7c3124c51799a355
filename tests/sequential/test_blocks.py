"""Blocks: the same means in whatever pieces the values come."""

from __future__ import annotations

import numpy as np
import pytest

from homeostat.sequential.blocks import Blocks, block_means, block_size


@pytest.mark.parametrize("size", [1, 3, 20])
def test_means_of_whole_blocks(size: int) -> None:
    xs = np.random.default_rng(1).random(500)
    want = [
        sum(xs[at : at + size].tolist()) / size for at in range(0, len(xs) // size * size, size)
    ]
    assert block_means(xs, size).tolist() == want
    blocks, found, start = Blocks(size), [], 0
    for length in (0, 1, 2, 57, 1, 400, 39):
        found += blocks.take(xs[start : start + length]).tolist()
        start += length
    assert found == want
    assert blocks.waiting == len(xs) % size


def test_rounding_stays_within_the_values() -> None:
    assert block_means(np.full(30, 0.1), 3).tolist() == [0.1] * 10


def test_blocks_where_neighbours_are_alike() -> None:
    rng = np.random.default_rng(2)
    xs = (rng.random(2_000) < 0.1).astype(float)
    assert block_size(xs) == 1
    assert block_size(np.repeat(xs, 2)) == 10
    assert block_size(np.ones(100)) == 1
    assert block_size(xs[:1]) == 1
