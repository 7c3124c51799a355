"""Hostile inputs through the doors for records and labels: refused with a reason, or taken."""

import json

import pytest
from hostile import BODIES, RECORDS, TAKEN
from house import LINES, lines, record

GOOD = [json.dumps(record(number)).encode() for number in (1, 2)]


def answered(house, reply, n):
    """What every answer keeps to, whatever was sent."""
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert not any(byte < 32 for byte in reply.content)
    told = reply.json()
    if reply.status_code == 200:
        assert told["accepted"] + told["duplicates"] + len(told["rejected"]) == n
        assert all(each["problem"] and len(each["field"]) <= 500 for each in told["rejected"])
    else:
        assert 400 <= reply.status_code < 500
        assert told["error"]
        assert told["problem"]
    assert len(reply.content) < 20_000
    return told


def well(house, records):
    """The service has these records, and everything can be read."""
    assert house("GET", "/healthz", token=None).status_code == 200
    models = house("GET", "/v1/models").json()["models"]
    assert sum(model["records"] for model in models) == records
    for model in models:
        counts = (model["records"], model["duplicates"], model["rejected"])
        assert model["received"] == sum(counts)
        assert house.status(model["model"])["records"] == model["records"]
        assert house("GET", f"/v1/models/{model['model']}/series").status_code == 200
    assert house("GET", "/metrics").status_code == 200
    assert not house.broken


@pytest.mark.parametrize("case", RECORDS, ids=[case.id for case in RECORDS])
def test_one_line_among_good_ones(house, case):
    reply = house("POST", "/v1/records?partial=1", lines(GOOD[0], case.raw, GOOD[1]), kind=LINES)
    told = answered(house, reply, 3)
    assert reply.status_code == 200
    if case.field == TAKEN:
        assert told["rejected"] == []
    else:
        assert [(each["row"], each["field"]) for each in told["rejected"]] == [(1, case.field)]
    well(house, 3 if case.field == TAKEN else 2)


@pytest.mark.parametrize("case", RECORDS, ids=[case.id for case in RECORDS])
def test_one_of_an_array(house, case):
    body = b"[" + b",".join((GOOD[0], case.raw, GOOD[1])) + b"]"
    reply = house("POST", "/v1/records?partial=1", body)
    told = answered(house, reply, 3)
    if case.broken:
        assert reply.status_code in (200, 400)  # an array that is no JSON has no other elements
    if reply.status_code == 200 and case.field != TAKEN:
        assert [(each["row"], each["field"]) for each in told["rejected"]] == [(1, case.field)]
    elif not case.broken:
        assert told["rejected"] == []
    well(house, {200: 3 if case.field == TAKEN else 2, 400: 0}[reply.status_code])


@pytest.mark.parametrize("case", RECORDS, ids=[case.id for case in RECORDS])
def test_all_or_nothing(house, case):
    reply = house("POST", "/v1/records", lines(GOOD[0], case.raw), kind=LINES)
    told = answered(house, reply, 2)
    if case.field == TAKEN:
        assert reply.status_code == 200
    else:
        assert reply.status_code == 422
        assert [(each["row"], each["field"]) for each in told["rejected"]] == [(1, case.field)]
    well(house, 2 if case.field == TAKEN else 0)


@pytest.mark.parametrize("case", RECORDS, ids=[case.id for case in RECORDS])
def test_alone(house, case):
    reply = house("POST", "/v1/records", case.raw)
    answered(house, reply, 1)
    assert reply.status_code in ((200,) if case.field == TAKEN else (400, 422))
    well(house, int(case.field == TAKEN))


@pytest.mark.parametrize("path", ["/v1/records", "/v1/labels"])
@pytest.mark.parametrize(
    ("body", "status"),
    [(body, status) for _, _, body, status in BODIES],
    ids=[f"{number} {name}" for number, name, _, _ in BODIES],
)
def test_a_body(house, path, body, status):
    reply = house("POST", path, body)
    assert reply.status_code == status
    assert len(reply.content) < 2_000
    well(house, 0)
