"""Batches: any columns in, records and arrays out, and clear errors."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import homeostat as hs

TIMES = [datetime(2026, 1, 1, 0, 0, i, tzinfo=UTC) for i in range(3)]
COLUMNS = {
    "model_version": "v1",
    "predicted_label": ["a", "b", "c"],
    "ground_truth_label": ["a", None, "é"],
    "latency_ms": [1, 2.5, 2**70],
    "created_at": TIMES,
}


def test_columns_and_records_are_the_same_thing():
    batch = hs.Batch.from_columns(
        **COLUMNS, features={"x": [1, None, 3.5], "y": ["p", None, "q"]},
        scores={"a": [0.5, None, 1.0]}, score=[0.5, None, 1], metadata=[None, {"k": [1]}, 3],
        record_id=["1", "2", "3"], model="m",
    )  # fmt: skip
    again = hs.Batch.from_records(list(batch))
    assert list(again) == list(batch)
    assert batch[1].features == {"x": None, "y": None}
    assert batch[-1].latency_ms == 2**70
    for name in ("latency_ms", "created_at", "score"):
        np.testing.assert_array_equal(getattr(batch, name), getattr(again, name))
    for b in (batch, again):
        rows, correct = b.outcome
        assert (rows.tolist(), correct.tolist()) == ([0, 2], [True, False])
        assert [b.moment(i) for i in range(3)] == TIMES
    assert list(batch[1:]) == list(batch)[1:]
    assert list(again.take(np.array([2, 0]))) == [again[2], again[0]]


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_series_of_data_frames_are_taken(library):
    lib = pytest.importorskip(library)
    make = {"pandas": "Series", "polars": "Series", "pyarrow": "array"}[library]
    columns = {k: v if isinstance(v, str) else getattr(lib, make)(v)
               for k, v in {**COLUMNS, "latency_ms": [1.0, 2.5, 3.0]}.items()}  # fmt: skip
    batch = hs.Batch.from_columns(**columns)
    assert batch.outcome.correct.tolist() == [True, False]
    assert [batch.moment(i) for i in range(3)] == TIMES
    assert [r.ground_truth_label for r in batch] == ["a", None, "é"]


def test_numpy_columns_are_taken_in_every_common_kind():
    times = np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[D]")
    for unit in ("s", "ms", "us", "ns", "D"):
        batch = hs.Batch.from_columns(
            model_version=np.array(["v", "w"]), predicted_label=np.array([1, 0]),
            ground_truth_label=np.array([1.0, np.nan]), latency_ms=np.array([3, 4], dtype=">u2"),
            created_at=times.astype(f"datetime64[{unit}]"),
        )  # fmt: skip
        assert batch[1].created_at == datetime(2026, 1, 2, tzinfo=UTC)
        assert batch.outcome.rows.tolist() == [0]
        assert batch.outcome.correct.tolist() == [True]
        assert batch[0].latency_ms == 3
        assert batch[1].ground_truth_label is None


@pytest.mark.parametrize("widths", [(1, 1), (3, 2), (2, 8), (9, 3), (0, 2)])
def test_text_is_compared_whole(widths):
    rng = np.random.default_rng(0)
    texts = ["", "a", "b", "ab", "abc", "aé", "abcdefg", "abcdefgh", "abcdefghi"]
    left, right = (
        np.array([text[:width] for text in rng.choice(texts, 70_000)]) for width in widths
    )
    repeated = np.broadcast_to(np.array("ab"), left.shape)
    for a, b in ((left, right), (right, left), (left, repeated), (repeated, repeated)):
        batch = hs.Batch.from_columns(
            model_version="v", predicted_label=a, ground_truth_label=b, latency_ms=0,
            created_at="2026-01-01T00:00:00Z",
        )  # fmt: skip
        assert batch.outcome.correct.tolist() == [x == y for x, y in zip(a, b, strict=True)]


def test_text_and_numbers_are_never_equal_labels():
    batch = hs.Batch.from_columns(
        model_version="v", predicted_label=["1", "2"], ground_truth_label=[1, 2],
        latency_ms=0, created_at="2026-01-01T00:00:00Z",
    )  # fmt: skip
    assert batch.outcome.correct.tolist() == [False, False]
    assert hs.Batch.from_records(list(batch)).outcome.correct.tolist() == [False, False]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latency_ms": [1, -2, 3]}, "row 1: latency_ms must be at least 0"),
        ({"latency_ms": [1, np.nan, 3]}, "row 1: latency_ms must be"),
        ({"latency_ms": np.array([1, np.inf, 3])}, "row 1: latency_ms must be finite"),
        ({"latency_ms": [1, 2]}, "columns differ in length"),
        ({"predicted_label": ["a", None, "b"]}, "row 1: predicted_label"),
        ({"predicted_label": np.array(["a", "b\0c", "d"])}, "row 1: predicted_label holds a NUL"),
        ({"predicted_label": ["a", "b", "\ud800"]}, "row 2: predicted_label is not UTF-8"),
        ({"predicted_label": np.array(["a", "b", "\ud800"])}, "row 2: predicted_label is not UTF"),
        ({"model_version": ["v", 5, "w"]}, "row 1: model_version must be text"),
        ({"created_at": ["2026-01-01T00:00:00Z", "x", "y"]}, "row 1: created_at"),
        ({"created_at": np.array(["2026", "NaT", "2026"], dtype="datetime64[s]")},
         "row 1: created_at"),
        ({"created_at": [datetime(2026, 1, 1)] * 3}, "row 0: created_at has no time zone"),
        (
            {"created_at": np.array(["2026", "10000", "2026"], dtype="datetime64[s]")},
            "row 1: created_at is not an RFC 3339 time",
        ),
        ({"features": {"x": [1, np.inf, 2]}}, "row 1: features.x must be finite"),
        ({"features": {"x": [1, 10**400, 2]}}, "row 1: features.x must be finite"),
        ({"score": [1, 2, "x"]}, "row 2: score must be a number"),
        ({"latency_ms": object()}, "latency_ms"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_named_with_its_row(changes, message):
    with pytest.raises(hs.InvalidInput, match=message):
        hs.Batch.from_columns(**{**COLUMNS, **changes})


def test_bad_rows_can_be_set_aside_and_the_rest_kept():
    rejects = []
    batch = hs.Batch.from_columns(
        **{**COLUMNS, "latency_ms": [-1, 2, np.nan], "predicted_label": [None, "b", "c"]},
        rejects=rejects,
    )
    assert [record.predicted_label for record in batch] == ["b"]
    assert [(row, error.field) for row, error in rejects] == [
        (0, "predicted_label"), (2, "latency_ms"),
    ]  # fmt: skip


def test_mappings_are_checked_by_name():
    with pytest.raises(hs.InvalidInput, match="latency_ms is missing"):
        hs.Batch.from_mapping({"model_version": "v", "predicted_label": ["a"]})
    with pytest.raises(hs.InvalidInput, match="did you mean 'latency_ms'"):
        hs.Batch.from_mapping({**COLUMNS, "latency": [1, 2, 3]})


def test_an_empty_batch_is_normal():
    batch = hs.Batch.from_records([])
    assert len(batch) == 0
    assert list(hs.ModelMonitor().observe_batch(batch)) == []
    empty = hs.Batch.from_columns(
        model_version=[], predicted_label=[], latency_ms=[], created_at=[]
    )
    assert list(hs.ModelMonitor().observe_batch(empty)) == []


def test_arrows_dictionaries_keep_their_gaps():
    pa = pytest.importorskip("pyarrow")
    labels = pa.chunked_array([pa.array(["a", None, "b", None]).dictionary_encode()])
    batch = hs.Batch.from_columns(
        model_version="v", predicted_label="a", ground_truth_label=labels, latency_ms=0,
        created_at="2026-01-01T00:00:00Z",
    )  # fmt: skip
    assert [record.ground_truth_label for record in batch] == ["a", None, "b", None]


def test_a_data_frame_becomes_a_batch():
    table = {
        "model_version": ["v1"] * 3,
        "predicted_label": ["a", "b", "a"],
        "latency_ms": [1.0, 2.0, 3.0],
        "created_at": ["2026-01-01T00:00:00Z"] * 3,
        "age": [10.0, 20.0, 30.0],
        "note": ["x", "y", "z"],
    }
    for frame in (table, pd.DataFrame(table), pl.DataFrame(table), pa.table(table)):
        batch = hs.Batch.from_frame(frame)
        assert list(batch.features) == ["age", "note"]
        assert [record.predicted_label for record in batch] == ["a", "b", "a"]
        chosen = hs.Batch.from_frame(frame, features=["age"])
        assert chosen[1].features == {"age": 20.0}
    with pytest.raises(hs.InvalidInput, match="agee is no column; did you mean 'age'"):
        hs.Batch.from_frame(table, features=["agee"])
    with pytest.raises(hs.InvalidInput, match="model_version is missing"):
        hs.Batch.from_frame({"age": [1]})
    with pytest.raises(hs.InvalidInput, match="int is no table"):
        hs.Batch.from_frame(3)
    rejects = []
    table["latency_ms"] = [1.0, -5.0, 3.0]
    assert len(hs.Batch.from_frame(table, rejects=rejects)) == 2
    assert rejects[0][0] == 1


def test_a_data_frame_in_the_place_of_records_is_told_the_way():
    for data in (pd.DataFrame({"age": [1]}), pl.DataFrame({"age": [1]}), {"age": [1]}, "age"):
        with pytest.raises(hs.InvalidInput, match=r"hs\.Batch\.from_frame\(table"):
            hs.ModelMonitor().observe_batch(data)
