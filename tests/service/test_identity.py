"""Who is who, what comes when, and how many of each there may be."""

import json

import pytest
from hostile import nested, raw
from house import LINES, lines, record

from homeostat.runtime.ledger import Limits


def label(one, given="a", **more):
    return {"record_id": one, "label": given, **more}


OURS = [
    (
        b'{"record_id":"a","label":[1]}',
        "label",
        "must be text, a number, true, false or null, got an array",
    ),
    (b'{"record_id":1,"label":1}', "record_id", "must be text, got a number"),
    (
        b'{"record_id":"a","label":1,"time":5}',
        "time",
        "must be a time as text, or null, got a number",
    ),
    (b'{"record_id":"a","label":1,"model":[]}', "model", "must be text or null, got an array"),
    (b"[[1]]", "label", "is no object"),
]


@pytest.mark.parametrize(("body", "field", "problem"), OURS, ids=[case[1] for case in OURS])
def test_a_label_of_a_wrong_type_is_told_in_our_words(house, body, field, problem):
    told = house("POST", "/v1/labels", body).json()
    assert [(each["field"], each["problem"]) for each in told["rejected"]] == [(field, problem)]
    assert "Expected" not in str(told)


def labelled(house, *labels):
    return house.send(*labels, path="/v1/labels")


LABELS = [
    (39, "NUL", rb'{"record_id":"a","label":"x\u0000"}', "label"),
    (38, "surrogate", rb'{"record_id":"a","label":"\ud800"}', "label"),
    (38, "surrogate id", rb'{"record_id":"\ud800","label":"x"}', "label"),
    (1, "NaN", b'{"record_id":"a","label":NaN}', "label"),
    (3, "1e400", b'{"record_id":"a","label":1e400}', "label"),
    (8, "2^64", b'{"record_id":"a","label":18446744073709551616}', "label"),
    (9, "5,000 digits", b'{"record_id":"a","label":%s}' % (b"9" * 5000), "label"),
    (40, "invalid UTF-8", b'{"record_id":"a","label":"\xff"}', "label"),
    (51, "escape id", rb'{"record_id":"\u001b[2J","label":1}', "record_id"),
    (53, "long label", json.dumps(label("a", "x" * 4097)).encode(), "label"),
    (53, "10 MB", json.dumps(label("a", "x" * 10**7)).encode(), "label"),
    (47, "empty id", b'{"record_id":"","label":1}', "record_id"),
    (75, "long id", json.dumps(label("x" * 129)).encode(), "record_id"),
    (48, "path", json.dumps(label("a", model="../x")).encode(), "model"),
    (44, "model", json.dumps(label("a", model="\u202e")).encode(), "model"),
    (60, "twice", b'{"record_id":"a","label":1,"label":2}', "label"),
    (61, "depth", b'{"record_id":"a","label":%s}' % nested(100_000), "label"),
    (58, "null", b"null", "label"),
    (59, "array", b"[1]", "label"),
    (65, "truncated", b'{"record_id":"a","label":', "label"),
    (66, "garbage", b'{"record_id":"a","label":1}x', "label"),
    (68, "unknown field", b'{"record_id":"a","label":1,"colour":2}', "colour"),
    (68, "prototype", b'{"record_id":"a","label":1,"__proto__":{}}', "__proto__"),
    (69, "no label", b'{"record_id":"a"}', "label"),
    (69, "no id", b'{"label":1}', "record_id"),
    (15, "id as number", b'{"record_id":1,"label":1}', "record_id"),
    (59, "label as object", b'{"record_id":"a","label":{}}', "label"),
    (23, "naive time", b'{"record_id":"a","label":1,"time":"2026-01-01T00:00:00"}', "time"),
    (25, "year 9999", b'{"record_id":"a","label":1,"time":"9999-12-31T23:59:59-14:00"}', "time"),
    (28, "time as number", b'{"record_id":"a","label":1,"time":1700000000}', "time"),
    (55, "SQL", b'{"record_id":"\'; DROP TABLE parked; --","label":"\' OR 1=1"}', ""),
    (49, "script", b'{"record_id":"<script>","label":"</script>"}', ""),
    (54, "emoji", '{"record_id":"🙂","label":"🙂"}'.encode(), ""),
    (8, "2^64-1", b'{"record_id":"a","label":18446744073709551615}', ""),
]


