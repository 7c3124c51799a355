"""Senders that do not care whether a service can follow, and what it owes them nevertheless."""

import asyncio
import json
import threading
import time
from collections import Counter
from pathlib import Path

from obligations import opened
from serving import BROKEN_OFF

from homeostat.service.wires import now
from homeostat.stores.packing import unpack_batch
from homeostat.stores.store import RECORDS

MODEL = "m0"
_MARK = "@@@@@@@@"
READS = ("/healthz", "/readyz", f"/v1/models/{MODEL}/status", "/v1/models", "/metrics")


class Batches:
    """Bodies of so many records each, with ids of their own, made without much ado."""

    def __init__(self, rows):
        self.rows, self._next = rows, 0
        records = [
            {"record_id": f"{_MARK}-{n}", "model": MODEL, "model_version": "v1",
             "predicted_label": "ab"[n % 2], "latency_ms": n % 40,
             "created_at": "2026-03-01T00:00:00Z"}
            for n in range(rows)
        ]  # fmt: skip
        self._body = json.dumps(records).encode()

    def __next__(self):
        """A number, and the body that has it in all its ids."""
        self._next += 1
        return self._next, self.body(self._next)

    def body(self, number):
        return self._body.replace(_MARK.encode(), b"%08d" % number)

    def ids(self, number):
        return [f"{number:08d}-{n}" for n in range(self.rows)]


class Reply:
    """What came back: `status` 0 where the connection broke off instead."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def right(self):
        """Taken, or refused for now with when to come again."""
        if self.status in (429, 503):
            return int(self.headers.get("retry-after", 0)) > 0
        return self.status == 200


class Crowd:
    """Connections that send batches all at once, one after another on each.

    `every`: seconds between two batches of all of them together, however the service answers;
    None for as soon as the last was answered. Batches that were refused are in `owed`, those of
    which nobody knows, because the connection broke off, in `unsure`.
    """

    def __init__(self, server, batches, n, every=None):
        self.taken, self.owed, self.unsure, self.wrong = [], [], [], []
        self.statuses = Counter()
        self.sent = 0
        self._server, self._batches, self._n, self._every = server, batches, n, every
        self._token = (server.home / "token").read_text().strip()

    def run(self, enough):
        """Send until `enough(crowd)`; seconds that took."""
        began = time.monotonic()
        asyncio.run(self._all(enough, began))
        return time.monotonic() - began

    async def _all(self, enough, began):
        await asyncio.gather(*(self._one(at, enough, began) for at in range(self._n)))

    async def _one(self, at, enough, began):
        link, turn = None, at
        while not enough(self):
            if self._every is not None:
                await asyncio.sleep(began + turn * self._every - time.monotonic())
                turn += self._n
            number, body = next(self._batches)
            self.sent += 1
            try:
                link = link or await asyncio.open_connection("127.0.0.1", self._server.port)
                reply = await self._posted(link, body)
            except (OSError, EOFError):
                reply = Reply(0, {}, b"")
            self._note(number, reply)
            if reply.status == 0 or reply.headers.get("connection") == "close":
                if link is not None:
                    link[1].close()
                link = None
        if link is not None:
            link[1].close()

    async def _posted(self, link, body):
        reader, writer = link
        writer.write(
            b"POST /v1/records HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %b\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % (self._token.encode(), len(body))
        )
        writer.write(body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        read = await reader.readexactly(int(headers.get("content-length", 0)))
        return Reply(int(lines[0].split()[1]), headers, read)

    def _note(self, number, reply):
        self.statuses[reply.status] += 1
        into = {200: self.taken, 0: self.unsure}.get(reply.status, self.owed)
        into.append(number)
        if reply.status and not reply.right:
            self.wrong.append((reply.status, reply.headers, reply.body[:200]))


class Looker(threading.Thread):
    """Reads meanwhile, one thing after another; how long each took, and the process's memory.

    A look is told within `answer`, a second, unless the store is stuck: then what was known last.
    """

    def __init__(self, server, pause=0.0, pages=READS):
        super().__init__(daemon=True)
        self.took, self.problem, self.memory = [], None, 0
        self._server, self._pause, self._pages = server, pause, pages
        self._ending = threading.Event()

    def run(self):
        link = self._server.link()
        while not self._ending.wait(self._pause):
            for path in self._pages:
                began = time.monotonic()
                try:
                    status = link.status(path)
                except BROKEN_OFF as error:
                    link.close()
                    status, link = error, self._server.link()
                self.took.append(time.monotonic() - began)
                if status != 200:
                    self.problem = self.problem or (path, status)
            self.memory = max(self.memory, resident(self._server.process.pid))
        link.close()

    def end(self):
        """Stop, and raise what was wrong."""
        self._ending.set()
        self.join()
        assert self.problem is None, self.problem
        return self


def resident(pid):
    """Bytes of memory that a process holds now."""
    told = Path(f"/proc/{pid}/status").read_text()
    return int(told.partition("VmRSS:")[2].split()[0]) << 10


def kept(folder):
    """The ids in the journal, as often as they are there."""
    store, ledger = opened(folder, clock=now)
    try:
        number = ledger.accounts[MODEL].number
        return Counter(
            one
            for fact in store.facts(number, 0)
            if fact.kind == RECORDS
            for one in unpack_batch(fact.body, MODEL, fact.place).column("record_id").tolist()
        )
    finally:
        store.close()


def settle(server, batches, owed):
    """Send again, one by one, what was not taken; how many of it had been kept all the same."""
    link, there = server.link(), 0
    for number in owed:
        status, _, told = link("POST", "/v1/records", batches.body(number))
        assert status == 200, told
        assert told["accepted"] + told["duplicates"] == batches.rows
        there += told["duplicates"] == batches.rows
    link.close()
    return there


def hold_to(server, batches, numbers):
    """After an orderly end the journal has exactly these batches, each once."""
    assert server.stop() == 0, server.said()
    assert kept(server.data) == Counter(one for number in numbers for one in batches.ids(number))
