"""Each pipeline server is asked as its own interface says: path, headers, body, in order."""

import hashlib
import json
from urllib.parse import quote

import msgspec
import pytest
from pipelines import Pipelines
from trainingworld import order

from homeostat.errors import ConfigError
from homeostat.outbound.retry import Retry
from homeostat.outbound.signing import key_of, signed
from homeostat.trainers import TrainerFailed, trainer_of
from homeostat.trainers.dagster import _END, _FIND, _LAUNCH, _LOOK
from homeostat.trainers.sagemaker import SageMaker

ORDER = order("out", data="data.parquet", base="v1")
TOLD = msgspec.to_builtins(ORDER)
TEXT = msgspec.json.encode(ORDER).decode()
KEY = "homeostat-churn-7-1"
RESULT = {"version": "v2", "metrics": {"auc": 0.9}}


@pytest.fixture
def server():
    server = Pipelines()
    try:
        yield server
        server.done()
    finally:
        server.close()


@pytest.fixture
def make(server, monkeypatch):
    monkeypatch.setenv("TOKEN", "t0k")

    def made(kind, **settings):
        url = server.url + settings.pop("under", "")
        return trainer_of(
            {"type": kind, "url": url, "allow_http": True, "allow_private": True, **settings}
        )

    return made


def states(server, trainer, handle, answers, *asked):
    for answer, state in answers:
        server.expect(*asked, 200, answer)
        assert trainer.look(handle).state == state


def test_airflow(server, make, monkeypatch):
    monkeypatch.setenv("PASSWORD", "pw")
    trainer = make("airflow", dag="train it", user="ann", password="env:PASSWORD",
                   result_task="fit")  # fmt: skip
    runs, run = "/api/v2/dags/train%20it/dagRuns", f"/api/v2/dags/train%20it/dagRuns/{KEY}"

    def login():
        server.expect(
            "POST", "/auth/token", {"username": "ann", "password": "pw"}, 201, {"access_token": "j"}
        )

    told = {"dag_run_id": KEY, "logical_date": None, "conf": {"order": TOLD}}
    for status in (200, 409):
        login()
        server.expect("POST", runs, told, status, {"dag_run_id": KEY})
        assert trainer.begin(ORDER) == KEY
    assert server.asked[-1][2]["Authorization"] == "Bearer j"
    for word, state in (("queued", "queued"), ("running", "running"), ("failed", "failed")):
        login()
        server.expect("GET", run, None, 200, {"state": word})
        assert trainer.look(KEY).state == state
    entry = f"{run}/taskInstances/fit/xcomEntries/return_value?deserialize=false"
    none = (404, {"detail": "XCom entry with key: `return_value` not found"})
    kept = [(200, {"key": "return_value", "value": told}) for told in (RESULT, json.dumps(RESULT))]
    for (status, answer), version in (*((each, "v2") for each in kept), (none, None)):
        login()
        server.expect("GET", run, None, 200, {"state": "success"})
        login()
        server.expect("GET", entry, None, status, answer)
        found = trainer.look(KEY)
        assert (found.state, found.result and found.result.version) == ("succeeded", version)
    login()
    server.expect("GET", run, None, 404, {"detail": "not found"})
    assert trainer.look(KEY).state == "lost"
    login()
    server.expect("GET", run, None, 200, {"state": "running"})
    login()
    server.expect("PATCH", run, {"state": "failed"}, 200, {"state": "failed"})
    trainer.cancel(KEY)


def test_prefect(server, make):
    server.headers = {"Authorization": "Bearer t0k"}
    trainer = make("prefect", under="/api", deployment="train/prod", token="env:TOKEN")
    server.expect("GET", "/api/deployments/name/train/prod", None, 200, {"id": "d1"})
    told = {"parameters": {"order": TOLD}, "idempotency_key": KEY, "tags": ["homeostat", "churn"]}
    server.expect("POST", "/api/deployments/d1/create_flow_run", told, 201, {"id": "r1"})
    assert trainer.begin(ORDER) == "r1"
    look = ("GET", "/api/flow_runs/r1", None)
    words = [("SCHEDULED", "queued"), ("RUNNING", "running"), ("CANCELLING", "running"),
             ("CRASHED", "failed"), ("CANCELLED", "cancelled")]  # fmt: skip
    states(server, trainer, "r1", [({"state": {"type": w}}, s) for w, s in words], *look)
    for said, problem in ((None, "the run of the flow ended: cancelled"), ("by ann", "by ann")):
        server.expect(*look, 200, {"state": {"type": "CANCELLED", "message": said}})
        assert trainer.look("r1").problem == problem
    server.expect(*look, 200, {"state": {"type": "COMPLETED"}})
    asked = {"artifacts": {"flow_run_id": {"any_": ["r1"]}, "key": {"any_": ["homeostat-result"]}},
             "sort": "CREATED_DESC", "limit": 1}  # fmt: skip
    server.expect("POST", "/api/artifacts/filter", asked, 200, [{"data": json.dumps(RESULT)}])
    assert trainer.look("r1").result.metrics == {"auc": 0.9}
    server.expect(*look, 200, {"state": {"type": "RUNNING"}})
    cancel = {"state": {"type": "CANCELLING"}, "force": False}
    server.expect("POST", "/api/flow_runs/r1/set_state", cancel, 201, {"status": "ACCEPT"})
    trainer.cancel("r1")


