"""The quick way from JSON to columns says what the careful one says, or nothing at all."""

import json
import random

import numpy as np
import pytest
from house import RECORD

from homeostat.service import decoding
from homeostat.service.problems import Problem
from homeostat.sources import plain
from homeostat.sources.limits import RecordLimits
from homeostat.stores.packing import pack_batch

LIMITS = RecordLimits()
KIND = "application/json"


def quick(body):
    """Of each model, its name, its records as they are kept, and its rows; None where unsure."""
    parts = decoding.certain_parts(body, False, LIMITS)
    return None if parts is None else told(parts)


def careful(body, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "_SMALL", -1)
        parts, faults = decoding.records_of(body, KIND)
    assert not faults, faults
    return told(parts)


def told(parts):
    return [(part.model, pack_batch(part.batch), part.rows.tolist()) for part in parts]


def record(**changes):
    return {**RECORD, "record_id": "r0", **changes}


def dumped(given):
    return json.dumps(given).encode()


USUAL = [
    {},
    {"ground_truth_label": None, "metadata": None},
    {"record_id": None, "features": None, "scores": None, "score": None},
    {"record_id": "a-1", "model": "other"},
    {"features": {"a": 1, "b": 2.5}},
    {"features": {}},
    {"features": {"a": None, "b": True, "c": "text", "d": 1}},
    {"scores": {"yes": 0.5, "no": 1}, "score": 1},
    {"predicted_label": 3, "ground_truth_label": 2.5},
    {"predicted_label": False, "ground_truth_label": True},
    {"created_at": "2026-01-31T12:00:00Z"},
    {"created_at": "2026-01-31T12:00:00.123Z"},
    {"created_at": "2024-02-29T23:59:59.999999Z"},
    {"model_version": "größe", "predicted_label": "ß"},
    {"latency_ms": 0},
    {"latency_ms": 12.5},
]
UNSURE = [
    {"metadata": {"a": 1}},
    {"created_at": "2026-01-31T12:00:00+01:00"},
    {"created_at": "2026-02-29T12:00:00Z"},
    {"created_at": "2026-01-31 12:00:00Z"},
    {"created_at": "2026-01-31T12:00:60Z"},
    {"created_at": "２026-01-31T12:00:00Z"},
    {"created_at": 5},
    {"latency_ms": -1},
    {"latency_ms": 2**53 + 1},
    {"latency_ms": True},
    {"features": {"a": 2**53 + 1}},
    {"features": {"a": 1e300}},
    {"features": {"a": "x" * 4097, "b": 1}},
    {"features": {"a" * 129: 1}},
    {"features": {"a": [1]}},
    {"features": {"a": "\0"}},
    {"features": {'a":': 1}},
    {"predicted_label": 2**64},
    {"predicted_label": 'a":"b'},
    {"predicted_label": "a\0b"},
    {"predicted_label": None},
    {"record_id": ""},
    {"record_id": "a\nb"},
    {"record_id": "x" * 129},
    {"model": ""},
    {"model": "a b"},
    {"model": None},
    {"model_version": "x" * 4097},
    {"model_version": 5},
    {"unknown": 1},
    {"scores": {"a": True}},
    {"scores": {"a": None}},
]


@pytest.mark.parametrize("changes", USUAL, ids=range(len(USUAL)))
def test_usual_records_go_the_quick_way(changes, monkeypatch):
    body = dumped([record(**changes), record(**changes)])
    found = quick(body)
    assert found is not None
    assert found == careful(body, monkeypatch)


@pytest.mark.parametrize("changes", UNSURE, ids=range(len(UNSURE)))
def test_whatever_is_not_certain_goes_the_careful_way(changes):
    assert quick(dumped([record(), record(**changes)])) is None


@pytest.mark.parametrize(
    "body",
    [
        b'[{"model_version":"1","model_version":"2","predicted_label":"a","latency_ms":1,'
        b'"created_at":"2026-01-31T12:00:00Z"}]',
        b'[{"model_version":"1","predicted_label" :"a","latency_ms":1,'
        b'"created_at":"2026-01-31T12:00:00Z"}]',
        b"[]",
        b"{}",
        b"[1]",
        b'["\xff"]',
        b"[" * 2000,
    ],
    ids=["twice", "blank", "none", "object", "number", "bytes", "deep"],
)
def test_bodies_that_are_left_to_the_careful_way(body):
    assert quick(body) is None


