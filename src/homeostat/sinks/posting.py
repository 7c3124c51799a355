"""One HTTP request to a judged address: no redirects, no proxies, an end in sight.

The status is the answer; of what follows the head of the reply nothing is read, so that a reply
can neither fill the memory nor keep us waiting. Everything together has to be over by a deadline.
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
from homeostat.sinks.addresses import Resolve, Target, judged, look_up
from homeostat.sinks.outgoing import Retry

_HEAD_MOST = 64 << 10  # bytes of the head of a reply


class Reply(NamedTuple):
    """The status of a reply, and the seconds to wait that it asked for."""

    status: int
    after: float | None


class Poster:
    """Posts to one target. `timeout` is in seconds, for everything; up to 300.

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
        """The reply; raises Retry when there is none."""
        end = self._clock() + self._timeout
        addresses = judged(target, self._resolve, self._allow_private)
        try:
            with self._connected(target, addresses, end) as connection:
                connection.settimeout(self._left(end))
                connection.sendall(_request(target, headers, body))
                return self._reply(connection, end)
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

    def _reply(self, connection: socket.socket, end: float) -> Reply:
        read = b""
        while len(read) <= _HEAD_MOST:
            head, blank, rest = read.partition(b"\r\n\r\n")
            if blank:
                reply = self._parsed(head)
                if reply.status >= 200:
                    return reply
                read = rest  # a 1xx is not the reply yet
                continue
            connection.settimeout(self._left(end))
            more = connection.recv(4096)
            if not more:
                raise Retry("the connection ended before a reply")
            read += more
        raise Retry("the head of the reply is too long")

    def _parsed(self, head: bytes) -> Reply:
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        code = rest[:3]
        if not (version.startswith("HTTP/1.") and code.isascii() and code.isdigit()):
            raise Retry("the reply is not HTTP")
        fields = {name.lower(): text.strip() for name, _, text in (x.partition(":") for x in lines)}
        return Reply(int(code), self._seconds(fields.get("retry-after", "")))

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


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    own = {
        "Host": target.authority,
        "User-Agent": "homeostat",
        "Connection": "close",
        "Content-Length": str(len(body)),
        **headers,
    }
    for text in own.values():
        if "\r" in text or "\n" in text:
            raise ConfigError("a header cannot hold a line break")
    lines = [f"POST {target.path} HTTP/1.1", *(f"{name}: {text}" for name, text in own.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
