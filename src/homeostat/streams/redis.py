"""A stream of Redis: read from the id that was kept with what it led to.

Source: redis.io, "Redis Streams": entries, ids, XREAD.
"""

from __future__ import annotations

from typing import Any

from homeostat.errors import InvalidInput, MissingExtra
from homeostat.sources.chunk import Options, Reject
from homeostat.sources.files import Wait, afresh
from homeostat.sources.traffic import Recogniser
from homeostat.sources.waiting import Resume, Waiting
from homeostat.streams.address import Address
from homeostat.streams.broker import Message, Pulled
from homeostat.streams.faults import StreamBroken
from homeostat.streams.stream import Stream

_KNOWN = ("field", "from", "dead_letters")
_MOMENT = 200  # milliseconds for which entries are waited for
_TRIES = 3  # of a read, when the connection was cut


def open_stream(
    place: str, options: Options, *, resume: Resume = afresh, follow: bool = False,
    wait: Wait = lambda _: None,
) -> Stream:  # fmt: skip
    """The feed of `redis://user:password@host:6379/stream?field=record&dead_letters=stream`.

    `rediss` is Redis with TLS. `field` is the one of an entry that holds the record; left out, an
    entry has one field only. `from` is earliest or latest, where nothing was read. Raises
    InvalidInput, MissingExtra.
    """
    address = Address(place, _KNOWN)
    waiting = Waiting(Recogniser(options), f"redis {address.path}", resume)
    return Stream(
        address.name, "redis", Redis(address, resume), options, waiting, follow, wait
    )  # fmt: skip


def check(place: str) -> None:
    """That the address can be one, and what reads it is installed; asks nobody.

    Raises InvalidInput, MissingExtra.
    """
    Address(place, _KNOWN)
    _library()


def _library() -> Any:
    try:
        import redis
    except ImportError as error:
        raise MissingExtra("redis", "redis", "Reading Redis") from error
    return redis


class Redis:
    """A reader of one stream. Entries are numbered in the order in which they come."""

    def __init__(self, address: Address, resume: Resume) -> None:
        redis = _library()
        from redis.backoff import ExponentialBackoff
        from redis.retry import Retry

        self._fault: type[Exception] = redis.RedisError
        self._stream, self._field = address.path, address.settings.get("field", "").encode()
        self._dead_letters = address.settings.get("dead_letters")
        host, _, port = address.hosts.partition(":")
        self._redis: Any = redis.Redis(
            host, int(port or 6379), username=address.user, password=address.password,
            ssl=address.scheme == "rediss", retry=Retry(ExponentialBackoff(), _TRIES),
        )  # fmt: skip
        self._key = f"redis {self._stream}"
        self._read, self._ended = 0, False
        try:
            self._last = resume(self._key) or self._first(address)
        except self._fault as error:
            raise InvalidInput(
                address.name, f"cannot be read: {error}",
                "look at the address, the user and the password",
            ) from error  # fmt: skip

    def _first(self, address: Address) -> str:
        """The id after which reading begins."""
        self._redis.ping()
        if address.begins == "earliest":
            return "0-0"
        latest = self._redis.xrevrange(self._stream, count=1)
        return latest[0][0].decode() if latest else "0-0"

    def pull(self, most: int) -> Pulled:
        try:
            found = self._redis.xread({self._stream: self._last}, count=most, block=_MOMENT)
        except self._fault as error:
            raise StreamBroken(f"redis: {self._stream}: {error}") from error
        entries = found[0][1] if found else []
        self._ended = not entries
        if not entries:
            return Pulled([], {})
        messages = [
            Message(self._stream, self._read + at, self._value(fields))
            for at, (_, fields) in enumerate(entries, 1)
        ]
        self._read += len(entries)
        self._last = entries[-1][0].decode()
        return Pulled(messages, {self._key: self._last})

    def _value(self, fields: dict[bytes, bytes]) -> bytes | None:
        if self._field:
            return fields.get(self._field)
        return next(iter(fields.values())) if len(fields) == 1 else None

    def at_end(self) -> bool:
        return self._ended

    def hindered(self) -> str | None:
        """A pull raises."""
        return None

    def behind(self) -> int | None:
        """Known only where there is no more."""
        return 0 if self._ended else None

    def taken(self, pulled: Pulled) -> None:
        """Nothing is told: a stream is trimmed by who writes it."""

    def set_aside(self, message: Message | None, reject: Reject) -> None:
        if self._dead_letters is None:
            return
        value = reject.raw.encode() if message is None else message.value or b""
        fields = {"record": value, "field": reject.field, "problem": reject.problem}
        try:
            self._redis.xadd(self._dead_letters, fields)
        except self._fault as error:
            raise StreamBroken(f"redis: {self._dead_letters}: {error}") from error

    def close(self) -> None:
        self._redis.close()
