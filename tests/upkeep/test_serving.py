"""The commands beside a server that runs."""

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest
from click.testing import CliRunner

from homeostat.cli.configuration import configured_by
from homeostat.cli.group import cli
from homeostat.upkeep.following import NoAnswer, Service

CONFIG = """
[[detectors]]
type = "page_hinkley"
on = "latency_ms"
"""


def record(number, latency=5.0):
    return {
        "model_version": "v1", "predicted_label": "a", "latency_ms": latency, "model": "shop",
        "created_at": f"2026-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z",
        "record_id": f"r{number}",
    }  # fmt: skip


class Served:
    """A real server in a process of its own."""

    def __init__(self, place):
        self.place, self.data = place, place / "data"
        self.start()

    def start(self, port=0):
        command = [sys.executable, "-m", "homeostat", "serve", "--port", str(port)]
        command += ["--data", str(self.data), "--token-file", str(self.place / "token")]
        self.process = subprocess.Popen(
            command, cwd=self.place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        said = ""
        for line in self.process.stdout:
            said += line
            if found := re.search(r"serves (http://\S+?:\d+)", line):
                self.url = found[1]
                return
        self.process.communicate()
        raise AssertionError(said)

    @property
    def port(self):
        return int(self.url.rpartition(":")[2])

    def ask(self, path, token, body=None):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.communicate(timeout=30)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    place = tmp_path_factory.mktemp("served")
    one = Served(place)
    yield one
    one.end()


def homeostat(*args):
    result = CliRunner().invoke(cli, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return result.stdout


def admin(served):
    return (served.place / "token").read_text().strip()


def test_a_token_counts_at_once_and_soon_no_longer_when_revoked(served):
    token = homeostat("token", "create", "--scope", "read", "--data", served.data).strip()
    assert served.ask("/v1/models", token)["models"] is not None
    homeostat("token", "revoke", token, "--data", served.data)

    def ask_on():
        for _ in range(10_000):  # it counts half a second longer
            served.ask("/v1/models", token)

    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask_on()


def test_what_it_is_configured_by_is_in_the_audit_log(served):
    told = [json.loads(each) for each in homeostat("audit", "--data", served.data).splitlines()]
    (found,) = [each for each in told if each["action"] == "configuration"]
    assert (found["actor"], found["detail"]) == ("serve", {"options": {"port": 0}})


def test_a_configuration_is_known_by_what_is_in_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert configured_by(None) == {}
    (tmp_path / "homeostat.toml").write_text("# none")
    told = {"file": "homeostat.toml", "sha256": hashlib.sha256(b"# none").hexdigest()}
    assert configured_by(None) == told
    assert configured_by("homeostat.toml") == told


def test_a_backup_beside_traffic_is_a_prefix(served, tmp_path):
    token = admin(served)
    enough, stop, sent = threading.Event(), threading.Event(), []

    def traffic():
        while not stop.is_set():
            first = 5000 + 50 * len(sent)
            body = [record(number) for number in range(first, first + 50)]
            sent.append(served.ask("/v1/records", token, body)["accepted"])
            if len(sent) > 5:
                enough.set()

    thread = threading.Thread(target=traffic)
    thread.start()
    try:
        assert enough.wait(30)
        before = sum(sent)
        homeostat("backup", tmp_path / "kept", "--data", served.data)
    finally:
        stop.set()
        thread.join()
    doctor = CliRunner().invoke(cli, ["doctor", "--json", "--data", str(served.data)])
    assert [each for each in json.loads(doctor.stdout)["findings"] if not each["ok"]] == []
    homeostat("restore", tmp_path / "kept", "--data", tmp_path / "new")
    other = Served.__new__(Served)
    other.place, other.data = tmp_path, tmp_path / "new"
    other.start()
    status = other.ask("/v1/models/shop/status", token)
    again = other.ask("/v1/records", token, [record(number) for number in range(5000, 5300)])
    other.end()
    assert before <= status["records"] <= sum(sent)
    assert status["records"] % 50 == 0
    assert (again["duplicates"], again["accepted"]) == (300, 0)


def test_following_over_http_goes_on_after_the_server_was_killed(served):
    token = admin(served)
    port = served.port
    service = Service(served.url, token)
    served.ask("/v1/records", token, [record(number) for number in range(1000)])
    told(served, 3)
    waits = []

    def wait(seconds):  # called when the connection has ended
        waits.append(seconds)
        with contextlib.suppress(ProcessLookupError):
            if served.process.poll() is not None:
                served.start(port)
        if len(waits) > 50:
            raise AssertionError

    stream = service.events("shop", 0, True, wait)
    first = [next(stream).seq for _ in range(3)]
    served.end(signal.SIGKILL)
    told(served, 5)
    found = first + [next(stream).seq for _ in range(2)]
    stream.close()
    assert found == [1, 2, 3, 4, 5]
    assert waits


def told(served, last):
    """Put events in the log until it has so many, as the engine would."""
    from homeostat.stores import open_store

    store = open_store(served.data)
    number = next(each.number for each in store.models() if each.name == "shop")
    with store.change():
        first = store.last_event(number) + 1
        events = [("Custom", b'{"Custom": {}}')] * (last + 1 - first)
        store.add_events(number, first, events, 1)
    store.close()


def test_pages_over_http_by_the_command(served, tmp_path):
    file = served.place / "token"
    out = homeostat("events", "shop", "--url", served.url, "--token-file", file, "--limit", 2)
    assert [json.loads(line)["seq"] for line in out.splitlines()] == [1, 2]


def refused(*args):
    result = CliRunner().invoke(cli, [str(arg) for arg in args])
    assert "Traceback" not in result.output
    return result.exit_code, result.stderr


def test_what_the_service_refuses_is_told(served, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("hs_aa_bb\n")
    events = ("events", "shop", "--url", served.url)
    code, text = refused(*events, "--token-file", wrong)
    assert (code, "401 this token is not known" in text) == (1, True)
    code, text = refused("events", "shpo", "--url", served.url, "--token-file",
                         served.place / "token")  # fmt: skip
    assert (code, "404" in text and "did you mean 'shop'?" in text) == (1, True)
    assert refused(*events)[0] == 2
    code, text = refused("events", "shop", "--url", "file:///etc", "--token-file", wrong)
    assert (code, "no address of a service" in text) == (1, True)


def test_nobody_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        service = Service(f"http://127.0.0.1:{taken.getsockname()[1]}", "x")
        with pytest.raises(NoAnswer, match="refused"):
            next(service.events("a", 0, False, lambda _: None))


def test_a_redirect_does_not_take_the_token_elsewhere():
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer():
            for _ in range(2):
                with contextlib.suppress(OSError):
                    server.settimeout(30)
                    connection, _ = server.accept()
                    with connection:
                        heard.append(connection.recv(65536))
                        place = f"http://127.0.0.1:{port}/elsewhere"
                        connection.sendall(
                            f"HTTP/1.1 302 Found\r\nLocation: {place}\r\n"
                            "Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
                        )

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(NoAnswer, match="302"):
            next(Service(f"http://127.0.0.1:{port}", "x").events("a", 0, False, lambda _: None))
    assert len(heard) == 1


def test_two_servers_on_a_folder_and_a_doctor_beside(served):
    assert os.path.exists(served.data / "lock")
    doctor = CliRunner().invoke(cli, ["doctor", "--json", "--data", str(served.data)])
    found = {each["check"]: each for each in json.loads(doctor.stdout)["findings"]}
    assert found["server"]["seen"] == "a server runs"
