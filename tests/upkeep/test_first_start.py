"""What a first start leaves behind, and what a start that is refused does not."""

import json
import socket

import pytest
from click.testing import CliRunner

from homeostat.cli.group import cli
from homeostat.errors import ConfigError
from homeostat.service import beginning
from homeostat.service.beginning import (
    TokenFile,
    check_kept,
    first_token,
    mark,
    note_configuration,
)
from homeostat.stores import audit, open_store
from homeostat.stores.faults import StoreBroken, StoreFull

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


def test_a_configuration_that_changes_is_in_the_audit_log(tmp_path, monkeypatch):
    first, second = {"sha256": "a", "options": {}}, {"sha256": "a", "options": {"port": 1}}
    for each in (first, first, second, second, first):
        note_configuration(tmp_path, each)
    store = open_store(tmp_path)
    told = [(each.actor, each.action, json.loads(each.detail)) for each in audit.entries(store)]
    assert told == [("serve", "configuration", each) for each in (first, second, first)]
    assert audit.broken(store) is None

    def full(*_, **__):
        raise StoreFull("no room")

    with monkeypatch.context() as patch:
        patch.setattr(audit, "record", full)
        note_configuration(tmp_path, second)  # which may be what makes room
    assert len(list(audit.entries(store))) == 3
    note_configuration(tmp_path, second)
    assert len(list(audit.entries(store))) == 4
    store.close()


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
    assert f"cannot listen on 127.0.0.1 port {port}: it is taken; " in said
    assert "Errno" not in said
    assert "attempting" not in said
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


def test_help_tells_the_statuses():
    said = CliRunner().invoke(cli, ["serve", "--help"]).output
    lines = said.partition("Exit status:")[2].split("\n")
    assert [line.split()[0] for line in lines[1:4]] == ["0", "1", "2"]


# The file of the first token ----------------------------------------------------------------------


def test_somebody_elses_file_stops_the_first_start(tmp_path):
    file = tmp_path / "token"
    file.write_text("mine")
    said = refused("--data", tmp_path / "data", "--port", 0, "--token-file", file)
    assert "there is a file already" in said
    assert "name one that is not there, or remove it" in said
    assert file.read_text() == "mine"
    assert not (tmp_path / "data").exists()


def test_it_stops_it_also_in_a_folder_that_is_there(tmp_path):
    """And the next start, with a file that may be written, is the first one."""
    file, told = tmp_path / "token", []
    file.write_text("mine")
    said = refused("--data", tmp_path, "--port", 0, "--token-file", file)
    assert "there is a file already" in said
    assert file.read_text() == "mine"
    first_token(tmp_path, told.append)
    assert len(told) == 1


@pytest.mark.parametrize("where", ["none/token", "."], ids=["no folder", "a folder"])
def test_a_token_file_that_cannot_be(tmp_path, where):
    file = tmp_path / where
    said = refused("--data", tmp_path / "data", "--port", 0, "--token-file", file)
    assert "--token-file" in said
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("before", [None, ""], ids=["not there", "empty"])
def test_what_an_interrupted_first_start_wrote_is_replaced(tmp_path, before):
    file, folder = tmp_path / "token", tmp_path / "data"
    folder.mkdir()
    if before is not None:
        file.write_text(before)
    TokenFile(file, folder).write("hs_1_one")
    TokenFile(file, folder).write("hs_2_two")
    assert file.read_text() == "hs_2_two\n"
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError, match="there is a file already"):
        TokenFile(file, tmp_path).write("hs_3_three")  # another folder's
    file.write_text("mine")
    with pytest.raises(ConfigError, match="there is a file already"):
        TokenFile(file, folder).write("hs_3_three")
    assert file.read_text() == "mine"


@pytest.mark.parametrize("done", range(4))
def test_killed_within_writing_it_the_next_start_writes_it(tmp_path, monkeypatch, done):
    """After each of the writes that one takes: the file is known as ours at every instant."""
    file = tmp_path / "token"
    TokenFile(file, tmp_path).write("hs_1_one")
    write, left = beginning._write, [None] * done

    def until_killed(path, text):
        if not left:
            raise KeyboardInterrupt
        left.pop()
        write(path, text)

    monkeypatch.setattr(beginning, "_write", until_killed)
    if done < 3:
        with pytest.raises(KeyboardInterrupt):
            TokenFile(file, tmp_path).write("hs_2_two")
    else:
        TokenFile(file, tmp_path).write("hs_2_two")
    monkeypatch.setattr(beginning, "_write", write)
    TokenFile(file, tmp_path).write("hs_3_three")
    assert file.read_text() == "hs_3_three\n"


