"""Events as they come: server-sent events, read from the log from where the client stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from homeostat.service.guard import Counts
from homeostat.service.problems import Problem
from homeostat.service.replies import SAFE
from homeostat.service.wires import Wires

_BEAT = 15.0  # seconds between signs of life


def event_stream(wires: Wires, request: Request, model: int, after: int) -> Response:
    """A reply that goes on until the client leaves, or its token counts no more.

    A slow one holds up nobody else.
    """
    if wires.listeners >= wires.settings.streams:
        raise Problem(503, "too many listeners", f"{wires.settings.streams} listen already", "",
                      {"Retry-After": "10"})  # fmt: skip
    return StreamingResponse(
        _events(wires, request.path_params["model"], model, after, counts_of(request)),
        headers=SAFE, media_type="text/event-stream",
    )  # fmt: skip


def counts_of(request: Request) -> Counts:
    """What tells whether the token of a request counts still."""
    counts: Counts = request.scope["homeostat.counts"]
    return counts


async def _events(
    wires: Wires, name: str, model: int, after: int, counts: Counts
) -> AsyncIterator[bytes]:
    bell = wires.bell.hear(name)
    wires.listeners += 1
    try:
        yield b"retry: 2000\n\n"
        while not wires.closing:
            await wires.turns.mine()
            bell.clear()
            page = await wires.frames.after(name, model, after)
            if not await counts():  # asked once that is read, so that nothing later is told
                break
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
