"""What a store says of itself: everything that is kept twice is compared, every seal is opened.

The journal is the truth, each entry under a checksum. Counters, labels, minutes, ids and events
follow from it, and are counted again here.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.runtime.absorbing import counted
from homeostat.runtime.cells import MINUTE, unpack_cell
from homeostat.runtime.labels import CORRECTED, RETRACTED
from homeostat.service.tokens import SCOPES
from homeostat.stores import audit
from homeostat.stores.identities import Run, hashed
from homeostat.stores.packing import pack_label, unpack, unpack_batch, unpack_label, unsealed
from homeostat.stores.store import LABELS, NEWS, RECORDS, STATES, Fact, Model, Store
from homeostat.upkeep.findings import Finding, error, fine

_SHIFT = 40  # as in runtime.records: a place is a model's number and a position
_SHOWN = 5  # problems of one check that are told one by one

Problems = Iterator[str]
Positions = NDArray[np.int64]

_NONE = -1  # the code of a label that was taken back


class Recount:
    """What the journal of one model comes to."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.start: int | None = None  # the first position that is kept
        self.end = 0
        self.records = self.labels_taken = self.corrected = self.retracted = 0
        self.newest: int | None = None
        self.minutes: Counter[tuple[str, int]] = Counter()
        self.ends: set[int] = {0}
        self._own: list[Positions] = []  # of the records that came with a label
        self._late: list[Positions] = []  # of the labels that came later, and their codes
        self._codes: list[Positions] = []

    @property
    def forgotten(self) -> bool:
        """Whether facts have been let go, so that sums are no longer those of all."""
        return bool(self.model.counters.get("forgotten"))

    def labelled(self) -> int:
        """How many of the kept records have a label."""
        own = _joined(self._own)
        late, codes = self.late()
        taken_back = np.isin(late[codes == _NONE], own).sum()
        return int(len(own) + (~np.isin(late[codes != _NONE], own)).sum() - taken_back)

    def late(self) -> tuple[Positions, Positions]:
        """The kept records that were labelled later, by position, and the last label's code."""
        late, codes = _joined(self._late), _joined(self._codes)
        positions, last = np.unique(late[::-1], return_index=True)
        kept = positions >= (self.start or 0)
        return positions[kept], codes[::-1][last][kept]

    def add(self, fact: Fact) -> Problems:
        """Count a fact; what is wrong with it."""
        if self.start is None:
            self.start = self.end = fact.first
            if fact.first != self.model.counters.get("forgotten", 0):
                yield f"{fact.place} is the first that is there, and others came before it"
        if fact.first != self.end or fact.n < 1:
            yield f"{fact.place}: it should begin at {self.end:,}"
        self.end = fact.first + fact.n
        self.ends.add(self.end)
        if fact.kind == RECORDS:
            yield from self._records(fact, unpack_batch(fact.body, self.model.name, fact.place))
        elif fact.kind == LABELS:
            yield from self._labels(fact)
        elif fact.kind == STATES:
            for version, minute, records in counted(fact):
                self.minutes[version, minute] += records
        elif fact.kind == NEWS:
            told = len(unpack(fact.body, fact.place))
            if told != fact.n:
                yield f"{fact.place}: it tells {told} events, and should tell {fact.n}"
        else:
            yield f"{fact.place}: {fact.kind!r} is no kind of fact"

    def _records(self, fact: Fact, batch: Batch) -> Problems:
        if len(batch) != fact.n:
            yield f"{fact.place}: it holds {len(batch)} records, and should hold {fact.n}"
            return
        self.records += fact.n
        rows, correct = batch.outcome
        self._own.append(fact.first + (np.arange(len(correct)) if rows is None else rows))
        newest = int(batch.created_at.max())
        self.newest = newest if self.newest is None else max(self.newest, newest)
        versions = batch.model_version.tolist()
        minutes = batch.created_at // MINUTE * MINUTE
        if versions.count(versions[0]) < len(versions):
            self.minutes.update(zip(versions, minutes.tolist(), strict=True))
            return
        for minute, n in zip(*np.unique(minutes, return_counts=True), strict=True):
            self.minutes[versions[0], int(minute)] += int(n)

    def _labels(self, fact: Fact) -> Problems:
        kept = unpack(fact.body, fact.place)
        positions = kept["positions"]
        if not len(positions) == len(kept["labels"]) == fact.n:
            yield f"{fact.place}: it holds {len(positions)} labels, and should hold {fact.n}"
        self.labels_taken += fact.n
        self.corrected += int((kept["did"] == CORRECTED).sum())
        self.retracted += int((kept["did"] == RETRACTED).sum())
        self._late.append(positions)
        self._codes.append(_coded(map(pack_label, kept["labels"])))


