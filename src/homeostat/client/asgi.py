"""A layer before an ASGI application that sends a record of each prediction it answers with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, MutableMapping
from secrets import token_hex
from time import perf_counter
from typing import Any, TypeAlias

import msgspec

from homeostat.client.client import Client
from homeostat.errors import InvalidInput, InvalidSetting, whole

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Fields: TypeAlias = Mapping[str, Any]

_HEADER = b"x-record-id"
_ID_MOST = 128


class Middleware:
    """Measures chosen paths of an application and sends what `record` makes of each answer.

    `record(request, response)` gets both bodies, decoded from JSON, and gives the fields of a
    record, a list of them, or None for no record; `latency_ms`, `created_at` and `record_id` are
    there already and may be replaced. The answer is passed on as it is, with one more header,
    X-Record-Id, the id for labels; of several records the n-th, from 0, has the id `<id>.<n>`.
    An application that sets this header itself names the record. Only answers with a status from
    200 to 299 are looked at, and bodies of at most `max_body` bytes, which are copied.

    `latency_ms` is from the request to the start of the answer. What goes wrong is counted in
    `client.stats.errors`; nothing of it reaches the application or its users.
    """

    def __init__(
        self, app: App, client: Client, *,
        record: Callable[[Any, Any], Fields | list[Fields] | None],
        paths: Collection[str] | Callable[[str], bool], max_body: int = 64 << 10,
    ) -> None:  # fmt: skip
        if not callable(record):
            raise InvalidSetting("record must be a function of the request and the response")
        if isinstance(paths, str):
            raise InvalidSetting(f"paths must be several, got the text {paths!r}")
        self._app, self._client, self._record = app, client, record
        self._chosen = paths if callable(paths) else frozenset(paths).__contains__
        self._most = whole("max_body", max_body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._watches(scope):
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send, self._most)
        await self._app(scope, exchange.receive, exchange.send)
        if exchange.ended:
            self._tell(exchange)

    def _watches(self, scope: Scope) -> bool:
        try:
            return bool(self._chosen(scope["path"]))
        except Exception as error:
            self._client.complain(error)
            return False

    def _tell(self, exchange: _Exchange) -> None:
        try:
            given = self._record(*exchange.decoded())
            for record_id, fields in _named(given, exchange.record_id):
                self._client.send(**{
                    "latency_ms": exchange.latency_ms, "record_id": record_id, **fields,
                })  # fmt: skip
        except Exception as error:  # it is about a record; the answer is on its way
            self._client.complain(error)


class _Exchange:
    """A request and its answer as they pass by."""

    def __init__(self, receive: Receive, send: Send, most: int) -> None:
        self._receive, self._send = receive, send
        self._began = perf_counter()
        self._request, self._response = _Body(most), _Body(most)
        self._good = False
        self.ended = False  # with a good status, to the last byte
        self.latency_ms = 0.0
        self.record_id = ""

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._request.add(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and 200 <= message["status"] < 300:
            self._good = True
            self.latency_ms = round((perf_counter() - self._began) * 1000, 3)
            message = self._marked(message)
        elif message["type"] == "http.response.body" and self._good:
            self._response.add(message.get("body", b""))
            self.ended = not message.get("more_body", False)
        await self._send(message)

    def decoded(self) -> tuple[Any, Any]:
        """Both bodies; a request without one is None."""
        request = self._request.bytes("request")
        return (
            msgspec.json.decode(request) if request else None,
            msgspec.json.decode(self._response.bytes("response")),
        )

    def _marked(self, message: Message) -> Message:
        headers = list(message.get("headers", ()))
        own = next((value for name, value in headers if name.lower() == _HEADER), None)
        if own is not None and 0 < len(own) <= _ID_MOST:
            self.record_id = own.decode("latin-1")
            return message
        self.record_id = token_hex(16)
        return {**message, "headers": [*headers, (_HEADER, self.record_id.encode())]}


class _Body:
    """A copy of a body, as long as it is short."""

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._parts: list[bytes] = []

    def add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= self._most:
            self._parts.append(bytes(part))
        else:
            self._parts.clear()

    def bytes(self, whose: str) -> bytes:
        if self._size > self._most:
            raise InvalidInput(whose, f"has {self._size:,} bytes", "raise max_body")
        return b"".join(self._parts)


def _named(given: Any, record_id: str) -> Iterator[tuple[str, Fields]]:
    if isinstance(given, list):
        yield from ((f"{record_id}.{n}", fields) for n, fields in enumerate(given))
    elif given is not None:
        yield record_id, given
