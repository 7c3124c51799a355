"""Events as they come: server-sent events, read from the log from where the client stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from homeostat.service.problems import Problem
from homeostat.service.replies import SAFE
from homeostat.service.wires import Wires

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
            await wires.turns.mine()
            bell.clear()
            page = await wires.frames.after(name, model, after)
            if page.frames:
                yield b"".join(page.frames)
                after = page.numbers[-1]
            if page.full:
                if page.last > after:
                    yield b": %d more wait\n\n" % (page.last - after)
                continue
            try:
                await asyncio.wait_for(bell.wait(), _BEAT)
            except TimeoutError:
                yield b": alive\n\n"
    finally:
        wires.listeners -= 1
        wires.bell.forget(name, bell)