def test_dagster(server, make):
    server.headers = {"Dagster-Cloud-Api-Token": "t0k"}
    trainer = make("dagster", job="churn", location="defs.py", token="env:TOKEN",
                   config={"ops": {"train": {"config": {"order": "{order}"}}}})  # fmt: skip
    tag = {"key": "homeostat/attempt", "value": KEY}

    def ask(query, variables, name, answer):
        told = {"query": query, "variables": variables}
        server.expect("POST", "/graphql", told, 200, {"data": {name: answer}})

    find = {"filter": {"tags": [tag]}}
    ask(_FIND, find, "runsOrError", {"__typename": "Runs", "results": []})
    params = {
        "selector": {"repositoryLocationName": "defs.py", "repositoryName": "__repository__",
                     "jobName": "churn"},
        "runConfigData": {"ops": {"train": {"config": {"order": TEXT}}}},
        "executionMetadata": {"tags": [tag]},
    }  # fmt: skip
    begun = {"__typename": "LaunchRunSuccess", "run": {"runId": "r1"}}
    ask(_LAUNCH, {"params": params}, "launchRun", begun)
    assert trainer.begin(ORDER) == "r1"
    ask(_FIND, find, "runsOrError", {"__typename": "Runs", "results": [{"runId": "r1"}]})
    assert trainer.begin(ORDER) == "r1"
    for word, state in (("QUEUED", "queued"), ("STARTED", "running"), ("CANCELED", "cancelled")):
        ask(_LOOK, {"id": "r1"}, "runOrError", {"__typename": "Run", "status": word, "tags": []})
        assert trainer.look("r1").state == state
    tags = [{"key": "homeostat/result", "value": json.dumps(RESULT)}]
    ask(_LOOK, {"id": "r1"}, "runOrError",
        {"__typename": "Run", "status": "SUCCESS", "tags": tags})  # fmt: skip
    assert trainer.look("r1").result.version == "v2"
    ask(_LOOK, {"id": "r1"}, "runOrError", {"__typename": "Run", "status": "STARTED", "tags": []})
    ask(_END, {"id": "r1"}, "terminateRun", {"__typename": "TerminateRunSuccess"})
    trainer.cancel("r1")
    ask(_LOOK, {"id": "r1"}, "runOrError", {"__typename": "PythonError", "message": "broken"})
    with pytest.raises(TrainerFailed, match="PythonError: broken"):
        trainer.look("r1")


def test_kubeflow(server, make):
    server.headers = {"Authorization": "Bearer t0k"}
    trainer = make("kubeflow", pipeline="p1", pipeline_version="pv", experiment="e1",
                   token="env:TOKEN")  # fmt: skip
    runs = "/apis/v2beta1/runs"
    asked = (
        f'{{"predicates":[{{"key":"display_name","operation":"EQUALS","string_value":"{KEY}"}}]}}'
    )
    find = f"{runs}?page_size=1&filter={quote(asked, safe='')}"
    server.expect("GET", find, None, 200, {})
    told = {"display_name": KEY, "experiment_id": "e1",
            "pipeline_version_reference": {"pipeline_id": "p1", "pipeline_version_id": "pv"},
            "runtime_config": {"parameters": {"order": TOLD}}}  # fmt: skip
    server.expect("POST", runs, told, 200, {"run_id": "r1", "state": "PENDING"})
    assert trainer.begin(ORDER) == "r1"
    server.expect("GET", find, None, 200, {"runs": [{"run_id": "r1"}]})
    assert trainer.begin(ORDER) == "r1"
    words = [({}, "queued"), ({"state": "RUNNING"}, "running"),
             ({"state": "CANCELED"}, "cancelled"),
             ({"state": "FAILED", "error": {"message": "no"}}, "failed"),
             ({"state": "SUCCEEDED"}, "succeeded")]  # fmt: skip
    states(server, trainer, "r1", words, "GET", f"{runs}/r1", None)
    server.expect("GET", f"{runs}/r1", None, 200, {"state": "RUNNING"})
    server.expect("POST", f"{runs}/r1:terminate", None, 200, {})
    trainer.cancel("r1")


