"""The client that users hold: takes what it is given at once, and sends it in its own thread."""

from __future__ import annotations

import atexit
import logging
import os
import ssl
import threading
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime
from itertools import count
from secrets import token_hex
from types import TracebackType
from typing import Any, Self, TypeVar, overload
from weakref import WeakSet

from homeostat.client.buffer import POLICIES, Bounds, Buffer
from homeostat.client.delivery import Delivery, Rejection
from homeostat.client.items import LABELS, RECORDS, Item, label_item, record_item, unfit_item
from homeostat.client.stats import Stats
from homeostat.client.transport import Transport, address_of
from homeostat.errors import InvalidInput, InvalidSetting, did_you_mean, whole, within
from homeostat.record import InferenceRecord
from homeostat.watch import Look, watched

F = TypeVar("F", bound=Callable[..., Any])

_MOST_AT_ONCE = 10_000  # records that the service takes in one request
_MOST_SECONDS = 1e6
_log = logging.getLogger("homeostat.client")
_LAST = 0.5  # seconds in which a thread that has nothing left to do should be gone


class Client:
    """Sends records and labels to the service of homeostat; never blocks or breaks the host.

    One for each process, made once, used by all threads and coroutines, closed at the end (or left
    by its `with` or `async with`; at the end of the process it closes itself within `exit_timeout`
    seconds). What is sent waits in a buffer of at most `capacity` items and `capacity_bytes` bytes
    of memory, until there are `batch` of them or `linger` seconds went by. When there is no room,
    `policy` "drop_oldest" drops the items that wait longest, "block" waits for `patience` seconds
    and then drops the new one, "error" raises Full. A request that fails is sent again, with the
    same ids, after a pause of `backoff` seconds that doubles, or what the service asks for; it has
    `timeout` seconds for everything. `token` is one, or a function that gives it, asked in the
    sending thread for each request. While the service refuses the token, everything waits for
    another. What will never be taken is counted, and told to `on_rejected` in the sending thread.
    `context` is for TLS with an authority of your own;
    `insecure` allows http to other machines.

    Nothing but "error" raises after the constructor, which raises InvalidSetting. A few µs a
    call; after a fork the child begins with an empty buffer.
    """

    def __init__(
        self, url: str, token: str | Callable[[], str], *,
        capacity: int = 10_000, capacity_bytes: int = 64 << 20,
        policy: str = "drop_oldest", patience: float = 1.0,
        batch: int = 500, linger: float = 1.0,
        timeout: float = 10.0, backoff: float = 0.5, compress: bool = True,
        on_rejected: Callable[[Rejection], object] | None = None,
        context: ssl.SSLContext | None = None, insecure: bool = False,
        exit_timeout: float = 2.0,
    ) -> None:  # fmt: skip
        if policy not in POLICIES:
            hint = did_you_mean(policy, POLICIES)
            raise InvalidSetting(f"policy cannot be {policy!r}; {hint}")
        self._address = address_of(url, insecure)
        self._bounds = Bounds(
            whole("capacity", capacity), whole("capacity_bytes", capacity_bytes), policy,
            _seconds("patience", patience), whole("batch", batch, 1, _MOST_AT_ONCE),
            _seconds("linger", linger),
        )  # fmt: skip
        within("timeout", timeout, 0, _MOST_SECONDS, "(]")
        self._transport = Transport(self._address, float(timeout), context)
        self._token = token if callable(token) else _token(token)
        self._backoff, self._compress = _seconds("backoff", backoff), bool(compress)
        self._on_rejected = on_rejected
        self._exit_timeout = _seconds("exit_timeout", exit_timeout)
        self._begin()
        _living.add(self)

    def _begin(self) -> None:
        self._buffer = Buffer(self._bounds)
        self._prefix, self._number = token_hex(12), count()  # of ids that are nobody else's
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    # Sending ----------------------------------------------------------------------------------

    def send(self, record: InferenceRecord | None = None, /, **fields: Any) -> str:
        """Take a record, or the fields of one, to be sent; the id that it is sent under.

        Without a `record_id` it gets a new one; fields without `created_at` get the time of the
        call. Fields are read later: `metadata` must not be changed after the call.
        """
        own = record.record_id if isinstance(record, InferenceRecord) else fields.get("record_id")
        if not (isinstance(own, str) and own):
            own = f"{self._prefix}{next(self._number):08x}"
        try:
            item = record_item(record, fields, own)
        except Exception as error:
            item = _unfit(RECORDS, own, error)
        if self._thread is None:
            self._start()
        self._buffer.put(item)
        return own

    def label(
        self, record_id: str, label: Any, time: datetime | str | None = None,
        model: str | None = None,
    ) -> None:  # fmt: skip
        """Take the truth of a record, sent before or later; None takes an earlier one back.

        `model` is needed when several models have a record of this id.
        """
        try:
            item = label_item(record_id, label, time, model)
        except Exception as error:
            item = _unfit(LABELS, record_id, error)
        self._put(item)

    @overload
    def watch(self, function: F, /) -> F: ...
    @overload
    def watch(
        self,
        function: None = None,
        /,
        *,
        model_version: str | Callable[[], str] = ...,
        model: str = ...,
        label: Callable[[Any], Any] | None = ...,
        score: Callable[[Any], Any] | None = ...,
        features: Callable[..., Any] | None = ...,
    ) -> Callable[[F], F]: ...
    def watch(
        self,
        function: F | None = None,
        /,
        *,
        model_version: str | Callable[[], str] = "unversioned",
        model: str = "default",
        label: Callable[[Any], Any] | None = None,
        score: Callable[[Any], Any] | None = None,
        features: Callable[..., Any] | None = None,
    ) -> Any:
        """Wrap a predict function as `ModelMonitor.watch` does, with the same settings.

        The ids of its predictions are in `latest_ids`; what goes wrong is counted in
        `stats.errors`.
        """
        chosen = Look(model_version, model, label, score, features)

        def wrap(inner: F) -> F:
            if not callable(inner):
                raise TypeError(f"watch wraps a function, got {inner!r}; settings go by name")
            return watched(inner, chosen, self._submit, self.complain)

        return wrap if function is None else wrap(function)

    @property
    def latest_ids(self) -> tuple[str, ...]:
        """The ids of the latest call of a watched function in this thread or task."""
        return _latest.get()

    @property
    def token(self) -> str | Callable[[], str]:
        """What was given as one; set another, and what was held goes out at once."""
        return self._token

    @token.setter
    def token(self, token: str | Callable[[], str]) -> None:
        self._token = token if callable(token) else _token(token)
        self._buffer.mended()

    def complain(self, error: Exception) -> None:
        """Count a fault in what surrounds the client."""
        self._buffer.complain(f"{type(error).__name__}: {error}")

    # Its end ----------------------------------------------------------------------------------

    @property
    def stats(self) -> Stats:
        """What became of everything so far."""
        return self._buffer.stats()

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until nothing waits of what was given so far; False when time was up first."""
        return self._buffer.flush(timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Take no more, send what waits, and drop what has no answer in time: False then."""
        _living.discard(self)
        done = self._buffer.close(timeout)
        if not done:
            self._transport.abort()
            told = self.stats
            _log.warning(
                "homeostat client: closed early, %d records and labels were dropped: %s",
                told.dropped, told.last_error or "time was up",
            )  # fmt: skip
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_LAST)
        return done

    async def aflush(self, timeout: float = 10.0) -> bool:
        """Like `flush`, for coroutines."""
        import asyncio  # here, so that programs without coroutines need not load it

        return await asyncio.to_thread(self.flush, timeout)

    async def aclose(self, timeout: float = 5.0) -> bool:
        """Like `close`, for coroutines."""
        import asyncio

        return await asyncio.to_thread(self.close, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        await self.aclose()

    def __repr__(self) -> str:
        scheme = "https" if self._address.secure else "http"
        return f"<Client of {scheme}://{self._address.authority}{self._address.prefix}>"

    # Inside -----------------------------------------------------------------------------------

    def _put(self, item: Item) -> None:
        if self._thread is None:
            self._start()
        self._buffer.put(item)

    def _start(self) -> None:
        with self._starting:
            if self._thread is not None:
                return
            delivery = Delivery(
                self._buffer, self._transport, self._now_token, self._backoff, self._compress,
                self._on_rejected,
            )  # fmt: skip
            thread = threading.Thread(target=delivery.run, name="homeostat-client", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # at the end of the process, or when there are too many
                self.complain(error)
                return
            self._thread = thread

    def _now_token(self) -> str:
        token = self._token
        return _token(token()) if callable(token) else token

    def _submit(self, records: list[InferenceRecord]) -> None:
        _latest.set(tuple([self.send(record) for record in records]))

    def _renew(self) -> None:
        """Begin anew in the child of a fork: what waits is the parent's to send."""
        self._begin()
        self._transport.close()

    def _exit(self) -> None:
        self.close(self._exit_timeout)


_latest: ContextVar[tuple[str, ...]] = ContextVar("homeostat_latest_ids", default=())
_living: WeakSet[Client] = WeakSet()


def _end_all() -> None:
    for client in list(_living):
        client._exit()


def _renew_all() -> None:
    for client in list(_living):
        client._renew()


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)


def _unfit(path: str, record_id: object, error: Exception) -> Item:
    problem = InvalidInput("record", f"cannot be read: {type(error).__name__}: {error}")
    return unfit_item(path, str(record_id), problem)


def _seconds(name: str, value: float) -> float:
    return within(name, value, 0, _MOST_SECONDS, "[]")


def _token(token: object) -> str:
    plain = isinstance(token, str) and token.isascii() and token.isprintable()
    if not (plain and token and " " not in str(token)):
        raise InvalidSetting("token must be the text that `homeostat token create` prints")
    return str(token)
