"""A connection: how many there may be, how long and how large the headers of a request."""

from __future__ import annotations

import asyncio
import socket
from typing import ClassVar

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from homeostat.service.problems import Problem

_MOST_HEADERS = 200
_MOST_BYTES = 64 << 10  # of the address and all headers
_UNSENT = 128 << 10  # bytes that the system keeps of what a client does not take; else 4 MB
_SPARE = 64  # connections beyond the limit that are still told so


class Connection(HttpToolsProtocol):
    """Uvicorn's, that ends when headers take too long, whatever trickles in, or are too many.

    Make one of its own for each service with `connection_of`. Requests on more connections than
    there may be are told to come again later; `/healthz` is answered all the same.
    """

    seconds: ClassVar[float] = 10.0
    most: ClassVar[int] = 1024

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.limit_concurrency = None  # uvicorn's own answer does not say when to come again
        self._asked = self.app
        link = transport.get_extra_info("socket")
        if link is not None:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNSENT)
        self._size = self._count = 0
        self._deadline = self.loop.call_later(self.seconds, self._late)
        if len(self.connections) > self.most + _SPARE:
            transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._size = self._count = 0

    def on_url(self, url: bytes) -> None:
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count += 1
        self._grow(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._deadline.cancel()
        full = len(self.connections) > self.most and self.url != b"/healthz"
        self.app = _full if full else self._asked
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._deadline.cancel()
        if not self.transport.is_closing():
            wait = self.seconds + self.timeout_keep_alive
            self._deadline = self.loop.call_later(wait, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        super().connection_lost(exc)

    def _grow(self, n: int) -> None:
        self._size += n
        if self._size > _MOST_BYTES or self._count > _MOST_HEADERS:
            raise ValueError("the headers are too large")  # the parser answers 400, and closes

    def _late(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


async def _full(scope: Scope, receive: Receive, send: Send) -> None:
    told = Problem(
        503, "overloaded", "there are as many connections as there may be", "send again later",
        {"Retry-After": "1", "Connection": "close"},
    )  # fmt: skip
    await told.reply()(scope, receive, send)


def connection_of(seconds: float, most: int) -> type[Connection]:
    """Connections that have so many seconds for the headers of a request; at most so many."""
    return type("Connection", (Connection,), {"seconds": seconds, "most": most})
