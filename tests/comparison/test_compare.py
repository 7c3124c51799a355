"""The whole comparison: what it answers, and every trap that peers fell into."""

import datetime as dt
import json
import math
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from homeostat.comparison import TESTS, ColumnResult, Comparison, compare, running, two_sample
from homeostat.errors import InvalidInput, InvalidSetting
from homeostat.reference import Reference


def data(seed=0, n=500, shift=0.0):
    rng = np.random.default_rng(seed)
    return {
        "age": rng.normal(40 + 10 * shift, 10, n),
        "visits": rng.poisson(3, n),
        "city": rng.choice(["Oslo", "Rome", "Lima"], n).astype(object),
        "member": rng.random(n) < 0.4,
    }


FRAMES = {"dict": dict, "pandas": pd.DataFrame, "polars": pl.DataFrame, "arrow": pa.table}


@pytest.mark.parametrize("frame", FRAMES)
def test_any_table_gives_the_same_answer(frame):
    make = FRAMES[frame]
    answer = compare(make(data(0)), make(data(1, shift=1.0)))
    assert answer.to_dict() == compare(data(0), data(1, shift=1.0)).to_dict()
    assert answer.drift
    assert answer.drifted == ("age",)


def test_the_dict_has_the_promised_form():
    answer = compare(data(0), data(1)).to_dict()
    assert set(answer) == {"drift", "columns"}
    assert answer["drift"] is False
    for column in answer["columns"].values():
        assert {k: type(v) for k, v in column.items()} == {
            "drift": bool,
            "test": str,
            "statistic": float,
            "p_value": float,
            "n": int,
            "verdict": str,
            "p_adjusted": float,
            "effect": float,
        }
    assert [c["test"] for c in answer["columns"].values()] == [
        "ks",
        "ks",
        "chi_square",
        "chi_square",
    ]
    json.dumps(answer, allow_nan=False)


def test_the_dict_says_what_is_not_defined_and_why():
    ages = np.array([1.0, np.nan] * 50)
    answer = compare({"x": [1.0] * 5, "age": ages, "y": [1]}, {"x": [2.0] * 5, "age": ages})
    told = json.loads(json.dumps(answer.to_dict(), allow_nan=False))
    assert told["schema"] == ["'y' is gone"]
    x = told["columns"]["x"]
    assert (x["statistic"], x["p_value"], x["needed"]) == (None, None, 10)
    assert (x["verdict"], x["note"]) == ("too little data", "needs 10 values on each side")
    assert {"p_adjusted", "effect", "missing"}.isdisjoint(x)
    assert told["columns"]["age"]["missing"]["reference"] == 0.5
    assert told["columns"]["age"]["missing"]["drift"] is False
    infinite = ColumnResult("x", "fisher", math.inf, 0.5)
    table = Comparison([infinite], [], 0.01, "none").to_dict()
    assert table["columns"]["x"]["statistic"] == sys.float_info.max


def test_nothing_changed_alarms_once_in_a_hundred():
    """20 columns with missing values, 150 comparisons at 1 %: 1.5 expected at most."""
    rng = np.random.default_rng(8)
    alarms = 0
    for _ in range(150):
        side = [
            {f"x{i}": np.where(rng.random(n) < 0.05, np.nan, rng.normal(size=n)) for i in range(15)}
            | {f"c{i}": rng.choice(4, n).astype(str) for i in range(5)}
            for n in (400, 150)
        ]
        alarms += compare(*side).drift
    assert alarms <= 5  # 3 standard deviations above 1.5


def test_readable_in_a_terminal_and_in_a_notebook():
    reference, current = data(0), data(1, shift=1.0)
    reference["<b>old"] = current["new"] = reference["age"]
    answer = compare(reference, current)
    text = repr(answer)
    assert text.startswith("1 of 4 columns drifted")
    assert text.splitlines()[2].startswith("age")
    assert "schema: '<b>old' is gone" in text
    html = answer._repr_html_()
    assert "&lt;b&gt;old" in html
    assert "<b>old" not in html
    wide = {f"x{i}": np.arange(20.0) for i in range(300)}
    assert "... and 280 more" in repr(compare(wide, wide))
    assert "... and 100 more" in compare(wide, wide)._repr_html_()


