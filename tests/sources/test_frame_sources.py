import io
import json
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from homeostat import InferenceRecord, InvalidInput

TIME = datetime(2026, 1, 1, 12, 30, 0, 123456, tzinfo=UTC)


@pytest.fixture
def table():
    def make(n=3, **changes):
        columns = {
            "model_version": pa.array(["v1"] * n),
            "predicted_label": pa.array(["a"] * n),
            "latency_ms": pa.array(list(range(n))),
            "created_at": pa.array([TIME] * n, pa.timestamp("us", "UTC")),
        }
        return pa.table({k: v for k, v in (columns | changes).items() if v is not None})

    return make


def _parquet(table, path):
    pq.write_table(table, path)


def _file(table, path):
    with pa.ipc.new_file(path, table.schema) as out:
        out.write_table(table)


def _stream(table, path):
    with pa.ipc.new_stream(path, table.schema) as out:
        out.write_table(table, max_chunksize=2)


@pytest.fixture(params=[_parquet, _file, _stream])
def write(request, tmp_path):
    def to_file(table):
        path = tmp_path / "data"  # no suffix: the content tells
        request.param(table, path)
        return path

    return to_file


def test_columns_become_records(table, write, read):
    labels = pa.array(["x", None, "y"])
    path = write(table(ground_truth_label=labels, score=pa.array([0.5, None, 1.0])))
    records, rejects = read(path)
    assert rejects == []
    assert records == [
        InferenceRecord(
            model_version="v1",
            predicted_label="a",
            ground_truth_label=truth,
            latency_ms=i,
            created_at=TIME,
            score=score,
        )
        for i, (truth, score) in enumerate([("x", 0.5), (None, None), ("y", 1.0)])
    ]


TEXTS = {
    "large": lambda a: a.cast(pa.large_string()),
    "view": lambda a: a.cast(pa.string_view()),
    "dictionary": lambda a: a.dictionary_encode(),
    "binary": lambda a: a.cast(pa.binary()),
}


@pytest.mark.parametrize("name", TEXTS)
def test_any_kind_of_text(table, tmp_path, read, name):
    path = tmp_path / "in.arrow"
    labels = TEXTS[name](pa.array(["a", None, "b"]))
    _stream(table(ground_truth_label=labels), path)
    assert [record.ground_truth_label for record in read(path)[0]] == ["a", None, "b"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "+05:30"])
def test_times_of_any_unit_and_zone(table, write, read, unit, zone):
    times = pa.array([TIME.replace(microsecond=0)] * 3, pa.timestamp(unit, zone))
    assert {r.created_at for r in read(write(table(created_at=times)))[0]} == {
        TIME.replace(microsecond=0)
    }


def test_times_finer_than_a_microsecond_are_cut_off(table, write, read):
    times = pa.array([1_500_000_000_000_000_999] * 3, pa.timestamp("ns", "UTC"))
    [first, *_], _ = read(write(table(created_at=times)))
    assert first.created_at.microsecond == 0


def test_times_as_text(table, write, read):
    path = write(table(created_at=pa.array(["2026-01-01T00:00:00+02:00", "x", None])))
    [record], rejects = read(path)
    assert record.created_at == datetime(2025, 12, 31, 22, tzinfo=UTC)
    assert [(r.unit, r.number, r.field) for r in rejects] == [
        ("row", 1, "created_at"),
        ("row", 2, "created_at"),
    ]


def test_times_without_a_zone_stop_with_the_mend(table, write, read):
    path = write(table(created_at=pa.array([TIME.replace(tzinfo=None)] * 3)))
    with pytest.raises(InvalidInput, match=r"created_at holds times without a zone.*tz_localize"):
        read(path)


def test_a_null_time_and_one_beyond_the_calendar_cost_their_rows_only(table, write, read):
    times = pa.array([0, None, 2**60], pa.timestamp("us", "UTC"))
    [record], rejects = read(write(table(created_at=times)))
    assert record.created_at.year == 1970
    assert [reject.number for reject in rejects] == [1, 2]


def test_features_and_scores_as_structs_maps_and_columns(table, write, read):
    struct = pa.array([{"x": 1.5, "k": "u"}, {"x": None, "k": "v"}, None])
    scores = pa.array([[("a", 0.5)], [("b", 0.25)], []], pa.map_(pa.string(), pa.float64()))
    path = write(table(features=struct, scores=scores, **{"features.n": pa.array([1, 2, None])}))
    records, rejects = read(path)
    assert rejects == []
    assert [record.features for record in records] == [
        {"x": 1.5, "k": "u", "n": 1.0},
        {"x": None, "k": "v", "n": 2.0},
        {"x": None, "k": None, "n": None},
    ]
    assert [record.scores or {} for record in records] == [{"a": 0.5}, {"b": 0.25}, {}]


def test_features_of_another_shape_stop(table, write, read):
    with pytest.raises(InvalidInput, match=r"features must be a struct or a map.*list"):
        read(write(table(features=pa.array([[1], [2], [3]]))))


