"""Arrow streams that lie, and thousands that are damaged at random."""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from house import ARROW, record, stream, table

from homeostat.service import arrow

GOOD = [record(n, ground_truth_label="a", features={"x": 0.5}) for n in range(3)]
PLAIN = [record(n) for n in range(3)]


def changed(**columns):
    """A table of three records, with some columns instead of its own."""
    given = table(*PLAIN)
    for name, column in columns.items():
        name = name.replace("__", ".")
        if name in given.column_names:
            given = given.drop_columns([name])
        given = given.append_column(name, column)
    return given


def sent(house, body, partial=True):
    reply = house("POST", f"/v1/records?partial={int(partial)}", body, kind=ARROW)
    assert 200 <= reply.status_code < 500
    assert house("GET", "/healthz").status_code == 200
    return reply


BAD = pa.array(["a", "b", "c"])
CELLS = [
    (1, "NaN latency", "latency_ms", [1.0, float("nan"), 3.0], "latency_ms"),
    (2, "infinite latency", "latency_ms", [1.0, float("inf"), 3.0], "latency_ms"),
    (2, "infinite feature", "features__x", [1.0, float("-inf"), 3.0], "features.x"),
    (11, "negative latency", "latency_ms", [1, -1, 3], "latency_ms"),
    (29, "seconds beyond microseconds", "created_at",
     pa.array([1, 2**62, 3], pa.timestamp("s", "UTC")), "created_at"),
    (29, "beyond the calendar", "created_at",
     pa.array([1, 2**62, 3], pa.timestamp("us", "UTC")), "created_at"),
    (22, "no time", "created_at", ["2026-01-01T00:00:00Z", None, "2026-01-01T00:00:00Z"],
     "created_at"),
    (23, "naive", "created_at", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00"] * 2, "created_at"),
    (39, "NUL", "predicted_label", ["a", "a\0b", "c"], "predicted_label"),
    (44, "model", "model", ["a", "\u202e", "c"], "model"),
    (48, "path", "model", ["a", "../../etc/passwd", "c"], "model"),
    (51, "escape id", "record_id", ["a", "\x1b[2J", "c"], "record_id"),
    (63, "large metadata", "metadata", ["{}", json.dumps(["x" * 4000] * 5), None], "metadata"),
    (75, "long id", "record_id", ["a", "x" * 129, "c"], "record_id"),
    (75, "empty id", "record_id", ["a", "", "c"], "record_id"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "values", "field"),
    [case[2:] for case in CELLS],
    ids=[f"{case[0]} {case[1]}" for case in CELLS],
)
def test_one_row_among_good_ones(house, column, values, field):
    told = sent(
        house,
        stream(changed(**{column: pa.array(values[:3]) if isinstance(values, list) else values})),
    ).json()
    assert [(each["row"], each["field"]) for each in told["rejected"]] == [(1, field)]
    assert told["accepted"] == 2
    models = house("GET", "/v1/models").json()["models"]
    assert sum(model["records"] for model in models) == 2


def test_good_ones(house):
    first = sent(house, stream(changed(features__x=pa.array([1.0, 2.0, None])))).json()
    assert (first["accepted"], first["rejected"]) == (3, [])
    again = sent(house, stream(changed(features__x=pa.array([1.0, 2.0, None])))).json()
    assert (again["accepted"], again["duplicates"]) == (0, 3)


def deep(levels):
    kind = pa.int64()
    for _ in range(levels):
        kind = pa.list_(kind)
    return pa.nulls(3, kind)


TYPES = [
    (99, "null", pa.nulls(3)),
    (100, "run ends", pa.RunEndEncodedArray.from_arrays(pa.array([3], pa.int32()), [1.0])),
    (101, "list", pa.array([[1], [2], [3]])),
    (101, "nesting 60", deep(60)),
    (103, "union", pa.UnionArray.from_sparse(
        pa.array([0, 0, 0], pa.int8()), [pa.array([1, 2, 3])])),
    (103, "dense union", pa.UnionArray.from_dense(
        pa.array([0, 0, 0], pa.int8()), pa.array([0, 1, 2], pa.int32()), [pa.array([1, 2, 3])])),
    (103, "text view", pa.array(["a", "b", "c"], pa.string_view())),
    (103, "binary", pa.array([b"a", b"b", b"c"])),
    (103, "decimal", pa.array([1, 2, 3]).cast(pa.decimal256(40))),
    (103, "duration", pa.array([1, 2, 3], pa.duration("s"))),
    (103, "half floats", pa.array(np.array([1, 2, 3], np.float16))),
    (103, "uuid", pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"x" * 16] * 3,
                                                                   pa.binary(16)))),
    (103, "map", pa.array([[("a", 1)]] * 3, pa.map_(pa.string(), pa.int64()))),
    (103, "dictionary of dictionaries", pa.StructArray.from_arrays(
        [pa.array(["a", "a", "a"]).dictionary_encode()], ["x"])),
]  # fmt: skip


