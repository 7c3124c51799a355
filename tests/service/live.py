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
headers = 0.3
connections = 60
grace = 5.0

[service.body]
seconds = 0.5
patience = 0.1
"""


class Live:
    """`homeostat serve` on a free port."""

    def __init__(self, home, config=CONFIG, options=()):
        self.home = Path(home)
        (self.home / "homeostat.toml").write_text(config)
        self._errors = (self.home / "stderr").open("wb")
        command = [sys.executable, "-m", "homeostat", "serve", "--port", "0", "--data", "data"]
        self.process = subprocess.Popen(
            [*command, "--token-file", "token", *options],
            cwd=self.home, stdout=subprocess.PIPE, stderr=self._errors,
            env={**os.environ, "PYTHONWARNINGS": "error"},
        )  # fmt: skip
        said = self.process.stdout.readline().decode()
        assert said.startswith("homeostat serves"), self.log()
        self.url = said.split()[2].rstrip(",")
        self.port = int(self.url.rpartition(":")[2])
        self.token = (self.home / "token").read_text().strip()

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
