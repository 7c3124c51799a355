"""What a reference keeps, and what it does with columns of every kind."""

import datetime as dt
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from homeostat.batch import Batch
from homeostat.comparison import compare
from homeostat.errors import InvalidInput, InvalidSetting, MissingExtra, SnapshotMismatch
from homeostat.reference import Reference, ReferenceFitter


def data(n=500, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "age": rng.normal(40, 10, n),
        "visits": rng.poisson(3, n),
        "city": rng.choice(["Oslo", "Rome", "Lima"], n).astype(object),
        "member": rng.random(n) < 0.4,
    }


FRAMES = {"dict": dict, "pandas": pd.DataFrame, "polars": pl.DataFrame, "arrow": pa.table}


@pytest.mark.parametrize("frame", FRAMES)
def test_any_table_gives_the_same_bytes(frame):
    assert Reference.fit(FRAMES[frame](data())).to_bytes() == Reference.fit(data()).to_bytes()


def test_files(tmp_path):
    table = pa.table(data())
    pa.parquet.write_table(table, tmp_path / "a.parquet")
    pa.csv.write_csv(table, tmp_path / "a.csv")
    expected = Reference.fit(data())
    assert Reference.fit(tmp_path / "a.parquet").to_bytes() == expected.to_bytes()
    assert list(Reference.fit(str(tmp_path / "a.csv"))) == list(expected)
    assert expected.profile(tmp_path / "a.parquet").rows == 500
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n3\n4,5\n")
    with pytest.raises(InvalidInput, match=r"Row #3: Expected 2 columns.*mend the row"):
        Reference.fit(tmp_path / "ragged.csv")
    (tmp_path / "b.parquet").write_text("no")
    with pytest.raises(InvalidInput, match="cannot be read"):
        Reference.fit(tmp_path / "b.parquet")


def test_files_need_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"homeostat\[frames\]"):
        Reference.fit("a.parquet")


def test_few_values_have_a_cell_each():
    reference = Reference.fit({"x": [0, 1, 1, 2, 2, 2] * 10, "b": [True, False] * 30})
    grid = reference["x"].grid
    assert grid.points.tolist() == [False, True, False, True, False, True, False]
    assert reference["x"].counts.tolist() == [0, 10, 0, 20, 0, 30, 0]
    assert reference["b"].counts.sum() == 60


@pytest.mark.parametrize("bins", [2, 10, 64, 512])
def test_cells_that_hold_data_are_bounded(bins):
    rng = np.random.default_rng(bins)
    for x in (rng.normal(size=20_000), np.where(rng.random(9999) < 0.5, 0, rng.normal(size=9999))):
        counts = Reference.fit({"x": x}, bins=bins)["x"].counts
        assert (counts > 0).sum() <= bins + 4
        assert counts[0] == counts[-1] == 0


def test_every_kind_of_column_survives():
    n = 40
    columns = {
        "constant": [7.5] * n, "nothing": [None] * n, "nans": np.full(n, np.nan),
        "truth": [True, False] * 20, "large": 2**62 + np.arange(n), "huge": [2**70, 1] * 20,
        "times": [dt.datetime(2025, 1, 1, tzinfo=dt.UTC), None] * 20,
        "dates": [dt.date(2025, 1, 2)] * n,
        "spans": np.arange(n).astype("m8[s]"), "mixed": ["a", 1, None, 2.5] * 10,
        "decimals": [Decimal("1.5"), None] * 20, "lists": [[1], [2]] * 20, "dicts": [{"a": 1}] * n,
        "tables": np.zeros((n, 2)), "complex": np.zeros(n, complex), "bytes": np.array([b"a"] * n),
        "nat": [pd.NaT, pd.Timestamp("2025-01-01")] * 20, "na": [pd.NA, 1] * 20,
        "infinite": [np.inf, -np.inf] * 20, "tuples": [(1, 2)] * n, "surrogate": ["\ud800"] * n,
        "truth or number": [True, 2] * 20,
    }  # fmt: skip
    reference = Reference.fit(columns)
    kinds = {name: reference[name].grid.kind for name in reference}
    assert kinds == {
        "constant": "number", "nothing": "empty", "nans": "empty", "truth": "truth",
        "large": "number", "huge": "number", "times": "time", "dates": "time", "spans": "time",
        "mixed": "mixed", "decimals": "number", "lists": "mixed", "dicts": "mixed",
        "tables": "mixed", "complex": "category", "bytes": "category", "nat": "time",
        "na": "number",
        "infinite": "number", "tuples": "category", "surrogate": "category",
        "truth or number": "number",
    }  # fmt: skip
    assert all(reference[name].rows == n for name in reference)
    assert reference["times"].low == 1735689600_000_000
    assert Reference.from_bytes(reference.to_bytes()).to_bytes() == reference.to_bytes()
    assert not compare(reference, columns).drift
    assert not compare(reference, reference).drift


