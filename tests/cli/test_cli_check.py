import json

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
        ("threshold", "needs arguments (threshold)"),
    ],
)
def test_nothing_to_check_is_a_usage_error(homeostat, mine, target, message):
    result = homeostat("check", target.format(mine=mine))
    assert result.exit_code == 2
    assert message in result.stderr
