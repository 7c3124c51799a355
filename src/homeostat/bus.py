"""Bounded broadcast of events: the producer never waits, a slow subscriber is told what it missed.

Subscribers with the same filter share one ring. A ring is kept only while somebody subscribes to
it, so events that nobody asked for cost nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from threading import Lock, RLock
from typing import Any, Self

from homeostat.bell import Bell
from homeostat.errors import Closed, InvalidSetting, Lagged, whole
from homeostat.event_batch import EventBatch
from homeostat.events import MetricUpdated, SystemEvent

Kinds = frozenset[type[SystemEvent]]

RESERVE = 65_536


class EventBus:
    """Broadcasts events to every subscriber.

    A subscriber that falls more than `capacity` events behind gets `Lagged`, then the oldest
    kept. Subscribers to rare kinds only (any but `MetricUpdated`) have a ring of their own of
    `reserve` events, so that no flood of metric updates pushes out what they wait for.
    `emit` takes constant time whatever the number of subscribers, never waits and never raises.
    """

    def __init__(self, capacity: int = 32, *, reserve: int = RESERVE) -> None:
        self.capacity = whole("capacity", capacity)
        self.reserve = max(whole("reserve", reserve), self.capacity)
        self._rings: dict[Kinds, _Ring] = {}
        self._routes: dict[type[SystemEvent], tuple[_Ring, ...]] = {}
        self._lock = RLock()  # a subscription may be dropped by the collector within the lock
        self._closed = False

    def emit(self, event: SystemEvent) -> None:
        """Send one event to everyone who subscribed to its kind."""
        if self._rings:
            for ring in self._route(type(event)):
                ring.put((event,))

    def emit_batch(self, events: EventBatch) -> None:
        """Send the events of a batch, in order; none is built that nobody reads."""
        if not self._rings or not len(events):
            return
        present = frozenset(events.counts())
        for kinds, ring in list(self._rings.items()):
            wanted = present & kinds if kinds else present
            if wanted:
                ring.put(events if wanted == present else events.of(*wanted))

    def subscribe(self, *kinds: type[SystemEvent]) -> Subscription:
        """Hear the events of these kinds (all, when none is named) sent from now on.

        Raises InvalidSetting for what is no kind of event.
        """
        _check_kinds(kinds)
        wanted: Kinds = frozenset(kinds)
        with self._lock:
            ring = self._rings.get(wanted)
            if ring is None:
                flooded = not wanted or MetricUpdated in wanted
                ring = _Ring(self.capacity if flooded else self.reserve)
                self._rings[wanted] = ring
                self._routes = {}
            ring.subscribers += 1
            ring.closed = self._closed
            return Subscription(self, ring, wanted)

    def close(self) -> None:
        """Send no more: subscribers get what is left, then end."""
        with self._lock:
            self._closed = True
            for ring in self._rings.values():
                ring.closed = True
                ring.bell.ring()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def _route(self, kind: type[SystemEvent]) -> tuple[_Ring, ...]:
        routes = self._routes
        if kind not in routes:
            with self._lock:
                rings = tuple(r for kinds, r in self._rings.items() if not kinds or kind in kinds)
                routes[kind] = rings
        return routes[kind]

    def _leave(self, ring: _Ring, kinds: Kinds) -> None:
        with self._lock:
            ring.subscribers -= 1
            if not ring.subscribers and self._rings.get(kinds) is ring:
                del self._rings[kinds]
                self._routes = {}


def _check_kinds(kinds: Iterable[Any]) -> None:
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, SystemEvent)):
            known = ", ".join(SystemEvent.kinds)
            raise InvalidSetting(f"{kind!r} is no kind of event; known: {known}")


class _Segment:
    """A run of events as they were sent together; built when first read, and once for all."""

    __slots__ = ("_events", "_skip", "start", "stop")

    def __init__(self, start: int, events: Sequence[SystemEvent], keep: int) -> None:
        self.stop = start + len(events)
        self._skip = max(0, len(events) - keep)  # what was overwritten as it was written
        self.start = start + self._skip
        self._events: Sequence[SystemEvent] = events

    def __getitem__(self, number: int) -> SystemEvent:
        if isinstance(self._events, EventBatch):
            self._events = self._events[self._skip :]
        return self._events[number - self.start]


class _Ring:
    """The latest `capacity` events under one filter, numbered from the first ever sent."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.segments: deque[_Segment] = deque()
        self.dropped = 0  # how many segments have left at the old end
        self.end = 0
        self.lock = Lock()
        self.bell = Bell()
        self.subscribers = 0
        self.closed = False

    def put(self, events: Sequence[SystemEvent]) -> None:
        if self.closed:
            return
        with self.lock:
            segment = _Segment(self.end, events, self.capacity)
            self.segments.append(segment)
            self.end = segment.stop
            oldest = self.end - self.capacity
            while self.segments[0].stop <= oldest:
                self.segments.popleft()
                self.dropped += 1
        if self.bell.armed:
            self.bell.ring()


