"""Records: what they take, what they refuse and how they say so, and their JSON."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

import homeostat as hs

NOW = datetime(2026, 1, 2, 3, 4, 5, 600, tzinfo=UTC)
GOOD = {
    "model_version": "v1",
    "predicted_label": "a",
    "ground_truth_label": None,
    "latency_ms": 7,
    "created_at": "2026-01-01T00:00:00Z",
    "metadata": None,
}


def make(**fields) -> hs.InferenceRecord:
    return hs.InferenceRecord(**{**GOOD, **fields})


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


REFUSED = [
    ("latency_ms", -1), ("latency_ms", math.nan), ("latency_ms", math.inf), ("latency_ms", "5"),
    ("latency_ms", None), ("latency_ms", True), ("latency_ms", 2**128), ("latency_ms", -0.5),
    ("created_at", "yesterday"), ("created_at", "2026-01-01T00:00:00"), ("created_at", None),
    ("created_at", "2026-13-01T00:00:00Z"), ("created_at", 1767225600), ("created_at", ""),
    ("created_at", "9999-12-31T23:59:59-12:00"), ("created_at", datetime(2026, 1, 1)),
    ("model_version", 5), ("model_version", None), ("model_version", "a\0b"),
    ("model_version", "\ud800"),
    ("predicted_label", None), ("predicted_label", ["a"]), ("predicted_label", math.nan),
    ("predicted_label", "\udfff"), ("predicted_label", "\0"), ("predicted_label", {"a": 1}),
    ("ground_truth_label", math.inf), ("ground_truth_label", []), ("ground_truth_label", "\ud800"),
    ("metadata", nested(200)), ("metadata", "x" * (1 << 20)), ("metadata.a", {"a": object()}),
    ("metadata.a", {"a": "\ud800"}), ("metadata", {1: 2}), ("metadata.a", {"a": math.nan}),
    ("metadata", {1, 2}.__iter__()),
    ("record_id", 5), ("record_id", "\0"), ("model", None), ("score", math.nan), ("score", "0.5"),
    ("scores", [0.5]), ("scores.a", {"a": math.inf}), ("features.x", {"x": [1]}),
    ("features.x", {"x": math.inf}), ("features", "x"), ("features.y", {"y": "\0"}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), REFUSED, ids=map(str, range(len(REFUSED))))
def test_what_a_field_cannot_hold_is_refused_by_name(field, value):
    name = field.partition(".")[0]
    with pytest.raises(hs.InvalidInput) as caught:
        make(**{name.partition("[")[0]: value})
    assert caught.value.field == field
    assert str(caught.value).startswith(field)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{}", "model_version"),
        ('{"model_version":"v"', "record"),
        ("", "record"),
        ("[1]", "record"),
        ("null", "record"),
        ('{"a":' * 3000 + "1" + "}" * 3000, "a"),
        (json.dumps(GOOD).replace("7", "NaN"), "latency_ms"),
        (json.dumps({**GOOD, "metadata": [1.5]}).replace("1.5", "NaN"), "metadata[0]"),
        (json.dumps(GOOD).replace("7", "-7"), "latency_ms"),
        (json.dumps({**GOOD, "latency": 1}), "latency"),
        (json.dumps(GOOD).replace('"metadata": null', '"metadata": ' + "[" * 3000 + "]" * 3000),
         "record"),
        (json.dumps({**GOOD, "created_at": "2026-01-01"}), "created_at"),
        (json.dumps({**GOOD, "predicted_label": ["a"]}), "predicted_label"),
        (json.dumps(GOOD).replace('"a"', '"\\ud800"'), "predicted_label"),
        (json.dumps(GOOD).encode()[:-1] + b"\xff}", "record"),
    ],
)  # fmt: skip
def test_bad_json_is_refused_by_name(text, field):
    with pytest.raises(hs.InvalidInput) as caught:
        hs.InferenceRecord.from_json(text)
    assert caught.value.field == field


@pytest.mark.parametrize("field", ["model_version", "predicted_label", "latency_ms", "created_at"])
def test_a_missing_field_is_named(field):
    fields = {name: value for name, value in GOOD.items() if name != field}
    with pytest.raises(hs.InvalidInput, match=f"{field} is missing"):
        hs.InferenceRecord.from_json(json.dumps(fields))


def test_an_unknown_field_gets_a_hint():
    with pytest.raises(hs.InvalidInput, match="did you mean 'ground_truth_label'"):
        hs.InferenceRecord.from_json(json.dumps({**GOOD, "ground_truth": "a"}))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-01-01T00:00:00.123Z", "2026-01-01T00:00:00.123Z"),
        ("2026-01-01T00:00:00.120000Z", "2026-01-01T00:00:00.120Z"),
        ("2026-01-01T00:00:00.000001+00:00", "2026-01-01T00:00:00.000001Z"),
        ("2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00.123456Z"),
        ("2026-01-01 00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00+05:30", "2025-12-31T18:30:00Z"),
        ("2026-01-01T00:00:00+0530", "2025-12-31T18:30:00Z"),
        ("2026-01-01T00:00:00 +00:00", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00 -01:00", "2026-01-01T01:00:00Z"),
        (" 2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-1-1T0:0:0Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00 UTC", "2026-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999Z"),
    ],
)
def test_times_are_read_as_chrono_reads_them_and_written_as_it_writes_them(text, written):
    assert json.loads(make(created_at=text).to_json())["created_at"] == written


def test_times_are_kept_in_utc():
    east = timezone(timedelta(hours=5, minutes=30))
    record = make(created_at=NOW.astimezone(east))
    assert record.created_at == NOW
    assert record.created_at.tzinfo is UTC


def test_pandas_times_become_plain_ones():
    pd = pytest.importorskip("pandas")
    record = make(created_at=pd.Timestamp("2026-01-01T00:00:00.000001Z"))
    assert type(record.created_at) is datetime
    assert record.created_at.microsecond == 1


def test_dummy_ok_is_the_seeds():
    record = hs.InferenceRecord.dummy_ok()
    written = json.loads(record.to_json())
    del written["created_at"]
    assert written == {
        "model_version": "v1.0.0", "predicted_label": "ok", "ground_truth_label": "ok",
        "latency_ms": 42, "metadata": None,
    }  # fmt: skip
    assert abs(record.created_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_what_goes_beyond_the_seed_is_written_only_when_given():
    record = make(
        record_id="r1", model="churn", score=0.75, scores={"a": 0.75, "b": 0.25},
        features={"z": 1, "a": "x", "n": None, "t": True, "m": math.nan},
        predicted_label=np.float64(2.5), ground_truth_label=np.int64(3), latency_ms=np.float32(1.5),
    )  # fmt: skip
    written = json.loads(record.to_json())
    assert written["features"] == {"a": "x", "m": None, "n": None, "t": True, "z": 1}
    assert (written["predicted_label"], written["ground_truth_label"]) == (2.5, 3)
    assert hs.InferenceRecord.from_json(record.to_json()) == record
    assert set(json.loads(make().to_json())) == set(GOOD)


def test_records_are_immutable():
    with pytest.raises(AttributeError):
        make().latency_ms = 3


def test_the_metadata_of_the_seed_may_be_left_out():
    fields = {name: GOOD[name] for name in GOOD if name != "metadata"}
    assert hs.InferenceRecord.from_json(json.dumps(fields)).metadata is None