@pytest.mark.parametrize(
    ("body", "field"), [case[2:] for case in LABELS], ids=[f"{x[0]} {x[1]}" for x in LABELS]
)
def test_one_label_among_good_ones(house, body, field):
    house.send(record(1), record(2))
    good = [json.dumps(label(f"r{n}")).encode() for n in (1, 2)]
    reply = house("POST", "/v1/labels?partial=1", lines(good[0], body, good[1]), kind=LINES)
    assert reply.status_code == 200
    assert not any(byte < 32 for byte in reply.content)
    told = reply.json()
    assert [(each["row"], each["field"]) for each in told["rejected"]] == (
        [(1, field)] if field else [])  # fmt: skip
    assert told["accepted"] == 2 + (not field)
    assert house.status()["labels"] == 2
    assert house.status()["parked_labels"] == (not field)
    assert house("POST", "/v1/labels", body).status_code in ((400, 422) if field else (200,))


def test_45_46_models_that_look_alike(house):
    assert house.send(record(model="Model"), record(model="model")).json()["accepted"] == 2
    assert (house.status("Model")["records"], house.status("model")["records"]) == (1, 1)


def test_16_a_feature_of_many_types(house):
    values = [1, 2.5, "three", True, None]
    sent = [record(n, features={"x": value}) for n, value in enumerate(values)]
    assert house.send(*sent).json()["accepted"] == 5
    assert house.send(*sent).json()["duplicates"] == 5


def test_4_6_what_is_kept_is_exact(house):
    """Sent again it is the same, and its neighbour is another."""
    first = lines(raw(latency_ms=b"-0.0", features=b'{"x":9007199254740991,"y":5e-324}'))
    other = lines(raw(latency_ms=b"-0.0", features=b'{"x":9007199254740990,"y":5e-324}'))
    third = lines(raw(latency_ms=b"-0.0", features=b'{"x":9007199254740991,"y":1e-323}'))
    assert house("POST", "/v1/records", first, kind=LINES).json()["accepted"] == 1
    assert house("POST", "/v1/records", first, kind=LINES).json()["duplicates"] == 1
    for body in (other, third):
        assert house("POST", "/v1/records", body, kind=LINES).status_code == 409


@pytest.mark.parametrize(
    ("change", "n"),
    [(lambda n: {}, 5_000), (lambda n: {"features": {"x": 1e308 * (-1) ** n}}, 5_000),
     (lambda n: {"features": {"x": 1.0 if n else 1e300}}, 5_000),
     (lambda n: {"created_at": f"2026-01-01T{23 - n // 3600:02}:00:00Z"}, 5_000),
     (lambda n: {"predicted_label": f"class {n}", "ground_truth_label": f"class {-n}"}, 5_000),
     (lambda n: {"features": {"x": f"value {n}"}}, 5_000),
     (lambda n: {"model_version": f"v{n}"}, 3_000),
     (lambda n: {"latency_ms": 2.0**100 * (n % 2)}, 5_000)],
    ids=["19 35 constant", "20 overflow", "21 outlier", "36 backwards", "86 classes",
         "88 categories", "90 versions", "12 latencies"],
)  # fmt: skip
def test_streams(house, change, n):
    sent = [record(at, **change(at)) for at in range(n)]
    assert house.send(*sent).json()["accepted"] == n
    status = house.status()
    assert status["records"] == n
    assert all(health["ok"] for health in status["health"].values())
    text = house("GET", "/metrics").text
    assert len(text) < 100_000
    assert "class 1" not in text
    for metric in ("records", "accuracy", "latency_ms_mean", "f1_macro"):
        assert house("GET", f"/v1/models/default/series?metric={metric}").status_code == 200


def test_37_ties(house):
    both = [record(n, created_at="2026-01-01T00:00:00.000001Z") for n in range(2)]
    assert house.send(both[0]).json()["accepted"] == 1
    assert house.send(both[1]).json()["accepted"] == 1


