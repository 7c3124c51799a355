import csv
import random

import pytest

from homeostat import InferenceRecord, InvalidInput
from homeostat.sources.layout import REQUIRED, check

HEAD = "model_version,predicted_label,ground_truth_label,latency_ms,created_at"
TIME = "2026-01-01T00:00:00Z"
ROW = f"v1,a,b,5,{TIME}"


@pytest.fixture
def write(tmp_path):
    def to_file(*lines, head=HEAD, name="in.csv"):
        path = tmp_path / name
        path.write_bytes("\n".join([head, *lines]).encode(errors="surrogateescape"))
        return path

    return to_file


def test_cells_become_fields(write, read):
    path = write(
        f'v1,cat,,12.5,{TIME},0.25,north,,3,0.5,"{{""k"": [1]}}",r1',
        f"v1,dog,cat,7,{TIME},,7,x,,,plain text,",
        head=f"{HEAD},score,features.site,features.f,features.n,scores.cat,metadata,record_id",
    )
    [first, second], rejects = read(path)
    assert rejects == []
    assert first == InferenceRecord(
        model_version="v1",
        predicted_label="cat",
        latency_ms=12.5,
        created_at=TIME,
        score=0.25,
        features={"site": "north", "f": None, "n": 3.0},
        scores={"cat": 0.5},
        metadata={"k": [1]},
        record_id="r1",
    )
    assert second.ground_truth_label == "cat"
    assert second.features == {"site": 7.0, "f": "x", "n": None}
    assert (second.metadata, second.score, second.record_id) == ("plain text", None, None)


def test_labels_stay_text_unless_they_are_said_to_be_numbers(write, read):
    path = write(f"v1,1,01,5,{TIME}", f"v1,2.5,,5,{TIME}", f"v1,x,1,5,{TIME}")
    records, _ = read(path)
    assert [(r.predicted_label, r.ground_truth_label) for r in records] == [
        ("1", "01"),
        ("2.5", None),
        ("x", "1"),
    ]
    records, [reject] = read(path, labels="number")
    assert [(r.predicted_label, r.ground_truth_label) for r in records] == [(1, 1), (2.5, None)]
    assert (reject.number, reject.field) == (4, "predicted_label")
    assert "must be a number, got 'x'" in reject.problem


HOSTILE = {
    "negative": (f"v1,a,b,-5,{TIME}", "latency_ms", "at least 0"),
    "nan": (f"v1,a,b,nan,{TIME}", "latency_ms", "must be finite"),
    "infinite": (f"v1,a,b,inf,{TIME}", "latency_ms", "finite"),
    "text": (f"v1,a,b,fast,{TIME}", "latency_ms", "must be a number, got 'fast'"),
    "underscore": (f"v1,a,b,1_000,{TIME}", "latency_ms", "must be a number"),
    "empty": (f"v1,a,b,,{TIME}", "latency_ms", "must be a number"),
    "naive": ("v1,a,b,5,2026-01-01 00:00:00", "created_at", "no time zone"),
    "no version": (f",a,b,5,{TIME}", "model_version", "must be text"),
    "nul": (f"v\0,a,b,5,{TIME}", "model_version", "NUL"),
    "no utf-8": (f"v\udcff,a,b,5,{TIME}", "model_version", "UTF-8"),
    "short": ("v1,a,b", "line", "has 3 cells, the header has 5"),
    "long": (f"v1,a,b,5,{TIME},6", "line", "has 6 cells"),
    "stray quote": (f'v1,"a"x,b,5,{TIME}', "line", "not valid CSV"),
}


@pytest.mark.parametrize(("bad", "field", "problem"), HOSTILE.values(), ids=HOSTILE)
def test_a_bad_row_is_set_aside_with_its_field_and_line(write, read, bad, field, problem):
    records, [reject] = read(write(ROW, "", bad, ROW))
    assert len(records) == 2
    assert (reject.field, reject.unit, reject.number) == (field, "line", 4)
    assert problem in reject.problem
    reject.to_json()


def test_an_open_quote_costs_its_own_line_only(write, read):
    records, [reject] = read(write(ROW, f'v1,"a,b,5,{TIME}', ROW, ROW))
    assert len(records) == 3
    assert (reject.number, reject.field) == (3, "line")


def test_cells_may_hold_line_ends_and_rejects_still_name_their_first_line(write, read):
    path = write(f'v1,"a\nb",b,5,{TIME}', f'v1,"c\nd",b,-5,{TIME}', f"v1,e,b,-6,{TIME}")
    [record], rejects = read(path)
    assert record.predicted_label == "a\nb"
    assert [reject.number for reject in rejects] == [4, 6]


