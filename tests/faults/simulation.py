"""The service, senders, a webhook, a bad network and crashes, in a time that passes when told to.

Everything that happens is drawn from a seed and happens in one thread, so that a seed that finds
something finds it again. The store keeps what was committed, and nothing else, over a crash.
"""

import heapq
import random
from contextlib import suppress
from pathlib import Path

import apsw
from obligations import NOW, Debt, Plan, check, taken

from homeostat import AccuracyMetric, LatencyMetric, ThresholdStrategy
from homeostat.engine import Engine
from homeostat.errors import HomeostatError
from homeostat.runtime import crash, keeper
from homeostat.runtime.follower import Follower, Pace
from homeostat.runtime.keeper import Keeper
from homeostat.runtime.ledger import Ledger, Limits
from homeostat.sinks import Outlet, Retry
from homeostat.stores.faults import StoreError, StoreFull
from homeostat.stores.sqlite import SQLite
from homeostat.stores.store import Store

REQUESTS = 8  # of each sender
SENDERS = 2
PATIENCE = 5.0  # seconds, after which a sender sends again
LONGEST = 3_000.0  # seconds in which everything has to be done


def engine_of(_):
    return Engine([AccuracyMetric(9), LatencyMetric(0.3)], [], ThresholdStrategy(0.7))


class Killed(BaseException):
    """The process is gone."""


class _Hand:
    """What the crashpoint has for `os`."""

    @staticmethod
    def getpid():
        return 0

    @staticmethod
    def kill(*_):
        crash._ARMED = ""
        raise Killed


class Memory(SQLite):
    """A database that outlives its processes; `full` is asked before each commit."""

    def __init__(self, full=lambda: False):
        self.path, self._full = Path("memory"), full
        self._connection = apsw.Connection(":memory:")

    def commit(self):
        if self._full():
            raise StoreFull("there is no room")
        super().commit()

    def tidy(self):
        pass

    def close(self):
        self.rollback()


class Service(Keeper):
    """A keeper that does a step when told to."""

    def begin(self):
        self._store = self._opened()
        self._ledger = self._ledger_of(self._store)

    def step(self, chance):
        works = self._next()
        if works:
            self._together(works)
        if chance.random() < 0.1:
            self._snapshot()
        if chance.random() < 0.1:
            self._tend()


class Receiver:
    """A webhook's receiver: away now and then, and what it answers may get lost."""

    name = "receiver"

    def __init__(self, world):
        self._world, self.heard = world, {}

    def send(self, event):
        chance = self._world.chance
        if not self._world.calm and chance.random() < 0.2:
            raise Retry("away")
        heard = self.heard.setdefault(event.model, [])
        if event.seq not in heard:
            heard.append(event.seq)
        if not self._world.calm and chance.random() < 0.1:
            raise Killed
        if self._world._lost():
            raise Retry("the answer was lost")


