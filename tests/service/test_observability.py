"""What Grafana and Prometheus are told to read is what there is, and Prometheus reads it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from house import record

from homeostat.cli.group import cli
from homeostat.service.figures import FROM_THE_START
from homeostat.sinks import Outlet

NAMES = re.compile(r"homeostat_\w+")
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not on PATH; Debian's package prometheus has it"
)


def shown(what):
    run = CliRunner().invoke(cli, ["show", what])
    assert run.exit_code == 0, run.output
    return run.output


class Swallowing:
    """A sink that takes everything."""

    name = "swallowing"

    def send(self, event):
        pass


@pytest.fixture
def told(house_of):
    """A real reply."""
    house = house_of(sinks=(Outlet(Swallowing()),))
    sent = house.send(record(0, ground_truth_label="a"), record(1, model="b"))
    assert sent.status_code == 200
    reply = house("GET", "/metrics")
    assert reply.status_code == 200
    return reply.text


@pytest.fixture
def there(told):
    return set(NAMES.findall(told))


def promtool(*arguments, **more):
    run = subprocess.run(
        [PROMTOOL, *arguments], capture_output=True, text=True, check=False, timeout=60, **more
    )
    return run.returncode, run.stdout + run.stderr


def rules():
    return [rule for group in yaml.safe_load(shown("alerts"))["groups"] for rule in group["rules"]]


def test_every_series_of_the_alerts_exists(there):
    assert len(rules()) > 5
    for rule in rules():
        assert set(NAMES.findall(rule["expr"])) <= there
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]


def test_every_series_of_the_dashboard_exists(there):
    panels = json.loads(shown("grafana"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 5
    for panel in panels:
        for target in panel["targets"]:
            assert NAMES.findall(target["expr"])
            assert set(NAMES.findall(target["expr"])) <= there


def test_the_events_of_the_alerts_are_there_before_the_first(told):
    kinds = {kind for rule in rules() for kind in re.findall(r'kind="(\w+)"', rule["expr"])}
    assert len(kinds) > 2
    assert kinds <= set(FROM_THE_START)
    for kind in kinds:
        assert f'homeostat_events_total{{kind="{kind}",model="default"}} 0.0' in told


@needs_promtool
def test_promtool_finds_nothing_wrong_with_the_metrics(told):
    assert promtool("check", "metrics", input=told) == (0, "")


@needs_promtool
def test_promtool_sees_a_metric_that_is_wrong(told):
    wrong = told.replace("homeostat_records_accepted_total", "homeostat_records_accepted")
    status, said = promtool("check", "metrics", input=wrong)
    assert status != 0
    assert "homeostat_records_accepted counter metrics should have" in said


@needs_promtool
def test_promtool_takes_the_rules(tmp_path):
    path = tmp_path / "homeostat.rules.yml"
    path.write_text(shown("alerts"))
    status, said = promtool("check", "rules", "--lint=all", "--lint-fatal", str(path))
    assert status == 0, said
    assert f"{len(rules())} rules found" in said


@needs_promtool
def test_the_rules_fire_when_they_should(tmp_path):
    (tmp_path / "homeostat.rules.yml").write_text(shown("alerts"))
    tests = Path(__file__).with_name("alerts_tests.yml").read_text()
    (tmp_path / "tests.yml").write_text(tests)
    status, said = promtool("test", "rules", str(tmp_path / "tests.yml"))
    assert status == 0, said
