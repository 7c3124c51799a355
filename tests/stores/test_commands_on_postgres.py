"""The commands beside a service that runs on PostgreSQL; and an audit log that never forks."""

import json
import threading

import pytest
from click.testing import CliRunner

from homeostat.cli.group import cli
from homeostat.service import tokens
from homeostat.stores import audit, open_store
from homeostat.stores.faults import Busy


def run(*words):
    done = CliRunner().invoke(cli, list(map(str, words)), catch_exceptions=False)
    return done.exit_code, done.output


@pytest.fixture
def served(request, tmp_path, where):
    """A store that a service holds, and the configuration that names it."""
    if not isinstance(where, str):
        pytest.skip("of PostgreSQL")
    store = open_store(where)
    with store.change():
        model = store.add_model("shop", 1)
        store.add_events(model.number, 1, [("DriftDetected", b'{"DriftDetected":{}}')], 1)
        store.keep_model(model._replace(counters={"events": 1}))
    config = tmp_path / "homeostat.toml"
    config.write_text(f'[service]\nstore = "{where}"\n')
    yield store, config
    store.close()


def test_a_second_service_is_refused_and_a_command_is_not(served):
    store, config = served
    with pytest.raises(Busy, match="another service"):
        open_store(store.database._url)
    code, told = run("token", "create", "--scope", "ingest", "--config", config)
    assert code == 0, told
    text = next(line for line in told.splitlines() if line.startswith("hs_"))
    assert tokens.known(store, text) is not None
    code, told = run("token", "list", "--config", config, "-o", "json")
    (listed,) = json.loads(told)
    assert run("token", "revoke", listed["id"], "--config", config)[0] == 0
    assert tokens.known(store, text) is None
    assert [entry.action for entry in audit.entries(store)] == ["token create", "token revoke"]
    assert audit.broken(store) is None


def test_its_events(served):
    code, told = run("events", "shop", "--config", served[1], "-o", "json")
    assert code == 0
    assert json.loads(told)["kind"] == "DriftDetected"


def test_its_doctor(served):
    code, told = run("doctor", "--config", served[1], "--json")
    found = {each["check"]: each for each in json.loads(told)["findings"]}
    assert "held by process" in found["server"]["seen"]
    assert code == 1  # this one runs without fsync
    problems = [each["problem"] for each in json.loads(told)["findings"] if not each["ok"]]
    assert problems == ["fsync is off: a power cut may spoil the database"]
    assert "password" not in told


def test_a_database_of_another_is_refused(where, tmp_path):
    if not isinstance(where, str):
        pytest.skip("of PostgreSQL")
    config = tmp_path / "homeostat.toml"
    config.write_text(f'[service]\nstore = "{where}"\n')
    code, told = run("token", "list", "--config", config)
    assert code != 0
    assert "not one of homeostat" in told


def test_acts_of_many_at_once_are_one_chain(where):
    open_store(where).close()

    def act(number):
        store = open_store(where, beside=True)
        for each in range(10):
            with store.change():
                audit.record(store, f"someone {number}", "act", n=each)
        store.close()

    threads = [threading.Thread(target=act, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = open_store(where, read_only=True)
    assert len(list(audit.entries(store))) == 40
    assert audit.broken(store) is None
    store.close()
