"""Which addresses may be called: public ones, whatever way they are written.

A name is looked up once, every address it has is judged, and the connection goes to an address
that was judged. An address in IPv6 that carries one in IPv4 is judged by the latter.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple
from urllib.parse import urlsplit

from homeostat.errors import ConfigError
from homeostat.outbound.retry import Retry

Resolve = Callable[[str, int], list[str]]
"""The addresses of a host, as text; raises OSError when there are none."""

_V4_DENIED = [
    ipaddress.ip_network(text)
    for text in ("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4")
]
_V6_ALLOWED = ipaddress.ip_network("2000::/3")  # all that is handed out for use on the Internet
_V6_DENIED = [ipaddress.ip_network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20")]
_NAT64, _6TO4 = ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16")


class Target(NamedTuple):
    """Where a URL leads: `path` is everything behind the host."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port, as the header Host has them; the port only where it is not the usual."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == _PORTS[self.scheme]
        return host if usual else f"{host}:{self.port}"


_PORTS = {"https": 443, "http": 80}


def target_of(url: str, allow_http: bool = False) -> Target:
    """A URL taken apart; raises ConfigError, which does not show it, as it may hold a secret."""
    if not url.isascii() or any(c <= " " or c in '\\"<>^`{|}\x7f' for c in url):
        raise ConfigError("url: has blanks, or characters that must be written as %XX")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"url: is none: {error}") from None
    if parts.scheme not in _PORTS or (parts.scheme == "http" and not allow_http):
        raise ConfigError("url: must begin with https://; allow_http = true lets http:// pass")
    if "@" in parts.netloc:
        raise ConfigError("url: must not hold a user or password")
    if not parts.hostname or port == 0 or "%" in parts.hostname:
        raise ConfigError("url: has no host, or none that can be reached")
    query = f"?{parts.query}" if parts.query else ""
    return Target(parts.scheme, parts.hostname, port or _PORTS[parts.scheme],
                  (parts.path or "/") + query)  # fmt: skip


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a host, by this machine's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def public(text: str) -> bool:
    """Whether an address is one of the Internet, and not one of ours, of nobody, or of many."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        inner = _carried(address)
        return _public_v6(address) if inner is None else _public_v4(inner)
    return _public_v4(address)


def judged(target: Target, resolve: Resolve, allow_private: bool) -> list[str]:
    """The addresses to connect to; raises Retry when one of them may not be, or there is none."""
    try:
        addresses = resolve(target.host, target.port)
    except (OSError, UnicodeError) as error:
        raise Retry(f"{target.host}: cannot be looked up: {error}") from None
    if not addresses:
        raise Retry(f"{target.host}: has no address")
    if not allow_private and not all(map(public, addresses)):
        raise Retry(
            f"{target.host}: leads to an address that is not of the Internet; where that is "
            "meant, write allow_private = true beside it"
        )
    return addresses


def _public_v4(address: IPv4Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not any(address in network for network in _V4_DENIED)
    )


def _public_v6(address: IPv6Address) -> bool:
    return (
        address in _V6_ALLOWED
        and address.is_global
        and not any(address in network for network in _V6_DENIED)
    )


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The address in IPv4 that one in IPv6 stands for."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _6TO4:
        return IPv4Address((int(address) >> 80) & 0xFFFFFFFF)
    return None
