import io
import json
from itertools import chain

import pytest

from homeostat import InferenceRecord, InvalidInput
from homeostat.sources import lines as lines_module
from homeostat.sources.lines import blocks

HOSTILE = {
    "negative latency": ({"latency_ms": -5}, "latency_ms", "at least 0"),
    "text latency": ({"latency_ms": "5"}, "latency_ms", "must be a number"),
    "boolean latency": ({"latency_ms": True}, "latency_ms", "must be a number"),
    "nan": ({"latency_ms": float("nan")}, "latency_ms", "finite"),
    "infinity": ({"latency_ms": float("inf")}, "latency_ms", "finite"),
    "nan deep in features": ({"features": {"x": float("nan")}}, "record", "NaN"),
    "naive time": ({"created_at": "2026-01-01T00:00:00"}, "created_at", "no time zone"),
    "no time": ({"created_at": "yesterday"}, "created_at", "RFC 3339"),
    "number as time": ({"created_at": 1767225600}, "created_at", "must be a time"),
    "lone surrogate": ({"model_version": "v\ud800"}, "model_version", "UTF-8"),
    "nul": ({"predicted_label": "a\0"}, "predicted_label", "NUL"),
    "deep metadata": ({"metadata": json.loads("[" * 150 + "]" * 150)}, "metadata", "deeper"),
    "huge metadata": ({"metadata": "x" * (1 << 21)}, "metadata", "allowed"),
    "missing field": ({"latency_ms": ...}, "latency_ms", "is missing"),
    "unknown field": ({"latency": 5}, "latency", "no field of a record"),
    "null label": ({"predicted_label": None}, "predicted_label", "must be text"),
    "nested feature": ({"features": {"x": {}}}, "features.x", "must be a number"),
    "text score": ({"scores": {"a": "b"}}, "scores.a", "must be a number"),
}
RAW = {
    "array": b"[1, 2]",
    "text": b'"text"',
    "null": b"null",
    "no JSON": b"nonsense",
    "deep": b"[" * 100_000,
    "cut": b'{"model_version": "v1", "predicted',
}


@pytest.mark.parametrize(("changes", "field", "problem"), HOSTILE.values(), ids=HOSTILE)
def test_a_bad_line_is_set_aside_with_its_field_and_number(
    tmp_path, read, line, changes, field, problem
):
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join([line(), "", line(**changes), line(latency_ms=7)]) + "\n")
    records, [reject] = read(path)
    assert [record.latency_ms for record in records] == [5, 7]
    assert (reject.field, reject.unit, reject.number) == (field, "line", 3)
    assert problem in reject.problem
    assert str(reject.error).startswith(f"{path}: line 3: {field} ")


@pytest.mark.parametrize("bad", RAW.values(), ids=RAW)
def test_what_is_no_record_is_set_aside(tmp_path, read, line, bad):
    path = tmp_path / "in.jsonl"
    path.write_bytes(line().encode() + b"\n" + bad)
    records, [reject] = read(path)
    assert len(records) == 1
    assert (reject.field, reject.number) == ("record", 2)
    assert len(reject.raw) <= 4096
    assert json.loads(reject.to_json())["line"] == 2


def test_bytes_that_are_no_utf8_are_set_aside(tmp_path, read, line):
    path = tmp_path / "in.jsonl"
    path.write_bytes(line(model_version="é").replace("\\u00e9", "\xff").encode("latin1") + b"\n")
    records, [reject] = read(path)
    assert records == []
    assert reject.field == "model_version"
    assert "\ufffd" in json.loads(reject.to_json())["raw"]


def test_blank_lines_carriage_returns_and_a_byte_order_mark_are_no_matter(tmp_path, read, line):
    path = tmp_path / "in.jsonl"
    text = "\r\n".join(["", line(), "   ", line(latency_ms=-1), line(latency_ms=6)])
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    records, [reject] = read(path)
    assert [record.latency_ms for record in records] == [5, 6]
    assert reject.number == 4


def test_chunks_are_bounded_and_nothing_is_lost(tmp_path, read, line):
    path = tmp_path / "in.jsonl"
    expected = list(range(1000))
    path.write_text("".join(line(latency_ms=i) + "\n" for i in expected))
    for rows in (1, 7, 999, 8192):
        records, rejects = read(path, rows=rows)
        assert [record.latency_ms for record in records] == expected
        assert rejects == []


