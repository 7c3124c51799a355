"""Folds the facts of a journal into an engine, in the order of their positions.

What an engine has seen is a function of the facts before a position, so labels are known here as
they were at that position, and not as they are now: a label that was corrected later is still
the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.engine import Engine
from homeostat.event_batch import EventBatch
from homeostat.events import MetricUpdated, SystemEvent
from homeostat.runtime.labels import (
    SETTLED,
    gathered,
    labels_needed,
    latest_labelled,
    news,
    own_label,
    turns,
)
from homeostat.runtime.records import Records
from homeostat.stores.packing import unpack, unpack_batch
from homeostat.stores.store import LABELS, NEWS, STATES, Fact, Model, Store

_TOGETHER = 16_384  # records that are folded at once

Told = Callable[[EventBatch], None]
"""Hears of what folding some records gave."""


class Folding:
    """An engine that takes the facts of one model, one after another.

    `told` hears of the events of every batch, in order, values of metrics among them. Reads the
    store and changes nothing. Memory: 16,384 records that wait to be folded together, and the
    labels that came later than their records. Raises Damaged.
    """

    def __init__(
        self, store: Store, model: Model, engine: Engine, records: Records, told: Told,
        recounted: Callable[[Mapping[str, NDArray[np.float64]]], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self.engine = engine
        engine.lenient = False  # as in the service
        self._recounted = recounted
        self._store, self._model, self._records, self._told = store, model, records, told
        self._late: dict[int, Any] = {}  # by position, the labels that came after their records
        self._waiting: list[Batch] = []
        self._stale = False
        self._end = 0

    def fold(self, fact: Fact) -> list[SystemEvent]:
        """Take the next fact; what it told by itself, which comes after all that is folded."""
        if fact.kind == LABELS:
            self._end = fact.first + fact.n  # its first labels count for its changes
            self._labels(fact)
            return []
        self._recount()
        self._end = fact.first + fact.n
        if fact.kind == NEWS:
            return self._news(fact)
        if fact.kind == STATES:
            return []
        self._wait(unpack_batch(fact.body, self._model.name, fact.place))
        return []

    def know(self, fact: Fact) -> None:
        """Know the labels of a fact that the engine has seen already; all of them come first."""
        if fact.kind == LABELS:
            kept = unpack(fact.body, fact.place)
            self._late |= zip(kept["positions"].tolist(), kept["labels"], strict=True)
        self._end = fact.first + fact.n

    def end(self) -> None:
        """Fold what still waits."""
        self._fold()
        self._recount()

    # Facts ------------------------------------------------------------------------------------

    def _news(self, fact: Fact) -> list[SystemEvent]:
        """What came from outside. A version that serves from now on is measured anew."""
        self._fold()
        events = news(fact)
        if any(map(turns, events)):
            self.engine.renew()
        return events

    def _labels(self, fact: Fact) -> None:
        """Labels, in runs of first ones, and changes one by one."""
        kept = unpack(fact.body, fact.place)
        positions, did = kept["positions"].tolist(), kept["did"].tolist()
        there = self._records.floor(self._model.number)
        run: list[tuple[int, Any]] = []
        for position, label, what in zip(positions, kept["labels"], did, strict=True):
            if position < there:
                continue
            if what == SETTLED:
                run.append((position, label))
                continue
            self._settle(run)
            run = []
            self._fold()
            self._late[position] = label
            self._stale = True
        self._settle(run)

    def _settle(self, run: list[tuple[int, Any]]) -> None:
        if not run:
            return
        self.end()
        self._late |= run
        positions, labels = zip(*run, strict=True)
        records = gathered(self._records, self._model.number, positions)
        self._told(self.engine.settle(records.with_truth(labels)))

    # Folding ----------------------------------------------------------------------------------

    def _wait(self, batch: Batch) -> None:
        self._waiting.append(batch)
        if sum(map(len, self._waiting)) >= _TOGETHER:
            self._fold()

    def _fold(self) -> None:
        if self._waiting:
            batch, self._waiting = Batch.joined(self._waiting), []
            self._told(self.engine.observe_batch(batch))

    def _recount(self) -> None:
        """After a label changed, rebuild what follows labels from the latest that are known."""
        if not self._stale:
            return
        self._stale = False
        most = labels_needed(self.engine)
        if most:
            back = self._store.facts_back(self._model.number, self._end)
            batch = latest_labelled(back, self._records, most, self._known)
            self._recounted(self.engine.recount(batch))

    def _known(self, positions: list[int]) -> list[Any]:
        """The labels that some records have so far, None for none."""
        return [self._label(at) for at in positions]

    def _label(self, position: int) -> Any:
        """The label that a record has so far, None for none."""
        if position in self._late:
            return self._late[position]
        return own_label(self._records, self._model.number, position)


def folded(store: Store, model: Model, engine: Engine, records: Records) -> Iterator[SystemEvent]:
    """The events that a model's facts give, but for the metrics' values.

    As far as the journal went when `model` was read; a service may go on writing.
    """
    heard: list[SystemEvent] = []

    def told(events: EventBatch) -> None:
        kinds = [kind for kind in events.counts() if kind is not MetricUpdated]
        heard.extend(events.of(*kinds) if kinds else ())

    folding = Folding(store, model, engine, records, told)
    for fact in store.facts(model.number, 0):
        if fact.first >= model.position:
            break
        events = folding.fold(fact)
        yield from heard
        heard.clear()
        yield from events
    folding.end()
    yield from heard
