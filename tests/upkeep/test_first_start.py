"""What a first start leaves behind, and what a start that is refused does not."""

import socket

import pytest
from click.testing import CliRunner

from homeostat.cli.group import cli
from homeostat.service.server import first_token
from homeostat.stores import audit, open_store

UNSET = """
[[service.sinks]]
name = "ops"
type = "webhook"
url = "https://example.org/hook"
secrets = ["env:HOMEOSTAT_NOT_SET"]
"""


def refused(*args):
    result = CliRunner().invoke(cli, ["serve", *(str(each) for each in args)])
    assert result.exit_code not in (0, None)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.output


def test_the_first_token_is_in_the_audit_log(tmp_path):
    told = []
    first_token(tmp_path, told.append)
    first_token(tmp_path, told.append)
    (text,) = told
    store = open_store(tmp_path)
    try:
        (entry,) = audit.entries(store)
        assert audit.broken(store) is None
    finally:
        store.close()
    assert (entry.actor, entry.action) == ("serve", "token create")
    number, secret = text.split("_")[1:3]
    assert number in entry.detail
    assert secret not in entry.detail


def test_a_secret_that_is_not_set_stops_it_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.delenv("HOMEOSTAT_NOT_SET", raising=False)
    config = tmp_path / "homeostat.toml"
    config.write_text(UNSET)
    said = refused("--config", config, "--data", tmp_path / "data", "--port", 0)
    assert "HOMEOSTAT_NOT_SET" in said
    assert "admin token" not in said
    assert not (tmp_path / "data").exists()


def test_a_busy_port_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        said = refused("--data", tmp_path / "data", "--port", port)
    assert f"port {port}" in said
    assert "admin token" not in said
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("below", [False, True], ids=["itself", "below"])
def test_a_file_in_place_of_the_folder_is_told(tmp_path, monkeypatch, below):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "file"
    file.write_text("mine")
    folder = file / "data" if below else file
    said = refused("--data", folder, "--port", 0)
    assert "cannot be used as a folder" in said
    assert file.read_text() == "mine"
