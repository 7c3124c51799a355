"""What goes into a test of several columns, and what comes out."""

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from homeostat import multivariate
from homeostat.errors import InvalidInput, InvalidSetting
from homeostat.multivariate import TESTS

EVERY = pytest.mark.parametrize("name", list(TESTS))


def run(reference, current, name="classifier", **settings):
    return multivariate.test(reference, current, name, **{"permutations": 99} | settings)


def table(seed, n=200, shift=0.0):
    rng = np.random.default_rng(seed)
    return {
        "amount": rng.lognormal(shift, 1, n),
        "age": rng.integers(18, 80, n),
        "member": rng.random(n) < 0.5,
        "city": rng.choice(["Oslo", "Rome", "Lima"], n),
        "vector": list(rng.normal(shift, 1, (n, 5))),
        "since": np.datetime64("2026-01-01") + rng.integers(0, 99, n),
    }


@EVERY
def test_the_same_rows_are_no_change(name):
    rows = np.random.default_rng(0).normal(size=(20, 3))
    result = run(rows, rows.copy(), name)
    assert result.p_value > 0.5
    assert result.verdict == "no drift"
    assert result.statistic <= result.threshold


@EVERY
def test_constant_and_missing_columns_are_no_change(name):
    for fill in (3.0, np.nan):
        constant = {"x": np.full(25, fill), "y": np.zeros(25), "c": ["a"] * 25, "none": [None] * 25}
        result = run(constant, constant, name)
        assert result.p_value == 1.0
        assert set(result.contributions.values()) == {0.0}


@EVERY
def test_zero_and_few_rows_say_how_many_it_takes(name):
    for n in (0, 9):
        rows = np.random.default_rng(0).normal(size=(n, 2))
        result = run(np.random.default_rng(1).normal(size=(50, 2)), rows, name)
        assert result.p_value is None
        assert math.isnan(result.statistic)
        assert result.verdict == "too little data"
        assert not result.drift
        assert result.needed == TESTS[name].needed
        assert "needed" in repr(result)
    assert run({"x": []}, {"x": []}, name).p_value is None


