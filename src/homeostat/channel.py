"""A bounded channel from many senders to one receiver, for threads and for asyncio.

Room is kept as tokens: sending takes one, receiving gives it back. Taking a token and appending
are single operations of a deque, so the common path needs no lock and the bound is strict.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator
from itertools import repeat
from threading import Lock
from types import TracebackType
from typing import Generic, Self, TypeVar

from homeostat.bell import Bell
from homeostat.errors import Closed, Full, whole

T = TypeVar("T")


class _Pipe(Generic[T]):
    """What the two ends share."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.queue: deque[T] = deque()
        self.room: deque[None] = deque(repeat(None, capacity))
        self.filled = Bell()
        self.freed = Bell()
        self.senders = 0
        self.receiving = True
        self.lock = Lock()


class Sender(Generic[T]):
    """The sending end; `clone` it for each producer, close it when done (or leave its `with`)."""

    def __init__(self, pipe: _Pipe[T]) -> None:
        self._pipe = pipe
        self._open = True
        with pipe.lock:
            pipe.senders += 1

    def try_send(self, item: T) -> None:
        """Send now; raises Full when there is no room, Closed when nobody can receive."""
        pipe = self._pipe
        if not (self._open and pipe.receiving):
            raise _closed(self._open)
        try:
            pipe.room.pop()
        except IndexError:
            raise Full(f"the channel holds its {pipe.capacity} items; receive, or wait") from None
        pipe.queue.append(item)
        if pipe.filled.armed:
            pipe.filled.ring()

    async def send(self, item: T) -> None:
        """Send, waiting for room; raises Closed when nobody can receive."""
        pipe = self._pipe
        while True:
            if not (self._open and pipe.receiving):
                raise _closed(self._open)
            try:
                pipe.room.pop()
            except IndexError:
                await pipe.freed.wait(self._may_go_on)
                continue
            pipe.queue.append(item)
            if pipe.filled.armed:
                pipe.filled.ring()
            return

    def send_blocking(self, item: T, timeout: float | None = None) -> None:
        """Send, blocking the thread for room; raises TimeoutError after `timeout` seconds."""
        while True:
            try:
                return self.try_send(item)
            except Full:
                if not self._pipe.freed.wait_blocking(self._may_go_on, timeout):
                    raise TimeoutError(f"no room in the channel within {timeout} s") from None

    def clone(self) -> Sender[T]:
        """Another sender into the same channel, closed on its own."""
        if not self._open:
            raise _closed(self._open)
        return Sender(self._pipe)

    def close(self) -> None:
        """Send no more; when every sender is closed the receiver ends after what is left."""
        if self._open:
            self._open = False
            with self._pipe.lock:
                self._pipe.senders -= 1
            self._pipe.filled.ring()
            self._pipe.freed.ring()

    def _may_go_on(self) -> bool:
        return bool(self._pipe.room) or not self._pipe.receiving or not self._open

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_open", False):
            self.close()


class Receiver(Generic[T]):
    """The receiving end; ends when every sender is closed and nothing is left."""

    def __init__(self, pipe: _Pipe[T]) -> None:
        self._pipe = pipe

    def __len__(self) -> int:
        return len(self._pipe.queue)

    async def recv(self) -> T:
        """The next item; raises Closed at the end."""
        return _one(await self.recv_many(1))

    def recv_blocking(self, timeout: float | None = None) -> T:
        """The next item; raises Closed at the end, TimeoutError after `timeout` seconds."""
        return _one(self.recv_many_blocking(1, timeout))

    def try_recv(self) -> T | None:
        """The next item, or None when there is none now."""
        taken = self._take(1)
        return taken[0] if taken else None

    async def recv_many(self, limit: int) -> list[T]:
        """What is there, at least one and at most `limit` items; empty at the end."""
        if not self._pipe.queue:
            await self._pipe.filled.wait(self._may_go_on)
        return self._take(limit)

    def recv_many_blocking(self, limit: int, timeout: float | None = None) -> list[T]:
        """Like `recv_many`, blocking the thread; raises TimeoutError after `timeout` seconds."""
        if not self._pipe.filled.wait_blocking(self._may_go_on, timeout):
            raise TimeoutError(f"nothing came within {timeout} s")
        return self._take(limit)

    def close(self) -> None:
        """Receive no more: senders get Closed."""
        self._pipe.receiving = False
        self._pipe.freed.ring()
        self._pipe.filled.ring()

    def _take(self, limit: int) -> list[T]:
        queue = self._pipe.queue
        taken = [queue.popleft() for _ in range(min(len(queue), limit))]
        self._pipe.room.extend(repeat(None, len(taken)))
        if self._pipe.freed.armed:
            self._pipe.freed.ring()
        return taken

    def _may_go_on(self) -> bool:
        return bool(self._pipe.queue) or self._pipe.senders == 0 or not self._pipe.receiving

    def __iter__(self) -> Iterator[T]:
        while taken := self.recv_many_blocking(1):
            yield taken[0]

    async def __aiter__(self) -> AsyncIterator[T]:
        while taken := await self.recv_many(1):
            yield taken[0]


def channel(capacity: int) -> tuple[Sender[T], Receiver[T]]:
    """A channel that holds at most `capacity` items: its first sender and its receiver."""
    pipe: _Pipe[T] = _Pipe(whole("capacity", capacity))
    return Sender(pipe), Receiver(pipe)


def _one(taken: list[T]) -> T:
    if not taken:
        raise Closed("every sender is closed and nothing is left to receive")
    return taken[0]


def _closed(own_end_open: bool) -> Closed:
    if own_end_open:
        return Closed("the receiver is closed, nobody would receive this")
    return Closed("this sender is closed; clone a sender before closing it")
