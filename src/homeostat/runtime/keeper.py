"""The one thread that changes the store: many requests a transaction, answers after the commit."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from operator import attrgetter
from typing import Any, TypeVar

from homeostat.errors import Closed, Full, InvalidInput
from homeostat.runtime.crash import crashpoint
from homeostat.runtime.ledger import Ledger
from homeostat.stores.faults import Busy, StoreBroken, StoreError, StoreFull
from homeostat.stores.store import Store

T = TypeVar("T")

_TOGETHER = 64  # requests of one transaction
_TICK = 1.0  # seconds without a request after which what is due is done
_SNAPSHOT_TICKS = 10
_TEND_EVERY = 16  # transactions after which a piece of what else is due is done between requests


class _Work:
    """Something to do within a change, and where its answer goes."""

    __slots__ = ("do", "future", "turn", "weight")

    def __init__(self, do: Callable[[Ledger], Any], weight: int, turn: int) -> None:
        self.do, self.weight, self.turn = do, weight, turn
        self.future: Future[Any] = Future()


_LOOK = _Work(lambda _: None, 0, 0)
"""Not work: wakes the thread when somebody looks."""


class Keeper:
    """Owns the store and the ledger. Start it, submit work from any thread, close it.

    `opened` opens the store, in the keeper's thread; `ledger_of` makes the ledger of it. Work is a
    function of the ledger: what it changes is durable before its future is resolved. `capacity`
    bounds the bytes of requests that wait; `submit` then raises Full. After a transaction that
    failed the ledger is read anew from the store; when the store is broken, so is the keeper:
    `on_broken` is called, and every further submit raises the reason. `tend` does a small piece of
    what is due besides requests, within a change of its own, and says whether there is more.
    """

    def __init__(
        self,
        opened: Callable[[], Store],
        ledger_of: Callable[[Store], Ledger],
        *,
        capacity: int = 256 << 20,
        on_events: Callable[[set[str]], None] = lambda _: None,
        on_broken: Callable[[Exception], None] = lambda _: None,
        tend: Callable[[Ledger], bool] = lambda _: False,
    ) -> None:
        self._opened, self._ledger_of = opened, ledger_of
        self._capacity = capacity
        self._on_events, self._on_broken = on_events, on_broken
        self._tend_once = tend
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._looks: queue.SimpleQueue[_Work] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._bytes = 0
        self._closed = False
        self.broken: Exception | None = None
        self.trouble: Busy | None = None
        """Why the last transaction could not be; there is one a second."""
        self.ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="homeostat-keeper", daemon=True)

    def start(self) -> None:
        """Begin; returns when the store is open and its state is there, or raises what hindered."""
        self._thread.start()
        self.ready.wait()
        if self.broken is not None:
            raise self.broken

    def submit(self, do: Callable[[Ledger], T], weight: int = 0, turn: int = 0) -> Future[T]:
        """Do this in a coming transaction. Raises Full, Closed, or why the store is broken.

        Of what is done in one transaction a lower `turn` comes first, the same turn in order.
        """
        work = _Work(do, weight, turn)
        with self._lock:
            self._check()
            if self._bytes and self._bytes + weight > self._capacity:
                raise Full(f"{self._bytes:,} bytes of requests wait already; send again later")
            self._bytes += weight
            self._queue.put(work)
        return work.future

    def look(self, look: Callable[[Ledger], T]) -> Future[T]:
        """What a look finds, which changes nothing, at the ledger as the last transaction left it.

        It waits for the transaction that is under way, not for those that come. Raises Closed, or
        why the store is broken.
        """
        work = _Work(look, 0, 0)
        with self._lock:
            self._check()
            self._looks.put(work)
            self._queue.put(_LOOK)
        return work.future

    def _check(self) -> None:
        if self.broken is not None:
            raise self.broken
        if self._closed:
            raise Closed("the service is shutting down")

    @property
    def waiting(self) -> int:
        """Bytes of requests that wait."""
        return self._bytes

    def close(self, timeout: float | None = None) -> None:
        """Do what was submitted, write snapshots, and end."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join(timeout)

    # In the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._store = self._opened()
            crashpoint("store_open")
            self._ledger: Ledger | None = self._ledger_of(self._store)
            with self._store.change():
                self._ledger.save()
        except Exception as error:
            self.broken = error
            self.ready.set()
            return
        self.ready.set()
        try:
            self._serve()
        except Exception as error:
            self._break(error)
        with suppress(StoreError):
            self._store.close()

    def _serve(self) -> None:
        idle = busy = 0
        while True:
            works = self._next()
            looked = self._look()
            if works is None:
                break
            if works:
                self._together(works)
            busy = busy + 1 if works or looked else 0
            if busy % _TEND_EVERY == 0:
                self._tend()
            idle = idle if works or looked else idle + 1
            if idle >= _SNAPSHOT_TICKS:
                self._snapshot()
                idle = 0
            self._tidy()
        self._snapshot()

    def _next(self) -> list[_Work] | None:
        """Work for one transaction; none when nothing came for a while, None at the end."""
        works: list[_Work] = []
        with suppress(queue.Empty):
            first = self._queue.get(timeout=_TICK)
            while True:
                if first is None:
                    if works:
                        self._queue.put(None)
                        return works
                    return None
                if first is _LOOK:
                    pass
                elif first.future.set_running_or_notify_cancel():
                    works.append(first)
                else:  # whoever asked has gone
                    self._release([first])
                if len(works) == _TOGETHER:
                    break
                first = self._queue.get_nowait()
        return works

    def _look(self) -> bool:
        """Answer all who look; whether there was one."""
        n = self._looks.qsize()
        for _ in range(n):
            work = self._looks.get_nowait()
            if not work.future.set_running_or_notify_cancel():
                continue
            try:
                work.future.set_result(work.do(self._current()))
            except StoreBroken as error:
                work.future.set_exception(error)
                raise
            except Exception as error:
                work.future.set_exception(error)
        return n > 0

    def _together(self, works: list[_Work]) -> None:
        works.sort(key=attrgetter("turn"))
        try:
            done, events = self._changed(works)
        except StoreBroken as error:
            self._fail(works, error)
            raise
        except Exception as error:
            self._begin_anew()
            if len(works) == 1 or isinstance(error, StoreError):
                self._fail(works, error)
            else:
                self._each(works)
            return
        crashpoint("after_commit_before_answer")
        self._release(works)
        for work, (answer, problem) in zip(works, done, strict=True):
            if problem is not None:
                work.future.set_exception(problem)
            else:
                work.future.set_result(answer)
        if events:
            self._on_events(events)

    def _each(self, works: list[_Work]) -> None:
        """One of them is at fault: each in a transaction of its own."""
        for at, work in enumerate(works):
            try:
                self._together([work])
            except StoreBroken as error:
                self._fail(works[at + 1 :], error)
                raise

    def _changed(self, works: list[_Work]) -> tuple[list[tuple[Any, Exception | None]], set[str]]:
        done: list[tuple[Any, Exception | None]] = []
        with self._change() as ledger:
            for work in works:
                try:
                    done.append((work.do(ledger), None))
                except InvalidInput as refused:  # raised before anything is changed
                    done.append((None, refused))
            crashpoint("before_save")
            events = ledger.save()
            crashpoint("before_commit")
        return done, events

    def _snapshot(self) -> None:
        try:
            with self._change() as ledger:
                ledger.save(snapshot=True)
                crashpoint("before_snapshot_commit")
        except StoreBroken:
            raise
        except StoreError:
            self._begin_anew()  # there is no room for it now; nothing is lost without

    def _tend(self) -> None:
        """A piece of what is due; when nobody waits, one after another."""
        more = True
        while more:
            try:
                with self._change() as ledger:
                    more = self._tend_once(ledger)
                    ledger.save()
                    crashpoint("before_tend_commit")
                crashpoint("tended")
            except StoreBroken:
                raise
            except StoreError:
                self._begin_anew()  # undone; it is tried again when it is due
                return
            self._tidy()
            more = more and self._queue.empty()

    def _tidy(self) -> None:
        """Write the log back; when there is no room for that now, it stays as it is."""
        with suppress(StoreFull, Busy):
            self._store.database.tidy()
        crashpoint("tidied")

    @contextmanager
    def _change(self) -> Iterator[Ledger]:
        """A transaction on the ledger; `trouble` tells whether the store could be had for it.

        Whoever looks is answered first, for it may take long.
        """
        self._look()
        try:
            ledger = self._current()
            with self._store.change():
                yield ledger
        except Busy as error:
            self.trouble = error
            raise
        self.trouble = None

    def _current(self) -> Ledger:
        """The ledger; after a transaction that failed, as the store has it."""
        if self._ledger is None:
            self._ledger = self._ledger_of(self._store)
        return self._ledger

    def _begin_anew(self) -> None:
        """What is in memory is ahead of the store: it is read again when it is needed."""
        self._ledger = None

    def _fail(self, works: list[_Work], error: Exception) -> None:
        self._release(works)
        for work in works:
            work.future.set_exception(error)

    def _release(self, works: list[_Work]) -> None:
        with self._lock:
            self._bytes -= sum(work.weight for work in works)

    def _break(self, error: Exception) -> None:
        with self._lock:
            self.broken = error
        for waiting in (self._queue, self._looks):
            while not waiting.empty():
                left = waiting.get_nowait()
                if left in (None, _LOOK):
                    continue
                if left.future.set_running_or_notify_cancel():
                    left.future.set_exception(error)
        self._on_broken(error)
