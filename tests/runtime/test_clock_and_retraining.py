"""The machine's clock may jump: retrainings go by the records' time, none is early or late."""

import random
from itertools import pairwise

import pytest
from school import School, course_of

HOUR = 3_600_000_000
CLOCKS = {
    "an hour, both ways": [-HOUR, HOUR],
    "a day, both ways": [-24 * HOUR, 24 * HOUR],
    "backwards": [-1_000_000],
    "stopped": [0],
}


def history(folder, steps):
    """Days of a bad model whose challengers are refused: what was asked for, and why not."""
    folder.mkdir()
    school, chance = School(folder, course_of({"cooldown": "2h", "per_day": 3})), random.Random(5)
    for first in range(0, 3 * 86_400, 1_800):
        school.now += chance.choice(steps)
        school.failing(range(first, first + 5))
        school.step()
        school.now += chance.choice(steps)
        for job in school.jobs("running"):
            school.trainer.succeed(f"{job.id}/{job.token}", version=f"v{job.number + 1}")
            school.step()
            school.act(lambda loop: loop.reject())
    asked = [job.asked for job in sorted(school.jobs(), key=lambda job: job.number)]
    told = [each["reason"] for each in school.told("RetrainSuppressed")]
    school.store.close()
    return asked, told


@pytest.mark.parametrize("clock", CLOCKS)
def test_what_is_asked_for_and_when_is_as_by_a_steady_clock(tmp_path, clock):
    steady = history(tmp_path / "steady", [HOUR // 2])
    asked, told = history(tmp_path / "jumps", CLOCKS[clock])
    assert (asked, told) == steady
    assert 6 <= len(asked) <= 9
    between = [later - earlier for earlier, later in pairwise(asked)]
    assert min(between) >= 2 * HOUR
    assert {reason.partition(":")[0] for reason in told} >= {"cooldown", "budget"}