def test_features_of_different_names_go_the_careful_way():
    assert quick(dumped([record(features={"a": 1}), record(features={"b": 1})])) is None
    assert quick(dumped([record(features={"a": 1}), record()])) is None


def some(random):
    """A record of any usual shape, and now and then an odd one."""
    changes = dict(random.choice(USUAL))
    if random.random() < 0.5:
        changes |= random.choice(USUAL)
    if random.random() < 0.1:
        changes |= random.choice(UNSURE)
    return record(**changes)


def test_both_ways_agree_on_any_mix(monkeypatch):
    chance, both = random.Random(1), 0
    for _ in range(600):
        shape = some(chance)
        given = [
            {**shape, "record_id": f"{n}", "model": chance.choice(["one", "two", "three"])}
            for n in range(chance.randint(1, 5))
        ]
        if chance.random() < 0.3:
            given.append(some(chance))
        body = dumped(given)
        found = quick(body)
        if found is not None:
            both += 1
            assert found == careful(body, monkeypatch)
    assert both > 200


def test_lines_are_read_as_an_array_is():
    given = [record(record_id=f"{n}", features={"a": n}) for n in range(5)]
    body = b"\n\n".join(map(dumped, given)) + b"\n"
    parts, faults = decoding.records_of(body, "application/x-ndjson")
    assert not faults
    assert told(parts) == quick(dumped(given))
    assert plain.plain_rows(body.split(b"\n\n")) is not None


def test_the_quick_way_counts_what_there_may_be(monkeypatch):
    monkeypatch.setattr(decoding, "MOST", 2)
    with pytest.raises(Problem, match="at most 2"):
        decoding.records_of(dumped([record()] * 3), KIND)
    with pytest.raises(Problem, match="at most 2"):
        decoding.labels_of(dumped([{"record_id": "a", "label": 1}] * 3), KIND)


def test_moments_are_exact():
    texts = ["1970-01-01T00:00:00.000001Z", "9999-12-31T23:59:59.999999Z"]
    found = plain.moments(texts)
    assert found.astype(np.int64).tolist() == [1, 253402300799999999]
    assert plain.moments(["1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"]) is None


# Labels -------------------------------------------------------------------------------------------

SURE = [
    {}, {"label": None}, {"label": 3}, {"label": 2.5}, {"label": True}, {"label": ""},
    {"time": "2026-01-31T12:00:00.500Z"}, {"time": None}, {"model": "other"},
    {"model": None},
]  # fmt: skip
ODD = [
    {"label": "\0"}, {"label": 2**53 + 1}, {"label": [1]}, {"label": 'a":b'}, {"record_id": ""},
    {"record_id": "x" * 129}, {"record_id": "a\tb"}, {"time": "yesterday"}, {"time": 5},
    {"model": ""}, {"model": "a b"}, {"unknown": 1}, {"label": "x" * 4097},
]  # fmt: skip


@pytest.mark.parametrize("changes", SURE, ids=range(len(SURE)))
def test_usual_labels_go_the_quick_way(changes, monkeypatch):
    given = [{"record_id": f"{n}", "label": "yes", **changes} for n in range(3)]
    found = decoding._plain_labels(dumped(given), LIMITS)
    assert found is not None
    monkeypatch.setattr(decoding, "_SMALL", -1)
    assert decoding.labels_of(dumped(given), KIND) == (found, [])


@pytest.mark.parametrize("changes", ODD, ids=range(len(ODD)))
def test_odd_labels_go_the_careful_way(changes):
    given = [{"record_id": "1", "label": "yes"}, {"record_id": "2", "label": "yes", **changes}]
    assert decoding._plain_labels(dumped(given), LIMITS) is None


def test_labels_with_and_without_a_time():
    given = [{"record_id": "1", "label": 1}, {"record_id": "2", "label": 1, "time": None}]
    found = decoding._plain_labels(dumped(given), LIMITS)
    assert [each.at for each in found] == [None, None]
    given[0]["time"] = "1970-01-01T00:00:01Z"
    assert decoding._plain_labels(dumped(given), LIMITS) is None
