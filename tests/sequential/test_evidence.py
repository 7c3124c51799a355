"""Evidence from bets: what the paper defines, whatever the pieces it comes in."""

from __future__ import annotations

import math

import numpy as np
import pytest

from homeostat.errors import InvalidSetting
from homeostat.sequential.evidence import Evidence, likely_start
from homeostat.state import to_bytes


def gains(n: int, bets: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice([0.7, 0.9, 1.1, 1.5], (bets, n))


def defined(given: np.ndarray, kind: str) -> list[float]:
    """Shin, Ramdas and Rinaldo's definition: products from every start, then sum or largest."""
    found = []
    for t in range(given.shape[1]):
        levels = []
        for row in given.tolist():
            products = [math.prod(row[start : t + 1]) for start in range(t + 1)]
            levels.append(math.fsum(products) if kind == "sr" else max(products))
        found.append(math.fsum(levels) / len(levels))
    return found


@pytest.mark.parametrize("kind", ["sr", "cusum"])
def test_it_is_what_the_paper_defines(kind: str) -> None:
    given = gains(150)
    assert Evidence(3, kind).take(given).tolist() == pytest.approx(defined(given, kind), rel=1e-12)


@pytest.mark.parametrize("kind", ["sr", "cusum"])
@pytest.mark.parametrize("seed", range(3))
def test_cutting_changes_no_bit(kind: str, seed: int) -> None:
    given, rng = gains(2_000, 5, seed), np.random.default_rng(seed)
    whole, cut, found = Evidence(5, kind), Evidence(5, kind), []
    want = whole.take(given)
    start = 0
    while start < 2_000:
        stop = start + int(rng.choice([0, 1, 2, 63, 64, 65, 128, 300]))
        found.append(cut.take(given[:, start:stop]))
        start = stop
    assert np.concatenate(found).tobytes() == want.tobytes()
    assert to_bytes(cut.snapshot()) == to_bytes(whole.snapshot())


def test_it_overflows_to_infinity_and_starts_again() -> None:
    evidence = Evidence(2)
    assert evidence.take(np.full((2, 300), 1e6))[-1] == math.inf
    evidence.restart()
    assert evidence.take(np.full((2, 2), 2.0)).tolist() == [2.0, 6.0]


def test_the_likely_start_is_where_most_is_gained_since() -> None:
    given = gains(60, 2, seed=4)
    best = max(
        (math.fsum(map(math.log, row[start:])), start)
        for row in given.tolist()
        for start in range(60)
    )
    assert likely_start(given) == best[1]


def test_kinds_are_known() -> None:
    with pytest.raises(InvalidSetting, match="sr"):
        Evidence(1, "sum")
