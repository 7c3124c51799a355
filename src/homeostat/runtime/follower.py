"""Followers: each takes the log to one sink, from where it stopped, until it has got there.

Each model's events go out in order. One that cannot be delivered is tried again, later and later,
and holds up the events of its model behind it; after some days it is dead, which is kept, and the
next has its turn. Events go out before the store knows of it, so that after a crash the last one
of a model may come twice, with the same id.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import msgspec

from homeostat.errors import Closed, HomeostatError
from homeostat.sinks import GiveUp, Gone, Outgoing, Outlet, Retry
from homeostat.stores import silences
from homeostat.stores.faults import StoreError
from homeostat.stores.store import Delivery, Store, Stored

_log = logging.getLogger("homeostat.sinks")

Kept = Callable[[Callable[[Store], Any]], Any]
"""Does something within a transaction of the store; returns, or raises, once it is over."""

_SECOND = 1_000_000
_PAGE = 100
_NAP = 60.0  # seconds after which the clock is looked at again, which may have been set
_AFTER_TROUBLE = 5.0
_PROBLEM_MOST = 200


class Pace(msgspec.Struct, frozen=True):
    """When to try again: after up to `first` seconds, doubled each time, up to `longest`.

    Each wait is drawn evenly from 0 up to that, so that those who failed together do not come back
    together. Nothing is given up before `least` tries, however old it is.
    """

    first: float = 2.0
    longest: float = 3600.0
    least: int = 8

    def wait(self, tries: int, chance: random.Random) -> float:
        """Seconds until the next try, after so many."""
        return chance.uniform(0.0, min(self.longest, self.first * 2.0 ** min(tries - 1, 40)))


PACE = Pace()


class _Line:
    """The events of one model that wait for this follower."""

    def __init__(self, model: int, name: str, cursor: int) -> None:
        self.model, self.name = model, name
        self.cursor = self.kept = cursor  # dealt with; and known to the store to be so
        self.again: dict[int, Delivery] = {}  # what was tried before, or is to be replayed
        self.page: deque[Stored] = deque()

    def due(self) -> int:
        """When something of it is to be done, in microseconds since 1970."""
        return self.again[min(self.again)].due if self.again else 0


class Follower:
    """Takes events to the sink of an outlet. `step` does what is due; `start` a thread that steps.

    `opened` opens a store to read from, `kept` changes the store. `clock` gives microseconds since
    1970, `chance` the jitter of waits. Whatever a sink does, only its own follower waits for it.
    """

    def __init__(
        self, outlet: Outlet, opened: Callable[[], Store], kept: Kept, *,
        clock: Callable[[], int], chance: random.Random, pace: Pace = PACE,
    ) -> None:  # fmt: skip
        self.outlet = outlet
        self.gone: str | None = None  # why the sink rests
        self.problem: str | None = None  # what hindered the latest try
        self.delivered = self.failed = self.dead = 0  # since the start of the process
        self.lost = 0  # events that retention took before they were delivered, likewise
        self._opened, self._kept, self._clock = opened, kept, clock
        self._chance, self._pace = chance, pace
        self._store: Store | None = None
        self._lines: dict[str, _Line] = {}
        self._open: dict[str, _Line] = {}  # those with something to do
        self._owed: Callable[[Store], Any] | None = None  # a change that the store did not take
        self._paused_until = 0
        self._lock = threading.Lock()
        self._heard: set[str] = set()
        self._afresh = True
        self._rung, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"homeostat-sink-{outlet.name}", daemon=True
        )

    # From any thread --------------------------------------------------------------------------

    def begin(self, store: Store) -> None:
        """Where a sink that is new takes up; within a change."""
        key = f"sink:{self.outlet.name}"
        if store.note(key) is not None:
            return
        store.keep_note(key, self.outlet.start)
        if self.outlet.start == "now":
            for model in store.models():
                store.keep_cursor(self.outlet.name, model.number, store.last_event(model.number))

    def start(self) -> None:
        """Begin to follow, in a thread of its own."""
        self._thread.start()

    def wake(self, models: Iterable[str]) -> None:
        """There are new events of these models."""
        with self._lock:
            self._heard |= set(models)
        self._rung.set()

    def replay(self) -> None:
        """Dead events were brought back; a sink that rests is tried again."""
        self.gone = None
        with self._lock:
            self._afresh = True
        self._rung.set()

    def stop(self) -> None:
        """Send nothing more after the event that is on its way."""
        self._stopping.set()
        self._rung.set()

    def join(self, timeout: float) -> None:
        """Wait until it has stopped; what hangs beyond that is left, and sent again later."""
        if self._thread.is_alive():
            self._thread.join(timeout)

    # What is due ------------------------------------------------------------------------------

    def step(self) -> float | None:
        """Deliver all that is due; seconds until there is more, None when that is not known.

        Raises StoreError when the store does not take what has become of an event, which is told
        it again at the next step, before anything else is sent.
        """
        self._settle()
        self._listen()
        while self._going() and self._round():
            pass
        return self._until()

    def _round(self) -> bool:
        """Try at most one event of each model; whether there was any."""
        moved = False
        for line in list(self._open.values()):
            if not self._going():
                break
            moved |= self._advance(line)
        return moved

    def _going(self) -> bool:
        still = self.gone is None and not self._stopping.is_set()
        return still and self._left(self._paused_until) <= 0

    def _advance(self, line: _Line) -> bool:
        if line.again:
            before = line.again[min(line.again)]
            if self._left(before.due) > 0:
                return False
            found = self._reader.events(line.model, before.seq - 1, 1)
            if found and found[0].seq == before.seq:
                self._deliver(line, found[0], before.tries)
            else:
                self._miss(line, 1)
                self._done(line, before.seq)
            return True
        event = self._next(line)
        if event is None:
            self._catch_up(line)
            del self._open[line.name]
            return False
        self._deliver(line, event, 0)
        return True

    def _next(self, line: _Line) -> Stored | None:
        """The next event that the sink wants; those before it are dealt with."""
        while True:
            if not line.page:
                line.page.extend(self._reader.events(line.model, line.cursor, _PAGE))
                self._miss(line, self._gap(line))
            if not line.page:
                return None
            event = line.page.popleft()
            if self.outlet.wants_kind(event.kind) and not self._silenced(line.name, event):
                return event
            line.cursor = event.seq

    def _gap(self, line: _Line) -> int:
        """How many events between the cursor and the page are gone: the log has no other gaps.

        A sink that is new, and begins at the beginning, takes what is there.
        """
        begun = line.cursor or self.outlet.start == "now"
        return line.page[0].seq - 1 - line.cursor if line.page and begun else 0

    def _miss(self, line: _Line, n: int) -> None:
        """Events that were to be delivered are not there any more."""
        if n:
            self.lost += n
            _log.warning("sink %s: retention took %d events of %s before they were delivered",
                         self.outlet.name, n, line.name)  # fmt: skip

    def _silenced(self, model: str, event: Stored) -> bool:
        """Whether somebody asked not to be told; what only keeps events is told all the same."""
        if not self.outlet.wakes:
            return False
        silence = silences.of(self._reader, model)
        return silence is not None and silence.covers(event.received)

    def _deliver(self, line: _Line, event: Stored, tries: int) -> None:
        try:
            self.outlet.sink.send(Outgoing(line.name, event.seq, event.kind, event.body))
        except Gone as error:
            self.gone = self._text(error)
            self._failed(line, event.seq, tries + 1, self.gone, 0.0)
        except GiveUp as error:
            self._died(line, event.seq, tries + 1, self._text(error))
        except Exception as error:  # a sink may raise anything
            self._hindered(line, event, tries + 1, error)
        else:
            self.delivered += 1
            self.problem = None
            self._done(line, event.seq)

    def _hindered(self, line: _Line, event: Stored, tries: int, error: Exception) -> None:
        problem = self._text(error)
        if tries >= self._pace.least and self._age(event) >= self.outlet.patience:
            self._died(line, event.seq, tries, problem)
            return
        wait = self._pace.wait(tries, self._chance)
        after = error.after if isinstance(error, Retry) else None
        if after is not None:
            wait = max(wait, min(after, self._pace.longest))
            self._paused_until = self._clock() + round(wait * _SECOND)
        self._failed(line, event.seq, tries, problem, wait)

    # What has become of an event --------------------------------------------------------------

    def _done(self, line: _Line, seq: int) -> None:
        tried = line.again.pop(seq, None) is not None
        line.cursor = line.kept = max(line.cursor, seq)
        name, model, cursor = self.outlet.name, line.model, line.cursor

        def keep(store: Store) -> None:
            store.keep_cursor(name, model, cursor)
            if tried:
                store.end_delivery(name, model, seq)

        self._keep(keep)

    def _failed(self, line: _Line, seq: int, tries: int, problem: str, wait: float) -> None:
        self.failed += 1
        self.problem = problem
        due = self._clock() + round(wait * _SECOND)
        delivery = Delivery(self.outlet.name, line.model, seq, tries, due, problem)
        line.again[seq] = delivery
        self._keep(lambda store: store.keep_delivery(delivery))

    def _died(self, line: _Line, seq: int, tries: int, problem: str) -> None:
        self.dead += 1
        self.problem = problem
        line.again.pop(seq, None)
        line.cursor = line.kept = max(line.cursor, seq)
        name, cursor = self.outlet.name, line.cursor
        delivery = Delivery(name, line.model, seq, tries, self._clock(), problem, dead=True)

        def keep(store: Store) -> None:
            store.keep_cursor(name, delivery.model, cursor)
            store.keep_delivery(delivery)

        self._keep(keep)

    def _catch_up(self, line: _Line) -> None:
        """Tell the store of events that the sink did not want."""
        if line.kept != line.cursor:
            line.kept, name, cursor = line.cursor, self.outlet.name, line.cursor
            self._keep(lambda store: store.keep_cursor(name, line.model, cursor))

    def _keep(self, do: Callable[[Store], Any]) -> None:
        self._owed = do
        self._settle()

    def _settle(self) -> None:
        if self._owed is not None:
            self._kept(self._owed)
            self._owed = None

    # Lines ------------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Open the lines of models that have something new; all of them at first."""
        with self._lock:
            heard, self._heard = self._heard, set()
            afresh, self._afresh = self._afresh, False
        if afresh:
            self._read_anew()
        elif not heard <= self._lines.keys():
            self._meet()
        self._open |= {name: self._lines[name] for name in heard if name in self._lines}

    def _read_anew(self) -> None:
        self._meet()
        lines = {line.model: line for line in self._lines.values()}
        for delivery in self._reader.deliveries(self.outlet.name, dead=False, limit=1_000_000):
            if delivery.model in lines:
                lines[delivery.model].again[delivery.seq] = delivery
        self._open = dict(self._lines)

    def _meet(self) -> None:
        for model in self._reader.models():
            if model.name not in self._lines and self.outlet.wants_model(model.name):
                cursor = self._reader.cursor(self.outlet.name, model.number)
                self._lines[model.name] = _Line(model.number, model.name, cursor)

    # Time -------------------------------------------------------------------------------------

    def _left(self, due: int) -> float:
        """Seconds until then; none where the clock was set back, and it seems too far away."""
        left = (due - self._clock()) / _SECOND
        return left if 0 < left <= self._pace.longest else 0.0

    def _until(self) -> float | None:
        if self.gone is not None or not self._open:
            return None
        next_due = min(self._left(line.due()) for line in self._open.values())
        return max(next_due, self._left(self._paused_until))

    def _age(self, event: Stored) -> float:
        return (self._clock() - event.received) / _SECOND

    # In the thread ----------------------------------------------------------------------------

    @property
    def _reader(self) -> Store:
        if self._store is None:
            self._store = self._opened()
        return self._store

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._rung.clear()
            try:
                wait = self.step()
            except Closed:
                break
            except Exception as error:  # of the store; the next step may do better
                self.problem, wait = self._text(error), _AFTER_TROUBLE
                self._let_go()
            if not self._rung.wait(_NAP if wait is None else min(wait, _NAP)):
                self._afresh = True  # whatever was not told, the store knows
        self._let_go()
        close = getattr(self.outlet.sink, "close", None)
        if close is not None:
            with suppress(Exception):
                close()

    def _let_go(self) -> None:
        if self._store is not None:
            with suppress(StoreError):
                self._store.close()
            self._store = None

    def _text(self, error: Exception) -> str:
        """What is told of an error: all of ours, of others the kind, as they may hold secrets."""
        if isinstance(error, HomeostatError):
            return str(error)[:_PROBLEM_MOST]
        _log.debug("sink %s raised", self.outlet.name, exc_info=error)
        return f"raised {type(error).__name__}"
