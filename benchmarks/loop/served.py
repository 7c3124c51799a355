"""`homeostat serve` in a process of its own, which can be killed and is then started again."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from homeostat.stores import jobs, open_store, versions
from homeostat.stores.store import Store

PATIENCE = 300.0  # seconds, after which something is wrong


class Server:
    """`homeostat serve` in a process of its own, that can be ended and started again."""

    def __init__(self, folder: Path, config: str, variables: Mapping[str, str]) -> None:
        self.folder, self.starts, self._variables = folder, 0, variables
        (folder / "homeostat.toml").write_text(config)
        self.start()
        self.token = (folder / "token").read_text().strip()

    def start(self) -> None:
        self.starts += 1
        command = [sys.executable, "-m", "homeostat", "serve", "--port", "0", "--data", "data",
                   "--token-file", "token"]  # fmt: skip
        with (self.folder / "stderr").open("ab") as errors:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdout=subprocess.PIPE, stderr=errors, text=True,
                env={**os.environ, **self._variables},
            )  # fmt: skip
        assert self.process.stdout is not None
        line = ""
        while "homeostat serves" not in line:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError((self.folder / "stderr").read_text()[-2000:])
        self.address = line.split()[2].rstrip(",").partition("//")[2]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> dict:
        """Asked until it is answered; one that was killed is started again first."""
        while True:
            try:
                return self._asked(method, path, body, kind)
            except (OSError, http.client.HTTPException):
                if self.process.wait(PATIENCE) != -signal.SIGKILL:
                    raise
                self.start()

    def _asked(self, method: str, path: str, body: bytes | None, kind: str) -> dict:
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        try:
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            said = reply.read()
        finally:
            connection.close()
        if reply.status != 200:
            raise RuntimeError(f"{path}: {reply.status} {said[:1000]!r}")
        return json.loads(said)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @contextmanager
    def store(self) -> Iterator[Store]:
        """What the service has kept, to be read."""
        store = open_store(self.folder / "data", read_only=True)
        try:
            yield store
        finally:
            store.close()

    def rest(self, model: str) -> None:
        """Wait until nothing is left to do for a model."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with suppress(FileNotFoundError), self.store() as store:
                if rested(store, model):
                    return
            if self.process.poll() == -signal.SIGKILL:
                self.start()
            time.sleep(0.05)
        raise RuntimeError("the service does not come to rest")

    def heard(self, model: str, kinds: Sequence[str]) -> list[dict]:
        """What the service told of a model, in order."""
        with self.store() as store:
            found = store.events(numbered(store, model), 0, 1_000_000, kinds)
            return [{"kind": e.kind, **json.loads(e.body)[e.kind]} for e in found]


def numbered(store: Store, model: str) -> int:
    return next(each.number for each in store.models() if each.name == model)


def rested(store: Store, model: str) -> bool:
    """Whether no job is open, and comparison and leader have seen all that has come."""
    number = numbered(store, model)
    if jobs.all_of(store, number, jobs.OPEN, 1):
        return False
    if any(look.model == number for look in versions.looks(store)):
        return False
    progress, lead = versions.progress(store, number), versions.lead_of(store, number)
    waits = [progress.cursor] if progress else []
    if lead is not None and len(lead.since) > 1:
        waits.append(lead.cursor)
    return all(store.fact_at(number, cursor) is None for cursor in waits)