def test_constant_column_is_not_nan():
    same = {"x": np.ones(50), "c": ["a"] * 50, "b": [True] * 50}
    answer = compare(same, same)
    assert [row.p_value for row in answer] == [1.0, 1.0, 1.0]
    assert not answer.drift


@pytest.mark.parametrize("test", sorted(TESTS))
def test_identical_data_at_twenty_rows(test):
    x = {"x": np.tile([0.0, 1.0], 10)}
    row = compare(x, x, tests=test)["x"]
    assert row.p_value == 1.0
    assert row.test == test


def test_all_missing_current_is_a_change_of_the_missing_share():
    reference = {"x": np.arange(100.0), "c": ["a", "b"] * 50}
    answer = compare(reference, {"x": np.full(100, np.nan), "c": [None] * 100})
    for row in answer:
        assert row.p_value is None
        assert np.isnan(row.statistic)
        assert (row.n_current, row.needed) == (0, 10)
        assert row.missing.drift
        assert "missing 0.0% -> 100.0%" in row.note
    assert answer.drift


def test_both_all_missing():
    row = compare({"x": [None] * 20}, {"x": [None] * 20})["x"]
    assert row.verdict == "too little data"
    assert not row.drift


def test_the_missing_share_counts_as_a_test():
    x = np.random.default_rng(0).normal(size=2000)
    holes = np.where(np.arange(2000) % 10 == 0, np.nan, x)
    row = compare({"x": x}, {"x": holes})["x"]
    assert row.verdict == "missing values"
    assert row.drift
    assert (row.missing.reference, row.missing.current) == (0.0, 0.1)
    assert not compare({"x": holes}, {"x": holes}).drift


def test_what_is_shown_of_missing_values_is_all_of_their_test():
    x = np.random.default_rng(0).normal(size=2000)
    holes = np.where(np.arange(2000) % 10 == 0, np.nan, x)
    table = compare({"x": x}, {"x": holes})
    row = table["x"]
    z = two_sample("z_proportions", np.isnan(x), np.isnan(holes))
    by = row.decided
    assert by.test == "z_proportions of missing"
    assert (by.statistic, by.p_value, by.effect) == (z.statistic, z.p_value, z.effect)
    assert by.p_adjusted == row.missing.p_adjusted
    assert by.effect_name == "Cohen's h"
    line = repr(table).splitlines()[2]
    assert f"{z.p_value:.2g}" in line
    assert f"{z.effect:.3g}" in line
    assert line.split()[6:8] == [f"{by.p_adjusted:.2g}", f"{z.effect:.3g}"]
    page = table._repr_html_()
    assert "z_proportions of missing" in page
    assert ">ks<" not in page
    assert table.to_dict()["columns"]["x"]["test"] == "ks"  # beside `missing`, each with its own


def test_what_is_shown_is_the_surer_where_both_changed():
    x = np.random.default_rng(1).normal(size=2000)
    many = np.where(np.arange(2000) % 2 == 0, np.nan, x + 0.4)
    few = np.where(np.arange(2000) % 50 == 0, np.nan, x + 2.0)
    for current, test in ((many, "z_proportions of missing"), (few, "ks")):
        row = compare({"x": x}, {"x": current})["x"]
        assert (row.verdict, row.missing.drift, row.p_adjusted < 0.01) == ("drift", True, True)
        assert row.decided.test == test
        assert row.decided.p_adjusted == min(row.p_adjusted, row.missing.p_adjusted)


def test_the_surest_come_first_by_what_decided():
    x = np.random.default_rng(2).normal(size=2000)
    side = {"moved": x, "lost": x, "gone": x}
    lost = np.where(np.arange(2000) % 10 == 0, np.nan, x)
    table = compare(side, {"moved": x + 0.2, "lost": lost, "gone": np.full(2000, np.nan)})
    assert table.drifted == ("gone", "lost", "moved")
    p = [table[name].decided.p_value for name in table.drifted]
    assert p == sorted(p)


