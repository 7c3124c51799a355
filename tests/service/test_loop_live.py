"""The loop in a service of its own process, with real trainings, ended at bad moments."""

import json
import os
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from live import Live

from homeostat.cli.group import cli
from homeostat.runtime.crash import LEAD_POINTS, LOOP_POINTS, RECALL_POINTS

START = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE = 60.0  # seconds; a failing test ends, nothing is measured

MODULE = '''
import json
import os
import pathlib
import time


def train(order):
    """Learns which answer is right; waits where a test wants it to."""
    import pyarrow.parquet as pq

    gate = os.environ.get("GATE")
    while gate and not os.path.exists(gate):
        time.sleep(0.02)
    truths = pq.read_table(order.data)["ground_truth_label"].to_pylist()
    answer = max(set(truths), key=truths.count)
    (pathlib.Path(order.folder) / "model.json").write_text(json.dumps(answer))
    return {"artifact": "model.json", "metrics": {"records": len(truths)}}


def predict(artifact, columns):
    """Always the same; without an artifact what the first version said."""
    answer = json.loads(pathlib.Path(artifact).read_text()) if artifact else "no"
    return [answer] * len(next(iter(columns.values())))
'''

CONFIG = """
[[metrics]]
type = "accuracy"
window = 50

[strategy]
type = "threshold"
threshold = 0.6

[retraining.trainer]
type = "function"
function = "school_of_{name}:train"
path = ["{folder}"]
env = ["GATE"]

[retraining.scorer]
type = "function"
function = "school_of_{name}:predict"
path = ["{folder}"]

[retraining.rules]
cooldown = "1d"

[retraining.data]
least = 20

[retraining.compare]
minimum = 30
watch = 0

[[service.registries]]
type = "embedded"
"""


@pytest.fixture
def place(tmp_path, request):
    name = f"{abs(hash(request.node.name))}"
    (tmp_path / f"school_of_{name}.py").write_text(MODULE)
    (tmp_path / "homeostat.toml").write_text(CONFIG.format(folder=tmp_path, name=name))
    return tmp_path


def records(numbers, predicted, truth="yes", version="v1"):
    return [
        {"record_id": f"r{n}", "model": "shop", "model_version": version,
         "predicted_label": predicted, "ground_truth_label": truth, "latency_ms": 1,
         "created_at": (START + timedelta(seconds=n)).isoformat(), "features": {"x": n}}
        for n in numbers
    ]  # fmt: skip


def told(live, path):
    return live.get(f"/v1/models/shop/{path}").json()


def send(live, sent):
    headers = {"Authorization": f"Bearer {live.token}"}
    assert httpx.post(live.url + "/v1/records", json=sent, headers=headers).status_code == 200


