"""Streams through the whole application: what who listens is told, and until when."""

import asyncio
from datetime import UTC, datetime

import pytest
from house import record

from homeostat.events import RetrainEvent, RetrainRequested
from homeostat.service import callers, streams, tokens
from homeostat.service.frames import AT_ONCE
from homeostat.stores.faults import Busy

STREAMS = ["/v1/models/default/events", "/v1/fleet"]
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """A token counts no longer than the store says, and streams look often."""
    monkeypatch.setattr(callers, "FRESH", 0.0)
    monkeypatch.setattr(streams, "_BEAT", 0.01)


@pytest.fixture
def heard(house):
    async def bind():
        house.wires.bell.bind()

    house.send(record())
    house.run(bind())
    return house


class Listening:
    """A client that reads an event stream, and does not leave."""

    def __init__(self, house, path, token, **headers):
        text = house.tokens.get(token, token)
        given = {"host": "localhost", "accept": "text/event-stream",
                 "authorization": f"Bearer {text}", **headers}  # fmt: skip
        self._scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
            "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(name.encode(), text.encode()) for name, text in given.items()],
            "client": ("127.0.0.1", 1), "server": ("localhost", 80), "root_path": "",
        }  # fmt: skip
        self._app, self._parts = house.app, asyncio.Queue()
        self._task = asyncio.ensure_future(self._app(self._scope, self._receive, self._send))

    async def part(self):
        """The next piece of the body that has something in it."""
        async with asyncio.timeout(30):
            return await self._parts.get()

    async def until(self, text):
        """All that comes up to a piece that has this text."""
        said = b""
        async with asyncio.timeout(30):
            while text not in said:
                said += await self.part()
        return said

    async def to_the_end(self):
        """All that comes until the service ends it."""
        await asyncio.wait_for(self._task, 30)
        return b"".join(self._parts.get_nowait() for _ in range(self._parts.qsize()))

    async def leave(self):
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _receive(self):
        await asyncio.Event().wait()

    async def _send(self, message):
        if message.get("body"):
            self._parts.put_nowait(message["body"])


async def told(house, n=1):
    """So many more events in the log."""

    def tell(ledger):
        event = RetrainRequested(RetrainEvent("v1", "r", AT))
        ledger.accounts["default"].tell([event] * n, ledger.now())

    await house.wires.changed(tell)


async def revoked(house, text):
    await house.wires.changed(lambda led: tokens.revoke(led.store, text.split("_")[1]))


@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_ends_with_its_token(heard, path):
    text = heard.token("read")

    async def listen():
        stream = Listening(heard, path, text)
        await stream.part()
        await revoked(heard, text)
        await told(heard)
        return await stream.to_the_end()

    said = heard.run(listen())
    assert b"RetrainRequested" not in said
    assert b"changed" not in said
    assert heard.wires.listeners == 0


@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_ends_when_its_token_expires(heard, path, monkeypatch):
    text = heard.token("read", expires=1_000)
    monkeypatch.setattr(tokens, "_now", lambda: 999)

    async def listen():
        stream = Listening(heard, path, text)
        await stream.part()
        monkeypatch.setattr(tokens, "_now", lambda: 1_000)
        await stream.to_the_end()

    heard.run(listen())
    assert heard.wires.listeners == 0


def test_a_stream_whose_token_nobody_can_know_ends_in_order(heard, monkeypatch, caplog):
    """The store has been gone for longer than a token that was known counts without it."""

    def gone(*_):
        raise Busy("the store does not answer")

    async def listen():
        stream = Listening(heard, STREAMS[0], "read")
        await stream.part()
        monkeypatch.setattr(callers, "LATELY", 0.0)
        monkeypatch.setattr(tokens, "known", gone)
        await stream.to_the_end()

    heard.run(listen())
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_goes_on_while_its_token_counts(heard, path):
    async def listen():
        stream = Listening(heard, path, "read")
        await stream.part()
        await told(heard)
        if "events" in path:
            await stream.until(b"RetrainRequested")
        else:
            await stream.until(b"event: changed")
        await stream.leave()

    heard.run(listen())
    assert heard.wires.listeners == 0


def test_who_lags_is_told_how_many_more_there_are(heard):
    async def listen():
        await told(heard, AT_ONCE + 70)
        stream = Listening(heard, STREAMS[0], "read", **{"last-event-id": "5"})
        said = await stream.until(b"more wait")
        await stream.leave()
        return said.decode()

    said = heard.run(listen())
    numbers = [int(line[4:]) for line in said.splitlines() if line.startswith("id: ")]
    assert numbers == list(range(6, AT_ONCE + 1))
    assert ": 70 more wait\n\n" in said