def test_no_rows_and_no_columns():
    empty = Reference.fit({"x": np.array([]), "c": []})
    row = compare(empty, {"x": [1.0] * 20, "c": ["a"] * 20})["x"]
    assert (row.verdict, row.needed, row.p_value) == ("too little data", 10, None)
    assert len(Reference.fit({})) == 0
    assert compare(Reference.fit({}), Reference.fit({})).to_dict() == {
        "drift": False,
        "columns": {},
    }


def test_a_million_names_take_little_room():
    names = np.array([f"id{i}" for i in range(300_000)], dtype=object)
    reference = Reference.fit({"id": names, "few": names[np.arange(300_000) % 700]})
    assert len(reference.to_bytes()) < 20_000
    assert reference["few"].grid.complete
    assert not reference["id"].grid.complete
    assert not compare(reference, {"id": names + "x", "few": names[:700]}).drift


def test_many_categories_are_not_chosen_for_their_luck():
    """1,100 equally frequent categories, 1,000 kept: nothing changed, and nothing alarms."""
    alarms = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        draws = [rng.integers(0, 1100, n).astype(str) for n in (10_000, 4_000)]
        alarms += compare(Reference.fit({"c": draws[0]}), {"c": draws[1]}, alpha=0.05).drift
    assert alarms <= 6  # 3 standard deviations above 2


def test_hashed_columns_keep_no_names():
    reference = Reference.fit(data(), hashed=["city"])
    assert b"Oslo" not in reference.to_bytes()
    again = Reference.from_bytes(reference.to_bytes())
    plain = compare(Reference.fit(data()), data(seed=1))["city"]
    hashed = compare(again, data(seed=1))["city"]
    assert hashed._replace(shape=None) == plain._replace(shape=None)
    assert "Oslo" in plain.shape.names
    assert "Oslo" not in hashed.shape.names


def test_dependence_is_the_variance_inflation_of_block_means():
    """Oracle: (1 + r) / (1 - r) of an autoregressive series."""
    rng = np.random.default_rng(0)
    x = np.zeros(40_000)
    for i, step in enumerate(rng.normal(size=40_000)):
        x[i] = 0.8 * x[i - 1] + step
    columns = {"slow": x, "free": rng.normal(size=40_000), "bursts": np.where(x > 0, "up", "down")}
    found = Reference.fit(columns).dependence
    assert found["slow"] == pytest.approx(9, rel=0.5)
    assert found["free"] == 1.0
    assert found["bursts"] > 3


def test_expected_by_the_hour_of_the_week():
    hours = np.arange(168 * 20)
    moments = np.datetime64("2025-01-06T00:00") + hours * np.timedelta64(60, "m")
    night = hours % 24 < 8
    columns = {"t": moments, "x": np.where(night, 0, 1), "c": np.where(night, "calm", "busy")}
    reference = Reference.fit(columns, time="t", seasonal="hour_of_week")
    assert list(reference) == ["x", "c"]
    for window in (reference, Reference.from_bytes(reference.to_bytes()), reference + reference):
        at_night = np.zeros(168)
        at_night[[0, 24, 7]] = 5
        profile = window.profile({name: values[:8] for name, values in columns.items()})
        assert profile.hours[:9].tolist() == [1] * 8 + [0]
        for column in ("x", "c"):
            np.testing.assert_array_equal(
                window.expected(column, at_night).nonzero(),
                window.observed(column, profile).nonzero(),
            )
            assert window.expected(column, profile.hours).sum() == pytest.approx(1)
    shares = reference.expected("x", np.ones(168))
    assert sorted(shares[shares > 0]) == pytest.approx([1 / 3, 2 / 3])
    assert np.isnan(reference.expected("x", np.zeros(168))).all()
    with pytest.raises(InvalidInput, match="168 counts"):
        reference.expected("x", [1.0])
    with pytest.raises(InvalidInput, match='fit with seasonal="hour_of_week"'):
        Reference.fit(data()).expected("age", at_night)