@EVERY
@pytest.mark.parametrize(
    "change",
    [
        {"amount": np.full(200, np.nan)},
        {"city": ["Lagos"] * 200},
        {"city": [None] * 200},
        {"age": np.full(200, 500)},
        {"member": [None, True] * 100},
        {"vector": [np.full(5, 9.0)] * 200},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_broken_column_is_found_and_named(name, change):
    reference = table(0)
    if change.get("city"):  # a plane through three cities can hold any fourth point
        reference = {"city": reference["city"], "age": reference["age"]}
    current = {key: table(1)[key] for key in reference} | change
    result = run(reference, current, name)
    assert result.drift
    assert result.p_value <= 0.05
    assert result.statistic > result.threshold
    if name != "pca":  # a plane smears an error over all columns
        assert next(iter(result.contributions)) == next(iter(change))


@EVERY
def test_the_same_seed_gives_the_same_bytes_and_touches_no_global_one(name):
    reference, current = table(0), table(1)
    np.random.seed(7)  # noqa: NPY002 - the global state is what is looked at
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = run(reference, current, name, seed=3)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    again = run(reference, current, name, seed=3)
    assert repr(first.to_dict()) == repr(again.to_dict())
    other = run(reference, current, name, seed=4)
    assert repr(other.to_dict()) != repr(first.to_dict())


@EVERY
def test_data_are_left_as_they_were(name):
    reference, current = (np.random.default_rng(at).normal(size=(50, 3)) for at in range(2))
    kept = reference.copy(), current.copy()
    run(reference, current, name)
    assert (reference == kept[0]).all()
    assert (current == kept[1]).all()


@EVERY
def test_any_kind_of_table_gives_the_same(name):
    both = [{key: v for key, v in table(at, 60).items() if key != "vector"} for at in (0, 1)]
    want = run(*both, name)
    for make in (pd.DataFrame, pl.DataFrame, pa.table):
        assert run(*map(make, both), name).to_dict() == want.to_dict()
    lists = [{key: v.tolist() for key, v in side.items()} for side in both]
    assert run(*lists, name).to_dict() == want.to_dict()


@EVERY
def test_vectors_in_any_form_are_the_same(name):
    one, other = (np.random.default_rng(at).normal(size=(40, 6)) for at in (0, 1))
    want = run({"e": one}, {"e": other}, name).to_dict()
    forms = [
        ({"e": list(one)}, {"e": list(other)}),
        ({"e": one.tolist()}, {"e": other.tolist()}),
        (pd.DataFrame({"e": list(one)}), pd.DataFrame({"e": list(other)})),
        (pl.DataFrame({"e": one}), pl.DataFrame({"e": other})),
        (pa.table({"e": one.tolist()}), pa.table({"e": other.tolist()})),
    ]
    for left, right in forms:
        assert run(left, right, name).to_dict() == want
    columns = run(one, other, name)
    assert set(columns.contributions) == set("012345")
    assert columns.to_dict() == run(one.tolist(), other.tolist(), name).to_dict()


@EVERY
def test_wide_embeddings(name):
    rng = np.random.default_rng(0)
    reference, current = rng.normal(size=(300, 256)), rng.normal(size=(300, 256))
    assert not run({"e": reference}, {"e": current}, name, seed=1).drift
    moved = current + np.linspace(0, 1.5, 256)
    if name == "pca":
        moved = current * 1.3
    assert run({"e": reference}, {"e": moved}, name).drift


def test_more_rows_than_asked_for_are_drawn():
    reference, current = (np.random.default_rng(at).normal(size=(90, 2)) for at in (0, 1))
    result = run(reference, current[:70], max_rows=80)
    assert (result.rows_reference, result.rows_current) == (80, 70)
    assert (result.n_reference, result.n_current) == (90, 70)
    assert "90 rows, of which 80 drawn" in repr(result)
    assert run(reference, current, "energy").rows_reference == 90


def test_values_of_many_types():
    rng = np.random.default_rng(0)
    values = {
        "decimal": [Decimal(at) for at in range(30)],
        "date": [date(2026, 1, 1 + at) for at in range(30)],
        "zoned": [datetime(2026, 1, 1 + at, tzinfo=UTC) for at in range(30)],
        "pandas": pd.array([None, *range(29)], dtype="Int64"),
        "time": pd.Series(pd.date_range("2026-01-01", periods=30)).where(lambda s: s.dt.day > 2),
        "odd": [1, "a", None] * 10,
        "gaps": [None if at % 7 == 0 else rng.normal(size=3) for at in range(30)],
    }
    assert run(values, values).p_value > 0.5
    late = values | {"date": [date(2027, 1, 1 + at) for at in range(30)]}
    assert next(iter(run(values, late).contributions)) == "date"


def test_what_came_went_or_changed_is_told_and_left_out():
    reference = {
        "x": np.arange(30.0),
        "gone": np.ones(30),
        "type": np.ones(30),
        "v": np.ones((30, 3)),
    }
    current = {"x": np.arange(30.0), "new": np.ones(30), "type": ["a"] * 30, "v": np.ones((30, 4))}
    result = run(reference, current)
    assert list(result.contributions) == ["x"]
    assert result.notes == (
        "'gone' is gone",
        "'new' is new",
        "'type' changed from numbers to categories",
        "'v' changed from 3 to 4 numbers a row",
    )
    assert "note: 'gone' is gone" in repr(result)
    with pytest.raises(InvalidInput, match="no column in common"):
        run({"a": [1.0] * 30}, {"b": [1.0] * 30})


def test_many_rare_categories():
    rng = np.random.default_rng(0)
    ids = {"id": [f"user {at}" for at in rng.integers(0, 10**9, 300)]}
    others = {"id": [f"user {at}" for at in rng.integers(0, 10**9, 300)]}
    for name in TESTS:
        assert run(ids, others, name).p_value > 0.05


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"x": [1.0, math.inf] * 20}, "infinite"),
        ({"x": [-1e101, None] * 20}, "beyond 1e100"),
        ({"x": [[1.0], [1.0, 2.0]] * 20}, "different lengths"),
        ({"x": [["a"], ["b"]] * 20}, "of no numbers"),
        ({"x": [{"a": 1}] * 40}, "cannot be counted"),
        ({"x": np.ones((40, 2, 2))}, "3 dimensions"),
        ({"x": np.ones(40, complex)}, "complex"),
        ({"x": np.ones(40), "y": np.ones(39)}, "differ in length"),
        (np.ones(40), "1 dimensions"),
        ([[1.0], [1.0, 2.0]], "different lengths"),
        (3, "0 dimensions"),
        (None, "0 dimensions"),
        ("text", "0 dimensions"),
    ],
)
def test_refused_data(data, said):
    with pytest.raises(InvalidInput, match=said):
        run(data, data)
    with pytest.raises(InvalidInput, match="current"):
        run({"x": np.ones(40)}, data)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"name": "mmb"}, "did you mean 'mmd'"),
        ({"name": None}, "unknown"),
        ({"alpha": 0}, "alpha must be"),
        ({"alpha": "x"}, "alpha must be"),
        ({"seed": -1}, "seed must be"),
        ({"seed": None}, "seed must be"),
        ({"permutations": 0}, "permutations must be"),
        ({"permutations": 18}, "at least 1 / alpha - 1 = 19"),
        ({"max_rows": 9}, "max_rows must be"),
    ],
)
def test_refused_settings(settings, said):
    with pytest.raises(InvalidSetting, match=said):
        run(np.ones((30, 2)), np.ones((30, 2)), **settings)


def test_shown_and_plain():
    moved = table(1, shift=2.0)
    result = run(table(0), moved | {"<i>new</i>": np.ones(200)})
    assert result.drift
    assert repr(result).startswith("classifier: drift")
    page = result._repr_html_()
    assert "&lt;i&gt;" in page
    assert "<i>" not in page
    plain = result.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["verdict"] == "drift"
    assert sum(plain["contributions"].values()) == pytest.approx(1)