def test_github(server, make):
    server.headers = {"Authorization": "Bearer t0k", "Accept": "application/vnd.github+json",
                      "X-GitHub-Api-Version": "2022-11-28"}  # fmt: skip
    trainer = make("github", repository="acme/models", workflow="train.yml", token="env:TOKEN")
    workflow = "/repos/acme/models/actions/workflows/train.yml"
    find = ("GET", f"{workflow}/runs?event=workflow_dispatch&per_page=100", None)
    told = {"ref": "main", "inputs": {"key": KEY, "order": TEXT}, "return_run_details": True}
    server.expect(*find, 200, {"workflow_runs": [{"id": 5, "display_title": "another"}]})
    server.expect("POST", f"{workflow}/dispatches", told, 200, {"workflow_run_id": 6})
    assert trainer.begin(ORDER) == "6"
    server.expect(*find, 200, {"workflow_runs": [{"id": 6, "display_title": KEY}]})
    assert trainer.begin(ORDER) == "6"
    server.expect(*find, 200, {"workflow_runs": []})
    server.expect("POST", f"{workflow}/dispatches", told, 204)
    assert trainer.begin(ORDER) == KEY
    server.expect(*find, 200, {"workflow_runs": []})
    assert trainer.look(KEY).state == "queued"
    words = [({"status": "queued"}, "queued"), ({"status": "in_progress"}, "running"),
             ({"status": "completed", "conclusion": "success"}, "succeeded"),
             ({"status": "completed", "conclusion": "timed_out"}, "failed"),
             ({"status": "completed", "conclusion": "cancelled"}, "cancelled")]  # fmt: skip
    run = ("GET", "/repos/acme/models/actions/runs/6", None)
    states(server, trainer, "6", words, *run)
    server.expect(*run, 200, {"id": 6, "status": "in_progress"})
    server.expect("POST", "/repos/acme/models/actions/runs/6/cancel", None, 202, {})
    trainer.cancel("6")


def test_argo(server, make):
    server.headers = {"Authorization": "Bearer t0k"}
    trainer = make("argo", template="train", namespace="ml", token="env:TOKEN")
    told = {"namespace": "ml", "resourceKind": "WorkflowTemplate", "resourceName": "train",
            "submitOptions": {"name": KEY, "parameters": [f"order={TEXT}"]}}  # fmt: skip
    for status in (200, 409):
        server.expect("POST", "/api/v1/workflows/ml/submit", told, status, {})
        assert trainer.begin(ORDER) == KEY
    done = {"phase": "Succeeded", "outputs": {"parameters": [
        {"name": "result", "value": json.dumps(RESULT)}]}}  # fmt: skip
    words = [({}, "queued"), ({"status": {"phase": "Running"}}, "running"),
             ({"status": {"phase": "Error", "message": "x"}}, "failed"),
             ({"status": done}, "succeeded")]  # fmt: skip
    run = f"/api/v1/workflows/ml/{KEY}"
    states(server, trainer, KEY, words, "GET", run, None)
    server.expect("GET", run, None, 200, {"status": done})
    assert trainer.look(KEY).result.version == "v2"
    server.expect("GET", run, None, 200, {"status": {"phase": "Running"}})
    server.expect("PUT", f"{run}/terminate", {"namespace": "ml", "name": KEY}, 200, {})
    trainer.cancel(KEY)


def test_http(server, make, monkeypatch):
    secret = "whsec_" + "QUJD" * 8
    monkeypatch.setenv("SECRET", secret)
    trainer = make("http", under="/train", token="env:TOKEN", secrets=["env:SECRET"])
    server.headers = {"Authorization": "Bearer t0k"}
    server.expect("POST", "/train", TOLD, 202, None, Location="/runs/1")
    handle = trainer.begin(ORDER)
    assert handle == f"{server.url}/runs/1"
    _, _, headers, body = server.asked[-1]
    assert headers["Idempotency-Key"] == KEY
    at = headers["webhook-timestamp"]
    assert headers["webhook-signature"] == signed(key_of(secret), KEY, at, body)
    words = [({"state": "running", "share": 0.5}, "running"), ({"state": "lost"}, "lost"),
             ({"state": "succeeded", "result": RESULT}, "succeeded"),
             ({"state": "succeeded", "result": {"metrics": 3}}, "failed")]  # fmt: skip
    states(server, trainer, handle, words, "GET", "/runs/1", None)
    server.expect("GET", "/runs/1", None, 200, {"state": "running"})
    server.expect("DELETE", "/runs/1", None, 202)
    trainer.cancel(handle)


