"""The real service as a process of its own, that can be killed and started again."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

COMMAND = [sys.executable, "-m", "homeostat"]
BROKEN_OFF = (OSError, http.client.HTTPException)
_LONGEST = 60  # seconds after which a process that is not up never will be


class Server:
    """`homeostat serve` on a folder, which lies in a folder of its own with the token."""

    def __init__(self, home, command=COMMAND, config=None):
        self.home, self.data = Path(home), Path(home) / "data"
        self.command, self.config = command, config
        self.process = self.port = None
        self.started_in = []

    def start(self, crash=None):
        """Run it; returns when it takes requests, or has ended before: then False."""
        began = time.monotonic()
        environment = {**os.environ, "HOMEOSTAT_CRASH": crash or ""}
        options = ["--port", "0", "--data", self.data, "--token-file", self.home / "token"]
        if self.config:
            options += ["--config", self.config]
        with (self.home / "stderr").open("ab") as errors:
            self.process = subprocess.Popen(
                [*self.command, "serve", *map(str, options)],
                stdout=subprocess.PIPE, stderr=errors, env=environment, cwd=self.home,
            )  # fmt: skip
        for line in self.process.stdout:
            if line.startswith(b"homeostat serves"):
                self.port = int(line.split(b",")[0].rpartition(b":")[2])
                self.started_in.append(time.monotonic() - began)
                return True
        self._ended()
        return False

    def kill(self):
        """SIGKILL: nothing is flushed, nobody is told."""
        self.process.kill()
        self._ended()

    def stop(self):
        """SIGTERM, and the status it ends with."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def ended_with(self):
        """The status of a process that has ended by itself; None when it has not."""
        return None if self.process.poll() is None else self._ended()

    def close(self):
        """End it, whatever its state."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def said(self):
        """What it wrote to stderr in all its runs."""
        return (self.home / "stderr").read_text()

    def _ended(self):
        status = self.process.wait(_LONGEST)
        if self.process.stdout:
            self.process.stdout.close()
        return status

    def link(self, timeout=60):
        """A connection; raises OSError when nobody is there."""
        return Link(self.port, (self.home / "token").read_text().strip(), timeout)


class Link:
    """One kept-alive connection with a token."""

    def __init__(self, port, token, timeout):
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self._token = token

    def __call__(self, method, path, body=None, **headers):
        """(status, headers, body as JSON); raises OSError or HTTPException when it breaks off."""
        given = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        self._http.request(method, path, body, given)
        answer = self._http.getresponse()
        read = answer.read()
        return answer.status, dict(answer.headers), json.loads(read)

    def status(self, path):
        """The status of a page, which need not be JSON."""
        self._http.request("GET", path, headers={"Authorization": f"Bearer {self._token}"})
        answer = self._http.getresponse()
        answer.read()
        return answer.status

    def close(self):
        self._http.close()
