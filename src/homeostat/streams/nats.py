"""A stream of NATS JetStream: read from the sequence number that was kept with what it led to.

Source: docs.nats.io, "JetStream: consumers": ordered delivery by start sequence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from homeostat.errors import InvalidInput, MissingExtra
from homeostat.sources.chunk import Options, Reject
from homeostat.sources.files import Wait, afresh
from homeostat.sources.traffic import Recogniser
from homeostat.sources.waiting import Resume, Waiting
from homeostat.streams.address import Address
from homeostat.streams.broker import Message, Pulled
from homeostat.streams.faults import StreamBroken
from homeostat.streams.stream import Stream

T = TypeVar("T")

_KNOWN = ("from", "subject", "dead_letters", "token", "credentials")
_MOMENT = 0.2  # seconds for which messages are waited for
_PATIENCE = 10  # seconds for an answer
_MOST = 1_000  # messages of one pull, which the server bounds


def open_stream(
    place: str, options: Options, *, resume: Resume = afresh, follow: bool = False,
    wait: Wait = lambda _: None,
) -> Stream:  # fmt: skip
    """The feed of `nats://host:4222/STREAM?subject=predictions.*&dead_letters=subject`.

    `subject` leaves out the others of the stream; `token` and `credentials`, a file, sign in.
    `from` is earliest or latest, where nothing was read. Raises InvalidInput, MissingExtra.
    """
    address = Address(place, _KNOWN)
    waiting = Waiting(Recogniser(options), f"nats {address.path}", resume)
    return Stream(address.name, "nats", Nats(address, resume), options, waiting, follow, wait)


def check(place: str) -> None:
    """That the address can be one, and what reads it is installed; asks nobody.

    Raises InvalidInput, MissingExtra.
    """
    Address(place, _KNOWN)
    _library()


def _library() -> Any:
    try:
        import nats.aio.client
    except ImportError as error:
        raise MissingExtra("nats", "nats-py", "Reading NATS") from error
    return nats


class Nats:
    """A consumer of one stream, made anew at each start behind what was taken."""

    def __init__(self, address: Address, resume: Resume) -> None:
        self._lib = _library()
        from nats import errors
        from nats.js import api

        self._api = api
        self._fault: type[Exception] = errors.Error
        self._nothing: tuple[type[Exception], ...] = (TimeoutError, errors.TimeoutError)
        self._stream = address.path
        self._subject = address.settings.get("subject")
        self._dead_letters = address.settings.get("dead_letters")
        self._key = f"nats {self._stream} {self._subject or ''}".rstrip()
        self._ended = False
        self._left: int | None = None
        self._loop = asyncio.new_event_loop()
        try:
            beginning = self._begin(address, resume(self._key))
            self._run(asyncio.wait_for(beginning, _PATIENCE))
        except (*self._nothing, self._fault, OSError) as error:
            self.close()
            raise InvalidInput(
                address.name, f"cannot be read: {error or 'no answer'}",
                "look at the address, and that the stream is there",
            ) from error  # fmt: skip

    async def _begin(self, address: Address, kept: str | None) -> None:
        settings: dict[str, Any] = {}
        if "token" in address.settings:
            settings["token"] = address.get("token", "")
        if "credentials" in address.settings:
            settings["user_credentials"] = address.settings["credentials"]
        self._connection: Any = self._lib.aio.client.Client()
        await self._connection.connect(
            f"nats://{address.hosts}", connect_timeout=_PATIENCE, user=address.user,
            password=address.password, allow_reconnect=True, max_reconnect_attempts=-1,
            error_cb=_nothing_to_do, **settings,
        )  # fmt: skip
        self._jetstream: Any = self._connection.jetstream(timeout=_PATIENCE)
        await self._jetstream.stream_info(self._stream)
        policy = self._api.DeliverPolicy
        latest = address.begins == "latest"
        begin = (
            {"deliver_policy": policy.BY_START_SEQUENCE, "opt_start_seq": int(kept) + 1}
            if kept is not None
            else {"deliver_policy": policy.NEW if latest else policy.ALL}
        )
        config = self._api.ConsumerConfig(
            ack_policy=self._api.AckPolicy.NONE, filter_subject=self._subject,
            inactive_threshold=300.0, **begin,
        )  # fmt: skip
        made = await self._jetstream.add_consumer(self._stream, config)
        self._pulling: Any = await self._jetstream.pull_subscribe_bind(made.name, self._stream)

    def pull(self, most: int) -> Pulled:
        try:
            found = self._run(self._pulling.fetch(min(most, _MOST), timeout=_MOMENT))
        except self._nothing:
            found = []
        except self._fault as error:
            raise StreamBroken(f"nats: {self._stream}: {error}") from error
        messages = [
            Message(self._stream, each.metadata.sequence.stream, each.data or None)
            for each in found
        ]
        self._ended = not found
        self._left = found[-1].metadata.num_pending if found else self._left
        return Pulled(messages, {self._key: str(messages[-1].number)} if messages else {})

    def at_end(self) -> bool:
        return self._ended

    def hindered(self) -> str | None:
        """It connects again by itself."""
        return None if self._connection.is_connected else "nats: the connection is lost"

    def behind(self) -> int | None:
        """As the server told with the last message."""
        return 0 if self._ended and self._connection.is_connected else self._left

    def taken(self, pulled: Pulled) -> None:
        """Nothing is told: each start says where to begin."""

    def set_aside(self, message: Message | None, reject: Reject) -> None:
        if self._dead_letters is None:
            return
        value = reject.raw.encode() if message is None else message.value or b""
        headers = {"Homeostat-Field": reject.field, "Homeostat-Problem": reject.problem}
        try:
            self._run(self._jetstream.publish(self._dead_letters, value, headers=headers))
        except (*self._nothing, self._fault) as error:
            raise StreamBroken(f"nats: {self._dead_letters} takes no dead letters: {error}"
                               ) from error  # fmt: skip

    def close(self) -> None:
        if hasattr(self, "_connection") and not self._loop.is_closed():
            with suppress(*self._nothing, self._fault):
                self._run(self._connection.close())
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)


async def _nothing_to_do(_: Exception) -> None:
    """It connects again by itself."""
