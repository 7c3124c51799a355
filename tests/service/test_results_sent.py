"""What a pipeline sends of a training: taken once, written down, and naming no file of ours."""

import json
from contextlib import contextmanager

import pytest
from house import House, record

from homeostat.lifecycle.course import Course
from homeostat.service.caring import Caring
from homeostat.stores import audit


class Still(Caring):
    """Who takes care of a model and does nothing by himself: its trainings run elsewhere."""

    @contextmanager
    def working(self, *_):
        yield []


@pytest.fixture
def house(tmp_path):
    course = Course(trainer={"type": "command", "argv": ["true"]})
    one = House(tmp_path / "data", caring=Still(course=course))
    one.send(*(record(n, model=model) for n in range(30) for model in ("shop", "other")))
    asked = one("POST", "/v1/models/shop/retrain", b'{"reason": "by hand"}')
    assert asked.status_code == 200
    one.run(one.wires.changed(lambda led: led.loop("shop").jobs.start("shop-1")))
    yield one
    one.close()


def result(house, who="admin", **sent):
    body = json.dumps({"token": 1} | sent).encode()
    return house("POST", "/v1/jobs/shop-1/result", body, token=who)


def job(house):
    return house("GET", "/v1/models/shop/jobs").json()["jobs"][0]


def acts(house):
    kept = audit.entries(house.wires.reader)
    return [(each.actor, json.loads(each.detail)) for each in kept if each.action == "result"]


def test_a_result_makes_a_version_once_and_is_in_the_audit_log(house):
    made = {"artifact": "models:/shop/7", "version": "v7", "metrics": {"auc": 0.91}}
    assert result(house, **made).json() == {"job": "shop-1", "taken": True}
    assert job(house)["state"] == "succeeded"
    told = house("GET", "/v1/models/shop/versions").json()
    assert told["standing"]["challenger"] == "v7"
    kept = {each["version"]: each for each in told["versions"]}["v7"]
    assert (kept["artifact"], kept["metrics"]) == ("models:/shop/7", {"auc": 0.91})
    again = result(house, **made)
    assert (again.status_code, again.json()["error"]) == (409, "out of date")
    ((actor, detail),) = acts(house)
    assert actor.startswith("token:")
    assert (detail["model"], detail["job"]) == ("shop", "shop-1")
    assert (detail["artifact"], detail["version"]) == ("models:/shop/7", "v7")
    assert audit.broken(house.wires.reader) is None


def test_a_failure_is_a_result_too(house):
    assert result(house, problem="no memory").status_code == 200
    assert (job(house)["state"], job(house)["problem"]) == ("failed", "no memory")
    assert [detail["problem"] for _, detail in acts(house)] == ["no memory"]


def test_an_attempt_that_counts_no_more_is_refused(house):
    assert result(house, token=0, artifact="models:/shop/7").status_code == 409
    assert result(house, token=2, artifact="models:/shop/7").status_code == 409
    assert job(house)["state"] == "running"
    assert acts(house) == []


@pytest.mark.parametrize(
    "artifact",
    ["/etc/passwd", "../../secret", "model.joblib", "", " models:/a/1", "file:///etc/passwd",
     "FILE:/etc/passwd", "C:\\model", "models:/a\n/1", "models:/" + "a" * 2_000, "//host/share",
     "-x:y"],
    ids=range(12),
)  # fmt: skip
def test_it_names_no_path_of_this_machine(house, artifact):
    refused = result(house, artifact=artifact)
    assert (refused.status_code, refused.json()["field"]) == (422, "artifact")
    assert job(house)["state"] == "running"
    assert acts(house) == []


@pytest.mark.parametrize("version", ["", " ", "a\nb", "v" * 201], ids=range(4))
def test_it_names_a_version_that_can_be_one(house, version):
    assert result(house, version=version).status_code == 422
    assert job(house)["state"] == "running"


@pytest.mark.parametrize("more", ["command", "argv", "env", "cwd", "path", "url"])
def test_nothing_else_can_be_said(house, more):
    assert result(house, **{more: "x"}).status_code == 422
    for what in ("retrain", "approve", "cancel", "promote", "reject", "rollback", "silence"):
        body = json.dumps({more: "x"}).encode()
        assert house("POST", f"/v1/models/shop/{what}", body).status_code == 422


def test_who_may_send_it(house):
    assert result(house, who="ingest").status_code == 403
    house.tokens["other"] = house.token("admin", models="other")
    assert result(house, who="other").status_code == 404
    assert job(house)["state"] == "running"
