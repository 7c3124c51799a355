import json
import os
import subprocess
import sys

import pytest

MINE = """
from homeostat.events import MetricEvent, MetricUpdated

class Sound:
    name = "sound"
    def on_record(self, record):
        value = float(record.latency_ms)
        return MetricUpdated(MetricEvent(self.name, value, record.model_version, record.created_at))

class Raises(Sound):
    def on_record(self, record):
        raise RuntimeError("[bold] no")

class Needs(Sound):
    def __init__(self, size):
        self.size = size

def make():
    return Needs(3)

def make_number():
    return 3

NUMBER, WORD = 3, "word"
"""


@pytest.fixture(autouse=True)
def _mine(tmp_path, request):
    name = f"mine_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(MINE)
    request.node.module_name = name


@pytest.fixture
def mine(request, _mine):
    return request.node.module_name


@pytest.mark.parametrize("target", ["Sound", "make"])
def test_laws_that_are_kept(homeostat, mine, target):
    result = homeostat("check", f"{mine}:{target}")
    found = json.loads(result.stdout)
    assert result.exit_code == 0, found
    assert found["ok"] is True
    assert len(found["laws"]) > 5


def test_a_law_that_is_broken(homeostat, mine):
    result = homeostat("check", f"{mine}:Raises")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["ok"]) == (1, False)
    assert any("RuntimeError" in law["detail"] for law in found["laws"] if not law["ok"])
    table = homeostat("check", f"{mine}:Raises", "--output", "table")
    assert table.exit_code == 1
    assert "broken" in table.stdout


def test_a_registered_name(homeostat):
    result = homeostat("check", "accuracy", "-o", "table")
    assert result.exit_code == 0
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("acuracy", "did you mean 'accuracy'?"),
        ("no_such_module:X", "cannot import 'no_such_module'"),
        ("{mine}:Sond", "did you mean 'Sound'?"),
        ("{mine}:Needs", "needs arguments (size)"),
        ("{mine}:NUMBER", "is an int, no metric"),
        ("{mine}:WORD", "is a str, no metric"),
        ("{mine}:Sound.name", "is a str, no metric"),
        ("{mine}:make_number", "makes is an int, no metric"),
        ("os:path", "is a module, no metric"),
        ("threshold", "needs arguments (threshold)"),
    ],
)
def test_nothing_to_check_is_a_usage_error(homeostat, mine, target, message):
    result = homeostat("check", target.format(mine=mine))
    assert result.exit_code == 2
    assert message in result.stderr


def test_after_a_broken_shape_the_rest_is_skipped(homeostat, mine):
    laws = json.loads(homeostat("check", f"{mine}:Raises").stdout)["laws"]
    assert [law["law"] for law in laws if not law["ok"]] == ["shape"]
    assert all(law["skipped"] and "shape first" in law["detail"] for law in laws[1:])


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
@pytest.mark.parametrize("patience", [0.0, 600.0])
def test_a_terminal_is_told_what_takes_so_long(mine, patience):
    import pty

    ours, theirs = pty.openpty()
    code = f"from homeostat.cli import check, main\ncheck.PATIENCE_S = {patience}\nmain()"
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    child = subprocess.Popen(
        [sys.executable, "-c", code, "check", f"{mine}:Sound"],
        stdout=subprocess.PIPE, stderr=theirs, env=environment,
    )  # fmt: skip
    os.close(theirs)
    out, _ = child.communicate()
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # how Linux tells that the other side is closed
        pass
    os.close(ours)
    assert (child.returncode, json.loads(out)["ok"]) == (0, True)
    assert (b"checking" in shown) is (patience == 0.0)


CONFIG = """
[models.price]
task = "regression"
segments = ["country"]
lateness = "2h"
"""


def test_a_configuration_is_told_model_by_model(homeostat, tmp_path):
    (tmp_path / "mine.toml").write_text(CONFIG)
    told = json.loads(homeostat("check", "mine.toml").stdout)["models"]
    assert told["price"]["metrics"][-1] == "latency_ms_ewma[country]"
    assert told["price"]["detectors"] == ["adwin on absolute_error"]
    assert told["price"]["late_after_s"] == 7200
    assert told["(all others)"]["metrics"] == ["accuracy", "latency_ms_ewma"]
    lines = homeostat("check", "mine.toml", "-o", "table").stdout.splitlines()
    assert lines[1] == "(all others): accuracy, latency_ms_ewma; watched by adwin on error"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[models.a]\ntask = 1", "models.a.task: cannot be 1"),
        ('[models.a.retention]\nrecords = "1d"', "models.a.retention.records: cannot be less"),
        ("[service]\nprot = 1", "service.prot: no such setting"),
    ],
    ids=["task", "retention", "service"],
)
def test_a_configuration_that_is_wrong(homeostat, tmp_path, text, problem):
    (tmp_path / "mine.toml").write_text(text)
    result = homeostat("check", "mine.toml")
    assert result.exit_code == 2
    assert problem in result.stderr


def test_a_configuration_that_is_not_there(homeostat):
    result = homeostat("check", "nowhere.toml")
    assert result.exit_code == 2
    assert "nowhere.toml: No such file" in result.stderr


def test_a_task_that_is_written_over_is_warned_of(homeostat, tmp_path):
    (tmp_path / "mine.toml").write_text('task = "binary"\npositive = "a"\n')
    assert "warning" not in homeostat("check", "mine.toml", "-o", "table").stdout
    template = homeostat("init", "-").stdout.replace('# task = "classification"', 'task = "binary"')
    (tmp_path / "mine.toml").write_text(template)
    told = homeostat("check", "mine.toml", "-o", "table").stdout
    assert "warning: task adds no metrics, as [[metrics]] is written out" in told
    [warning] = json.loads(homeostat("check", "mine.toml").stdout)["warnings"]
    assert warning in told
