"""The real service in a process of its own, and raw connections to it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx

CONFIG = """
[[metrics]]
type = "accuracy"
window = 50

[service]
durability = "fast"
headers = 1.0
connections = 60
grace = 5.0

[service.body]
seconds = 1.0
patience = 0.5
"""


class Live:
    """`homeostat serve` on a free port."""

    def __init__(self, home, config=CONFIG, environment=None, shell=""):
        self.home = Path(home)
        (self.home / "homeostat.toml").write_text(config)
        self._errors = (self.home / "stderr").open("wb")
        serve = "-m homeostat serve --port 0 --data data --token-file token"
        self.process = subprocess.Popen(
            ["sh", "-c", f'{shell} exec "$0" {serve}', sys.executable],
            cwd=self.home, stdout=subprocess.PIPE, stderr=self._errors,
            env={**os.environ, "PYTHONWARNINGS": "error", **(environment or {})},
        )  # fmt: skip
        self.url = self._told()
        self.port = int(self.url.rpartition(":")[2])
        self.token = (self.home / "token").read_text().strip()

    def _told(self):
        """The address that it tells when it is up."""
        for line in self.process.stdout:
            if line.startswith(b"homeostat serves"):
                return line.split()[2].rstrip(b",").decode()
        raise AssertionError(self.log())

    def log(self):
        """All that it wrote to stderr."""
        return (self.home / "stderr").read_text()

    def alive(self):
        """Whether it still answers."""
        return self.process.poll() is None and self.get("/healthz").status_code == 200

    def get(self, path, **more):
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.get(self.url + path, headers=headers, timeout=30, **more)

    def connect(self):
        """A raw connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def raw(self, *parts):
        """Send bytes, and read until the service closes the connection."""
        with self.connect() as one:
            for part in parts:
                one.sendall(part)
            return heard(one)

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.process.stdout.close()
        self._errors.close()


def heard(one):
    """All bytes until the connection ends."""
    said = b""
    try:
        while part := one.recv(65536):
            said += part
    except ConnectionError:
        pass
    return said