def test_references_add_up():
    one = Reference.fit(data())
    other = Reference.from_bytes(one.to_bytes())
    both = one + other + one.profile(data(seed=3))
    assert both.rows == 1500
    twice = 2 * one["city"].counts + one.profile(data(seed=3))["city"].counts
    assert both["city"].counts.tolist() == twice.tolist()
    assert one.rows == 500
    with pytest.raises(SnapshotMismatch, match="different grids"):
        one.merge(Reference.fit(data(seed=1)))


def test_the_first_records_become_the_reference():
    columns = data(300)
    whole = Reference.fit({name: values[:250] for name, values in columns.items()}, bins=64)
    for cuts in ([300], [100, 300], list(range(10, 301, 10))):
        fitter, low, taken = ReferenceFitter(250, bins=64), 0, []
        for high in cuts:
            taken.append(fitter.update({n: v[low:high] for n, v in columns.items()}))
            low = high
            kept = ReferenceFitter(250, bins=64)
            kept.restore(fitter.snapshot())
            fitter = kept
        assert sum(taken) == 250
        assert fitter.reference.to_bytes() == whole.to_bytes()
    with pytest.raises(InvalidSetting, match="n must be a whole number"):
        ReferenceFitter(0)
    with pytest.raises(InvalidSetting, match="unknown: bin"):
        ReferenceFitter(10, bin=3)
    with pytest.raises(InvalidSetting, match="bins must be"):
        ReferenceFitter(10, bins=1)


def test_records_become_the_reference():
    batch = Batch.from_columns(
        model_version="v", predicted_label=[1, 0] * 30, latency_ms=np.arange(60.0),
        created_at=np.datetime64("2025-01-06") + np.arange(60).astype("m8[h]"),
        features={"city": ["a", None, "b"] * 20},
    )  # fmt: skip
    fitter = ReferenceFitter(40, seasonal="hour_of_week")
    fitter.update(batch[:25])
    assert fitter.reference is None
    assert fitter.update(list(batch[25:])) == 15
    direct = Reference.fit(batch[:40], seasonal="hour_of_week")
    assert fitter.reference.to_bytes() == direct.to_bytes()
    assert direct.counts.hours[:41].tolist() == [1] * 40 + [0]
    assert direct.expected("latency_ms", direct.counts.hours).sum() == pytest.approx(1)


def test_readable():
    reference = Reference.fit(data() | {"<b>": np.zeros(500)})
    text = repr(reference)
    assert text.startswith("Reference of 500 rows, 5 columns")
    assert text.splitlines()[2].startswith("age")
    assert "&lt;b&gt;" in reference._repr_html_()
    assert "... and 30 more" in repr(Reference.fit({f"x{i}": [1.0] for i in range(50)}))
    assert repr(reference.profile()) == "<Profile: 0 rows on a grid of 5 columns>"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"bins": 1}, "bins must be"), ({"bins": 2.5}, "bins must be"),
        ({"categories": "x"}, "categories must be"), ({"seasonal": "week"}, "seasonal must be"),
        ({"seasonal": "hour_of_week"}, "name `time`"), ({"columns": "age"}, "several names"),
    ],
)  # fmt: skip
def test_bad_settings(given, message):
    with pytest.raises(InvalidSetting, match=message):
        Reference.fit(data(), **given)


@pytest.mark.parametrize("given", [{"columns": ["aeg"]}, {"hashed": ["aeg"]}, {"time": "aeg"}])
def test_unknown_columns(given):
    with pytest.raises(InvalidInput, match="aeg is no column"):
        Reference.fit(data(), **given)
    assert list(Reference.fit(data(), columns=["city", "age"])) == ["city", "age"]
    with pytest.raises(InvalidInput, match="holds a number"):
        Reference.fit(data(), time="age")
