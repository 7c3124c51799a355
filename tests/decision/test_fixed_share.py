"""Weights that follow whoever is best: as written in the paper, in any pieces, within its bound."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import homeostat as hs
from homeostat.errors import InvalidInput, InvalidSetting, SnapshotMismatch
from homeostat.state import from_bytes, to_bytes

NAMES = ("a", "b", "c")


def joined(lasts: int = 50, names: tuple = NAMES) -> hs.FixedShare:
    found = hs.FixedShare(lasts)
    for name in names:
        found.join(name)
    return found


def by_hand(table: list[list[float]], lasts: int) -> list[float]:
    """The loss update and the share update of the paper, a number at a time."""
    n = len(table[0])
    rate = math.sqrt(8 * (math.log(n) + math.log(lasts) + 1) / lasts)
    weights = [1 / n] * n
    for row in table:
        heard = [at for at in range(n) if not math.isnan(row[at])]
        factors = [math.exp(-rate * loss) for loss in row]
        if heard:
            total = sum(weights[at] for at in heard)
            usual = sum(weights[at] * factors[at] for at in heard) / total
        else:
            usual = 1.0
        weights = [w * (usual if math.isnan(f) else f)
                   for w, f in zip(weights, factors, strict=True)]  # fmt: skip
        whole = sum(weights)
        weights = [w / whole * (1 - 1 / lasts) + 1 / lasts / n for w in weights]
    return weights


LOSS = st.one_of(st.sampled_from([0.0, 1.0, float("nan")]), st.floats(0, 1))
TABLES = st.lists(st.tuples(LOSS, LOSS, LOSS).map(list), max_size=40)


@given(TABLES, st.integers(2, 3_000))
def test_as_in_the_paper(table: list, lasts: int) -> None:
    found = joined(lasts)
    found.update(dict(zip(NAMES, np.array(table).reshape(-1, 3).T, strict=True)))
    expected = by_hand(table, lasts) if table else [1 / 3] * 3
    assert list(found.weights.values()) == pytest.approx(expected, rel=1e-9)


@given(TABLES, st.lists(st.integers(0, 40), max_size=4))
@settings(max_examples=60)
def test_in_any_pieces_the_same_bits_and_across_a_snapshot(table: list, cuts: list) -> None:
    columns = np.array(table, dtype=float).reshape(-1, 3)
    whole, pieces = joined(), joined()
    whole.update(dict(zip(NAMES, columns.T, strict=True)))
    for part in np.split(columns, sorted(min(cut, len(columns)) for cut in cuts)):
        again = hs.FixedShare(50)
        again.restore(from_bytes(to_bytes(pieces.snapshot())))
        pieces = again
        pieces.update({name: part[:, at].tolist() for at, name in enumerate(NAMES)})
    assert pieces.weights == whole.weights
    assert [*pieces.weights] == [*NAMES]


@pytest.mark.parametrize("seed", range(5))
def test_its_draw_loses_little_more_than_the_best_that_changes(seed: int) -> None:
    rng, lasts, n = np.random.default_rng([seed, 98]), 500, 20_000
    best = np.repeat(rng.integers(0, 3, n // lasts), lasts)
    chance = np.where(np.arange(3) == best[:, None], 0.2, 0.5)
    losses = (rng.random((n, 3)) < chance).astype(float)
    found, drawn = joined(lasts), 0.0
    for row in losses:
        drawn += sum(w * loss for w, loss in zip(found.weights.values(), row, strict=True))
        found.update({name: [loss] for name, loss in zip(NAMES, row, strict=True)})
    changes = np.count_nonzero(np.diff(best))
    share = changes / (n - 1)
    cross = -(share * math.log(1 / lasts / 3 * 2) + (1 - share) * math.log(1 - 1 / lasts))
    bound = (math.log(3) * (changes + 1) + (n - 1) * cross) / found.rate + found.rate * n / 8
    hindsight = losses[np.arange(n), best].sum()
    assert drawn - hindsight <= bound
    assert drawn < losses.sum(axis=0).min()  # better than any one of them


def test_who_joins_leaves_and_is_favoured() -> None:
    found = hs.FixedShare()
    assert (found.leader, found.weights) == (None, {})
    found.update({})
    found.join("a")
    assert found.weights == {"a": 1.0}
    found.join("b")
    assert found.weights == {"a": 0.5, "b": 0.5}
    assert found.leader == "a"  # of equals the first
    found.update({"a": [1.0] * 30, "b": [0.0] * 30})
    assert found.leader == "b"
    before = dict(found.weights)
    found.join("b")
    assert found.weights == before
    found.join("c")
    assert found.weights["c"] == pytest.approx(1 / 3)
    assert found.weights["b"] / found.weights["a"] == pytest.approx(before["b"] / before["a"])
    found.favour("a")
    assert found.leader == "a"
    assert found.weights["a"] == 0.75
    found.leave("a")
    found.leave("nobody")
    assert sum(found.weights.values()) == pytest.approx(1)
    assert found.leader == "b"
    found.leave("b")
    found.leave("c")
    assert found.leader is None
    found.favour("d")
    assert found.weights == {"d": 1.0}


def test_who_was_wrong_for_ever_leads_soon_when_it_is_right() -> None:
    found = joined(1_000, ("a", "b"))
    found.update({"a": [0.0] * 100_000, "b": [1.0] * 100_000})
    assert found.weights["b"] >= 1 / 1_000 / 2
    found.update({"a": [1.0] * 60, "b": [0.0] * 60})
    assert found.leader == "b"


def test_silence_keeps_a_weight_as_it_is_among_the_others() -> None:
    found = joined(10**9)  # so that nothing is given back that would be seen
    found.update({"a": [0.3], "b": [0.7], "c": [float("nan")]})
    assert found.weights["c"] == pytest.approx(1 / 3, rel=1e-6)
    found.update(dict.fromkeys(NAMES, [float("nan")] * 5))
    assert found.weights["c"] == pytest.approx(1 / 3, rel=1e-6)


@pytest.mark.parametrize(
    ("losses", "problem"),
    [
        ({"a": [0.0], "b": [0.0]}, "of a, b, who take part are a, b, c"),
        ({}, "of nobody"),
        ({"a": [0.0], "b": [0.0], "c": [0.0, 1.0]}, "of the same records"),
        ({"a": 0.0, "b": 0.0, "c": 0.0}, "one column each"),
        ({"a": [0.0], "b": [2.0], "c": [0.0]}, "from 0 to 1"),
        ({"a": [0.0], "b": [-1e-9], "c": [0.0]}, "from 0 to 1"),
    ],
)
def test_losses_that_cannot_be(losses: dict, problem: str) -> None:
    found = joined()
    before = dict(found.weights)
    with pytest.raises(InvalidInput, match=problem):
        found.update(losses)
    assert found.weights == before


@pytest.mark.parametrize("lasts", [0, 1, -5, 2.5, "many", True])
def test_settings_that_cannot_be(lasts: object) -> None:
    with pytest.raises(InvalidSetting, match="lasts"):
        hs.FixedShare(lasts)


def test_a_snapshot_of_something_else() -> None:
    with pytest.raises(SnapshotMismatch):
        joined().restore({"loss": 1})