@pytest.mark.parametrize(("n", "m"), [(0, 50), (50, 0), (0, 0), (50, 9)])
def test_too_few_rows(n, m):
    answer = compare(
        {"x": np.arange(float(n)), "c": ["a"] * n}, {"x": np.arange(float(m)), "c": ["b"] * m}
    )
    for row in answer:
        assert row.verdict == "too little data"
        assert row.needed == 10
    assert not answer.drift
    assert answer.to_dict()["columns"]["x"]["p_value"] is None


def test_no_columns():
    assert compare({}, {}).to_dict() == {"drift": False, "columns": {}}
    assert len(compare({}, {"a": [1]})) == 0


def test_a_new_category_does_not_explode_psi():
    reference = {"c": ["a"] * 500 + ["b"] * 500}
    one = compare(reference, {"c": ["a"] * 500 + ["b"] * 499 + ["new"]}, tests="psi")["c"]
    assert one.statistic < 0.02
    assert not one.drift
    many = compare(reference, {"c": ["a"] * 400 + ["b"] * 400 + ["new"] * 200}, tests="psi")["c"]
    assert 0.5 < many.statistic < 3
    assert many.drift


def test_an_outlier_does_not_move_the_bins():
    rng = np.random.default_rng(3)
    reference, current = rng.normal(size=1000), rng.normal(size=1000)
    for test in ("psi", "chi_square", "jensen_shannon", "hellinger"):
        far = current.copy()
        far[far.argmax()] = 1e12
        plain, moved = (
            compare({"x": reference}, {"x": x}, tests=test)["x"] for x in (current, far)
        )
        assert plain.statistic == moved.statistic


def test_same_data_same_bytes_and_no_random_state():
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002
    answers = [repr(compare(data(0), data(1), tests=test)) for test in TESTS for _ in range(2)]
    assert answers[::2] == answers[1::2]
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002


def test_order_of_rows_and_categories_means_nothing():
    reference, current = data(0), data(1)
    flipped = {name: values[::-1] for name, values in current.items()}
    assert compare(reference, flipped).to_dict() == compare(reference, current).to_dict()


class Broken:
    def to_numpy(self):
        raise RuntimeError("disk on fire")


def test_one_failing_column_does_not_kill_the_rest():
    mixed = ["a", 1, 2.5, "b"] * 10
    odd = {
        "mixed": mixed,
        "broken": Broken(),
        "lists": [[1], [2]] * 20,
        "table": np.zeros((40, 2)),
        "complex": np.zeros(40, complex),
        "fine": np.arange(40.0),
    }
    answer = compare(odd, odd)
    assert answer["fine"].verdict == "no drift"
    notes = {row.name: row.note for row in answer if row.verdict == "error"}
    assert set(notes) == {"mixed", "broken", "lists", "table", "complex"}
    assert "mixed types: float, int, str" in notes["mixed"]
    assert "disk on fire" in notes["broken"]
    assert "2 dimensions" in notes["table"]


def test_schema_changes_are_told():
    reference = {"gone": [1.0] * 20, "turned": [1.0] * 20, "same": [1.0] * 20}
    current = {"new": [1.0] * 20, "turned": ["x"] * 20, "same": [1] * 20}
    answer = compare(reference, current)
    assert answer.schema == (
        "'gone' is gone",
        "'new' is new",
        "'turned': type changed from number to category",
    )
    assert answer["turned"].verdict == "type changed"
    assert answer["same"].verdict == "no drift"
    assert set(answer.to_dict()["columns"]) == {"turned", "same"}
    assert not answer.drift


def test_whole_numbers_floats_and_truth_values_are_numbers():
    whole = np.arange(60) % 2
    for kind in (np.int64, np.uint8, np.float32, np.float16, np.float64, bool):
        row = compare({"x": whole}, {"x": whole.astype(kind)})["x"]
        assert (row.verdict, row.p_value, row.statistic) == ("no drift", 1.0, 0.0), kind
    nullable = pd.DataFrame({"x": pd.array([*whole.tolist(), None], dtype="Int64")})
    row = compare({"x": whole}, nullable)["x"]
    assert (row.verdict, row.n_current, row.missing.current) == ("no drift", 60, 1 / 61)


