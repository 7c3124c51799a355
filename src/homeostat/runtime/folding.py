"""Folds the facts of a journal into an engine, in the order of their positions.

What an engine has seen is a function of the facts before a position, so labels are known here as
they were at that position, and not as they are now: a label that was corrected later is still
the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from homeostat.batch import Batch
from homeostat.engine import Engine
from homeostat.event_batch import EventBatch
from homeostat.events import MetricUpdated, ModelPromoted, ModelRolledBack, SystemEvent
from homeostat.protocols import follows_labels
from homeostat.runtime.account import SETTLED
from homeostat.runtime.records import Place, Records
from homeostat.stores.packing import unpack, unpack_batch
from homeostat.stores.store import LABELS, NEWS, Fact, Model, Store

_UNSURE = 1000  # records looked back at for a metric that does not say how many it needs
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
        self, store: Store, model: Model, engine: Engine, records: Records, told: Told
    ) -> None:
        self.engine = engine
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
        self._wait(unpack_batch(fact.body, self._model.name, fact.place))
        return []

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
        self._told(self.engine.settle(self._gathered(positions).with_truth(labels)))

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
            self.engine.recount(self._labelled(most))

    def _labelled(self, most: int) -> Batch:
        """The last `most` records with a label, in the order in which that became known."""
        found: list[int] = []
        for fact in self._store.facts_back(self._model.number, self._end):
            if fact.kind == NEWS and any(map(turns, news(fact))):
                break  # what was before was about another version
            settled = [at for at in self._settled_in(fact) if self._label(at) is not None]
            found += reversed(settled)
            if len(found) >= most:
                break
        latest = found[:most][::-1]
        if not latest:
            return Batch.from_records([])
        return self._gathered(latest).with_truth([self._label(at) for at in latest])

    def _settled_in(self, fact: Fact) -> list[int]:
        """The records whose label became known with a fact."""
        if fact.kind == NEWS:
            return []
        if fact.kind == LABELS:
            kept = unpack(fact.body, fact.place)
            there = kept["positions"] >= self._records.floor(self._model.number)
            first = kept["positions"][there & (kept["did"] == SETTLED)].tolist()
            return [at for at in first if at in self._late]  # of the last fact, those so far
        batch = self._records.at(Place(self._model.number, fact.first)).batch
        rows, correct = batch.outcome
        own = np.arange(len(correct)) if rows is None else rows
        return (own + fact.first).tolist()  # type: ignore[no-any-return]

    def _label(self, position: int) -> Any:
        """The label that a record has so far, None for none."""
        if position in self._late:
            return self._late[position]
        kept = self._records.at(Place(self._model.number, position))
        label = kept.batch.ground_truth_label[position - kept.first]
        label = label.item() if isinstance(label, np.generic) else label
        return None if label != label else label

    def _gathered(self, positions: Sequence[int]) -> Batch:
        """The records at some positions, in that order."""
        kept = [self._records.at(Place(self._model.number, at)) for at in positions]
        rows: dict[int, tuple[Batch, list[int], list[int]]] = {}
        for at, (position, one) in enumerate(zip(positions, kept, strict=True)):
            _, own, places = rows.setdefault(one.first, (one.batch, [], []))
            own.append(position - one.first)
            places.append(at)
        parts = [batch.take(np.array(own)) for batch, own, _ in rows.values()]
        order = np.concatenate([np.array(at) for _, _, at in rows.values()])
        return Batch.joined(parts).take(np.argsort(order))


def labels_needed(engine: Engine) -> int:
    """How many of the latest labels the metrics that follow them are rebuilt from."""
    needed = [getattr(m, "window", None) for m in engine.metrics if follows_labels(m)]
    return max((n if isinstance(n, int) else _UNSURE for n in needed), default=0)


def news(fact: Fact) -> list[SystemEvent]:
    """What a fact that came from outside tells."""
    return [SystemEvent.from_json(event) for event in unpack(fact.body, fact.place)]


def turns(event: SystemEvent) -> bool:
    """Whether another version serves from this event on."""
    return isinstance(event, ModelPromoted | ModelRolledBack)


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
