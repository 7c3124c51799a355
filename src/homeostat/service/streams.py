"""Events as they come: server-sent events, read from the log from where the client stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import msgspec
from starlette.responses import Response, StreamingResponse

from homeostat.service.problems import Problem
from homeostat.service.replies import SAFE
from homeostat.service.wires import Wires
from homeostat.stores.store import Store, Stored

_AT_ONCE = 200
_BEAT = 15.0  # seconds between signs of life


def event_stream(wires: Wires, name: str, model: int, after: int) -> Response:
    """A reply that goes on until the client leaves; a slow one holds up nobody else."""
    if wires.listeners >= wires.settings.streams:
        raise Problem(503, "too many listeners", f"{wires.settings.streams} listen already", "",
                      {"Retry-After": "10"})  # fmt: skip
    return StreamingResponse(
        _events(wires, name, model, after), headers=SAFE, media_type="text/event-stream"
    )


async def _events(wires: Wires, name: str, model: int, after: int) -> AsyncIterator[bytes]:
    bell = wires.bell.hear(name)
    wires.listeners += 1
    try:
        yield b"retry: 2000\n\n"
        while not wires.closing:
            bell.clear()
            page = await wires.read_in_time(partial(_page, model, after))
            for event in page:
                yield _framed(event.seq, event.kind, event.body)
                after = event.seq
            if len(page) == _AT_ONCE:
                last = await wires.read_in_time(lambda store: store.last_event(model))
                yield b": %d more wait\n\n" % (last - after)
                continue
            try:
                await asyncio.wait_for(bell.wait(), _BEAT)
            except TimeoutError:
                yield b": alive\n\n"
    finally:
        wires.listeners -= 1
        wires.bell.forget(name, bell)


def _page(model: int, after: int, store: Store) -> list[Stored]:
    return store.events(model, after, _AT_ONCE)


def _framed(seq: int, kind: str, body: bytes) -> bytes:
    data = msgspec.json.encode({"seq": seq, "kind": kind, "event": msgspec.Raw(body)})
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, kind.encode(), data)