def test_bad_rows_are_set_aside_by_number(table, write, read):
    latency = pa.array([1.0, -2.0, np.nan, None, np.inf, 6.0])
    records, rejects = read(write(table(6, latency_ms=latency)), rows=2)
    assert [record.latency_ms for record in records] == [1, 6]
    assert [(r.number, r.field) for r in rejects] == [(i, "latency_ms") for i in (1, 2, 3, 4)]
    assert json.loads(rejects[0].to_json())["row"] == 1


def test_metadata_as_text_struct_or_json(table, write, read):
    path = write(table(4, metadata=pa.array(["note", '{"k": 1}', None, "{broken"])))
    records, [reject] = read(path)
    assert [record.metadata for record in records] == ["note", {"k": 1}, None]
    assert (reject.field, reject.number) == ("metadata", 3)
    path = write(table(metadata=pa.array([{"k": 1}, None, {"k": None}])))
    assert [record.metadata for record in read(path)[0]] == [{"k": 1}, None, {"k": None}]


def test_metadata_and_other_faults_at_once(table, write, read):
    path = write(
        table(4, metadata=pa.array(["{", None, "{", None]), latency_ms=pa.array([1, -1, -1, 7]))
    )
    [record], rejects = read(path)
    assert record.latency_ms == 7
    assert [reject.number for reject in rejects] == [0, 1, 2]


def test_whole_number_labels_beyond_2_to_the_53_stay_exact(table, write, read):
    big = 2**53 + 1
    path = write(
        table(predicted_label=pa.array([big] * 3), ground_truth_label=pa.array([big, None, 1]))
    )
    assert [r.ground_truth_label for r in read(path)[0]] == [big, None, 1]


def test_text_that_is_no_utf8_costs_its_row_only(table, tmp_path, read):
    bad = pa.Array.from_buffers(
        pa.string(), 3, pa.array([b"a", b"\xff", b"c"]).buffers(), null_count=0
    )
    path = tmp_path / "in.arrow"
    _file(table(predicted_label=bad), path)
    records, [reject] = read(path)
    assert [record.predicted_label for record in records] == ["a", "c"]
    assert (reject.number, reject.field) == (1, "predicted_label")
    reject.to_json()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latency_ms": None}, "latency_ms is missing"),
        ({"scoer": pa.array([1, 2, 3])}, "scoer is no field of a record.*'score'"),
    ],
)
def test_columns_that_make_no_records_stop(table, write, read, changes, message):
    with pytest.raises(InvalidInput, match=message):
        read(write(table(**changes)))


def test_unknown_columns_become_metadata_or_nothing(table, write, read):
    path = write(table(region=pa.array(["eu", None, "us"])))
    assert [record.metadata for record in read(path, unknown="metadata")[0]] == [
        {"region": "eu"},
        None,
        {"region": "us"},
    ]
    assert {record.metadata for record in read(path, unknown="ignore")[0]} == {None}


def test_unknown_columns_become_features(table, write, read):
    path = write(table(amount=pa.array([1, None, 3]), __index_level_0__=pa.array([7, 8, 9])))
    records, _ = read(path, unknown="features")
    assert [record.features["amount"] for record in records] == [1, None, 3]
    assert all("__index_level_0__" not in record.features for record in records)


def test_the_index_of_a_data_frame_is_no_unknown_column(table, write, read):
    path = write(table(__index_level_0__=pa.array([7, 8, 9])))
    assert [record.metadata for record in read(path, unknown="metadata")[0]] == [None] * 3


def test_strict_gives_what_precedes_the_first_bad_row(table, write, read):
    records, [reject] = read(write(table(latency_ms=pa.array([1, -1, -2]))), strict=True)
    assert (len(records), reject.number) == (1, 1)


def test_any_cutting_into_chunks_gives_the_same(table, write, read):
    n = 50
    path = write(
        table(
            n,
            latency_ms=pa.array([i - 2 for i in range(n)]),
            model=pa.array(["m", None] * (n // 2)),
        )
    )
    whole = read(path)
    assert (len(whole[0]), len(whole[1])) == (n - 2, 2)
    assert {record.model for record in whole[0]} == {"m", "default"}
    for rows in (1, 3, 49):
        assert read(path, rows=rows) == whole


@pytest.mark.parametrize("format", ["parquet", "arrow"])
def test_what_is_no_such_file_stops_with_its_name(tmp_path, read, format):
    path = tmp_path / "in"
    path.write_bytes(b"ARROW1 or nothing of the kind")
    with pytest.raises(InvalidInput, match=f"{path} cannot be read as {format.capitalize()}"):
        read(path, format)


def test_a_parquet_file_that_is_cut_off_stops(table, tmp_path, read):
    whole = io.BytesIO()
    pq.write_table(table(), whole)
    path = tmp_path / "in.parquet"
    path.write_bytes(whole.getvalue()[:-20])
    with pytest.raises(InvalidInput, match="cannot be read as Parquet"):
        read(path)


def test_without_pyarrow_the_error_holds_the_line_that_installs_it(table, tmp_path):
    path = tmp_path / "in.parquet"
    _parquet(table(), path)
    code = f"""
import sys
sys.modules["pyarrow"] = None
from homeostat import MissingExtra
from homeostat.sources import open_source
try:
    open_source({str(path)!r})
except MissingExtra as error:
    print(error)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "homeostat[frames]"' in out.stdout
