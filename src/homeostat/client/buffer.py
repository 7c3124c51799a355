"""What waits, within bounds, and the counts of what became of it.

Everything that was given is in one place at any time: in the queue, in flight, or in one of the
counts; each move is one step under the lock, so the counts always add up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from threading import Condition, RLock

import msgspec

from homeostat.client.items import Item
from homeostat.client.stats import Stats
from homeostat.errors import Closed, Full

POLICIES = ("drop_oldest", "block", "error")
"""What to do with a new item when there is no room."""

_COUNTED = ("sent", "accepted", "duplicates", "rejected", "dropped", "retried", "errors")
_MOST_AT_ONCE = 8 << 20  # weight of one batch


class Bounds(msgspec.Struct, frozen=True):
    """How much may wait (items, bytes), what happens then, and when a batch goes out."""

    capacity: int
    capacity_bytes: int
    policy: str
    patience: float
    batch: int
    linger: float


class Buffer:
    """A bounded queue from many threads to one sender. What is in flight still counts as waiting.

    The lock can be taken twice by one thread, so that a call from a signal handler or a finalizer
    cannot wait for itself.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._batch = min(bounds.batch, bounds.capacity)
        self._heavy = min(_MOST_AT_ONCE, bounds.capacity_bytes // 2)  # as good as a full batch
        self._capacity, self._capacity_bytes = bounds.capacity, bounds.capacity_bytes
        self._no_room = (
            f"{bounds.capacity:,} items or {bounds.capacity_bytes:,} bytes wait already; is the "
            "service there? Otherwise raise capacity"
        )
        self._lock = RLock()
        self._changed = Condition(self._lock)
        self._queue: deque[Item] = deque()
        self._bytes = 0  # of the queue and in flight
        self._given = 0
        self._entered = 0  # items that ever were in the queue: the n-th has number n
        self._flight = self._flight_bytes = 0
        self._oldest_in_flight = 0
        self._idle = False  # whether the sender waits to be told of the first item
        self._hurry = 0  # items up to this number do not wait for company
        self._closed = self._over = False
        self._hastened = False  # whether closing has cut a pause short
        self._counts = dict.fromkeys(_COUNTED, 0)
        self._last_error = self._held = ""
        self._mended = False  # whether a pause is cut short because somebody mended its cause

    # From any thread --------------------------------------------------------------------------

    def put(self, item: Item) -> None:
        """Take an item, or do what the policy says; raises Full or Closed by "error" alone."""
        weight = item.weight
        queue = self._queue
        with self._lock:
            fits = (  # as `_fits` says, without a call
                len(queue) + self._flight < self._capacity
                and self._bytes + weight <= self._capacity_bytes
            )
            if self._closed or not (fits or self._makes_room(weight)):
                self._given += 1  # not before, as the lock is free while one waits for room
                self._counts["dropped"] += 1
                self._complain_of_drop()
                return
            self._given += 1
            self._entered += 1
            self._bytes += weight
            queue.append(item)
            if self._idle or len(queue) == self._batch or self._bytes >= self._heavy:
                self._idle = False
                self._changed.notify_all()  # the sender waits for one of these

    def flush(self, timeout: float) -> bool:
        """Wait until nothing waits of what has been put so far; False when time was up first."""
        with self._lock:
            mark = self._hurry = self._entered
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._oldest() >= mark, timeout)

    def close(self, timeout: float) -> bool:
        """Take no more, wait for what is left, and drop what then still waits."""
        with self._lock:
            self._closed = True
        done = self.flush(timeout)
        with self._lock:
            if not self._over:
                self._over = True
                self._counts["dropped"] += len(self._queue) + self._flight
                self._queue.clear()
                self._flight = self._flight_bytes = self._bytes = 0
                self._changed.notify_all()
        return done

    def stats(self) -> Stats:
        """The counts as of now."""
        with self._lock:
            waiting = len(self._queue) + self._flight
            return Stats(
                given=self._given, waiting=waiting, last_error=self._last_error, held=self._held,
                **self._counts,
            )  # fmt: skip

    def complain(self, problem: str) -> None:
        """Something went wrong in what belongs to the host or to us."""
        with self._lock:
            self._counts["errors"] += 1
            self._last_error = problem

    def mended(self) -> None:
        """What held everything up may be gone: a pause ends at once."""
        with self._lock:
            self._mended = True
            self._changed.notify_all()

    def note(self, problem: str) -> None:
        """The latest trouble, which is counted elsewhere."""
        with self._lock:
            self._last_error = problem

    def _makes_room(self, weight: int) -> bool:
        """Whether there is room after what the policy says is done."""
        if weight > self._bounds.capacity_bytes or self._bounds.policy == "error":
            return False
        if self._bounds.policy == "block":
            self._changed.wait_for(
                lambda: self._fits(weight) or self._closed, self._bounds.patience
            )
            return self._fits(weight) and not self._closed
        while self._queue and not self._fits(weight):
            self._bytes -= self._queue.popleft().weight
            self._counts["dropped"] += 1
            self._last_error = self._no_room
        return self._fits(weight)

    def _fits(self, weight: int) -> bool:
        waiting = len(self._queue) + self._flight
        return waiting < self._capacity and self._bytes + weight <= self._capacity_bytes

    def _complain_of_drop(self) -> None:
        self._last_error = "the client is closed" if self._closed else self._no_room
        if self._bounds.policy == "error":
            raise (Closed if self._closed else Full)(self._last_error)

    def _oldest(self) -> int:
        """How many items entered before the oldest that still waits."""
        return self._oldest_in_flight if self._flight else self._entered - len(self._queue)

    # From the sender --------------------------------------------------------------------------

    def take(self) -> list[Item]:
        """The next batch, which is in flight then; empty at the end."""
        with self._lock:
            self._wait_for_company()
            self._oldest_in_flight = self._entered - len(self._queue)
            items: list[Item] = []
            while self._queue and len(items) < self._batch:
                if items and self._flight_bytes + self._queue[0].weight > _MOST_AT_ONCE:
                    break
                items.append(self._queue.popleft())
                self._flight_bytes += items[-1].weight
            self._flight = len(items)
            return items

    def _wait_for_company(self) -> None:
        """Wait for a batch, or for what came within `linger`; and before, for anything at all.

        While things keep coming nobody is told of the first of a batch: to wake a thread costs more
        than all the rest of a call.
        """
        due = self._changed.wait_for(self._is_due, self._bounds.linger)
        if due or self._queue:
            return
        self._idle = True
        self._changed.wait_for(lambda: self._queue or self._closed)
        self._idle = False
        self._changed.wait_for(self._is_due, self._bounds.linger)

    def pause(self, seconds: float, problem: str, asked: bool) -> bool:
        """Wait because of a problem; False when all is over and there is no next attempt.

        A client that is being closed tries once more at once, unless the service `asked` to wait.
        """
        with self._lock:
            self._last_error = problem
            cut = not (asked or self._hastened)
            self._changed.wait_for(
                lambda: self._over or self._mended or (cut and self._closed), seconds
            )
            self._mended = False
            self._hastened = self._closed
            self._counts["retried"] += not self._over
            return not self._over

    def hold(self, problem: str) -> bool:
        """Nothing will be taken until somebody mends this, or empty; whether that is news."""
        with self._lock:
            news = bool(problem) and not self._held
            self._held = problem
            self._changed.notify_all()
            return news

    def sent(self, n: int) -> None:
        """So many are on their way for the first time."""
        with self._lock:
            if not self._over:
                self._counts["sent"] += n

    def settle(self, items: Sequence[Item], **counts: int) -> bool:
        """These are no longer in flight; `counts`, which add up to their number, say why.

        False when all is over, and they have been counted as dropped.
        """
        with self._lock:
            if self._over:
                return False
            assert sum(counts.values()) == len(items)
            for name, n in counts.items():
                self._counts[name] += n
            weight = sum(item.weight for item in items)
            self._flight -= len(items)
            self._flight_bytes -= weight
            self._bytes -= weight
            self._changed.notify_all()
            return True

    def give_up(self, problem: str) -> None:
        """Drop what is in flight: a fault of ours must not stop what comes after."""
        with self._lock:
            self._counts["dropped"] += self._flight
            self._bytes -= self._flight_bytes
            self._flight = self._flight_bytes = 0
            self.complain(problem)
            self._changed.notify_all()

    @property
    def over(self) -> bool:
        """Whether nothing that is done now counts any more."""
        return self._over

    def _is_due(self) -> bool:
        full = len(self._queue) >= self._batch or self._bytes >= self._heavy
        return full or self._closed or self._entered - len(self._queue) < self._hurry
