"""One request and its reply, within a total deadline; no redirect, no proxy, TLS verified.

The timeout of a socket is one of each operation: a reply of one byte a second never ends. Here
every operation gets what is left until the deadline; only the look-up of a name has the limits of
the system's resolver.
"""

from __future__ import annotations

import io
import ipaddress
import socket
import ssl
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from time import monotonic
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from homeostat.errors import InvalidSetting, shown

FAILURES = (OSError, HTTPException)
"""What `post` raises when there is no reply."""

_IDLE = 30.0  # seconds after which a connection may be gone at the other end
_MOST = 8 << 20  # bytes of a reply


class Address(NamedTuple):
    """Where the service is; `prefix` comes before its paths."""

    secure: bool
    host: str
    port: int
    prefix: str

    @property
    def authority(self) -> str:
        """Host and port as the header Host has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


class Reply(NamedTuple):
    """Status, the header Retry-After, and the body."""

    status: int
    retry_after: str | None
    body: bytes


def address_of(url: object, insecure: bool) -> Address:
    """The address in a URL; raises InvalidSetting where it is none, or a token would be seen."""
    example = 'like "https://homeostat.example.com"'
    if not isinstance(url, str):
        raise InvalidSetting(f"url must be text {example}, got {shown(url)}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidSetting(f"url is none: {error}; write it {example}") from None
    if parts.scheme not in ("http", "https") or not host or not _plain(url):
        raise InvalidSetting(f"url must be {example}, got {shown(url)}")
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidSetting("url must have no user, query or fragment; the token goes by itself")
    secure = parts.scheme == "https"
    if not (secure or insecure or _is_here(host)):
        raise InvalidSetting(
            f"url: the token would go to {host!r} in the clear; use https, or insecure=True where "
            "something else protects the way"
        )
    return Address(secure, host, port or (443 if secure else 80), parts.path.rstrip("/"))


def _plain(url: str) -> bool:
    return url.isascii() and url.isprintable() and " " not in url


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Transport:
    """A connection that is kept and opened anew as needed. For one thread; `abort` for any."""

    def __init__(
        self, address: Address, timeout: float, context: ssl.SSLContext | None
    ) -> None:  # fmt: skip
        self._address, self._timeout = address, timeout
        if address.secure and context is None:
            context = ssl.create_default_context()
        self._context = context if address.secure else None
        self._host = {"Host": address.authority}
        self._http: HTTPConnection | None = None
        self._wire: _Timed | None = None
        self._used = 0.0

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        """Send, and read the reply; raises one of FAILURES when there is none in time."""
        deadline = monotonic() + self._timeout
        try:
            http = self._opened(deadline)
            http.request("POST", self._address.prefix + path, body, {**self._host, **headers})
            with http.getresponse() as response:
                told = response.read(_MOST + 1)
                if response.length:
                    raise OSError(f"the reply ended early, or has more than {_MOST:,} bytes")
        except BaseException:
            self.close()
            raise
        self._used = monotonic()
        return Reply(response.status, response.getheader("Retry-After"), told)

    def close(self) -> None:
        """Let the connection go."""
        http, self._http, self._wire = self._http, None, None
        if http is not None:
            http.close()

    def abort(self) -> None:
        """End the request that another thread is at: it raises OSError there."""
        wire = self._wire
        if wire is not None:
            wire.abort()

    def _opened(self, deadline: float) -> HTTPConnection:
        if self._http is not None and monotonic() - self._used > _IDLE:
            self.close()
        if self._http is None or self._http.sock is None or self._wire is None:
            self.close()
            self._wire = _connected(self._address, self._context, deadline)
            self._http = HTTPConnection(self._address.host, self._address.port)
            self._http.auto_open = 0
            self._http.sock = self._wire
        self._wire.deadline = deadline
        return self._http


class _Timed:
    """A socket, as far as http.client needs one, of which everything ends at a deadline."""

    def __init__(self, plain: socket.socket, deadline: float) -> None:
        self._socket, self.deadline = plain, deadline

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self.armed().send(view) :]

    def makefile(self, mode: Literal["rb"]) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self, self._socket.makefile(mode, buffering=0)))

    def close(self) -> None:
        self._socket.close()

    def abort(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def armed(self) -> socket.socket:
        """The socket, whose next operation ends in time."""
        self._socket.settimeout(_left(self.deadline))
        return self._socket


class _Incoming(io.RawIOBase):
    """What comes from a socket."""

    def __init__(self, timed: _Timed, raw: Any) -> None:
        self._timed, self._raw = timed, raw

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int | None:
        self._timed.armed()
        n: int | None = self._raw.readinto(into)
        return n

    def close(self) -> None:
        self._raw.close()
        super().close()


def _connected(address: Address, context: ssl.SSLContext | None, deadline: float) -> _Timed:
    plain = _dialled(address, deadline)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.settimeout(_left(deadline))
        if context is not None:
            plain = context.wrap_socket(plain, server_hostname=address.host)
        return _Timed(plain, deadline)
    except BaseException:
        plain.close()
        raise


def _dialled(address: Address, deadline: float) -> socket.socket:
    """Connected to the first address of the name that answers."""
    failure: OSError = OSError(f"{address.host!r} has no address")
    for family, kind, protocol, _, place in socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM
    ):
        plain = socket.socket(family, kind, protocol)
        try:
            plain.settimeout(_left(deadline))
            plain.connect(place)
            return plain
        except OSError as error:
            plain.close()
            failure = error
    raise failure


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError("the request took too long")
    return left