def test_large_whole_numbers_are_not_rounded():
    big = 2**60 + np.arange(100)
    assert compare({"x": big}, {"x": big[::-1] + 100})["x"].statistic == 1.0


def test_times():
    days = np.datetime64("2025-01-01") + np.arange(100)
    moved = days + np.timedelta64(60, "D")
    sides = {"t": days, "d": days - days[0]}, {"t": moved, "d": moved - moved[0]}
    answer = compare(*sides)
    assert (answer["t"].verdict, answer["d"].verdict) == ("left out", "no drift")
    answer = compare(*sides, columns=["t", "d"])
    assert (answer["t"].test, answer["t"].drift) == ("ks", True)
    assert not answer["d"].drift
    zoned = pd.DataFrame({"t": pd.Series(days).dt.tz_localize("UTC")})
    objects = {"t": [d.item() for d in days]}
    stamps = {
        "t": [dt.datetime(2025, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=i) for i in range(100)]
    }
    for other in (zoned, objects, stamps, pl.DataFrame({"t": days}), pa.table({"t": days})):
        assert compare({"t": days}, other, {"t": "ks"})["t"].statistic == 0.0
    holes = np.append(days, np.datetime64("NaT"))
    assert compare({"t": days}, {"t": holes})["t"].missing.current == 1 / 101


@pytest.mark.parametrize("kind", [str, object, "S", "T"])
def test_text_in_any_form(kind):
    text = np.array(["a", "b", "ccc", "d"] * 30)
    make = np.dtypes.StringDType() if kind == "T" else kind
    row = compare({"c": text.astype(make)}, {"c": text.astype(make)})["c"]
    assert (row.test, row.p_value) == ("chi_square", 1.0)


def test_categories_of_data_frames():
    text = ["a", "b", "c", None] * 30
    for frame in (
        pd.DataFrame({"c": pd.Categorical(text)}),
        pl.DataFrame({"c": pl.Series(text, dtype=pl.Categorical)}),
        pa.table({"c": pa.array(text).dictionary_encode()}),
    ):
        row = compare({"c": text}, frame)["c"]
        assert (row.test, row.p_value, row.missing.current) == ("chi_square", 1.0, 0.25)


def test_names_that_never_repeat():
    ids = [f"id{i}" for i in range(2000)]
    sides = {"id": ids[:1000]}, {"id": ids[1000:]}
    row = compare(*sides)["id"]
    assert (row.verdict, row.note) == ("left out", "its text never repeats")
    for named in ({"tests": {"id": "chi_square"}}, {"columns": ["id"]}):
        row = compare(*sides, **named)["id"]
        assert row.p_value == 1.0
        assert not row.drift


def test_what_differs_by_nature_is_left_out_on_both_sides_or_not_at_all():
    ids = np.arange(1000)
    stamps = np.datetime64("2026-01-01", "s") + ids
    before = {"id": ids[:500], "at": stamps[:500], "x": np.tile([0.0, 1.0], 250)}
    after = {"id": ids[500:900], "at": stamps[500:900], "x": np.tile([0.0, 1.0], 200)}
    answer = compare(before, after)
    assert [row.verdict for row in answer] == ["left out", "left out", "no drift"]
    assert answer["id"].note == "it rises row by row, as a counter does"
    assert (answer["id"].n_reference, answer["id"].n_current, answer.drift) == (500, 400, False)
    json.dumps(answer.to_dict(), allow_nan=False)
    assert compare(before, after, columns=["id", "x"]).drifted == ("id",)
    assert compare(before, after, {"at": "ks"}).drifted == ("at",)
    mixed = compare(before, after | {"id": ids[500:900][::-1]})
    assert mixed.drifted == ("id",)  # it counts on one side only
    assert compare({"id": ids}, {"id": ids[:300]})["id"].verdict == "left out"  # a row's number
    assert compare({"id": ids}, {"id": ids})["id"].verdict == "no drift"
    assert compare({"id": ids}, {"id": ids[100:]})["id"].test == "ks"
    lost = after | {"at": np.where(ids[500:900] % 2, stamps[500:900], np.datetime64("NaT"))}
    assert compare(before, lost)["at"].verdict == "missing values"