class Subscription:
    """One listener's place in the stream of events.

    `recv` (awaitable), `recv_blocking`, `try_recv` and iteration, plain or async, hand over events
    in order. One that fell behind gets a `Lagged` item with the exact number it missed, once, in
    the place of the missed events. For one thread or task at a time.
    """

    def __init__(self, bus: EventBus, ring: _Ring, kinds: Kinds) -> None:
        self._bus, self._ring, self._kinds = bus, ring, kinds
        self._next = ring.end  # the number of the next event to read
        self._segment = ring.dropped + len(ring.segments)
        self._open = True

    def try_recv(self) -> SystemEvent | Lagged | None:
        """The next event, or None when there is none now."""
        ring = self._ring
        with ring.lock:
            if self._next >= ring.end:
                return None
            oldest = ring.end - ring.capacity
            if self._next < oldest:
                missed = oldest - self._next
                self._next, self._segment = oldest, ring.dropped
                return Lagged(missed)
            number = self._next
            segment = ring.segments[self._segment - ring.dropped]
            self._next = number + 1
            if self._next >= segment.stop:
                self._segment += 1
        return segment[number]

    async def recv(self) -> SystemEvent | Lagged:
        """The next event, waiting for it; raises Closed when the bus is closed and read out."""
        while (event := self.try_recv()) is None:
            if self._over():
                raise Closed("the bus is closed and everything was read")
            await self._ring.bell.wait(self._may_go_on)
        return event

    def recv_blocking(self, timeout: float | None = None) -> SystemEvent | Lagged:
        """The next event, blocking the thread; raises TimeoutError after `timeout` seconds."""
        while (event := self.try_recv()) is None:
            if self._over():
                raise Closed("the bus is closed and everything was read")
            if not self._ring.bell.wait_blocking(self._may_go_on, timeout):
                raise TimeoutError(f"no event came within {timeout} s")
        return event

    def close(self) -> None:
        """Listen no more; whoever waits here gets Closed."""
        if self._open:
            self._open = False
            self._bus._leave(self._ring, self._kinds)
            self._ring.bell.ring()

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._over()

    def _over(self) -> bool:
        return not self._open or (self._ring.closed and self._next >= self._ring.end)

    def _may_go_on(self) -> bool:
        return self._next < self._ring.end or self._ring.closed or not self._open

    def __iter__(self) -> Iterator[SystemEvent | Lagged]:
        while True:
            try:
                yield self.recv_blocking()
            except Closed:
                return

    async def __aiter__(self) -> AsyncIterator[SystemEvent | Lagged]:
        while True:
            event = self.try_recv()
            if event is None:
                if self._over():
                    return
                await self._ring.bell.wait(self._may_go_on)
                continue
            yield event

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_open", False):
            self.close()
