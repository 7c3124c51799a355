"""One HTTP request to a judged address: no redirects, no proxies, an end in sight.

Everything together has to be over by a deadline, and of a reply no more is read than was asked for,
so that it can neither fill the memory nor keep us waiting.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from homeostat.errors import ConfigError, within
from homeostat.outbound.addresses import Resolve, Target, judged, look_up
from homeostat.outbound.retry import Retry

_HEAD_MOST = 64 << 10  # bytes of the head of a reply
_BODILESS = (204, 304)


class Reply(NamedTuple):
    """The status of a reply, and the seconds to wait that it asked for."""

    status: int
    after: float | None


class Answer(NamedTuple):
    """A whole reply: `fields` are its headers, with their names in lower case."""

    status: int
    after: float | None
    fields: dict[str, str]
    body: bytes


class Caller:
    """Calls targets. `timeout` is in seconds, for everything of one call; up to 300.

    Only a look-up that hangs is left to the resolver's own limit, and ends in a Retry after it.

    `allow_private` lets addresses pass that are not of the Internet. `ca` names a file of
    certificates to trust in the place of the machine's. The name in the certificate has to be the
    host of the target, whatever the address. `clock` counts seconds; `now` is the time of day.
    """

    def __init__(
        self, *, allow_private: bool = False, ca: str | None = None, timeout: float = 15.0,
        resolve: Resolve = look_up, clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._allow_private = allow_private
        self._timeout = within("timeout", timeout, 0.0, 300.0, "(]")
        self._resolve, self._clock, self.now = resolve, clock, now
        try:
            self._tls = ssl.create_default_context(cafile=ca)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"ca: {ca}: {error}") from None

    def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Reply:
        """The reply's status, of whose body nothing is read; raises Retry when there is none."""
        answer = self._called("POST", target, headers, body, None)
        return Reply(answer.status, answer.after)

    def call(
        self, method: str, target: Target, headers: Mapping[str, str], body: bytes = b"",
        most: int = 16 << 20,
    ) -> Answer:  # fmt: skip
        """The reply with its body, of up to `most` bytes; raises Retry when there is none."""
        return self._called(method, target, headers, body, most)

    def _called(
        self, method: str, target: Target, headers: Mapping[str, str], body: bytes,
        most: int | None,
    ) -> Answer:  # fmt: skip
        end = self._clock() + self._timeout
        addresses = judged(target, self._resolve, self._allow_private)
        try:
            with self._connected(target, addresses, end) as connection:
                connection.settimeout(self._left(end))
                connection.sendall(_request(method, target, headers, body))
                return self._answer(_Incoming(connection, lambda: self._left(end)), most)
        except ssl.SSLCertVerificationError as error:
            raise Retry(f"{target.host}: its certificate: {error.verify_message}") from None
        except TimeoutError:
            raise Retry(f"{target.host}: no reply within {self._timeout:g} s") from None
        except OSError as error:
            raise Retry(f"{target.host}: {error.strerror or type(error).__name__}") from None

    def _connected(self, target: Target, addresses: list[str], end: float) -> socket.socket:
        for at, address in enumerate(addresses):
            try:
                connection = socket.create_connection((address, target.port), self._left(end))
                break
            except TimeoutError:
                raise
            except OSError:
                if at == len(addresses) - 1:
                    raise
        if target.scheme == "http":
            return connection
        try:
            connection.settimeout(self._left(end))  # of the handshake as a whole
            return self._tls.wrap_socket(connection, server_hostname=target.host)
        except BaseException:
            connection.close()
            raise

    def _answer(self, incoming: _Incoming, most: int | None) -> Answer:
        while True:
            status, fields = _parsed(incoming.head())
            if status >= 200:  # a 1xx is not the reply yet
                break
        bodiless = most is None or status in _BODILESS
        body = b"" if bodiless else incoming.body(fields, most or 0)
        return Answer(status, self._seconds(fields.get("retry-after", "")), fields, body)

    def _seconds(self, text: str) -> float | None:
        """What Retry-After says: seconds, or a date."""
        if text.isascii() and text.isdigit() and len(text) < 10:
            return float(text)
        with suppress(ValueError, TypeError, OverflowError):
            return max(0.0, parsedate_to_datetime(text).timestamp() - self.now())
        return None

    def _left(self, end: float) -> float:
        left = end - self._clock()
        if left <= 0:
            raise TimeoutError
        return left


class _Incoming:
    """What comes over a connection; `left` are the seconds for which it may be waited for."""

    def __init__(self, connection: socket.socket, left: Callable[[], float]) -> None:
        self._connection, self._left = connection, left
        self._read = bytearray()

    def head(self) -> bytes:
        """Up to the blank line."""
        return self._until(b"\r\n\r\n", _HEAD_MOST, "the head of the reply is too long")

    def body(self, fields: Mapping[str, str], most: int) -> bytes:
        """What follows the head: by its length, in chunks, or to the end of the connection."""
        if "chunked" in fields.get("transfer-encoding", "").lower():
            return self._chunks(most)
        length = fields.get("content-length")
        if length is None:
            going_on = True
            while going_on:
                _limit(len(self._read), most)
                going_on = self._more()
            return bytes(self._read)
        return self._exactly(_whole(length, 10), most)

    def _chunks(self, most: int) -> bytes:
        body = bytearray()
        while True:
            line = self._until(b"\r\n", 1 << 10, "the reply is not HTTP")
            size = _whole(line.partition(b";")[0].decode("latin-1"), 16)
            if size == 0:
                return bytes(body)
            body += self._exactly(size, most - len(body))
            if self._exactly(2, 2) != b"\r\n":
                raise Retry("the reply is not HTTP")

    def _until(self, mark: bytes, most: int, problem: str) -> bytes:
        while (at := self._read.find(mark)) < 0:
            if len(self._read) > most:
                raise Retry(problem)
            self._need()
        found = bytes(self._read[:at])
        del self._read[: at + len(mark)]
        return found

    def _exactly(self, size: int, most: int) -> bytes:
        _limit(size, most)
        while len(self._read) < size:
            self._need()
        found = bytes(self._read[:size])
        del self._read[:size]
        return found

    def _need(self) -> None:
        if not self._more():
            raise Retry("the connection ended before a reply")

    def _more(self) -> bool:
        self._connection.settimeout(self._left())
        more = self._connection.recv(1 << 16)
        self._read += more
        return bool(more)


def _limit(size: int, most: int) -> None:
    if size > most:
        raise Retry(f"the reply is longer than the {most:,} bytes that are read of one")


def _whole(text: str, base: int) -> int:
    text = text.strip()
    if not text.isalnum() or not text.isascii() or len(text) > 15:
        raise Retry("the reply is not HTTP")
    try:
        return int(text, base)
    except ValueError:
        raise Retry("the reply is not HTTP") from None


def _parsed(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    code = rest[:3]
    if not (version.startswith("HTTP/1.") and code.isascii() and code.isdigit()):
        raise Retry("the reply is not HTTP")
    fields = {name.lower(): text.strip() for name, _, text in (x.partition(":") for x in lines)}
    return int(code), fields


def _request(method: str, target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    own = {
        "Host": target.authority,
        "User-Agent": "homeostat",
        "Connection": "close",
        **({} if method == "GET" else {"Content-Length": str(len(body))}),
        **headers,
    }
    for text in own.values():
        if "\r" in text or "\n" in text:
            raise ConfigError("a header cannot hold a line break")
    lines = [f"{method} {target.path} HTTP/1.1", *(f"{name}: {text}" for name, text in own.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