class World:
    """One run of a seed. `service` is the class under test, `take` what it does with a request.

    `follower` is what takes events to the receiver.
    """

    def __init__(self, seed, service=Service, take=taken, follower=Follower):
        self.chance = random.Random(seed)
        self.receiver, self._follower_class = Receiver(self), follower
        self.follower = None
        self._seed, self._service_class, self._take = seed, service, take
        self._heap, self._n, self.time = [], 0, 0.0
        self.calm = False  # at the end nothing bad happens any more
        self.ended = None
        self.database = Memory(lambda: not self.calm and self.chance.random() < 0.03)
        self.service, self.crashes = None, 0
        self.senders = [Sender(self, f"m{n}") for n in range(SENDERS)]

    def later(self, wait, do):
        self._n += 1
        heapq.heappush(self._heap, (self.time + wait, self.chance.random(), self._n, do))

    def run(self):
        self._start()
        for sender in self.senders:
            self.later(self.chance.random(), sender.send)
        for _ in range(self.chance.randint(1, 4)):
            self.later(self.chance.uniform(0, 40), self._crash_soon)
        self.later(60.0, self._calm)
        self.later(0.0, self._tick)
        while self._heap and not self._done():
            self.time, _, _, do = heapq.heappop(self._heap)
            assert self.time < LONGEST, "it never ends"
            self._survive(do)
        self._judge()

    def _done(self):
        """All is sent, and the receiver has had time to hear of it."""
        if not all(sender.done for sender in self.senders):
            return False
        self.calm = True
        self.ended = self.time if self.ended is None else self.ended
        return self.time > self.ended + 40.0

    def _survive(self, do):
        try:
            do()
        except Killed:
            self._gone()

    # The service ------------------------------------------------------------------------------

    def _start(self):
        self.service = self._service_class(
            lambda: Store(self.database),
            lambda store: Ledger(store, engine_of, lambda: NOW, Limits()),
        )
        try:
            self.service.begin()
            self.follower = self._followed()
        except StoreError:
            self._gone()

    def _followed(self):
        follower = self._follower_class(
            Outlet(self.receiver, start="beginning"), lambda: Store(self.database), self._kept,
            clock=lambda: round(self.time * 1e6), chance=self.chance, pace=Pace(0.5, 5.0),
        )  # fmt: skip
        self._kept(follower.begin)
        return follower

    def _kept(self, do):
        store = Store(self.database)
        with store.change():
            return do(store)

    def _tick(self):
        self.later(self.chance.expovariate(3.0), self._tick)
        if self.service is not None:
            self.service.step(self.chance)
        if self.follower is not None and self.chance.random() < 0.3:
            with suppress(StoreError):
                self.follower.replay()  # whatever is new, it finds in the store
                self.follower.step()

    def _crash_soon(self):
        if self.calm:
            return
        if self.chance.random() < 0.3:
            self._gone()
        else:
            crash._ARMED, crash._left = self.chance.choice(crash.POINTS), self.chance.randint(1, 3)

    def _gone(self):
        """Killed: what waited is lost, what was not committed is undone."""
        crash._ARMED = ""
        self.crashes += 1
        self.service = self.follower = None
        self.database.rollback()
        self.later(self.chance.uniform(0.1, 8.0), self._start)

    def _calm(self):
        self.calm = True
        crash._ARMED = ""

    def ask(self, request, answered):
        """A request arrives; the answer leaves when there is one, if the service lives."""
        if self.service is None:
            return
        try:
            future = self.service.submit(lambda ledger: self._take(ledger, request))
        except HomeostatError:
            return
        future.add_done_callback(lambda done: self._reply(done, answered))

    def _reply(self, done, answered):
        if done.cancelled() or (done.exception() is None and self._lost()):
            return
        self.later(self.chance.expovariate(4.0), lambda: answered(done))

    def _lost(self):
        return not self.calm and self.chance.random() < 0.15

    def carry(self, do):
        """Over the network: now and then it does not arrive."""
        if not self._lost():
            self.later(self.chance.expovariate(4.0), do)

    # The verdict ------------------------------------------------------------------------------

    def _judge(self):
        assert all(sender.done for sender in self.senders)
        crash._ARMED = ""
        self.database.rollback()
        self.calm = True
        ledger = Ledger(Store(self.database), engine_of, lambda: NOW, Limits())
        numbers = {model.name: model.number for model in Store(self.database).models()}
        for sender in self.senders:
            events = Store(self.database).events(numbers[sender.model], 0, 100_000)
            heard = self.receiver.heard.get(sender.model, [])
            assert heard == [event.seq for event in events], "the receiver has not heard it all"
            check(ledger, sender.debt)
            assert ledger.accounts[sender.model].state_hash() == self._twin(sender)

    def _twin(self, sender):
        store = Store(Memory())
        ledger = Ledger(store, engine_of, lambda: NOW, Limits())
        sender.plan.anew()
        with store.change():
            for _ in range(REQUESTS):
                taken(ledger, next(sender.plan))
                ledger.save()
        return ledger.accounts[sender.model].state_hash()


class Sender:
    """Sends its plan; a request again and again, until it is acknowledged."""

    def __init__(self, world, model):
        self.world, self.model = world, model
        self.plan, self.debt = Plan(model, world._seed, largest=6), Debt(model)
        self.request, self.n, self.tries = next(self.plan), 0, 0

    @property
    def done(self):
        return self.n == REQUESTS

    def send(self):
        self.tries += 1
        request, n, tries = self.request, self.n, self.tries
        self.world.carry(lambda: self._arrive(request, n, tries))
        self.world.later(PATIENCE, lambda: self._again(n, tries))

    def _arrive(self, request, n, tries):
        """A copy that is late may still arrive; of labels only while its connection is there."""
        if request.path == "/v1/records" or (n, tries) == (self.n, self.tries):
            self.world.ask(request, lambda done: self._answered(done, n, tries))

    def _again(self, n, tries):
        if (n, tries) == (self.n, self.tries) and not self.done:
            self.send()

    def _answered(self, done, n, tries):
        if n != self.n or self.done:
            return
        if done.exception() is not None:
            assert isinstance(done.exception(), StoreError)
            return
        answer = done.result()
        if answer is not None and self.request.path == "/v1/records":
            new = self.debt.new_in(self.request)
            assert answer.accepted in ({new, 0} if self.tries > 1 else {new})
        self.debt.add(self.request)
        self.n, self.tries = self.n + 1, 0
        if not self.done:
            self.request = next(self.plan)
            self.world.later(self.world.chance.expovariate(2.0), self.send)


def simulate(seed, service=Service, take=taken, follower=Follower):
    """Run a seed; how often it crashed. Raises AssertionError where something was not kept."""
    before = crash.os, crash._ARMED, keeper._TICK
    crash.os, crash._ARMED, keeper._TICK = _Hand, "", 0
    try:
        world = World(seed, service, take, follower)
        world.run()
        return world.crashes
    finally:
        crash.os, crash._ARMED, keeper._TICK = before