def test_what_differs_by_nature_is_left_out_of_counts_too():
    names = np.array([f"id{i}" for i in range(3000)])
    stamps = np.datetime64("2026-01-01", "s") + np.arange(3000)
    reference = Reference.fit({"name": names[:2000], "at": stamps[:2000]})
    profile = reference.profile({"name": names[2000:], "at": stamps[2000:]})
    assert [row.verdict for row in compare(reference, profile)] == ["left out", "left out"]
    assert compare(reference, profile, columns=["at"]).drift


def test_names_that_are_no_column_are_not_passed_over():
    for settings in ({"columns": ["agee"]}, {"tests": {"agee": "ks"}}):
        with pytest.raises(InvalidInput, match=r"agee'? is no column; did you mean 'age'"):
            compare(data(0), data(1), **settings)


def test_named_tests():
    answer = compare(data(0), data(1), tests="psi")
    assert [row.test for row in answer] == ["psi"] * 4
    answer = compare(data(0), data(1), tests="energy")
    assert [row.test for row in answer] == ["energy", "energy", "chi_square", "energy"]
    assert "chi_square instead" in answer["city"].note
    answer = compare(data(0), data(1), tests={"age": "kuiper", "city": "ks"})
    assert [row.test for row in answer] == ["kuiper", "ks", "ks", "chi_square"]
    assert answer["city"].verdict == "error"


def test_corrections_and_alpha():
    reference, current = data(0), data(1, shift=0.2)
    p = [row.p_value for row in compare(reference, current)]
    row = compare(reference, current, correction="bonferroni")["age"]
    assert row.p_adjusted == pytest.approx(min(1, 4 * p[0]))
    assert compare(reference, current, correction="none")["age"].p_adjusted == p[0]
    assert compare(reference, current, alpha=0.9999, correction="none").drift
    with pytest.raises(InvalidSetting, match="alpha must be between 0 and 1"):
        compare(reference, current, alpha=1)
    with pytest.raises(InvalidSetting, match="did you mean 'holm'"):
        compare(reference, current, correction="holms")
    with pytest.raises(InvalidSetting, match="did you mean 'psi'"):
        compare(reference, current, tests={"age": "psy"})


def test_a_column_may_be_called_like_an_attribute():
    odd = pd.DataFrame({"column_names": np.arange(20.0), "columns": np.arange(20.0), "type": 1})
    for frame in (odd, pl.from_pandas(odd), pa.Table.from_pandas(odd), odd.to_dict("list")):
        assert list(compare(frame, frame).columns) == ["column_names", "columns", "type"]
    twice = pd.DataFrame(np.zeros((20, 2)), columns=["x", "x"])
    assert "2 dimensions" in compare(twice, twice)["x"].note


def test_no_table():
    with pytest.raises(InvalidInput, match="list is no table"):
        compare([1, 2], [3, 4])


def test_many_columns_are_read_once_each(monkeypatch):
    """Linear: each column is read once on each side and tested once."""
    reads, runs = [], []
    read, run = running.read, running._run
    monkeypatch.setattr(
        running, "read", lambda data, name: (reads.append(name), read(data, name))[1]
    )
    monkeypatch.setattr(running, "_run", lambda test, pair: (runs.append(test), run(test, pair))[1])
    wide = {f"x{i}": np.arange(20.0) for i in range(10_000)}
    answer = compare(wide, wide)
    assert (len(answer), len(reads), len(runs)) == (10_000, 20_000, 10_000)
    assert not answer.drift
    assert isinstance(answer, Comparison)


def test_scipy_is_not_needed(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "scipy"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scipy", None)
    for test in TESTS:
        compare(data(0), data(1), tests=test)


def test_inputs_are_left_as_they_were():
    reference, current = data(0), data(1)
    copies = [
        {name: values.copy() for name, values in side.items()} for side in (reference, current)
    ]
    compare(reference, current)
    for side, copy in zip((reference, current), copies, strict=True):
        for name in side:
            np.testing.assert_array_equal(side[name], copy[name])
