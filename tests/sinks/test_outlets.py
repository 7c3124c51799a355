"""`[[service.sinks]]`: what it may say, and what it is told when it says something else."""

from pathlib import Path

import pytest

from homeostat import fleet
from homeostat.errors import ConfigError
from homeostat.outbound.secret import Secret
from homeostat.service.settings import Service, service_of
from homeostat.sinks import TABLE, Outlet, Sink, outlets_of
from homeostat.sinks.outlets import MOST
from homeostat.sinks.table import SINKS

ROOT = Path(__file__).parents[2]
HOOK = {"type": "webhook", "url": "https://hooks.example/", "secrets": ["env:HOOK"]}


def test_the_section_in_a_file():
    text = """
        [[service.sinks]]
        type = "webhook"
        url = "https://hooks.example/homeostat"
        secrets = ["env:HOOK_NEW", "env:HOOK_OLD"]
        models = ["churn-*"]
        kinds = ["DriftDetected", "DriftEnded"]
        give_up_after = "12h"

        [[service.sinks]]
        name = "archive"
        type = "jsonl"
        path = "events.jsonl"
        start = "beginning"
    """
    settings = service_of(fleet.parse(text).service, "homeostat.toml: service")
    hook, archive = settings.sinks
    assert (hook.name, hook.patience, hook.start) == ("webhook", 43_200.0, "now")
    assert hook.wants_model("churn-de")
    assert not hook.wants_model("fraud")
    assert hook.wants_kind("DriftEnded")
    assert not hook.wants_kind("PluginFailed")
    assert (archive.name, archive.patience, archive.start) == ("archive", 259_200.0, "beginning")
    assert archive.wants_model("any")
    assert archive.wants_kind("PluginFailed")


def test_without_the_section_nothing_leaves():
    assert service_of({}, "service").sinks == Service().sinks == ()


WRONG = [
    ("no table", {"type": "jsonl"}, r"service\.sinks: must be tables"),
    ("no type", [{}], r"service\.sinks\[0\]\.type: is missing"),
    ("type", [{"type": "webhok"}], r"sinks\[0\]\.type: 'webhok' is no sink; .*'webhook'"),
    ("setting", [{**HOOK, "secretz": []}], r"sinks\[0\]\.secretz: no such setting; .*'secrets'"),
    ("missing", [{"type": "jsonl"}], r"sinks\[0\]\.path: is missing"),
    ("kind of value", [{**HOOK, "timeout": "x"}], r"sinks\[0\]\.timeout: Expected `float`"),
    ("no time", [{**HOOK, "timeout": 0.0}], r"sinks\[0\]: timeout must be above 0"),
    ("endless", [{**HOOK, "timeout": float("inf")}], r"sinks\[0\]: timeout must be above 0"),
    ("secret", [{**HOOK, "secrets": ["hunter2"]}], r"sinks\[0\]\.a secret is named as"),
    ("url", [{**HOOK, "url": "http://hooks.example"}], r"sinks\[0\]\.url: must begin with https"),
    ("models", [{**HOOK, "models": "churn"}], r"sinks\[0\]: Expected `array`"),
    ("kinds", [{**HOOK, "kinds": ["Drift"]}], r"sinks\[0\]\.kinds: 'Drift' is no kind of event"),
    ("start", [{**HOOK, "start": "end"}], r"sinks\[0\]\.start: cannot be 'end'"),
    ("patience", [{**HOOK, "give_up_after": "3x"}], r"sinks\[0\]\.give_up_after: '3x'"),
    ("no patience", [{**HOOK, "give_up_after": 0}], r"sinks\[0\]\.give_up_after: must be"),
    ("lasts", [{"type": "alertmanager", "url": "https://a.example", "lasts": "x"}],
     r"sinks\[0\]: 'x' is no duration"),
    ("twice", [HOOK, HOOK], r"sinks\[1\]\.name: there is a sink 'webhook' before it"),
    ("many", [{**HOOK, "name": str(at)} for at in range(MOST + 1)], "there may be 16"),
    ("ca", [{**HOOK, "ca": "nowhere.pem"}], r"sinks\[0\]\.ca: nowhere\.pem: "),
    ("module", [{"type": "nowhere_at_all:X"}], r"sinks\[0\]\.type: cannot load"),
]  # fmt: skip


@pytest.mark.parametrize(("tables", "message"), [row[1:] for row in WRONG],
                         ids=[row[0] for row in WRONG])  # fmt: skip
def test_what_it_cannot_say(tables, message):
    with pytest.raises(ConfigError, match=message) as refused:
        service_of({"sinks": tables}, "homeostat.toml: service")
    assert "hunter2" not in str(refused.value)


def test_a_secret_that_is_not_there_is_missed_at_the_start(monkeypatch, tmp_path):
    (outlet,) = outlets_of([HOOK], "service.sinks")
    with pytest.raises(ConfigError, match="sink webhook: env:HOOK holds no secret"):
        outlet.check()
    monkeypatch.setenv("HOOK", "whsec_" + "QUFB" * 8)
    outlet.check()
    with pytest.raises(ConfigError, match="No such file"):
        Secret(f"file:{tmp_path / 'none'}").reveal()


def test_an_address_may_be_kept_elsewhere_too(monkeypatch):
    monkeypatch.setenv("HOOK", "whsec_" + "QUFB" * 8)
    monkeypatch.setenv("URL", "http://hooks.example")
    (outlet,) = outlets_of([{**HOOK, "url": "env:URL"}], "service.sinks")
    with pytest.raises(ConfigError, match="https"):
        outlet.check()
    monkeypatch.setenv("URL", "https://hooks.example")
    outlet.check()


def test_settings_show_no_secret(monkeypatch):
    table = {**HOOK, "url": "https://hooks.example/T0KEN"}
    shown = repr(service_of({"sinks": [table]}, "service"))
    assert "<webhook webhook>" in shown
    assert "T0KEN" not in shown


def test_a_sink_of_ones_own_by_module_and_class():
    (outlet,) = outlets_of([{"type": "homeostat.sinks.stdout:Stdout"}], "service.sinks")
    assert isinstance(outlet.sink, Sink)
    assert outlet.name == "stdout"


def test_files_table_and_documentation_are_the_same_set():
    folder = ROOT / "src" / "homeostat" / "sinks"
    files = {
        path.stem for path in folder.glob("*.py") if "def send(self, event" in path.read_text()
    }
    page = (ROOT / "docs" / "events.md").read_text()
    assert files - {"outgoing"} == set(TABLE)
    assert all(f"`{name}`" in page for name in TABLE)
    for name in TABLE:
        assert SINKS.maker(name)


def test_an_outlet_takes_the_name_of_its_sink():
    class Mine:
        name = "mine"

        def send(self, event):
            pass

    assert Outlet(Mine()).name == "mine"
    assert Outlet(Mine(), "other").name == "other"
