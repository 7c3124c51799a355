"""Times of past observations, against a list of all of them."""

import numpy as np
import pytest

from homeostat.state import from_bytes, to_bytes
from homeostat.timeline import Timeline


def filled(micros: list[int], sizes: list[int]) -> Timeline:
    timeline, start = Timeline(), 0
    for size in sizes:
        piece = micros[start : start + size]
        if size == 1:
            timeline.add(piece[0])
        else:
            timeline.extend(np.array(piece, dtype=np.int64))
        start += size
    return timeline


@pytest.mark.parametrize("n", [1, 2, 3, 63, 64, 65, 127, 128, 129, 1000, 5000])
def test_told_to_a_share_of_how_long_ago(n: int) -> None:
    times = np.cumsum(np.random.default_rng(n).integers(0, 9, n)).tolist()
    timeline = filled(times, [1] * n)
    for ago in range(n):
        told = timeline.before(ago)
        number = n - 1 - ago
        early = max(0, number - max(0, ago // 32))
        assert told in times[early : number + 1]
    assert timeline.before(0) == times[-1]
    assert timeline.before(n - 1) == times[0]
    assert timeline.before(n) is None
    assert timeline.before(-1) is None


@pytest.mark.parametrize("seed", range(6))
def test_any_cutting_remembers_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 4000))
    times = rng.integers(0, 10**15, n).tolist()
    whole = filled(times, [n])
    sizes: list[int] = []
    while sum(sizes) < n:
        sizes.append(min(int(rng.integers(0, 2 if seed % 2 else 400)), n - sum(sizes)))
    cut = filled(times, sizes)
    assert cut.snapshot() == whole.snapshot() == filled(times, [1] * n).snapshot()
    again = Timeline()
    again.restore(from_bytes(to_bytes(whole.snapshot())))
    assert again.before(n // 2) == whole.before(n // 2)


def test_memory_is_logarithmic() -> None:
    timeline = filled(list(range(200_000)), [200_000])
    assert sum(map(len, timeline.levels)) <= 64 * 18


def test_nothing_yet() -> None:
    timeline = Timeline()
    timeline.extend(np.array([], dtype=np.int64))
    assert timeline.before(0) is None
    assert timeline.snapshot() == Timeline().snapshot()
