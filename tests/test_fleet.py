"""Configurations for many models."""

import re
from pathlib import Path

import pytest

from homeostat import fleet
from homeostat.errors import ConfigError
from homeostat.runtime.retention import Ages, Retention, own_ages
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


def test_models_in_short_on_the_page():
    text = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)[2]
    found = fleet.parse(text)
    fraud = found.engine_of("fraud")
    assert [each.name for each in fraud.detectors] == ["adwin", "inputs"]
    assert [each.name for each in fraud.metrics][-1] == "f1_per_1h"
    assert fraud.strategy.name == "any_of"
    assert own_ages(found.retentions, "page")["fraud"].records == "90d"
    assert found.lateness_of("price") == found.lateness_of("other") == 7_200_000_000


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
        ('[models."a b"]', "models.'a b': no model can be called so.* use up to 128 letters"),
        ("[models._a]", "models.'_a': no model"),
        (f"[models.{'a' * 129}]", "no model can be called so"),
        ('[models.a]\ntask = "ranking"', "models.a.task: cannot be 'ranking'"),
        ("[models.a]\nretention = 3", "models.a.retention: must be a table"),
        ('[models.a]\nlateness = "x"', "models.a.lateness: 'x' is no duration"),
        ('[[models.a.strategies]]\ntype = "drift"', "strategies: no such section; .*'strategy'"),
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


def names(engine):
    return [metric.name for metric in engine.metrics]


def test_a_task_of_one_model_is_in_the_place_of_what_holds_for_all():
    found = fleet.parse(
        """[[metrics]]
type = "accuracy"
[[detectors]]
type = "error_rate"
baseline = 0.1
n = 2000
[strategy]
type = "drift"
[alarms]
budget = "1 per 5000 records"
[models.price]
task = "regression"
[models.fraud]
metrics = [{ type = "recall", positive = "fraud" }]"""
    )
    price, fraud = found.engine_of("price"), found.engine_of("fraud")
    assert names(price) == ["mae", "rmse", "bias", "latency_ms_ewma"]
    assert [each.on for each in price.detectors] == ["absolute_error"]
    assert (names(fraud), [each.name for each in fraud.detectors]) == (["recall"], ["error_rate"])
    assert names(found.engine_of("other")) == ["accuracy"]


def test_a_task_of_all_models_and_what_one_says_against_it():
    found = fleet.parse(
        """task = "binary"
positive = "yes"
lateness = "2h"
[models.own]
metrics = [{ type = "brier" }]
lateness = "3h"
[models.price]
task = "regression"
segments = ["country"]"""
    )
    assert names(found.engine_of("other"))[1:4] == ["precision", "recall", "f1"]
    assert names(found.engine_of("own")) == ["brier"]
    assert found.engine_of("own").detectors[0].on == "error"
    assert names(found.engine_of("price"))[4:] == ["mae", "rmse", "bias", "latency_ms_ewma"]
    assert [found.lateness_of(each) / 3.6e9 for each in ("own", "other")] == [3, 2]


def test_a_reference_of_one_model_takes_the_budget_of_all():
    found = fleet.parse(
        """[alarms]
budget = "1 per 9000 records"
[models.fraud]
reference = 500"""
    )
    adwin, inputs = found.engine_of("fraud").detectors
    assert (adwin.name, inputs.name, inputs.budget) == ("adwin", "inputs", "1 per 9000 records")
    assert len(found.engine_of("other").detectors) == 1


def test_how_long_one_model_is_kept():
    found = fleet.parse('[models.a.retention]\nrecords = "90d"\n[models.b]')
    own = own_ages(found.retentions, "f")
    assert own == {"a": Ages(records="90d")}
    day = 86_400_000_000
    kept = Retention().with_own(own)
    assert [kept.age("records", model) // day for model in "ab"] == [90, 30]
    with pytest.raises(ConfigError, match=r"stands in service\.retention\.models\.a too"):
        Retention(models={"a": Ages()}).with_own(own)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"record": "9d"}, "f: models.a.retention.record: no such setting; did you mean"),
        ({"records": "1d"}, "f: models.a.retention.records: cannot be less than 7d"),
        ({"records": 9}, "f: models.a.retention.records: must be a time like"),
        ({"events": "soon"}, "f: models.a.retention.events: 'soon' is no duration"),
    ],
    ids=["name", "short", "number", "text"],
)
def test_what_is_wrong_with_how_long_one_is_kept_is_named(given, problem):
    with pytest.raises(ConfigError, match=problem):
        own_ages({"a": given}, "f")