def until(live, condition, what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: {told(live, 'jobs')} {told(live, 'versions')}")


def champion(live):
    return (told(live, "versions").get("standing") or {}).get("champion")


def events(live):
    """All that were told."""
    found = []
    while page := told(live, f"events?limit=1000&after={len(found)}").get("events"):
        found += page
    return found


def story(live):
    return [event["kind"] for event in events(live)]


def test_from_bad_records_to_a_better_model(place):
    live = Live(place, (place / "homeostat.toml").read_text())
    try:
        send(live, records(range(100), "no"))
        until(live, lambda: told(live, "versions")["standing"]["challenger"], "no challenger")
        send(live, records(range(100, 200), "no"))
        until(live, lambda: champion(live) == "shop-1", "not promoted")
        (job,) = told(live, "jobs")["jobs"]
        assert job["state"] == "succeeded"
        assert job["manifest"]["records"] == 100
        made = next(v for v in told(live, "versions")["versions"] if v["version"] == "shop-1")
        assert json.loads(Path(made["artifact"]).read_text()) == "yes"
        assert made["digest"] in made["artifact"].replace("/", "")
        kinds = [kind for kind in story(live) if kind not in ("RetrainRequested",)]
        assert list(dict.fromkeys(kinds)) == [
            "RetrainQueued", "RetrainSuppressed", "RetrainStarted", "RetrainSucceeded",
            "ChallengerRegistered", "ModelPromoted",
        ]  # fmt: skip
    finally:
        live.close()


def test_a_person_at_the_terminal(place):
    live = Live(place, (place / "homeostat.toml").read_text())
    token = place / "admin"
    token.write_text(live.token)

    def run(*words):
        done = CliRunner().invoke(
            cli, [*words, "--url", live.url, "--token-file", str(token), "-o", "table"]
        )
        return done.output if done.exit_code == 0 else (done.exit_code, done.output)

    try:
        send(live, records(range(10), "yes"))
        assert "asked for" in run("retrain", "shop")
        until(live, lambda: told(live, "jobs")["jobs"][0]["state"] == "failed", "not failed")
        assert "failed" in run("jobs", "shop")
        assert "at least 20 are needed" in told(live, "jobs")["jobs"][0]["problem"]
        send(live, records(range(10, 60), "yes"))
        assert "new data" in run("retrain", "shop", "--reason", "new data")
        until(live, lambda: told(live, "versions")["standing"]["challenger"], "no challenger")
        assert "challenger" in run("versions", "shop")
        shadows = records([3, 4, 5], "yes", version="shop-2")
        shadows[1]["model_version"] = "nobody"
        del shadows[2]["record_id"]

        def sent(shadows):
            return httpx.post(
                live.url + "/v1/models/shop/shadows", json=shadows,
                headers={"Authorization": f"Bearer {live.token}", "Idempotency-Key": "once"},
            )  # fmt: skip

        answers = [sent(shadows), sent(shadows)]
        for answer in answers:
            assert answer.json() == {"model": "shop", "taken": 1, "waiting": 0, "ignored": 2}
        assert ["idempotent-replayed" in answer.headers for answer in answers] == [False, True]
        assert sent(shadows[:1]).status_code == 409
        refused = httpx.post(
            live.url + "/v1/models/shop/shadows",
            json=[shadows[0], shadows[1] | {"model": "other"}],
            headers={"Authorization": f"Bearer {live.token}"},
        )  # fmt: skip
        assert refused.status_code == 422
        assert "row 1: model is 'other', and the path says 'shop'" in refused.json()["problem"]
        assert run("promote", "shop", "--generation", "7")[0] != 0
        assert "champion shop-2" in run("promote", "shop", "--generation", "0")
        assert "previous" in run("versions", "shop")
        assert "challenger" not in run("versions", "shop")
        assert "champion v1" in run("rollback", "shop")
        assert run("reject", "shop")[0] != 0
    finally:
        live.close()


def test_a_scorer_that_fails_is_told(place):
    (module,) = place.glob("school_of_*.py")
    module.write_text(
        MODULE.replace("answer = json.loads", "raise ValueError('no such file')\n    #")
    )
    live = Live(place, (place / "homeostat.toml").read_text())
    token = place / "admin"
    token.write_text(live.token)
    try:
        send(live, records(range(100), "no"))
        until(live, lambda: told(live, "versions")["standing"]["challenger"], "no challenger")
        send(live, records(range(100, 120), "no"))
        hindered = until(live, lambda: told(live, "versions").get("hindered"), "nothing told")
        assert "no such file" in hindered
        done = CliRunner().invoke(cli, ["versions", "shop", "--url", live.url,
                                        "--token-file", str(token), "-o", "table"])  # fmt: skip
        assert "It waits for its scorer" in done.output
    finally:
        live.close()


@pytest.mark.parametrize("point", LOOP_POINTS)
def test_killed_at_every_step_it_ends_the_same(place, point):
    """Once at each place that is named in the code of the loop."""
    config = (place / "homeostat.toml").read_text()
    live = Live(place, config, environment={"HOMEOSTAT_CRASH": point})
    sent = iter(range(10_000))

    def more():
        with suppress(httpx.HTTPError):
            serving = champion(live) or "v1"
            send(live, records([next(sent) for _ in range(20)], "no", version=serving))

    end = time.monotonic() + PATIENCE
    while live.process.poll() is None and time.monotonic() < end:
        more()
        time.sleep(0.05)
    assert live.process.wait(10) == -signal.SIGKILL, f"{point} was not reached"
    live.close()
    live = Live(place, config)
    try:
        while champion(live) != "shop-1" and time.monotonic() < end:
            more()
            time.sleep(0.05)
        until(live, lambda: champion(live) == "shop-1", "not promoted")
        once = ("RetrainQueued", "RetrainStarted", "RetrainSucceeded", "ChallengerRegistered",
                "ModelPromoted")  # fmt: skip
        assert [story(live).count(kind) for kind in once] == [1] * 5
        (job,) = told(live, "jobs")["jobs"]
        assert job["state"] == "succeeded"
    finally:
        live.close()


RECALL = """
[retraining.recall]
versions = 5
minimum = 30
every = "1m"
"""


def seasons(live, sent):
    """ "no" is right, "yes" is, "no" is again; True once the second version has given way."""
    serving = champion(live) or "v1"
    if not story(live).count("ModelPromoted"):
        send(live, records([next(sent) for _ in range(20)], "no", "yes", serving))
    elif serving == "shop-1":
        send(live, records([next(sent) for _ in range(20)], "yes", "no", serving))
    return story(live).count("ModelPromoted") > 1


@pytest.mark.parametrize("point", [None, *RECALL_POINTS])
def test_what_was_right_before_is_recalled(place, point):
    """Through a service of its own, which is killed at the second promotion or look, too."""
    config = (place / "homeostat.toml").read_text() + RECALL
    environment = {} if point is None else {"HOMEOSTAT_CRASH": f"{point}:2"}
    live, sent, done = Live(place, config, environment=environment), iter(range(10_000)), False
    end = time.monotonic() + PATIENCE
    try:
        while not done and time.monotonic() < end:
            with suppress(httpx.HTTPError):
                done = seasons(live, sent)
            if live.process.poll() is not None:
                assert live.process.returncode == -signal.SIGKILL
                live.close()
                live = Live(place, config)
            time.sleep(0.05)
        assert done, (story(live), told(live, "jobs"))
        assert champion(live) == "v1"
        newest, first = told(live, "jobs")["jobs"][0], told(live, "jobs")["jobs"][-1]
        assert (newest["state"], newest["version"]) == ("recalled", "v1")
        assert (first["state"], first["version"]) == ("succeeded", "shop-1")
        origins = [
            each["event"][each["kind"]]["origin"] for each in events(live)
            if each["kind"] == "ChallengerRegistered"
        ]  # fmt: skip
        assert origins == ["trained", "recalled"]
        assert story(live).count("RetrainStarted") == 1
    finally:
        live.close()
    replayed = CliRunner().invoke(cli, ["replay", "--check", "--data", str(place / "data"),
                                        "--config", str(place / "homeostat.toml")])  # fmt: skip
    assert replayed.exit_code == 0, replayed.output


LEADER = """
[retraining.leader]
versions = 5
among = "registered"
lasts = 100
"""


def leads(live):
    return told(live, "versions").get("serves")


def and_back(live, sent):
    """ "yes" is right, "no" is again; True once the second version has led and given way."""
    serving, led = leads(live) or "v1", story(live).count("LeaderChanged")
    said = "no" if serving == "v1" else "yes"
    send(live, records([next(sent) for _ in range(20)], said, "no" if led else "yes", serving))
    return story(live).count("LeaderChanged") > 1


@pytest.mark.parametrize("point", [None, *LEAD_POINTS])
def test_who_has_been_right_lately_answers(place, point):
    """Through a service of its own, which is killed while it counts, too; the champion stays."""
    config = (place / "homeostat.toml").read_text().replace("minimum = 30", "minimum = 100000")
    environment = {} if point is None else {"HOMEOSTAT_CRASH": f"{point}:2"}
    live, done = Live(place, config + LEADER, environment=environment), False
    end, sent = time.monotonic() + PATIENCE, iter(range(10_000))
    try:
        while not done and time.monotonic() < end:
            with suppress(httpx.HTTPError):
                done = and_back(live, sent)
            if live.process.poll() is not None:
                assert live.process.returncode == -signal.SIGKILL
                live.close()
                live = Live(place, config + LEADER)
            time.sleep(0.05)
        assert done, (story(live), told(live, "versions"))
        kind = "LeaderChanged"
        changes = [each["event"][kind] for each in events(live) if each["kind"] == kind]
        assert [each["model_version"] for each in changes[:2]] == ["shop-1", "v1"]
        assert [each["previous"] for each in changes[:2]] == ["v1", "shop-1"]
        assert champion(live) == "v1"
        token = place / "token"
        token.write_text(live.token)
        shown = CliRunner().invoke(cli, ["versions", "shop", "--url", live.url,
                                         "--token-file", str(token), "-o", "table"])  # fmt: skip
        assert ("leads" in shown.output) == (leads(live) != "v1")
    finally:
        live.close()
    replayed = CliRunner().invoke(cli, ["replay", "--check", "--data", str(place / "data"),
                                        "--config", str(place / "homeostat.toml")])  # fmt: skip
    assert replayed.exit_code == 0, replayed.output


def test_killed_while_a_training_runs(place, monkeypatch):
    """The training goes on by itself; the service that comes after takes what it has made."""
    gate = place / "gate"
    monkeypatch.setenv("GATE", str(gate))
    live = Live(place, (place / "homeostat.toml").read_text())
    send(live, records(range(100), "no"))
    until(live, lambda: told(live, "jobs")["jobs"][0]["manifest"], "not begun")
    os.kill(live.process.pid, signal.SIGKILL)
    gate.touch()
    live.close()
    live = Live(place, (place / "homeostat.toml").read_text())
    try:
        until(live, lambda: told(live, "versions")["standing"]["challenger"], "no challenger")
        (job,) = told(live, "jobs")["jobs"]
        assert (job["token"], job["state"]) == (1, "succeeded")
        assert story(live).count("RetrainStarted") == 1
    finally:
        live.close()
