"""Trap: a statistic that is called symmetric and is not.

Raw numbers: comparison/test_two_sample.py.

Tests over the reference's deciles are not symmetric on numbers; over categories these are.
"""

import numpy as np
import pytest
from samples import CASES, SIDES, column, for_test

import homeostat as hs
from homeostat.comparison import TESTS

CLAIMED = [(test, kind) for test, kind in CASES if TESTS[test].symmetric]
ON_CATEGORIES = (
    "chi_square",
    "g_test",
    "psi",
    "jensen_shannon",
    "hellinger",
    "total_variation",
    "l_infinity",
)


def both_ways(test, kind, side):
    left, right = for_test(test, kind, 300, 1), for_test(test, kind, 120, 2)
    right = np.concatenate([right[:90], np.repeat(right[:1], 30)])  # enough to tell them apart
    sides = {"x": left}, {"x": right}
    if side == "counts":  # a grid that belongs to neither
        third = hs.Reference.fit({"x": for_test(test, kind, 400, 3)})
        sides = third.profile(sides[0]), third.profile(sides[1])
    there, back = (hs.compare(*each, tests={"x": test})["x"] for each in (sides, sides[::-1]))
    return there, back


def assert_same(there, back):
    assert there.effect != 0
    assert there.p_value == pytest.approx(back.p_value, rel=1e-9)
    assert abs(there.effect) == pytest.approx(abs(back.effect), rel=1e-9)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("test", "kind"), CLAIMED)
def test_where_claimed(test, kind, side):
    there, back = both_ways(test, kind, side)
    if (test, side) == ("epps_singleton", "counts") and kind != "truth":
        assert there.note == back.note
        assert "needs the raw values" in there.note
        return
    assert_same(there, back)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", ["category", "truth"])
@pytest.mark.parametrize("test", ON_CATEGORIES)
def test_distances_of_categories(test, kind, side):
    assert_same(*both_ways(test, kind, side))


def test_what_is_not_claimed_need_not_be():
    """The check can fail: a divergence from the one is none from the other."""
    there, back = both_ways("kl", "category", "raw")
    assert there.p_value != pytest.approx(back.p_value, rel=1e-6)
    x, y = {"x": column("number", 300, 1)}, {"x": column("number", 120, 2) * 3}
    there, back = (hs.compare(*each, tests="psi")["x"] for each in ((x, y), (y, x)))
    assert there.statistic != pytest.approx(back.statistic, rel=1e-6)
