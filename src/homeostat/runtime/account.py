"""One model's account: its records and labels in, in order, and what follows from them.

Every fact has a position. The engine takes facts in that order, whatever the requests they came
in: a record when it comes, a label that comes late when it comes. A label that changes, or is
taken back, changes the cells and rebuilds the metrics that follow labels from the latest records
whose label is known; detectors and strategies have seen what they have seen. So what is remembered
is a function of the facts alone, and a restart that takes them again ends with the same bits.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from homeostat.batch import Batch
from homeostat.engine import Engine
from homeostat.errors import SnapshotMismatch
from homeostat.event_batch import EventBatch
from homeostat.events import MetricUpdated, SystemEvent
from homeostat.runtime.absorbing import absorb
from homeostat.runtime.answers import Sent
from homeostat.runtime.cells import Cell, Cells
from homeostat.runtime.cells import Place as CellPlace
from homeostat.runtime.crash import crashpoint
from homeostat.runtime.forgetting import going
from homeostat.runtime.happened import Happened
from homeostat.runtime.isolation import Isolation
from homeostat.runtime.labels import (
    CORRECTED,
    RESTORED,
    RETRACTED,
    SETTLED,
    current_labels,
    first_labels,
    gathered,
    labels_needed,
    labels_of,
    latest_labelled,
    news,
    same_label,
    turns,
)
from homeostat.runtime.mending import Mending
from homeostat.runtime.records import Place, Records
from homeostat.runtime.snapshots import Snapshots
from homeostat.runtime.values import Values
from homeostat.state import to_bytes
from homeostat.stores import pruning
from homeostat.stores.faults import Damaged
from homeostat.stores.packing import (
    pack,
    pack_batch,
    pack_label,
    unpack_batch,
    unpack_label,
)
from homeostat.stores.store import LABELS, NEWS, RECORDS, STATES, Fact, Model, Parked, Store

_log = logging.getLogger("homeostat.account")

AN_HOUR = 3_600_000_000  # microseconds

ANY_MODEL = 0
"""The number under which labels are parked that do not name a model."""

_TOGETHER = 16_384  # records that are folded at once
_MARGIN = 2  # times the labels that a recount needs stay, so that some may be taken back


class Account:
    """The state of one model, as of the latest change.

    Make one with `Account.opened`. Its methods are called within a change of the store; when that
    fails, the account is thrown away and opened again.
    """

    def __init__(
        self, store: Store, model: Model, engine: Engine, records: Records, lateness: int = AN_HOUR
    ) -> None:
        self.number, self.name = model.number, model.name
        self.counters = dict(model.counters)
        engine.lenient = False  # what becomes of a plug-in that fails may not depend on batches
        self._engine = engine
        self._isolation = Isolation(engine)
        self._lateness = lateness
        self._values = Values(engine)
        self._store, self._records = store, records
        self._cells = Cells(store, model.number)
        self._position = model.position
        self._snapshots = Snapshots(store, model.number, model.name, fingerprint(engine))
        self._stale = self._corrected = False
        self._waiting = store.waiting(model.number) + store.waiting(ANY_MODEL)
        self._unfolded: list[Batch] = []
        self._unsettled: list[tuple[list[int], list[Any]]] = []
        self._happened = Happened(store, model.number, self.counters)
        self._changed = False
        self.on_labelled: Callable[[Batch], None] = _nobody
        """Hears of records whose label became known, in the change that brings it."""
        self.mending: Mending | None = None
        """What catches up now for plug-ins that are off."""
        self._mended = ""  # what came of it, in words

    @property
    def engine(self) -> Engine:
        """The engine, which has seen all that came."""
        self._catch_up()
        return self._engine

    @property
    def latest(self) -> dict[str, list[Any]]:
        """Each metric's latest value, and the observations that it rests on."""
        self._catch_up()
        return self._values.latest

    @classmethod
    def opened(
        cls, store: Store, model: Model, engine: Engine, records: Records, lateness: int = AN_HOUR
    ) -> Account:
        """The account as the store has it: the latest snapshot and the facts since.

        lateness: microseconds behind the model's newest record; older ones are counted as late.
        """
        account = cls(store, model, engine, records, lateness)
        account._resume()
        return account

    # Records ----------------------------------------------------------------------------------

    def take(self, batch: Batch, now: int, packed: bytes | None = None) -> int:
        """Keep new records and fold them; how many labels met one that waited for any model's.

        `packed` is the batch as it is kept, where that is known.
        """
        self._settle()
        self._recount()
        batch, own, loose = self._met(batch)
        body = pack_batch(batch) if packed is None or own or loose else packed
        entry = self._store.append(self.number, self._position, len(batch), RECORDS, now, body)
        crashpoint("record_kept")
        self._records.add(self.number, self._position, batch, entry)
        if own or loose:
            self._store.unpark(self.number, own)
            self._store.unpark(ANY_MODEL, loose)
            self.parked(-len(own), own=True)
            crashpoint("label_met")
        self.count("accepted", len(batch))
        self.count("labels", len(batch.outcome.correct))
        self._note_lateness(batch)
        self._cells.add(batch)
        self._advance(len(batch))
        self._unfolded.append(batch)
        self.on_labelled(batch)
        if sum(map(len, self._unfolded)) >= _TOGETHER:
            self._fold()
        return len(loose)

    def _met(self, batch: Batch) -> tuple[Batch, dict[str, Parked], dict[str, Parked]]:
        """The batch with the labels that were there before it: the model's own, and any model's."""
        if not self._waiting:
            return batch, {}, {}
        ids = [one for one in batch.column("record_id").tolist() if one is not None]
        own = self._store.parked(self.number, ids)
        loose = self._store.parked(ANY_MODEL, ids)
        if not (own or loose):
            return batch, {}, {}
        parked = loose | own
        labels = [
            unpack_label(parked[one].label) if one in parked else known
            for one, known in zip(batch.column("record_id").tolist(), labels_of(batch), strict=True)
        ]
        return batch.with_truth(labels), own, loose

    # Labels -----------------------------------------------------------------------------------

    def label(self, sent: Sequence[tuple[Sent, Place]], now: int) -> list[int | None]:
        """Take labels of records that are there, in order; what each did, None for nothing new.

        Of several for one record the last counts, so that all of them sent again are nothing new.
        """
        last = {place.position: at for at, (_, place) in enumerate(sent)}
        current = self._current([place.position for _, place in sent])
        done: list[int | None] = []
        kept: list[tuple[int, Any, int, int | None]] = []
        for at, (each, place) in enumerate(sent):
            known, label = current[place.position]
            if at != last[place.position]:
                done.append(None)
                continue
            if known and same_label(label, each.label):
                done.append(None)
                continue
            if not known and each.label is None:
                done.append(None)  # nothing to take back
                continue
            did = RETRACTED if each.label is None else CORRECTED if known else SETTLED
            done.append(RESTORED if did == CORRECTED and label is None else did)
            kept.append((place.position, each.label, did, each.at))
        if kept:
            self._keep_labels(kept, now)
        return done

    def _keep_labels(self, kept: list[tuple[int, Any, int, int | None]], now: int) -> None:
        positions = [position for position, *_ in kept]
        body = pack(
            {
                "positions": np.array(positions, dtype=np.int64),
                "labels": [label for _, label, _, _ in kept],
                "did": np.array([did for _, _, did, _ in kept], dtype=np.uint8),
                "at": [at for *_, at in kept],
            }
        )
        self._store.append(self.number, self._position, len(kept), LABELS, now, body)
        crashpoint("label_kept")
        self._advance(len(kept))
        self._fold_labels(positions, [x[1] for x in kept], [x[2] for x in kept])

    def _fold_labels(self, positions: list[int], labels: list[Any], did: list[int]) -> None:
        """Fold labels, in runs of first ones and changes one by one."""
        at = 0
        while at < len(did):
            end = at + 1
            while did[at] == SETTLED and end < len(did) and did[end] == SETTLED:
                end += 1
            if did[at] == SETTLED:
                self._first(positions[at:end], labels[at:end])
            else:
                self._relabel(positions[at], labels[at])
            at = end

    def _first(self, positions: list[int], labels: list[Any]) -> None:
        self._recount()  # before there are more labels than were folded
        self._keep_current(positions, labels)
        self.count("labels", len(labels))
        self._unsettled.append((positions, labels))

    def _relabel(self, position: int, label: Any) -> None:
        self._fold()
        before = self._current([position])[position][1]
        record = self._gathered([position])
        if before is not None:
            self._cells.relabel(record.with_truth([before]), -1)
        if label is not None:
            self._cells.relabel(record.with_truth([label]), 1)
        self._keep_current([position], [label])
        self.count("labels", (label is not None) - (before is not None))
        self.count(
            "retracted" if label is None else "restored" if before is None else "corrected", 1
        )
        self._stale = self._corrected = self._changed = True

    def _keep_current(self, positions: list[int], labels: list[Any]) -> None:
        rows = zip(positions, map(pack_label, labels), strict=True)
        self._store.keep_labels(self.number, [(at, label, None) for at, label in rows])

    def _current(self, positions: list[int]) -> dict[int, tuple[bool, Any]]:
        """Of each record, whether it ever had a label, and the one it has."""
        return current_labels(self._store, self._records, self.number, positions)

    def _gathered(self, positions: Sequence[int]) -> Batch:
        """The records at some positions, in that order."""
        return gathered(self._records, self.number, positions)

    # States -----------------------------------------------------------------------------------

    def absorb(self, cells: Mapping[CellPlace, Cell], digest: str, now: int) -> bool:
        """Add counts that were made elsewhere; False where they were added before."""
        self._catch_up()
        self._cells.save()
        model = Model(self.number, self.name, self._position, dict(self.counters))
        if not absorb(self._store, model, cells, digest, now):
            return False
        self._cells = Cells(self._store, self.number)
        self.count("absorbed", sum(cell.records for cell in cells.values()))
        self._advance(1)
        return True

    # News -------------------------------------------------------------------------------------

    def tell(self, events: Sequence[SystemEvent], now: int) -> list[int]:
        """Append what came from outside, as facts; the numbers of the events in the log."""
        self._catch_up()
        body = pack([event.to_json() for event in events])
        self._store.append(self.number, self._position, len(events), NEWS, now, body)
        crashpoint("news_kept")
        self._advance(len(events))
        numbers = self._happened.add(events)
        self._heed(events)
        return numbers

    def _heed(self, events: Sequence[SystemEvent]) -> None:
        """Another version serves from now on: what is measured is measured anew."""
        if any(map(turns, events)):
            self._engine.renew()
            self._values.latest = {}

    @property
    def position(self) -> int:
        """Where the next fact will be."""
        return self._position

    @property
    def touched(self) -> bool:
        """Whether anything has come in this change."""
        return self._changed or bool(self._happened)

    @property
    def requested(self) -> list[tuple[int, SystemEvent]]:
        """Requests and alarms that are new in this change, with their numbers in the log."""
        self._catch_up()
        return self._happened.heard

    # Folding ----------------------------------------------------------------------------------

    def _catch_up(self) -> None:
        """Fold what came and count anew what changed, so that the engine has seen all."""
        self._fold()
        self._recount()
        self._report()

    def _report(self) -> None:
        """Tell of plug-ins that went off without an event: in a recount, renewed, or read anew."""
        self._happened.add(self._isolation.untold(self.counters.get("newest", 0)))

    def _fold(self) -> None:
        """Fold what came since: records, then labels; several requests at once cost far less."""
        if self._unfolded:
            batch = Batch.joined(self._unfolded)
            self._unfolded = []
            self._told(self._folded(batch))
        self._settle()

    def _settle(self) -> None:
        """Fold the first labels that came since, and the records before them."""
        if not self._unsettled:
            return
        unsettled, self._unsettled = self._unsettled, []
        self._fold()
        positions = [position for some, _ in unsettled for position in some]
        labels = [label for _, some in unsettled for label in some]
        batch = self._gathered(positions).with_truth(labels)
        self._cells.relabel(batch, 1)
        self._told(self._folded(batch, late=True))
        self.on_labelled(batch)

    def _folded(self, batch: Batch, late: bool = False) -> EventBatch:
        events = self._engine.settle(batch) if late else self._engine.observe_batch(batch)
        self._values.told(events)
        return events

    def _told(self, events: EventBatch) -> None:
        """Keep what happened; the metrics' values are in the cells and in `latest`."""
        kinds = [kind for kind in events.counts() if kind is not MetricUpdated]
        if kinds:
            happened = events.of(*kinds)
            self._isolation.told(happened)
            self._happened.add(happened)

    def _recount(self) -> None:
        """After a change, rebuild what follows labels from the latest records that have one."""
        if not self._stale:
            return
        self._stale = False
        most = labels_needed(self._engine)
        if most:
            back = self._store.facts_back(self.number, self._position)
            batch = latest_labelled(back, self._records, most, self._known)
            self._values.recounted(self._engine.recount(batch))

    def _known(self, positions: list[int]) -> list[Any]:
        """The labels that some records have, None for none."""
        found = self._current(positions)
        return [found[at][1] for at in positions]

    # Forgetting -------------------------------------------------------------------------------

    def forget(self, oldest: Sequence[Fact]) -> bool:
        """Let go of the oldest facts, as far as enough labels stay; False when none can go.

        Everything they have led to is in the snapshot. Raises Damaged, having changed nothing.
        """
        if self.mending is not None:
            return False  # it reads them
        kept = self.counters.get("labels", 0) - self.counters.get("forgotten_labels", 0)
        spare = kept - _MARGIN * labels_needed(self._engine)
        gone = going(self._store, self.name, oldest, spare)
        if not gone.end:
            return False
        pruning.forget_facts(self._store, self.number, gone.end)
        self._records.forget(self.number, gone.end)
        self.count("forgotten", gone.end - self.counters.get("forgotten", 0))
        self.count("forgotten_records", gone.records)
        self.count("forgotten_labels", gone.labels)
        return True

    # Counters ---------------------------------------------------------------------------------

    def parked(self, n: int, own: bool) -> None:
        """So many more labels wait for this model's records, or for any model's."""
        self._waiting += n
        if own:
            self.count("parked_labels", n)

    def count(self, name: str, n: int) -> None:
        """Add to a counter."""
        if n:
            self.counters[name] = self.counters.get(name, 0) + n
            self._changed = True

    def _note_lateness(self, batch: Batch) -> None:
        newest = self.counters.get("newest", 0)
        times = batch.created_at
        self.count("late", int((times < newest - self._lateness).sum()))
        self.counters["newest"] = max(newest, int(times.max()))

    def _advance(self, n: int) -> None:
        self._position += n
        self._changed = True

    # Keeping ----------------------------------------------------------------------------------

    def save(self, now: int, snapshot: bool = False) -> int:
        """Write what has changed, within the change that caused it; how many events are new."""
        self._catch_up()
        due = self._snapshots.due(self._position) or self._corrected
        due = due or (snapshot and self._position != self._snapshots.at)
        engine = self._engine.snapshot() if due else b""
        self._report()  # of those that cannot be remembered
        if self._isolation.news:  # so that no restart has to fold across the failure
            self._isolation.keep_good(self._snapshots.good())
            due, engine = True, self._engine.snapshot()
        new = self._happened.keep(now)
        self._changed |= new > 0
        self._cells.save()
        if due:
            memory = {
                "engine": engine, "latest": self._values.latest, "told": self._happened.so_far,
                "good": self._isolation.good,
            }  # fmt: skip
            self._snapshots.keep(self._position, memory)
            self._corrected, self._changed = False, True
        if self._changed:
            kept = Model(self.number, self.name, self._position, self.counters)
            self._store.keep_model(kept)
            self._changed = False
        return new

    def state_hash(self) -> str:
        """SHA-256 of everything that the facts have led to."""
        self._catch_up()
        facts = {name: self.counters.get(name, 0) for name in ("accepted", "labels")}
        body = to_bytes({"engine": self._engine.essence(), "latest": self._values.latest})
        facts["events"] = self._happened.so_far
        return hashlib.sha256(body + msgspec.json.encode(facts, order="sorted")).hexdigest()

    # Mending ----------------------------------------------------------------------------------

    @property
    def mendable(self) -> bool:
        """Whether plug-ins are off that can be tried anew."""
        return self._isolation.mendable

    @property
    def mended_so_far(self) -> str:
        """How far mending is, or what came of it since the start, in words; empty for nothing."""
        return f"{self.mending.share:.0%} of the facts" if self.mending else self._mended

    def mend(self, engine_of: Callable[[str], Engine]) -> bool:
        """Give plug-ins that are off a piece of what they missed; whether more is left.

        One that fails again is off again, and where all do nothing has changed. What the others
        would tell they have told; what those that were off would have told is counted, and not
        told. Facts stay meanwhile. Where they cannot be read, plug-ins stay off.
        """
        good = self._isolation.good
        assert good is not None
        self._catch_up()
        try:
            if self.mending is None:
                model = Model(self.number, self.name, self._position, self.counters)
                self.mending = Mending(
                    self._store, model, engine_of(self.name), self._records, good
                )
            if self.mending.step(self._position):
                return True
        except Damaged as error:
            self._mended = f"not mended: {error}"
            _log.error("%s: plug-ins that are off stay so: %s", self.name, error)
        else:
            self._take_over(self.mending)
        self.mending = None
        return False

    def _take_over(self, mending: Mending) -> None:
        """Go on from what the other engine remembers, which has seen the same; unless in vain."""
        was = {label: self._engine.health[label] for label in self._engine.off}
        if was.keys() <= set(mending.engine.off):
            self._mended = "tried in vain"
            return
        self._engine.restore(mending.engine.snapshot())
        self._values.latest = mending.values.latest
        if mending.told is not None:
            self.count("untold", mending.told + mending.caught - self._happened.so_far)
        self.count("unseen", mending.gone)
        self._isolation.tried(was)
        self._mended = f"without {mending.gone:,} facts that are gone" if mending.gone else "mended"
        _log.info("%s: %s", self.name, self._mended)
        self._corrected = self._changed = True

    # Taking up --------------------------------------------------------------------------------

    def _resume(self) -> None:
        """Take the latest snapshot, then the facts since; all their events are kept already."""
        start = 0
        kept = self._snapshots.read()
        if kept is not None:
            start, memory = kept
            try:
                self._engine.restore(memory["engine"])
                self._values.latest = memory["latest"]
                self._isolation.resumed(memory.get("good"))
            except SnapshotMismatch:
                start = 0
            crashpoint("snapshot_read")
        self._engine.bar()
        for fact in self._store.facts(self.number, start):
            self._refold(fact)
            crashpoint("fact_folded")
        self._recount()
        self._report()
        self._snapshots.at = start

    def _refold(self, fact: Fact) -> None:
        if fact.kind == RECORDS:
            self._folded(unpack_batch(fact.body, self.name, fact.place))
            return
        if fact.kind == NEWS:
            self._heed(news(fact))
            return
        if fact.kind == STATES:
            return
        positions, first, changed = first_labels(fact, self._records)
        if positions:
            self._folded(self._gathered(positions).with_truth(first), late=True)
        self._stale |= changed


def fingerprint(engine: Engine) -> str:
    """What an engine is built of, as a short text."""
    return hashlib.sha256(msgspec.json.encode(engine.spec(), order="sorted")).hexdigest()[:32]


def _nobody(_: Batch) -> None:
    """Hears nothing."""
