import pytest
from load import kill_under_load

KILLS = 10


@pytest.mark.parametrize("seed", range(5))
def test_killed_at_random_instants_under_load_nothing_is_lost_or_counted_twice(tmp_path, seed):
    told = kill_under_load(tmp_path, seed, KILLS, longest=30)
    assert told["kills"] == KILLS
    assert told["acknowledged"] > 5 * KILLS
    assert told["slowest_start"] < 30