def test_the_folder_does_not_hold_the_token(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    first_token(folder, TokenFile(tmp_path / "token", folder).write)
    secret = (tmp_path / "token").read_text().strip().encode()
    assert all(secret not in path.read_bytes() for path in folder.iterdir())


# A folder that was in use -------------------------------------------------------------------------


def in_use(folder):
    folder.mkdir()
    first_token(folder, lambda _: None)
    mark(folder)
    check_kept(folder)
    return folder / "homeostat.db"


SPOILED = {"gone": None, "empty": b"", "cut off": b"SQLite format 3\0", "within": bytes(4095)}


@pytest.mark.parametrize("way", SPOILED)
def test_a_database_that_vanished_is_no_first_start(tmp_path, way):
    folder = tmp_path / "data"
    database = in_use(folder)
    if SPOILED[way] is None:
        database.unlink()
    else:
        database.write_bytes(SPOILED[way])
    said = refused("--data", folder, "--port", 0)
    assert "was in use" in said
    assert f"homeostat restore BACKUP --data {folder} --replace" in said
    assert "admin token" not in said
    assert (database.read_bytes() if database.exists() else None) == SPOILED[way]


@pytest.mark.parametrize("kept", [0.25, 0.5])
def test_a_database_that_is_cut_off_later_is_refused_too(tmp_path, kept):
    folder = tmp_path / "data"
    database = in_use(folder)
    body = database.read_bytes()
    database.write_bytes(body[: int(len(body) * kept)])
    said = refused("--data", folder, "--port", 0)
    assert "admin token" not in said
    assert "homeostat doctor" in said


def test_a_log_without_its_database_is_no_first_start(tmp_path):
    """Of a folder that was in use before folders were marked; SQLite would drop the log."""
    log = tmp_path / "homeostat.db-wal"
    log.write_bytes(b"what is left")
    with pytest.raises(StoreBroken, match="is gone"):
        check_kept(tmp_path)
    assert log.read_bytes() == b"what is left"


def test_an_empty_folder_and_one_whose_first_start_was_killed_are_new(tmp_path):
    check_kept(tmp_path)
    (tmp_path / "homeostat.db").touch()
    check_kept(tmp_path)
    first_token(tmp_path, lambda _: None)
    check_kept(tmp_path)


def test_a_folder_is_marked_once_its_database_is_there(tmp_path):
    in_use(tmp_path / "data")
    path = tmp_path / "data" / "begun"
    assert path.stat().st_mode & 0o777 == 0o600


# The configuration --------------------------------------------------------------------------------

WRONG = """
[service]
prot = 1
streams = "x"

[[service.sinks]]
type = "webhok"

[[service.sinks]]
type = "webhook"
url = "https://example.org/hook"
secrets = ["env:HOMEOSTAT_NOT_SET"]
give_up_after = "long"

[[service.registries]]
type = "mlfow"

[retraining]
[retraining.trainer]
type = "comand"

[models.shop.retraining.trainer]
type = "command"
argv = ["true"]

[models.shop.retraining.scorer]
type = "nobody"
"""

LACKING = """
[service]
tls_cert = "none.pem"
tls_key = "none.pem"
store = "env:HOMEOSTAT_NO_STORE"

[service.telemetry]
endpoint = "env:HOMEOSTAT_NO_ENDPOINT"

[[service.sinks]]
name = "ops"
type = "webhook"
url = "https://example.org/hook"
secrets = ["env:HOMEOSTAT_NO_SINK"]

[[service.registries]]
type = "mlflow"
url = "https://example.org"
token = "env:HOMEOSTAT_NO_REGISTRY"

[retraining.trainer]
type = "http"
url = "https://example.org/train"
token = "env:HOMEOSTAT_NO_TRAINER"

[models.shop.retraining.trainer]
type = "command"
argv = ["true"]

[models.shop.retraining.scorer]
type = "open_inference"
url = "https://example.org"
token = "env:HOMEOSTAT_NO_SCORER"
"""


def said_of(tmp_path, text):
    config = tmp_path / "homeostat.toml"
    config.write_text(text)
    said = refused("--config", config, "--data", tmp_path / "data", "--port", 0)
    assert "admin token" not in said
    assert not (tmp_path / "data").exists()
    return said


def test_all_that_is_misspelt_is_told_at_once(tmp_path):
    said = said_of(tmp_path, WRONG)
    for word in ("service.prot", "streams", "webhok", "give_up_after", "mlfow", "comand", "nobody"):
        assert word in said
    assert "7 things are wrong" in said


def test_a_loop_without_a_trainer_is_told(tmp_path):
    said = said_of(tmp_path, "[models.shop.retraining.rules]\nper_day = 1\n")
    assert "models.shop.retraining: has no trainer" in said
    assert "[models.shop.retraining.trainer]" in said


def test_all_that_is_missing_is_told_before_anything_is_made(tmp_path):
    said = said_of(tmp_path, LACKING)
    assert "none.pem" in said
    for name in ("STORE", "ENDPOINT", "SINK", "REGISTRY", "TRAINER", "SCORER"):
        assert f"HOMEOSTAT_NO_{name}" in said
    assert "7 things are wrong" in said


def test_one_thing_is_told_without_a_number(tmp_path):
    said = said_of(tmp_path, "[service]\nprot = 1\n")
    assert "service.prot: no such setting" in said
    assert "things are wrong" not in said


def test_a_certificate_that_is_none(tmp_path):
    (tmp_path / "not.pem").write_text("not a certificate")
    place = tmp_path / "not.pem"
    said = said_of(tmp_path, f"[service]\ntls_cert = '{place}'\ntls_key = '{place}'\n")
    assert "are no certificate and its key" in said
