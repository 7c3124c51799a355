"""What there is to tell in numbers, once for all who tell it: `/metrics`, and OpenTelemetry."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, NamedTuple

from homeostat.errors import HomeostatError
from homeostat.lifecycle.orders import CANCELLED, FAILED, LOST
from homeostat.runtime.account import Account
from homeostat.runtime.ledger import Ledger
from homeostat.stores.jobs import OPEN, RECALLED, SUCCEEDED
from homeostat.stores.store import Store

OTHER = "__other__"
SERIES = 10_000
"""Series that there are at most."""

FROM_THE_START = (
    "DriftDetected", "RetrainRequested", "PluginFailed", "RetrainFailed", "ModelPromoted",
    "ModelRolledBack",
)  # fmt: skip
"""Kinds of events that are told as 0 before the first: an increase is seen from a number only."""

_STATES = (*OPEN, SUCCEEDED, RECALLED, FAILED, CANCELLED, LOST)

_OF_MODELS = {
    "accepted": ("records_accepted", "Records that count."),
    "duplicates": ("records_duplicate", "Records that were sent again, and did not count again."),
    "rejected": ("records_rejected", "Records of requests taken in part that were refused."),
    "late": ("records_late", "Records that came later than the lateness of their model allows."),
    "corrected": ("labels_corrected", "Labels that replaced another."),
    "retracted": ("labels_retracted", "Labels that were taken back."),
    "labels_duplicate": ("labels_duplicate", "Labels that were there already."),
}
"""Counters of an account: what they are called here, and what they count."""

_OF_NO_MODEL = {
    "refused": "Records of requests of which nothing was taken.",
    "unreadable": "Rows of requests taken in part that were no record.",
    "refused_labels": "Labels of requests of which nothing was taken.",
}

Row = tuple[tuple[str, ...], float]
"""Values of the labels, and the number."""


class Figure(NamedTuple):
    """Numbers of one name: what they are, whether they only grow, their labels, and a row each."""

    name: str
    told: str
    grows: bool
    labels: tuple[str, ...]
    rows: Sequence[Row]


def single(name: str, told: str, value: float, grows: bool = False) -> Figure:
    """A figure without labels."""
    return Figure(name, told, grows, (), [((), value)])


class Copied:
    """What figures are made of, copied out of the ledger within the keeper's thread.

    taken: when, in seconds of the clock that ages are told by. events: (number, latest event) of
    each model. Cost: O(models), and three statements that read small tables.
    """

    def __init__(self, ledger: Ledger, taken: float = 0.0) -> None:
        self.taken = taken
        accounts = sorted(ledger.accounts.values(), key=_busy, reverse=True)
        kept = max(1, SERIES // (_per_model(accounts) + 8))
        self.counters: dict[str, Counter[str]] = {}
        self.latest: dict[str, dict[str, list[Any]]] = {}
        self.pairs: dict[str, int] = {}
        for place, account in enumerate(accounts):
            name = account.name if place < kept else OTHER
            self.counters.setdefault(name, Counter()).update(account.counters)
            if place < kept:
                self.latest[name] = {one: list(told) for one, told in account.latest.items()}
                loop = ledger.loop(name)
                compared = None if loop is None else loop.pairs.shown()
                if compared is not None:
                    self.pairs[name] = compared["n"]
        self.models = len(accounts)
        self.service = dict(ledger.counters)
        self.events = {a.name: (a.number, a.counters.get("events", 0)) for a in accounts}
        self.cursors = _cursors(ledger.store)
        self.deliveries = _deliveries(ledger.store)
        self.jobs = _jobs(ledger.store)

    def figures(self) -> Iterator[Figure]:
        """All of them; each is there even when it has no row yet."""
        for name, (own, told) in _OF_MODELS.items():
            rows = [((model,), float(n.get(name, 0))) for model, n in self.counters.items()]
            yield Figure(own, told, True, ("model",), rows)
        told = "Events of each kind, metric updates aside."
        yield Figure("events", told, True, ("model", "kind"), list(self._events()))
        rows = [((model,), float(n.get("labels", 0))) for model, n in self.counters.items()]
        yield Figure("labelled_records", "Records whose label is known.", False, ("model",), rows)
        yield from self._metrics()
        for name, told in _OF_NO_MODEL.items():
            yield single(name, told, self.service.get(name, 0), grows=True)
        yield single("models", "Models there are.", self.models)
        states = [((state,), float(self.jobs.get(state, 0))) for state in _STATES]
        yield Figure("jobs", "Retrainings in each state.", False, ("state",), states)
        pairs = [((model,), float(n)) for model, n in self.pairs.items()]
        told = "Records on which champion and challenger were compared, while they are."
        yield Figure("comparison_pairs", told, False, ("model",), pairs)

    def _events(self) -> Iterator[Row]:
        for model, counters in self.counters.items():
            kinds = dict.fromkeys(FROM_THE_START, 0)
            for name, n in counters.items():
                if name.startswith("event."):
                    kinds[name.removeprefix("event.")] = n
            for kind, n in kinds.items():
                yield (model, kind), float(n)

    def _metrics(self) -> Iterator[Figure]:
        labels = ("model", "metric")
        values: list[Row] = []
        ns: list[Row] = []
        for model, latest in self.latest.items():
            for metric, (value, n) in latest.items():
                values.append(((model, metric), float(value)))
                ns.append(((model, metric), float(n)))
        yield Figure("metric", "The latest value of a metric.", False, labels, values)
        yield Figure("metric_n", "Observations that it rests on.", False, labels, ns)


class Latest:
    """The newest copy. At most one look waits for the keeper, however many ask.

    `submit` hands a look to the keeper, `clock` gives seconds. From any thread.
    """

    def __init__(
        self, submit: Callable[[Callable[[Ledger], Copied]], Future[Copied]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._submit, self._clock = submit, clock
        self._lock = threading.Lock()
        self._looking: Future[Copied] | None = None
        self._seen: Copied | None = None

    def waited(self, seconds: float) -> Copied | None:
        """The figures now, or the last there were when the keeper needs longer; None for none."""
        with suppress(TimeoutError, HomeostatError):
            return self._look().result(seconds)
        return self._seen

    async def awaited(self, seconds: float) -> Copied | None:
        """The same, without holding up the event loop."""
        with suppress(TimeoutError, HomeostatError):
            looking = asyncio.wrap_future(self._look())
            looking.add_done_callback(_heard)
            return await asyncio.wait_for(asyncio.shield(looking), seconds)
        return self._seen

    def age(self, copied: Copied) -> float:
        """Seconds since a copy was taken."""
        return max(0.0, self._clock() - copied.taken)

    def _look(self) -> Future[Copied]:
        with self._lock:
            if self._looking is None or self._looking.done():
                self._looking = self._submit(lambda ledger: Copied(ledger, self._clock()))
                looking = self._looking
            else:
                return self._looking
        looking.add_done_callback(self._keep)  # without the lock: it may be called at once
        return looking

    def _keep(self, looking: Future[Copied]) -> None:
        if not looking.cancelled() and looking.exception() is None:
            self._seen = looking.result()


def _heard(looking: asyncio.Future[Copied]) -> None:
    """An error that comes when nobody waits any more is no news."""
    if not looking.cancelled():
        looking.exception()


def _busy(account: Account) -> int:
    return account.counters.get("accepted", 0)


def _per_model(accounts: list[Account]) -> int:
    """Series of a model at most, kinds of events that were not seen yet aside."""
    metrics = max((len(account.engine.metrics) for account in accounts), default=0)
    return len(_OF_MODELS) + len(FROM_THE_START) + 2 * metrics + 2


def _cursors(store: Store) -> dict[tuple[str, int], int]:
    """(sink, model) and the last event dealt with."""
    rows = store.database.execute("SELECT follower, model, seq FROM cursors", ())
    return {(str(sink), int(model)): int(seq) for sink, model, seq in rows}


def _deliveries(store: Store) -> dict[tuple[str, bool], int]:
    """(sink, whether dead) and how many events; those not dead wait for another try."""
    statement = "SELECT follower, dead, COUNT(*) FROM deliveries GROUP BY follower, dead"
    rows = store.database.execute(statement, ())
    return {(str(sink), bool(dead)): int(n) for sink, dead, n in rows}


def _jobs(store: Store) -> dict[str, int]:
    rows = store.database.execute("SELECT state, COUNT(*) FROM jobs GROUP BY state", ())
    return {str(state): int(n) for state, n in rows}
