"""Trap: one column that could not be handled took the answers about all others with it.

Lists, mixtures and columns that cannot be read: comparison/test_compare.py and
test_counts_on_grid.py; plug-ins that raise: test_engine.py; oddities in a diagnosis:
diagnosis/test_diagnose.py; what several columns together refuse: multivariate/test_multivariate.py.
"""

import numpy as np
import pytest
from samples import SIDES, batch, people

import homeostat as hs
from homeostat.comparison import TESTS, sample

N = 60


class Unorderable:
    """Equal to nothing else, and not comparable."""

    def __lt__(self, other):
        raise TypeError("there is no order")


class Unhashable:
    """Raises something of its own where a hash is asked for."""

    def __hash__(self):
        raise RuntimeError("no hash today")

    def __repr__(self):
        return "unhashable"


ODD = {
    "unorderable": [Unorderable() for _ in range(N)],
    "unhashable": [Unhashable() for _ in range(N)],
    "dicts": [{"a": 1}] * N,
    "sets": [{1, 2}] * N,
    "mixed": [1, "a", None] * (N // 3),
    "complex": np.zeros(N, complex),
    "structured": np.zeros(N, [("a", "f8")]),
    "table": np.zeros((N, 2)),
}


def moved(shift=0.0):
    """A column that moved and one that did not, on both sides of the odd ones."""
    rng = np.random.default_rng(0)
    return {"age": rng.normal(size=N) + shift} | ODD | {"height": rng.normal(size=N)}


@pytest.mark.parametrize("side", SIDES)
def test_odd_columns_leave_the_others_their_answers(side):
    answer = hs.compare(SIDES[side](moved()), moved(3.0))
    assert answer.drifted == ("age",)
    assert answer["height"].p_value == 1.0
    assert set(answer.columns) == set(moved())
    if side == "raw":
        notes = {row.name: row.note for row in answer if row.verdict == "error"}
        assert set(notes) == set(ODD) - {"unorderable"}
        assert all(notes.values())


def test_a_reference_and_its_profiles_count_them_as_text():
    reference = hs.Reference.fit(moved())
    assert reference.rows == N
    profile = reference.profile(moved(3.0))
    for name in ("dicts", "sets", "unhashable", "mixed"):
        assert profile[name].n + profile[name].missing == N
    assert hs.Reference.from_bytes(reference.to_bytes()).to_bytes() == reference.to_bytes()


def test_a_diagnosis_still_finds_the_others():
    found = hs.diagnose(moved(), moved(3.0))
    assert found["covariate drift"].p_value < 1e-6
    assert found.columns[0].name == "age"


def fails(pair):
    raise ZeroDivisionError("a test of my own")


def says_nothing(pair):
    return sample.Outcome(np.nan, np.nan, np.nan)


@pytest.fixture(params=[fails, says_nothing])
def own_test(request, monkeypatch):
    takes = ("number", "category", "truth", "time")
    monkeypatch.setitem(TESTS, "own", sample.Test("own", request.param, takes, "none", False))
    return "own"


@pytest.mark.parametrize("side", SIDES)
def test_a_test_that_raises_costs_its_column_alone(side, own_test):
    before, after = people(500, 1), people(500, 2)
    after["kids"] = after["kids"] + 2
    answer = hs.compare(SIDES[side](before), after, tests={"age": own_test})
    assert answer["age"].verdict == "error"
    assert answer["age"].p_value is None
    assert "own" in answer["age"].note
    assert answer.drifted == ("kids",)
    assert {row.name: row.verdict for row in answer if row.name != "age"} == {
        "kids": "drift", "city": "no drift", "member": "no drift",
    }  # fmt: skip


def test_windows_go_on_without_it(own_test):
    features = people(400, 2)
    features["kids"] = features["kids"] + np.where(np.arange(400) < 200, 0, 2)
    detector = hs.drift.inputs(people(5000, 1), window=200, tests={"age": own_test})
    (event,) = hs.Engine([], [detector]).observe_batch(batch(features))
    assert [column["column"] for column in event.evidence["columns"]] == ["kids"]
    assert detector.fresh().latest is None
