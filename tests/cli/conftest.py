import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from homeostat.cli.group import cli

GOOD = {
    "model_version": "v1",
    "predicted_label": "a",
    "ground_truth_label": "a",
    "latency_ms": 5,
    "created_at": "2026-01-01T00:00:00Z",
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Each test in an empty directory, with no homeostat.toml near."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])


@pytest.fixture
def line():
    return lambda **changes: json.dumps(GOOD | changes) + "\n"


@pytest.fixture
def homeostat():
    """Run the command in this process; its result has `json`, the summary."""

    def run(*args, stdin=None):
        result = CliRunner().invoke(cli, [str(arg) for arg in args], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return run


@pytest.fixture
def process():
    """Run the command in a process of its own."""

    def start(*args, **options):
        defaults = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        environment = os.environ | {"PYTHONWARNINGS": "error"}
        code = "from homeostat.cli import main; main()"
        command = [sys.executable, "-c", code, *map(str, args)]
        return subprocess.Popen(command, **{**defaults, "env": environment, **options})

    return start


@pytest.fixture
def drifting(tmp_path, line):
    """A file in which the model goes wrong after 600 records, and comes right no more."""
    path = tmp_path / "drifting.jsonl"
    hours = (f"2026-01-{1 + i // 24:02}T{i % 24:02}:00:00Z" for i in range(720))
    path.write_text(
        "".join(
            line(created_at=time, predicted_label="a" if i < 400 else "b", latency_ms=i,
                 model_version="v1" if i < 700 else "v2")
            for i, time in enumerate(hours)
        )
    )  # fmt: skip
    return path