def test_72_73_74_the_same_id(house):
    assert house.send(record(1)).json()["accepted"] == 1
    assert house.send(record(1)).json()["duplicates"] == 1
    refused = house.send(record(1, latency_ms=6))
    assert (refused.status_code, refused.json()["error"]) == (409, "conflict")
    assert house.send(record(1, model="other")).json()["accepted"] == 1
    told = house.send(record(1), record(1, latency_ms=6), record(2), path="/v1/records?partial=1")
    assert [each["row"] for each in told.json()["rejected"]] == [1]
    assert (told.json()["accepted"], told.json()["duplicates"]) == (1, 1)


def test_76_80_a_label_before_its_record(house):
    assert labelled(house, label("r1")).json()["parked"] == 1
    house.send(record(1))
    status = house.status()
    assert (status["labels"], status["parked_labels"]) == (1, 0)


def test_77_labels_of_nobody(house_of):
    house = house_of(limits=Limits(parked=10))
    house.send(record(0))
    many = [label(f"x{n}") for n in range(15)]
    told = house.send(*many, label("r0"), path="/v1/labels?partial=1").json()
    assert (told["accepted"], told["parked"], len(told["rejected"])) == (11, 10, 5)
    assert house.status()["parked_labels"] == 10


def test_78_81_labels_that_contradict(house):
    house.send(record(1))
    assert labelled(house, label("r1", "b")).json()["accepted"] == 1
    assert labelled(house, label("r1", "a")).json()["corrected"] == 1
    assert labelled(house, label("r1", "a")).json()["duplicates"] == 1
    for odd in (5, 2.5, True, "never seen", None):
        assert labelled(house, label("r1", odd)).status_code == 200
    assert house.status()["labels"] == 0


def test_82_everything_again(house):
    day = [record(n, ground_truth_label="a") for n in range(200)]
    house.send(*day)
    before = house.status()
    assert house.send(*day).json()["duplicates"] == 200
    after = house.status()
    assert after["state_hash"] == before["state_hash"]
    assert after["metrics"] == before["metrics"]


def test_85_models_nobody_declared(house_of):
    house = house_of(limits=Limits(models=3))
    sent = [record(n, model=f"m{n}") for n in range(10)]
    told = house.send(*sent, path="/v1/records?partial=1").json()
    assert (told["accepted"], len(told["rejected"])) == (3, 7)
    assert {each["field"] for each in told["rejected"]} == {"model"}
    assert len(house("GET", "/v1/models").json()["models"]) == 3
    assert len(house("GET", "/metrics").content) < 100_000


def test_85_too_many_models_in_a_request(house):
    sent = [record(n, model=f"m{n}") for n in range(1_001)]
    assert house.send(*sent).status_code == 413
    assert house("GET", "/v1/models").json()["models"] == []


def test_87_names_of_features_in_a_request(house):
    """Each record has few; together they would be too many columns."""
    sent = [record(n, features={f"f{n}-{i}": 1 for i in range(100)}) for n in range(30)]
    told = house.send(*sent, path="/v1/records?partial=1").json()
    assert told["accepted"] == 20
    assert [each["row"] for each in told["rejected"]] == list(range(20, 30))


@pytest.mark.parametrize("key", ["", "x" * 129])
def test_keys_that_are_none(shared, key):
    reply = shared("POST", "/v1/records", b"[]", Idempotency_Key=key)
    assert reply.status_code == 422


def test_a_key_that_comes_again(house):
    body = json.dumps([record(n, record_id=None) for n in range(3)]).encode()
    keyed = {"Idempotency_Key": "'; DROP TABLE answers"}
    assert house("POST", "/v1/records", body, **keyed).json()["accepted"] == 3
    again = house("POST", "/v1/records", body, **keyed)
    assert (again.json()["accepted"], again.json()["duplicates"]) == (0, 3)
    assert again.headers["idempotent-replayed"] == "true"
    other = house("POST", "/v1/records", b"[]", **keyed)
    assert (other.status_code, other.json()["field"]) == (409, "Idempotency-Key")
    assert [other.json()[part] for part in ("accepted", "duplicates", "rejected")] == [0, 0, []]
    assert house.status()["records"] == 3