def test_metadata_that_begins_like_json_must_be_json(write, read):
    path = write(f'{ROW},"{{""k"": 1"', f"{ROW},note", head=f"{HEAD},metadata")
    [record], [reject] = read(path)
    assert record.metadata == "note"
    assert (reject.field, reject.number) == ("metadata", 2)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (HEAD.replace("latency_ms", "other"), r"line 1: other is no field of a record"),
        (HEAD.replace("latency_ms", "latencyms"), "did you mean 'latency_ms'"),
        (HEAD.replace(",latency_ms", ""), "line 1: latency_ms is missing"),
        (f"{HEAD},latency_ms", "line 1: latency_ms is a column twice"),
        (f"{HEAD},x\0", "NUL"),
        ("no header at all", "no field of a record"),
    ],
)
def test_a_header_that_makes_no_records_stops(write, read, head, message):
    with pytest.raises(InvalidInput, match=message):
        read(write(ROW, head=head))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("scoer", "did you mean 'score'? Or call a feature's column features.scoer, or pass"),
        ("zzz", "scores; or call a feature's column features.zzz, or pass --unknown features"),
        ("latncy", "known: features, ground_truth_label"),  # latency_ms is there already
    ],
)
def test_an_unknown_column_says_what_to_do(name, hint):
    with pytest.raises(InvalidInput) as caught:
        check((*REQUIRED, name), "reject", "line 1")
    assert hint in str(caught.value)


def test_unknown_columns_become_features(write, read):
    path = write(f"{ROW},3,DE,", f"{ROW},,2,7", head=f"{HEAD},amount,country,features.amount")
    assert [r.features for r in read(path, unknown="features")[0]] == [
        {"amount": None, "country": "DE"},  # a column that is named as a feature wins
        {"amount": 7.0, "country": 2.0},
    ]


def test_times_without_a_zone_get_the_one_that_is_said(write, read):
    path = write("v1,a,b,5,2026-01-01 12:00:00", f"v1,a,b,5,{TIME}")
    records, rejects = read(path, zone="Europe/Berlin")
    assert rejects == []
    assert [r.created_at.isoformat() for r in records] == [
        "2026-01-01T11:00:00+00:00",
        "2026-01-01T00:00:00+00:00",
    ]
    _, [reject] = read(path)
    assert "--zone" in reject.hint


def test_unknown_columns_become_metadata_or_nothing(write, read):
    path = write(f"{ROW},eu,", f"{ROW},,2", head=f"{HEAD},region,user")
    assert [r.metadata for r in read(path, unknown="metadata")[0]] == [
        {"region": "eu"},
        {"user": "2"},
    ]
    assert [r.metadata for r in read(path, unknown="ignore")[0]] == [None, None]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_told_from_the_header(write, read, delimiter):
    path = write(ROW.replace(",", delimiter), head=HEAD.replace(",", delimiter))
    assert len(read(path)[0]) == 1


def test_a_byte_order_mark_and_carriage_returns_are_no_matter(write, read):
    path = write(ROW + "\r", head="\ufeff" + HEAD + "\r")
    [record], rejects = read(path)
    assert (record.created_at.year, rejects) == (2026, [])


def test_an_empty_model_cell_is_the_default(write, read):
    path = write(f"{ROW},", f"{ROW},churn", head=f"{HEAD},model")
    assert [record.model for record in read(path)[0]] == ["default", "churn"]


def test_a_header_alone_holds_no_record(write, read):
    assert read(write()) == ([], [])


def test_strict_gives_what_precedes_the_first_bad_line(write, read):
    path = write(ROW, ROW, f"v1,a,b,-5,{TIME}", ROW, "short", ROW)
    records, [reject] = read(path, strict=True)
    assert (len(records), reject.number) == (2, 4)


def test_any_cutting_into_chunks_gives_the_same(tmp_path, read):
    random.seed(1)
    path = tmp_path / "in.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*HEAD.split(","), "features.x"])
        for i in range(300):
            x = random.choice(["", "1", "word", "nan"])
            writer.writerow(["v\n1", random.choice('ab"'), "a", i - 3, TIME, x])
    whole = read(path)
    assert (len(whole[0]), len(whole[1])) == (297, 3)
    for rows in (1, 2, 77):
        assert read(path, rows=rows) == whole
