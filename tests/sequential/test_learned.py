"""What is learned from blocks, against sums over a list of all of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from homeostat.sequential.learned import Learned, Rise, least_rise
from homeostat.state import from_bytes, to_bytes

LENGTH = 200


def blocks(n: int, rate: float, seed: int) -> list[float]:
    return (np.random.default_rng(seed).binomial(LENGTH, rate, n) / LENGTH).tolist()


def learned(means: list[float], n: int = 2000) -> Learned:
    found = Learned(0.2, n, LENGTH, 1.0)
    for mean in means:
        found.take(mean)
    return found


def test_the_mean_is_that_of_the_reference_and_the_blocks_but_the_newest() -> None:
    means = blocks(40, 0.22, 1)
    records, mean = learned(means).settled
    assert records == 2000 + 39 * LENGTH
    assert mean == pytest.approx((2000 * 0.2 + LENGTH * sum(means[:-1])) / records, rel=1e-12)
    assert learned([]).settled == (2000.0, 0.2)


def test_what_is_forgotten_was_never_learned() -> None:
    means = blocks(90, 0.2, 2)
    once = learned(means)
    twice = learned([*means, 0.9, 0.8, 0.7])
    twice.forget(3)
    assert twice.settled == once.settled
    assert twice.wandering(0.2) == once.wandering(0.2)
    twice.forget(0)
    assert twice.settled == once.settled


def test_memory_is_bounded_and_old_blocks_fade() -> None:
    found = learned(blocks(5000, 0.3, 3), n=500)
    assert len(to_bytes(found.snapshot())) == len(to_bytes(learned(blocks(500, 0.3, 3)).snapshot()))
    records, mean = found.settled
    assert records == 100 * LENGTH
    assert mean == pytest.approx(0.3, abs=0.02)  # the reference has faded
    again = Learned(0.2, 500, LENGTH, 1.0)
    again.restore(from_bytes(to_bytes(found.snapshot())))
    assert again.settled == found.settled


def test_a_rise_is_the_z_test_of_the_clearest_cut() -> None:
    means = [*blocks(40, 0.2, 4), *blocks(16, 0.27, 5)]
    rise = learned(means).rise(0.0, 0.0)
    found = []
    for last in (6, 8, 12, 16, 24, 32):
        a, n = sum(means[-last:]) * LENGTH, last * LENGTH
        b, m = 2000 * 0.2 + sum(means[:-last]) * LENGTH, 2000 + (len(means) - last) * LENGTH
        pooled = (a + b) / (n + m)
        z = (a / n - b / m) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        found.append((z * z / 2 if z > 0 else 0.0, last, a / n - b / m))
    nats, last, change = max(found)
    assert rise.blocks == last == 16
    assert rise.nats <= nats * 1.000001  # less where block means spread wider than chance
    assert rise.nats > 0.6 * nats
    assert rise.change == pytest.approx(change)


def test_too_little_or_no_rise_is_none() -> None:
    assert learned(blocks(15, 0.9, 6)).rise(0.0, 0.0) == Rise(0, 0.0, 0.0)
    assert learned(blocks(60, 0.2, 7)).rise(0.3, 0.0).nats == 0.0
    risen = [*blocks(40, 0.2, 8), *blocks(16, 0.24, 9)]
    assert learned(risen).rise(0.0, 0.0).nats > learned(risen).rise(0.0, 0.02).nats
    assert learned(risen).rise(0.0, 0.1).nats == 0.0


def test_wandering_is_chance_or_the_peak_of_a_cycle() -> None:
    assert learned([0.2] * 4).wandering(0.2) == 0.0
    still = [learned(blocks(60, 0.2, seed)).wandering(0.2) for seed in range(20)]
    assert sum(value > 0 for value in still) <= 3
    cycle = [0.2 + 0.1 * math.sin(k) for k in range(60)]
    assert learned(cycle).wandering(0.2) == pytest.approx(0.25 * 0.2)
    assert 0 < learned([0.2 + (x - 0.2) * 1.6 for x in blocks(60, 0.2, 1)]).wandering(0.2) < 0.05


def test_evidence_is_what_chance_gives_so_rarely() -> None:
    nats = least_rise(1e6, LENGTH)
    assert stats.norm.sf(math.sqrt(2 * nats)) == pytest.approx(LENGTH / 1e6 / 1.2, rel=1e-9)
    assert least_rise(1.0, LENGTH) == least_rise(2.0, LENGTH)  # at most 1 in 20 a block
