"""What is told of requests that are refused, in whole or in part, or come again."""

import json

import pytest
from house import LINES, House, record

from homeostat.service.wires import Wires


def wrong(n, **changes):
    return [record(at, latency_ms=-1 - at, **changes) for at in range(n)]


def test_equal_faults_are_capped_and_counted(house):
    told = house.send(*wrong(150), record(200), record(201, created_at="now")).json()
    assert [each["row"] for each in told["rejected"]] == list(range(100))
    assert (told["accepted"], told["duplicates"], told["rejected_total"]) == (0, 0, 151)
    reasons = [(each["field"], each["n"]) for each in told["reasons"]]
    assert reasons == [("latency_ms", 150), ("created_at", 1)]
    assert "-1" not in told["reasons"][0]["problem"]


def test_so_are_those_of_a_request_that_is_taken_in_part(house):
    rows = [*wrong(150), record(200)]
    told = house.send(*rows, path="/v1/records?partial=1").json()
    assert (told["accepted"], len(told["rejected"]), told["rejected_total"]) == (1, 100, 150)
    more = house.send(*rows, path="/v1/records?partial=1&faults=1000").json()
    assert (more["duplicates"], len(more["rejected"])) == (1, 150)
    assert "rejected_total" not in more


@pytest.mark.parametrize("faults", ["-1", "many", "1.5"])
def test_numbers_of_faults_that_are_none(house, faults):
    assert house.send(record(1), path=f"/v1/records?faults={faults}").status_code == 422


@pytest.mark.parametrize("path", ["/v1/records", "/v1/labels"])
@pytest.mark.parametrize(
    ("body", "kind"), [(b"[{", "application/json"), (b"x", "text/plain"), (b" ", LINES)]
)
def test_a_body_that_is_refused_says_that_nothing_was_taken(house, path, body, kind):
    reply = house("POST", path, body, kind=kind)
    assert 400 <= reply.status_code < 500
    told = reply.json()
    assert (told["accepted"], told["duplicates"], told["rejected"]) == (0, 0, [])


def test_a_conflict_says_so_too(house):
    house.send(record(1))
    told = house.send(record(1, latency_ms=6)).json()
    assert (told["accepted"], told["duplicates"]) == (0, 0)
    assert [each["row"] for each in told["rejected"]] == [0]


def test_curls_own_type_is_told_how_to_be_another(house):
    reply = house("POST", "/v1/records", b"[]", kind="application/x-www-form-urlencoded")
    assert reply.status_code == 415
    assert "-H 'Content-Type: application/json'" in reply.json()["hint"]


def test_errors_beyond_what_a_float_holds_are_no_number(house):
    row = record(1, predicted_label=1e200, ground_truth_label=-1e200)
    assert house.send(row).json()["accepted"] == 1
    points = house("GET", "/v1/models/default/series?metric=rmse").json()["points"]
    assert [(point["value"], point["n"]) for point in points] == [(None, 1)]


# Tokens that are for some models ------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/records", "/v1/labels"])
def test_only_rows_of_other_models_are_refused_in_part(house, path):
    token = house.token("ingest", models="red")
    rows = [record(n, model=name) for n, name in enumerate(["red.a", "blue", None, "red.a"])]
    if path == "/v1/labels":
        house.send(*rows)
        rows = [
            {"record_id": each["record_id"], "label": "a", "model": each.get("model")}
            for each in rows
        ]
    told = house.send(*rows, path=f"{path}?partial=1", token=token).json()
    assert told["accepted"] == 2
    assert [(each["row"], each["field"]) for each in told["rejected"]] == [
        (1, "model"),
        (2, "model"),
    ]
    whole = house.send(*rows, path=path, token=token)
    assert whole.status_code == 403
    assert whole.json()["accepted"] == 0
    assert [each["row"] for each in whole.json()["rejected"]] == [1, 2]


# Requests that come again -------------------------------------------------------------------------


def keyed(house, token, path, row):
    body = json.dumps([row]).encode()
    return house("POST", path, body, token=token, Idempotency_Key="k")


def test_a_key_is_that_of_a_token(house):
    one, other = house.token("ingest"), house.token("ingest")
    nameless = record(1, record_id=None)
    assert keyed(house, one, "/v1/records", nameless).json()["accepted"] == 1
    assert keyed(house, other, "/v1/records", nameless).json()["accepted"] == 1
    assert keyed(house, one, "/v1/records", nameless).json()["duplicates"] == 1
    assert house.status()["records"] == 2


def test_labels_have_keys_too(house):
    house.send(record(1))
    first = {"record_id": "r1", "label": "b"}
    assert keyed(house, "ingest", "/v1/labels", first).json()["accepted"] == 1
    house.send({"record_id": "r1", "label": "a"}, path="/v1/labels")
    again = keyed(house, "ingest", "/v1/labels", first)
    assert (again.json()["accepted"], again.json()["duplicates"]) == (0, 1)
    assert again.headers["idempotent-replayed"] == "true"
    assert house.status()["metrics"]["accuracy"]["value"] == 1.0  # the newer label stands
    assert keyed(house, "ingest", "/v1/labels", first | {"label": "c"}).status_code == 409


# Models that nobody has seen ----------------------------------------------------------------------


def test_a_label_makes_no_model(house):
    house.send(record(1, model="shop"))
    labels = [{"record_id": "x", "label": 1, "model": "shpo"}, {"record_id": "y", "label": 1}]
    assert house.send(*labels, path="/v1/labels").status_code == 422
    told = house.send(*labels, path="/v1/labels?partial=1").json()
    assert (told["accepted"], told["parked"]) == (1, 1)
    assert [(each["row"], each["field"]) for each in told["rejected"]] == [(0, "model")]
    assert [one["model"] for one in house("GET", "/v1/models").json()["models"]] == ["shop"]


@pytest.fixture
def declaring(tmp_path, monkeypatch):
    def wires(folder, settings, engines, broken, **more):
        return Wires(folder, settings, engines, broken, ["shop", "unused"], **more)

    monkeypatch.setattr("house.Wires", wires)
    one = House(tmp_path / "data")
    yield one
    one.close()


def test_a_model_of_the_configuration_is_there_before_its_records(declaring):
    label = {"record_id": "r1", "label": "a", "model": "shop"}
    assert declaring.send(label, path="/v1/labels").json()["parked"] == 1
    declaring.send(record(1, model="shop"))
    assert declaring.status("shop")["labels"] == 1
    page = declaring("GET", "/v1/models/unused/events").json()
    assert page == {"events": [], "next": 0, "last": 0}
    assert declaring.status("unused")["records"] == 0
    assert declaring("GET", "/v1/models/unused/series").json()["points"] == []


def test_the_file_declares_them(tmp_path):
    """What the command hands on is what the file says."""
    from homeostat import fleet

    assert list(fleet.parse("[models.shop]\n").models) == ["shop"]
