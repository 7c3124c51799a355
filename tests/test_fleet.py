"""Configurations for many models."""

import re
from pathlib import Path

import pytest

from homeostat import fleet
from homeostat.errors import ConfigError
from homeostat.service.settings import service_of

PAGE = Path(__file__).parents[1] / "docs" / "service.md"


def test_the_example_of_the_page():
    text = re.search(r"^```toml\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)[1]
    found = fleet.parse(text)
    assert [metric.name for metric in found.engine_of("fraud").metrics] == ["recall"]
    assert [metric.name for metric in found.engine_of("other").metrics] == ["accuracy"]
    assert found.engine_of("fraud").detectors[0].name == "adwin"
    assert service_of(found.service, "service").limits.parked == 1_000_000


def test_a_model_with_detectors_of_its_own_and_a_budget():
    text = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)[1]
    found = fleet.parse(text)
    fraud, other = found.engine_of("fraud"), found.engine_of("other")
    assert [detector.name for detector in fraud.detectors] == ["inputs", "adwin"]
    assert fraud.detectors[0].detector.budget != "1 per 100000 records"
    assert [detector.name for detector in other.detectors] == ["adwin"]
    assert [metric.name for metric in fraud.metrics] == [metric.name for metric in other.metrics]


def test_without_a_section_the_usual_things_are_watched():
    found = fleet.parse("[service]\nport = 1")
    assert [metric.name for metric in found.engine_of("m").metrics] == [
        metric.name for metric in fleet.default().engine_of("m").metrics
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[models.a]\nmetric = []", r"models.a.metric: no such section; did you mean 'metrics'"),
        ('[models.a]\nstrategy = { type = "dirft" }', r"models.a: strategy.type: .*'drift'"),
        ("models = 1", "models: must be a table"),
        ("[servce]", "servce: no such section"),
    ],
)
def test_what_is_wrong_is_named(text, problem):
    with pytest.raises(ConfigError, match=problem):
        fleet.parse(text)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"prot": 1}, "service.prot: no such setting; did you mean 'port'"),
        ({"port": "x"}, "service.port: must be int, got str"),
        ({"host": "0.0.0.0"}, "tls_cert and tls_key, or behind_proxy"),
        ({"durability": "off"}, "service.durability"),
        ({"tls_cert": "a"}, "give both"),
    ],
)
def test_what_is_wrong_with_the_service_is_named(given, problem):
    with pytest.raises(ConfigError, match=problem):
        service_of(given, "service")
