"""A real service in a process of its own, and one that does as it is told."""

import gzip
import http.client
import json
import re
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import homeostat as hs

CONFIG = """
[[metrics]]
type = "accuracy"
window = 50

[[metrics]]
type = "f1"
window = 80

[[metrics]]
type = "latency_ms_ewma"
alpha = 0.3

[[detectors]]
type = "adwin"
on = "error"
delta = 0.002
"""


class Service:
    """A running `homeostat serve`."""

    def __init__(self, url, token):
        self.url, self.token = url, token
        self._place = re.fullmatch(r"http://(.*):(\d+)", url).groups()

    def get(self, path):
        connection = http.client.HTTPConnection(self._place[0], int(self._place[1]), timeout=30)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
            reply = connection.getresponse()
            told = json.loads(reply.read())
            assert reply.status == 200, told
            return told
        finally:
            connection.close()

    def status(self, model):
        return self.get(f"/v1/models/{model}/status")

    def client(self, **settings):
        return hs.Client(self.url, self.token, **settings)


@contextmanager
def serving(folder, config=CONFIG):
    """A service in this folder, as long as it is needed."""
    (folder / "homeostat.toml").write_text(config)
    command = [
        sys.executable, "-m", "homeostat", "serve", "--port", "0",
        "--data", "data", "--token-file", "token",
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            told = "".join(process.stdout.readline() for _ in range(2))
            url = re.search(r"http://\S+?:\d+", told).group()
            yield Service(url, (folder / "token").read_text().strip())
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("service")) as one:
        yield one


@pytest.fixture
def slow_service(tmp_path):
    """One that takes a request of a token every two seconds."""
    rates = "[service.rates]\nrequests = 0.5\nburst = 2.0\n"
    with serving(tmp_path, CONFIG + rates) as one:
        yield one


class Fake:
    """Counts each id once, unless the next step of its script is something else.

    A step gets the handler of the request and its lines; it returns whether the reply is done.
    """

    def __init__(self):
        self.script = []
        self.requests = []  # path, headers, lines
        self.known = set()
        self.released = threading.Event()  # hanging ones end when this is set
        self.arrived = threading.Semaphore(0)
        self._lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                fake.handle(self, [json.loads(line) for line in body.split(b"\n")])

            def log_message(self, *told):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, address):  # the client hung up, as it may
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def handle(self, handler, lines):
        with self._lock:
            self.requests.append((handler.path, dict(handler.headers), lines))
            step = self.script.pop(0) if self.script else None
        self.arrived.release()
        if step is None:
            reply(handler, 200, self.commit(lines))
        else:
            step(self, handler, lines)

    def commit(self, lines):
        with self._lock:
            new = {line["record_id"] for line in lines} - self.known
            self.known |= new
        return {"accepted": len(new), "duplicates": len(lines) - len(new), "rejected": []}

    def client(self, **settings):
        usual = {"linger": 0.0, "backoff": 0.001}
        return hs.Client(self.url, "a-token", **{**usual, **settings})

    def close(self):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


def reply(handler, status, told=None, **headers):
    body = json.dumps(told if told is not None else {"problem": "as told"}).encode()
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


class Steps:
    """What a fake may do in place of a good answer."""

    @staticmethod
    def answers(status, told=None, **headers):
        return lambda fake, handler, lines: reply(handler, status, told, **headers)

    @staticmethod
    def hangs(fake, handler, lines):
        fake.released.wait(30)
        handler.close_connection = True

    @staticmethod
    def trickles(fake, handler, lines):
        """A byte now and then: every single read succeeds, the whole never ends."""
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not fake.released.wait(0.01):
            handler.wfile.write(b"x")

    @staticmethod
    def hangs_up(fake, handler, lines):
        _hang_up(handler)

    @staticmethod
    def commits_and_hangs_up(fake, handler, lines):
        fake.commit(lines)
        _hang_up(handler)

    @staticmethod
    def commits_and_stops_within_the_reply(fake, handler, lines):
        fake.commit(lines)
        handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{"accepted": 1')
        _hang_up(handler)


def _hang_up(handler):
    handler.wfile.flush()
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def fake():
    server = Fake()
    yield server
    server.close()


@pytest.fixture
def steps():
    return Steps


@pytest.fixture
def adds_up():
    """Checks that nothing was lost from the counts."""

    def check(stats):
        parts = (stats.accepted, stats.duplicates, stats.rejected, stats.dropped, stats.waiting)
        assert stats.given == sum(parts), stats
        return stats

    return check
