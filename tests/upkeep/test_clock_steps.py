"""A clock that jumps changes no number: what is measured goes by the time of the records."""

import random

import pytest
from stall import DAY, START, Stall, made

from homeostat.times import to_micros
from homeostat.upkeep.doctor import examine

HOUR = DAY // 24
CLOCKS = {
    "hours": [-HOUR, HOUR],
    "days": [-DAY, DAY],
    "backwards": [-1_000_000],
    "leap": [0, 1_000_000, -1_000_000],
    "stopped": [0],
}


def history(folder, steps):
    folder.mkdir()
    stall, chance = Stall(folder), random.Random(3)
    stall.now = to_micros(START) + 40 * DAY
    for first in range(0, 600, 30):
        stall.now += chance.choice(steps)
        stall.send(*(made(at, "yes" if at % 3 == 0 else None) for at in range(first, first + 30)))
        stall.now += chance.choice(steps)
        stall.label(*((f"r{at}", "no") for at in range(first, first + 60) if at % 3 == 1))
        stall.keep(records="7d", parked="7d", answers="7d", events="365d", series="400d")
        if first % 150 == 0:
            stall.reopen()
    return stall


@pytest.mark.parametrize("clock", CLOCKS)
def test_no_number_is_another(tmp_path, clock):
    one, other = history(tmp_path / "one", [HOUR // 4]), history(tmp_path / "other", CLOCKS[clock])
    assert other.account().state_hash() == one.account().state_hash()
    assert other.account().counters == one.account().counters
    assert other.account().latest == one.account().latest
    logs = [
        [(event.seq, event.kind, event.body) for event in stall.store.events(1, 0, 10_000)]
        for stall in (one, other)
    ]
    assert logs[0] == logs[1]
    now = other.now
    for stall in (one, other):
        stall.close()
    assert [
        each for each in examine(tmp_path / "other", lambda: now + 2 * DAY) if not each.ok
    ] == []
