"""What the commands of the loop print, as wide as a terminal is."""

import json

import pytest
from click.testing import CliRunner

from homeostat.cli.group import cli
from homeostat.upkeep import asking

JOBS = {
    "model": "churn",
    "jobs": [
        {"id": "churn-18", "state": "recalled", "asked": "2026-03-02T10:17:00Z",
         "reason": "Drift in error: adwin observed 0.2236 over 0.2198; Skill dropped below -0.30",
         "version": "churn-7", "problem": ""},
        {"id": "churn-17", "state": "succeeded", "asked": "2026-02-01T00:00:00Z",
         "reason": "asked for", "version": "churn-17", "problem": ""},
        {"id": "churn-16", "state": "cancelled", "asked": "2026-01-01T00:00:00Z",
         "reason": "asked for", "version": None, "problem": "cancelled by anna: wrong data"},
    ],
}  # fmt: skip
VERSIONS = {
    "model": "churn",
    "standing": {"champion": "churn-17", "challenger": None, "previous": "churn-7"},
    "comparison": None,
    "versions": [
        {"version": "churn-17", "created": "2026-02-01T00:10:00Z", "metrics": {"auc": 0.91234},
         "artifact": f"/var/lib/homeostat/artifacts/ab/{'c' * 62}"},
        {"version": "v1", "created": "2026-01-01T00:00:00Z", "metrics": {}, "artifact": None},
    ],
}  # fmt: skip


@pytest.fixture
def printed(monkeypatch):
    def run(command, told, output="table"):
        monkeypatch.setattr(asking, "ask", lambda *_: told)
        words = [command, "churn", "--token-file", "token", "-o", output]
        done = CliRunner().invoke(cli, words, env={"COLUMNS": "80"})
        assert done.exit_code == 0, done.output
        return done.output

    return run


@pytest.mark.parametrize(
    ("command", "told", "whole"),
    [
        ("jobs", JOBS, ["churn-18", "2026-03-02 10:17", "recalled churn-7", "made churn-17",
                        "cancelled by anna: wrong data"]),
        ("versions", VERSIONS, ["churn-17", "champion", "2026-02-01 00:10", "auc 0.9123"]),
    ],
    ids=["jobs", "versions"],
)  # fmt: skip
def test_a_table_fits_into_80_columns(printed, command, told, whole):
    text = printed(command, told)
    assert max(map(len, text.splitlines())) <= 80
    for word in whole:
        assert word in text


@pytest.mark.parametrize(("command", "told"), [("jobs", JOBS), ("versions", VERSIONS)],
                         ids=["jobs", "versions"])  # fmt: skip
def test_as_json_it_is_the_answer_of_the_service(printed, command, told):
    assert json.loads(printed(command, told, "json")) == told


def test_versions_of_a_model_without_retraining_say_so(printed):
    told = {"model": "churn", "standing": None, "retraining": False, "versions": []}
    assert "churn: no [retraining] configured" in printed("versions", told)


def test_a_word_is_answered_in_one_line(printed):
    told = {"model": "churn", "standing": VERSIONS["standing"] | {"generation": 3}}
    assert printed("rollback", told) == "churn: champion churn-17 (generation 3)\n"
