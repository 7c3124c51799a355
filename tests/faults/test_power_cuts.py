import pytest
from power import cut_once

from homeostat.stores import sqlite

CUTS, FAST = 8, 24


@pytest.fixture(autouse=True)
def _small_log(monkeypatch):
    monkeypatch.setattr(sqlite, "_WAL_MOST", 1 << 16)


@pytest.mark.parametrize("part", range(5))
def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path, part):
    for seed in range(part * CUTS, (part + 1) * CUTS):
        cut_once(tmp_path / str(seed), seed)


@pytest.mark.parametrize("part", range(3))
def test_with_durability_fast_it_loses_the_newest_at_most(tmp_path, part):
    lost = 0
    for seed in range(part * FAST, (part + 1) * FAST):
        acknowledged, found, _ = cut_once(tmp_path / str(seed), seed, "fast")
        lost += max(0, acknowledged - found)
    assert lost  # or the disk of this test forgets nothing
