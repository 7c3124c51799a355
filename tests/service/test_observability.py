"""What Grafana and Prometheus are told to read is what there is."""

import json
import re
from typing import ClassVar

import pytest
import yaml
from click.testing import CliRunner

from homeostat.cli.group import cli
from homeostat.service.exposition import exposition

NAMES = re.compile(r"homeostat_\w+")


def shown(what):
    run = CliRunner().invoke(cli, ["show", what])
    assert run.exit_code == 0, run.output
    return run.output


class Nothing:
    counters: ClassVar = {"m": {"event.DriftDetected": 1}}
    latest: ClassVar = {"m": {"accuracy": [0.5, 2]}}
    service: ClassVar = {}
    models = 1


@pytest.fixture(scope="module")
def there():
    gauges = dict.fromkeys(("waiting_bytes", "listeners", "store_bytes"), ("told", 1.0))
    return set(NAMES.findall(exposition(Nothing, gauges).decode()))


def test_every_series_of_the_alerts_exists(there):
    rules = [rule for group in yaml.safe_load(shown("alerts"))["groups"] for rule in group["rules"]]
    assert len(rules) > 5
    for rule in rules:
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