def test_records_equal_those_of_from_json(tmp_path, read, line):
    path = tmp_path / "in.jsonl"
    text = line(
        features={"x": 1, "y": "z", "b": True, "none": None}, metadata={"k": [1]}, score=0.5
    )
    path.write_text(text)
    assert read(path)[0] == [InferenceRecord.from_json(text)]


def test_strict_gives_what_precedes_the_first_bad_line(tmp_path, read, line):
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join([line(), line(latency_ms=-1), line(latency_ms=-2), line()]))
    records, rejects = read(path, strict=True)
    assert (len(records), [reject.number for reject in rejects]) == (1, [2])


def test_unknown_fields_can_become_metadata(tmp_path, read, line):
    path = tmp_path / "in.jsonl"
    extra = {"region": "eu", "user": {"id": 1}}
    given = [
        line(**extra),
        line(**extra, metadata={"region": "own"}),
        line(**extra, metadata="text"),
        line(**extra, latency_ms=...),
    ]
    path.write_text("\n".join(given))
    records, [reject] = read(path, unknown="metadata")
    assert [record.metadata for record in records] == [
        extra,
        {"region": "own", "user": {"id": 1}},
        extra | {"metadata": "text"},
    ]
    assert (reject.field, reject.number) == ("latency_ms", 4)


def test_unknown_fields_can_become_features(tmp_path, read, line):
    path = tmp_path / "in.jsonl"
    given = [line(amount=3, features={"x": 1, "amount": 4}), line(country="DE"), line(a={"b": 1})]
    path.write_text("\n".join(given))
    records, [reject] = read(path, unknown="features")
    assert [record.features for record in records] == [{"amount": 4, "x": 1}, {"country": "DE"}]
    assert (reject.number, reject.field) == (3, "features.a")


def test_unknown_fields_can_be_dropped(tmp_path, read, line):
    path = tmp_path / "in.jsonl"
    path.write_text(line(region="eu", features={"x": 1}) + "\nnull\n")
    [record], [reject] = read(path, unknown="ignore")
    assert (record.metadata, record.features) == (None, {"x": 1})
    assert reject.field == "record"


def test_a_json_array_is_refused_with_the_mend(tmp_path, read, line):
    path = tmp_path / "in.json"
    path.write_text(json.dumps([json.loads(line())], indent=2))
    with pytest.raises(InvalidInput, match=r"one JSON array.*jq"):
        read(path)


def test_json_over_several_lines_is_refused_with_the_mend(tmp_path, read, line):
    path = tmp_path / "in.json"
    path.write_text(json.dumps(json.loads(line()), indent=2))
    with pytest.raises(InvalidInput, match=r"over several lines.*jq -c \. "):
        read(path)


def test_utf16_is_refused_with_the_mend(tmp_path, read, line):
    path = tmp_path / "in.jsonl"
    path.write_bytes(line().encode("utf-16"))
    with pytest.raises(InvalidInput, match=r"in.jsonl is UTF-16; save it as UTF-8"):
        read(path)


def test_a_line_beyond_the_limit_is_set_aside(tmp_path, read, line, monkeypatch):
    monkeypatch.setattr(lines_module, "LINE_MAX", 200)
    monkeypatch.setattr(lines_module.blocks, "__defaults__", (200,))
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join([line(), line(metadata="x" * 2_000_000), line()]))
    records, [reject] = read(path)
    assert len(records) == 2
    assert (reject.field, reject.number) == ("line", 2)
    assert "longer than 200 bytes" in reject.problem


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_lines_are_the_same_however_they_arrive(size):
    class Slow(io.BytesIO):
        def read1(self, n=-1):
            return super().read1(size)

    data = b"one\n\ntwo two\nthree"
    assert list(chain.from_iterable(blocks(Slow(data), "x"))) == [b"one", b"", b"two two", b"three"]
    cut = list(chain.from_iterable(blocks(Slow(data), "x", longest=4)))
    assert size > 3 or cut[2] == b"two t"
    assert [line[:5] for line in cut] == [b"one", b"", b"two t", b"three"]
    assert list(chain.from_iterable(blocks(Slow(b""), "x"))) == []