@pytest.mark.parametrize("column", ["features__x", "predicted_label", "features", "metadata"])
@pytest.mark.parametrize(
    "values", [case[2] for case in TYPES], ids=[f"{case[0]} {case[1]}" for case in TYPES]
)
def test_types_that_are_not_taken(house, column, values):
    reply = sent(house, stream(changed(**{column: values})))
    assert reply.status_code == 422
    assert reply.json()["error"] == "invalid columns"


TEXTS = pa.array(["a", "bb", "cccc"])
CODES = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.int32()), TEXTS)


def offsets(*values):
    return np.array(values, "<i4").tobytes()


LIES = [
    (96, "offsets past the buffer", TEXTS, offsets(0, 1, 3, 7), offsets(0, 1, 3, 1 << 30)),
    (97, "negative offsets", TEXTS, offsets(0, 1, 3, 7), offsets(0, -5, 3, 7)),
    (97, "falling offsets", TEXTS, offsets(0, 1, 3, 7), offsets(0, 7, 3, 7)),
    (98, "invalid UTF-8", TEXTS, b"abbcccc", b"abb\xffccc"),
    (102, "index beyond", CODES, offsets(0, 1, 2), offsets(0, 99, 2)),
    (102, "index below", CODES, offsets(0, 1, 2), offsets(0, -1, 2)),
    (102, "dictionary that lies", CODES, offsets(0, 1, 3, 7), offsets(0, 1, 3, 1 << 30)),
    (102, "dictionary of no UTF-8", CODES, b"abbcccc", b"abb\xffccc"),
]


@pytest.mark.parametrize(
    ("values", "true", "lie"),
    [case[2:] for case in LIES],
    ids=[f"{case[0]} {case[1]}" for case in LIES],
)
def test_buffers_that_lie(house, values, true, lie):
    body = stream(changed(predicted_label=values))
    assert body.count(true) == 1
    reply = sent(house, body.replace(true, lie))
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid Arrow")


def test_106_packed_buffers(house):
    for packing in ("zstd", "lz4"):
        for given in (changed(), changed(predicted_label=BAD.dictionary_encode())):
            reply = sent(house, stream(given, compression=packing))
            assert (reply.status_code, reply.json()["error"]) == (415, "packed buffers")


def test_106_a_packed_dictionary_alone(house):
    """The flag of a dictionary's own message is looked at, too."""
    given = changed(predicted_label=BAD.dictionary_encode())
    packed = list(pa.ipc.MessageReader.open_stream(stream(given, compression="zstd")))
    assert [message.type for message in packed] == ["schema", "dictionary", "record batch"]
    assert arrow._is_packed(packed[1])
    plain = list(pa.ipc.MessageReader.open_stream(stream(given)))
    assert not any(arrow._is_packed(message) for message in plain[1:])


def test_102_a_long_text_that_every_row_shares(house):
    """Megabytes that would become gigabytes when each row gets its own."""
    n = 100_000
    shared = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array(["x" * 4000]))
    given = pa.table({"model_version": shared, "predicted_label": shared,
                      "latency_ms": np.ones(n), "created_at": pa.array(["x"] * n)})  # fmt: skip
    assert sent(house, stream(given)).status_code == 413


def test_99_more_cells_than_there_may_be(house):
    n = 500_000
    flags = pa.array(np.zeros(n, bool))
    columns = {f"features.f{i}": flags for i in range(60)}
    given = pa.table({"model_version": flags, "predicted_label": flags, "latency_ms": flags,
                      "created_at": flags, **columns})  # fmt: skip
    assert sent(house, stream(given)).status_code == 413


def test_a_text_that_is_too_long(house):
    reply = sent(house, stream(changed(predicted_label=pa.array(["a", "x" * 4097, "b"]))))
    assert reply.status_code == 422
    assert "predicted_label" in reply.json()["problem"]


def test_87_too_many_columns(house):
    own = dict(zip(changed().column_names, changed().columns, strict=True))
    columns = {f"features.f{i}": pa.array([1, 2, 3]) for i in range(2_101)}
    assert sent(house, stream(pa.table(own | columns))).status_code == 413


def test_60_a_column_twice(house):
    twice = changed().append_column("latency_ms", pa.array([1, 2, 3]))
    assert sent(house, stream(twice)).status_code == 422
    struct = pa.StructArray.from_arrays([pa.array([1, 2, 3])] * 2, ["x", "x"])
    assert sent(house, stream(changed(features=struct))).status_code == 422


def test_104_the_schema_changes(house):
    other = stream(changed(features__x=pa.array([1.0, 2.0, 3.0])))
    assert sent(house, stream(changed())[:-8] + other).status_code == 400


def test_94_something_follows_the_end(house):
    assert sent(house, stream(changed()) + stream(changed())).status_code == 400
    assert sent(house, stream(changed()) + b"x").status_code == 400


