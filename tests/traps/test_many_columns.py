"""Trap: ten times the columns took a hundred times as long.

Counted, not timed: what is called, and how often the names of columns are compared with each
other, which a search in a list does. 10,000 columns of raw values: comparison/test_compare.py.
"""

import sys

import numpy as np
import pytest
from samples import batch

import homeostat as hs
from homeostat.comparison import TESTS


class Name(str):
    """A name that counts how often it was compared."""

    compared = 0
    __slots__ = ()

    def __eq__(self, other):
        Name.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def wide(n):
    """n columns of 20 numbers, under names that are new each time."""
    return {Name(f"x{at}"): np.arange(20.0) for at in range(n)}


def operations(run):
    """How many calls and comparisons of names it took."""
    calls = 0

    def count(frame, event, arg):
        nonlocal calls
        calls += event in ("call", "c_call")

    run()  # once before, for what is made only once
    Name.compared = 0
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(before)
    return calls, Name.compared


def window(reference, n, **settings):
    detector = hs.drift.inputs(reference, window=20, **settings)
    return hs.Engine([], [detector]).observe_batch(batch(wide(n)))


def work(n):
    """Whatever takes a table of n columns, and all its names where it takes names."""
    data, reference = wide(n), hs.Reference.fit(wide(n))
    profile = reference.profile(wide(n))
    one = hs.Reference.fit({"a": np.arange(20.0)})
    return {
        "compare": lambda: hs.compare(data, wide(n)),
        "compare columns": lambda: hs.compare(data, wide(n), columns=list(wide(n))),
        "compare tests": lambda: hs.compare(data, wide(n), dict.fromkeys(wide(n), "psi")),
        "compare counts": lambda: hs.compare(reference, wide(n)),
        "compare nothing in common": lambda: hs.compare({"a": np.arange(20.0)}, wide(n)),
        "shown": lambda: repr(hs.compare(data, data)),
        "fit": lambda: hs.Reference.fit(wide(n)),
        "fit columns": lambda: hs.Reference.fit(data, columns=list(wide(n))),
        "fit hashed": lambda: hs.Reference.fit(data, hashed=list(wide(n))),
        "first records": lambda: hs.ReferenceFitter(20).update(wide(n)),
        "profile": lambda: reference.profile(wide(n)),
        "merge": lambda: profile + profile,
        "file": lambda: hs.Reference.from_bytes(reference.to_bytes()),
        "window": lambda: window(reference, n),
        "window columns": lambda: window(reference, n, columns=list(wide(n))),
        "window tests": lambda: window(reference, n, tests=dict.fromkeys(wide(n), "psi")),
        "window of new columns": lambda: window(one, n),
        "diagnose": lambda: hs.diagnose(data, wide(n)),
    }


SMALL, LARGE = work(30), work(120)


@pytest.mark.parametrize("name", SMALL)
def test_four_times_the_columns_take_four_times_the_work(name):
    (calls, compared), (more_calls, more_compared) = map(operations, (SMALL[name], LARGE[name]))
    assert more_calls <= 4.4 * calls + 100
    assert more_compared <= 4.4 * compared + 100


def test_the_count_sees_a_search_in_a_list():
    def searched(n):
        names = list(wide(n))
        return operations(lambda: [name in names for name in wide(n)])[1]

    assert searched(200) > 14 * searched(50)


@pytest.mark.parametrize("n", [100, 1000])
def test_each_column_is_tested_once(n, monkeypatch):
    runs = []
    ks = TESTS["ks"]
    monkeypatch.setitem(TESTS, "ks", ks._replace(run=lambda p: (runs.append(1), ks.run(p))[1]))
    assert list(window(hs.Reference.fit(wide(n)), n)) == []
    assert len(runs) == n
    assert len(hs.compare(wide(n), wide(n))) == n
    assert len(runs) == 2 * n