def test_http_follows_to_no_other_server(server, make):
    trainer = make("http", under="/train")
    server.expect("POST", "/train", TOLD, 201, None, Location="http://127.0.0.1.evil.example/x")
    with pytest.raises(TrainerFailed, match="another server"):
        trainer.begin(ORDER)
    with pytest.raises(TrainerFailed, match="another server"):
        trainer.look(f"{server.url}.evil.example/x")


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [(503, Retry, "answered 503: busy"), (429, Retry, "429"), (401, TrainerFailed, "see `token`"),
     (422, TrainerFailed, "answered 422: busy")],
)  # fmt: skip
def test_what_hinders_says_why(server, make, status, error, said):
    server.expect("POST", "/train", TOLD, status, {"message": "busy"})
    with pytest.raises(error, match=said):
        make("http", under="/train").begin(ORDER)


@pytest.mark.parametrize(
    ("settings", "path", "said"),
    [({"type": "prefect", "deployment": "a/b", "basic": "env:TOKEN"}, "/flow_runs/r1",
      "see `basic`"),
     ({"type": "airflow", "dag": "d", "user": "ann", "password": "env:TOKEN"}, "/auth/token",
      "see `user` and `password`")],
    ids=["basic", "login"],
)  # fmt: skip
def test_a_refusal_names_the_setting(server, make, settings, path, said):
    login = {"username": "ann", "password": "t0k"} if path == "/auth/token" else None
    server.expect("POST" if login else "GET", path, login, 401, None)
    with pytest.raises(TrainerFailed, match=said):
        make(settings.pop("type"), **settings).look("r1")


class AWS:
    """The client of the SDK, as far as it is asked."""

    def __init__(self):
        self.asked, self.status, self.steps = [], "Executing", []

    def start_pipeline_execution(self, *, PipelineName, PipelineParameters, ClientRequestToken):
        self.asked.append((PipelineName, PipelineParameters, ClientRequestToken))
        return {"PipelineExecutionArn": f"arn:{ClientRequestToken[:8]}"}

    def describe_pipeline_execution(self, *, PipelineExecutionArn):
        return {"PipelineExecutionStatus": self.status}

    def list_pipeline_execution_steps(self, *, PipelineExecutionArn):
        return {"PipelineExecutionSteps": self.steps}

    def stop_pipeline_execution(self, *, PipelineExecutionArn, ClientRequestToken):
        assert 32 <= len(ClientRequestToken) <= 128
        self.status = "Stopped"


def test_sagemaker():
    aws = AWS()
    trainer = SageMaker(aws, "train", {"Job": "{job}", "Token": "{token}"})
    handle = trainer.begin(ORDER)
    assert trainer.begin(ORDER) == handle
    parameters = [{"Name": "Job", "Value": "churn-7"}, {"Name": "Token", "Value": "1"}]
    token = hashlib.sha256(KEY.encode()).hexdigest()
    assert aws.asked == [("train", parameters, token)] * 2
    assert trainer.look(handle).state == "running"
    trainer.cancel(handle)
    trainer.cancel(handle)
    assert trainer.look(handle).state == "cancelled"
    aws.status = "Succeeded"
    assert trainer.look(handle).result is None
    aws.steps = [{"StepName": "r", "Metadata": {"RegisterModel": {"Arn": "arn:aws:sm:x/churn/7"}}}]
    assert trainer.look(handle).result.artifact == "arn:aws:sm:x/churn/7"


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"type": "http", "url": "http://a.example"}, "must begin with https"),
        ({"type": "http", "url": "https://a.example", "token": "abc"}, "env:NAME"),
        ({"type": "http", "url": "https://a.example", "status": "/x"}, "trainer.status"),
        ({"type": "prefect", "url": "https://a.example", "deployment": "x"}, "flow/deployment"),
        ({"type": "github", "repository": "x", "workflow": "y", "token": "env:T"}, "owner/name"),
        ({"type": "airflow", "url": "https://a.example", "dag": "d", "user": "u"}, "password"),
    ],
)
def test_what_a_pipeline_table_cannot_say(table, problem):
    with pytest.raises(ConfigError, match=problem):
        trainer_of(table)


@pytest.mark.parametrize(
    "table",
    [
        {"type": "argo", "template": "t", "token": "env:NOT_SET"},
        {"type": "airflow", "dag": "d", "user": "u", "password": "env:NOT_SET"},
        {"type": "http", "secrets": ["env:NOT_SET"]},
    ],
)
def test_a_secret_that_is_not_there_is_told_at_the_start(table):
    trainer = trainer_of({"url": "https://a.example", **table})
    with pytest.raises(ConfigError, match="env:NOT_SET holds no secret"):
        trainer.check()