def test_65_the_end_is_missing(house):
    whole = stream(changed())
    assert sent(house, whole[:-8]).json()["accepted"] == 3  # the mark of the end may be left out
    assert sent(house, whole[:-40]).status_code == 400


def test_105_no_batch_and_very_many(house):
    empty = changed().slice(0, 0)
    assert sent(house, stream(empty)).json()["accepted"] == 0
    schema = empty.schema
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as out:
        for _ in range(10_001):
            out.write_batch(pa.RecordBatch.from_pylist([], schema=schema))
    assert sent(house, sink.getvalue().to_pybytes()).status_code == 413


def test_64_a_million_and_one_rows(house):
    n = 1_000_001
    numbers = np.zeros(n, np.int8)
    given = pa.table({"model_version": numbers, "predicted_label": numbers,
                      "latency_ms": numbers, "created_at": numbers})  # fmt: skip
    assert sent(house, stream(given)).status_code == 413


@pytest.mark.parametrize("column", ["model", "created_at"])
def test_many_rows_that_are_no_records(house, column):
    n = 10_001
    wrong = [f"-{i}" for i in range(n)]
    columns = {"model_version": ["v"] * n, "predicted_label": ["a"] * n,
               "latency_ms": np.ones(n), "created_at": ["2026-01-01T00:00:00Z"] * n}  # fmt: skip
    reply = sent(house, stream(pa.table(columns | {column: wrong})))
    assert reply.status_code in (413, 422)
    assert len(reply.content) < 40_000
    assert reply.json()["accepted"] == 0


def test_faults_that_are_alike_are_counted(house):
    n = 10_001
    good = record(1)
    columns = {name: [value] * n for name, value in good.items() if name != "record_id"}
    reply = sent(house, stream(pa.table(columns | {"created_at": [f"-{i}" for i in range(n)]})))
    told = reply.json()
    assert (told["accepted"], len(told["rejected"]), told["rejected_total"]) == (0, 100, n)
    assert [(each["field"], each["n"]) for each in told["reasons"]] == [("created_at", n)]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("amount", "'features.amount'"),
        (
            "latency",
            "did you mean 'latency_ms'? Otherwise a feature is a column 'features.latency'",
        ),
    ],
)
def test_a_column_that_looks_like_a_feature(house, name, said):
    given = table(record(1)).append_column(name, pa.array([1.5]))
    reply = sent(house, stream(given))
    assert reply.status_code == 422
    assert said in reply.json()["problem"] + reply.json().get("hint", "")
    assert "--unknown" not in reply.text


FUZZ = """
import random, sys
sys.path.insert(0, sys.argv[1])
import pyarrow as pa
from house import ARROW, record, stream, table
from homeostat.errors import InvalidInput
from homeostat.service.decoding import records_of
from homeostat.service.problems import Problem

number, n = int(sys.argv[2]), int(sys.argv[3])
chance = random.Random(number)
more = {"ground_truth_label": "x", "metadata": '{"a": 1}'}
rows = [record(i, model="ab"[i % 2], **more) for i in range(20)]
plain = table(*rows)
codes = plain["predicted_label"].dictionary_encode()
coded = plain.set_column(1, "predicted_label", codes)
times = pa.array([1] * 20, pa.timestamp("ms", "UTC"))
timed = coded.set_column(coded.column_names.index("created_at"), "created_at", times)
inner = pa.StructArray.from_arrays([pa.array([1.5, None] * 10), pa.array([True] * 20)], ["x", "y"])
seeds = [stream(given) for given in (plain, coded, timed, timed.append_column("features", inner))]
odd = [0, 1, 0x7F, 0x80, 0xFF]
done = {}
for _ in range(n):
    body = bytearray(chance.choice(seeds))
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        at = chance.randrange(len(body))
        how = chance.randrange(4)
        if how == 0:
            body[at] = chance.choice(odd)
        elif how == 1:
            body[at] ^= 1 << chance.randrange(8)
        elif how == 2:
            value = chance.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1])
            at -= at % 8
            body[at : at + 8] = value.to_bytes(8, "little")
        else:
            end = at + chance.randrange(1, 64)
            body = body[:at] + body[end:] if chance.random() < 0.5 else body[:end] + body[at:]
    try:
        parts, faults = records_of(bytes(body), ARROW)
        for part in parts:
            [part.batch[row].to_json() for row in range(len(part.batch))]
        end = "taken"
    except (Problem, InvalidInput) as refused:
        end = type(refused).__name__
    done[end] = done.get(end, 0) + 1
assert sum(done.values()) == n and len(done) > 1, done
print(done)
"""


@pytest.mark.parametrize("number", range(4))
def test_107_damaged_at_random(request, number):
    """In a process of its own, for what is wrong here ends the process."""
    here = str(request.path.parent)
    command = [sys.executable, "-c", FUZZ, here, str(number), "500"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