def _joined(parts: list[Positions]) -> Positions:
    return np.concatenate([np.empty(0, np.int64), *parts])


def _coded(labels: Iterable[str | None]) -> Positions:
    """A number for each label as the store has it; eight bytes for what may be long, and many."""
    return np.array(
        [_NONE if label is None else zlib.crc32(label.encode()) for label in labels], np.int64
    )


class Inside:
    """The checks of a store, in the order in which they are told; each once, `journal` first."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recounts: list[Recount] = []

    def checks(self) -> list[tuple[str, Callable[[], Iterator[Finding]]]]:
        """Names and what to call."""
        looks = (
            self._journal, self._counters, self._labels, self._parked, self._snapshots,
            self._series, self._ids, self._events, self._tokens, self._audit,
        )  # fmt: skip
        return [(look.__name__[1:], _told(look.__name__[1:], look)) for look in looks]

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._store.database.execute(statement, values)

    def _journal(self) -> Iterator[str]:
        """Every entry is what was written, and none is missing."""
        models = {model.number: model for model in self._store.models()}
        recounts = {number: Recount(model) for number, model in models.items()}
        for fact in self._facts():
            if fact.model not in recounts:
                yield f"{fact.place}: there is no such model"
                continue
            yield from recounts[fact.model].add(fact)
        for one in recounts.values():
            if one.end != one.model.position:
                yield (f"{one.model.name} is at position {one.model.position:,}, and its journal "
                       f"ends at {one.end:,}")  # fmt: skip
        self._recounts = list(recounts.values())

    def _facts(self) -> Iterator[Fact]:
        at = -(1 << 63)
        for fact in self._store.facts_after(at):
            if fact.id <= at:  # a damaged index can lead in circles
                raise ValueError(f"entry {fact.id} of the journal comes after {at}")
            at = fact.id
            yield fact

    def _counters(self) -> Iterator[str]:
        """Received is accepted, duplicate or rejected; and what was accepted is there."""
        for one in self._recounts:
            name, told = one.model.name, Counter(one.model.counters)
            parts = told["accepted"] + told["duplicates"] + told["rejected"]
            if told["received"] != parts:
                yield (f"{name}: {told['received']:,} records were received, and {parts:,} were "
                       "accepted, duplicates or rejected")  # fmt: skip
            counted = {
                "accepted": told["forgotten_records"] + one.records,
                "labels": told["forgotten_labels"] + one.labelled(),
            }
            if not one.forgotten:
                counted |= {
                    "corrected": one.corrected, "retracted": one.retracted,
                    "newest": one.newest or 0,
                    "labels_received": told["labels_duplicate"] + one.labels_taken,
                    "forgotten_records": 0, "forgotten_labels": 0,
                }  # fmt: skip
            told["corrected"] += told["restored"]  # the journal has one word for both
            for which, n in counted.items():
                if told[which] != n:
                    yield f"{name}: {which} is {told[which]:,}, and a recount gives {n:,}"

    def _labels(self) -> Iterator[str]:
        """The labels that came late are those of the journal."""
        for one in self._recounts:
            statement = "SELECT position, label FROM labels WHERE model = ? ORDER BY position"
            rows = self._rows(statement, one.model.number)
            kept = np.array([at for at, _ in rows], np.int64)
            codes = _coded(label for _, label in rows)
            late, told = one.late()
            if not (np.array_equal(kept, late) and np.array_equal(codes, told)):
                yield f"{one.model.name}: its late labels are not those of the journal"

    def _parked(self) -> Iterator[str]:
        """As many labels wait for a record as each model counts, and all can be read."""
        for one in self._recounts:
            statement = "SELECT label FROM parked WHERE model = ?"
            for (label,) in (kept := self._rows(statement, one.model.number)):
                unpack_label(label)
            told = one.model.counters.get("parked_labels", 0)
            if told != len(kept):
                yield f"{one.model.name}: {told:,} labels should wait, and {len(kept):,} do"

    def _snapshots(self) -> Iterator[str]:
        """Every snapshot is what was written, and stands between two facts."""
        known = {one.model.number: one for one in self._recounts}
        for number, at, body in self._rows("SELECT model, position, body FROM snapshots"):
            unsealed(body, f"the snapshot of model {number}")
            if number not in known:
                yield f"a snapshot of model {number}, which there is not"
            elif at not in known[number].ends | {known[number].start}:
                yield f"{known[number].model.name}: no fact ends at its snapshot, {at:,}"

    def _series(self) -> Iterator[str]:
        """Every minute is what was written, and counts the records of the journal."""
        for one in self._recounts:
            kept: dict[tuple[str, int], int] = {}
            statement = "SELECT version, start, body FROM cells WHERE model = ?"
            for version, start, body in self._rows(statement, one.model.number):
                kept[version, start] = unpack_cell(body, f"minute {start} of {version}").records
            start = one.model.counters.get("series_from", -(1 << 63))
            more = [kept.get(at, 0) - one.minutes[at]
                    for at in kept.keys() | one.minutes.keys() if at[1] >= start]  # fmt: skip
            wrong = sum(n < 0 or (n > 0 and not one.forgotten) for n in more)
            if wrong:
                yield f"{one.model.name}: {wrong:,} minutes do not count what the journal holds"

    def _ids(self) -> Iterator[str]:
        """Every run of ids is what was written, and has the records that it is said to cover."""
        covered, salt = 0, int(self._store.note("salt") or 0)
        for number, n in self._rows("SELECT id, n FROM id_runs ORDER BY id"):
            run = self._store.run(number)
            if len(run.keys) != n or np.any(run.keys[1:] < run.keys[:-1]) or run.newest <= covered:
                yield f"run {number} of ids is not in order"
                return
            if not self._covers(run, covered, salt):
                yield f"run {number} of ids has not the ids of all its records"
                return
            covered = run.newest
        if covered > (self._rows("SELECT COALESCE(MAX(id), 0) FROM journal")[0][0]):
            yield "the ids cover more than the journal has"

    def _covers(self, run: Run, after: int, salt: int) -> bool:
        own = dict(zip(run.places.tolist(), run.keys.tolist(), strict=True))
        for fact in self._store.facts_after(after):
            if fact.id > run.newest:
                break
            if fact.kind != RECORDS:
                continue
            ids = unpack_batch(fact.body, "", fact.place).column("record_id").tolist()
            named = [(row, one) for row, one in enumerate(ids) if one is not None]
            keys = hashed([one for _, one in named], salt).tolist()
            first = (fact.model << _SHIFT) + fact.first
            if any(own.get(first + row) != key
                   for (row, _), key in zip(named, keys, strict=True)):  # fmt: skip
                return False
        return True

    def _events(self) -> Iterator[str]:
        """Every event is what was written, and the numbers have no gap."""
        for one in self._recounts:
            number, name = one.model.number, one.model.name
            at = self._rows("SELECT COALESCE(MIN(seq), 1) - 1 FROM events WHERE model = ?", number)
            seq = int(at[0][0])
            while page := self._store.events(number, seq, 500):
                for event in page:
                    if event.seq != seq + 1:
                        yield f"{name}: event {seq + 1:,} is missing"
                    if event.kind not in msgspec.json.decode(event.body, type=dict[str, Any]):
                        yield f"{name}: event {event.seq:,} is no {event.kind!r}"
                    seq = event.seq
            told = one.model.counters.get("events", 0)
            if seq != told:
                yield f"{name}: {told:,} events were told, and the log ends at {seq:,}"

    def _tokens(self) -> Iterator[str]:
        """Every token allows what a token can."""
        for number, scope in self._rows("SELECT id, scope FROM tokens"):
            if scope not in SCOPES:
                yield f"token {number} has the scope {scope!r}, which there is not"

    def _audit(self) -> Iterator[str]:
        """Nobody has changed what was done."""
        problem = audit.broken(self._store)
        if problem:
            yield f"the audit log was changed: {problem}"


def _told(name: str, look: Callable[[], Problems]) -> Callable[[], Iterator[Finding]]:
    def findings() -> Iterator[Finding]:
        n = 0
        for problem in look():
            n += 1
            if n <= _SHOWN:
                yield error(name, problem)
        if n > _SHOWN:
            yield error(name, f"and {n - _SHOWN:,} more")
        if not n:
            yield fine(name, (look.__doc__ or "").strip())

    return findings
