"""`homeostat run` over logs of other stacks, many files, and with a folder to keep them in."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from homeostat.runtime.account import ANY_MODEL
from homeostat.stores import open_store

FIXTURES = Path(__file__).parents[1] / "formats" / "fixtures"


def summary(result):
    assert result.stdout, result.stderr
    return json.loads(result.stdout)


def test_what_was_recognised_is_told_with_its_mapping(homeostat):
    found = summary(homeostat("run", FIXTURES / "kserve_batch.jsonl"))
    [told] = found["recognised"]
    assert (told["name"], told["passed_over"]) == ("kserve", 0)
    mapped = {line["field"]: line["column"] for line in told["fields"]}
    assert mapped["predicted_label"] == "response.predict"
    assert mapped["scores"] == "response.predict_proba.*"
    assert found["records"]["monitored"] == 3


def test_it_is_told_in_a_table(homeostat):
    out = homeostat("run", FIXTURES / "vertex.jsonl", "--output", "table").stdout
    assert "recognised: Vertex AI request-response logging" in out
    assert "latency_ms" in out
    assert "the format does not say it" in out


def test_of_a_latency_that_is_not_in_the_data_nothing_is_told(homeostat, tmp_path):
    rows = "timestamp,prediction,target,amount\n" + "2026-01-01T00:00:00Z,1,1,3\n" * 4
    (tmp_path / "log.csv").write_text(rows)
    out = homeostat("run", "log.csv", "-o", "table").stdout
    assert "latency: not in the data" in out
    assert "latency_ms_ewma" not in out
    (tmp_path / "log.csv").write_text(rows.replace("amount", "latency_ms"))
    out = homeostat("run", "log.csv", "-o", "table", "-m", "latency_ms=latency_ms").stdout
    assert "latency: not in the data" not in out
    assert "latency_ms_ewma" in out


def test_a_format_and_a_mapping_can_be_stated(homeostat):
    path = FIXTURES / "databricks.jsonl"
    found = summary(homeostat(
        "run", path, "--format", "databricks", "--map", "predicted_label=request.plan",
        "--map", "model_version==v7",
    ))  # fmt: skip
    assert found["versions"] == {"v7": 3}
    wrong = homeostat("run", path, "--map", "predicted_label=request.plam")
    assert wrong.exit_code == 1
    assert "did you mean 'request.plan'?" in wrong.stderr


CONFIG = """
[[metrics]]
type = "accuracy"
[source]
from = ["{path}"]
format = "databricks"
[source.mapping]
predicted_label = "request.plan"
features = {{ age = "request.age" }}
"""


def test_the_configuration_can_say_it_all(homeostat, tmp_path):
    config = CONFIG.format(path=FIXTURES / "databricks.jsonl")
    (tmp_path / "homeostat.toml").write_text(config)
    found = summary(homeostat("run"))
    mapped = {line["field"]: line["column"] for line in found["recognised"][0]["fields"]}
    assert mapped["predicted_label"] == "request.plan"
    assert mapped["features.age"] == "request.age"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ('format = "kserv"', "did you mean 'kserve'?"),
        ('fromm = "a"', "source.fromm: no such setting; did you mean 'from'?"),
        ('zone = "Moon"', "there is no such zone"),
        ("mapping = 3", "source: must be"),
    ],
    ids=["format", "setting", "zone", "mapping"],
)
def test_a_wrong_source_section_is_told(homeostat, tmp_path, line, section, message):
    (tmp_path / "in.jsonl").write_text(line())
    config = '[[metrics]]\ntype = "accuracy"\n[source]\n' + section
    (tmp_path / "homeostat.toml").write_text(config)
    result = homeostat("run", "in.jsonl")
    assert result.exit_code == 2
    assert message in result.stderr


def test_ground_truth_meets_its_captures(homeostat):
    truth, captures = FIXTURES / "sagemaker_ground_truth.jsonl", FIXTURES / "sagemaker_csv.jsonl"
    found = summary(homeostat("run", truth, captures))
    assert found["labels"] == {"read": 3, "joined": 3, "unmatched": 0}
    assert found["metrics"]["accuracy"]["n"] == 3
    assert [each["name"] for each in found["recognised"]] == ["sagemaker_ground_truth", "sagemaker"]


def test_a_folder_is_kept_and_read_once(homeostat, tmp_path, line):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text(line() * 10)
    data = tmp_path / "data"
    first = summary(homeostat("run", "in", "--data", data))
    assert first["kept"]["accepted"] == 10
    assert summary(homeostat("run", "in", "--data", data))["kept"]["accepted"] == 0
    with (tmp_path / "in" / "a.jsonl").open("a") as file:
        file.write(line() * 3)
    (tmp_path / "in" / "b.jsonl").write_text(line() * 2)
    assert summary(homeostat("run", "in", "--data", data))["kept"]["accepted"] == 5


def test_labels_that_wait_are_kept_for_records_of_a_later_run(homeostat, tmp_path):
    data = tmp_path / "data"
    homeostat("run", FIXTURES / "sagemaker_ground_truth.jsonl", "--data", data)
    found = summary(homeostat("run", FIXTURES / "sagemaker_csv.jsonl", "--data", data))
    assert found["kept"]["accepted"] == 3
    store = open_store(data, read_only=True)
    assert store.waiting(ANY_MODEL) == 0
    store.close()
    assert homeostat("doctor", "--data", data).exit_code == 0


def test_following_ends_at_a_signal_with_a_summary(tmp_path, line):
    path = tmp_path / "app.jsonl"
    path.write_text(line() * 3)
    events = tmp_path / "events.jsonl"
    child = subprocess.Popen(
        [sys.executable, "-m", "homeostat", "run", path, "--follow", "--events", events],
        stdout=subprocess.PIPE, text=True, cwd=tmp_path,
    )  # fmt: skip
    try:
        while not (events.exists() and events.read_text().count("accuracy") >= 3):
            assert child.poll() is None
            os.sched_yield()
        child.send_signal(signal.SIGTERM)
        out, _ = child.communicate(timeout=60)
    finally:
        child.kill()
    found = json.loads(out)
    assert (child.returncode, found["status"]) == (143, "terminated")
    assert found["records"]["monitored"] == 3


def test_two_at_once_are_refused(homeostat, tmp_path, line):
    from homeostat.service.server import locked

    (tmp_path / "in.jsonl").write_text(line())
    with locked(tmp_path / "data"):
        result = homeostat("run", "in.jsonl", "--data", tmp_path / "data")
    assert result.exit_code == 1
    assert "another process serves it" in result.stderr
