"""The accounts of all models, and the requests that change them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.engine import Engine
from homeostat.errors import InvalidInput
from homeostat.lifecycle.course import Course
from homeostat.privacy import Veils, without_value
from homeostat.runtime.account import AN_HOUR, ANY_MODEL, Account
from homeostat.runtime.answers import Answer, Conflict, Sent, refusal
from homeostat.runtime.cells import Cell
from homeostat.runtime.cells import Place as CellPlace
from homeostat.runtime.crash import crashpoint
from homeostat.runtime.judging import NOT_YET, judge
from homeostat.runtime.labels import CORRECTED, RESTORED, RETRACTED, labelled
from homeostat.runtime.loop import Loop
from homeostat.runtime.mender import Mender
from homeostat.runtime.records import Place, Records, first_version
from homeostat.stores.packing import pack_label
from homeostat.stores.store import Model, Parked, Store

_COUNTERS = "counters"  # the note that they are kept under

Refusals = list[tuple[int, InvalidInput]]


class Refused(InvalidInput):
    """A request of which nothing was taken; `rejected` tells every row that is wrong."""

    def __init__(self, rejected: list[dict[str, Any]], conflict: bool) -> None:
        self.rejected, self.conflict = rejected, conflict
        first = rejected[0]
        super().__init__(first["field"], first["problem"], first.get("hint", ""))


class Part(msgspec.Struct):
    """Records of one model, the row of the request that each was, and as kept where packed."""

    model: str
    batch: Batch
    rows: NDArray[np.int64]
    packed: bytes | None = None


class Limits(msgspec.Struct, frozen=True):
    """How much there may be of what others name."""

    models: int = 1000
    parked: int = 1_000_000


def _none(_: str) -> None:
    """No model is taken care of."""


_ALL = Veils()
"""Everything is kept as it came."""


def an_hour(_: str) -> int:
    """Records an hour behind the newest are late."""
    return AN_HOUR


class Ledger:
    """All accounts, as of the latest change. Used by one thread, within changes of the store.

    `engine_of` makes the engine of a model by its name. `clock` gives microseconds since 1970.
    `declared` are models that are there before their first record. `course_of` says how a model is
    taken care of, None for not at all. `lateness_of` says how many microseconds behind its newest
    record another counts as late. `veils` say what of the features is kept, and how: whatever comes
    goes through them first, so that a record which is sent again is the same.
    """

    def __init__(
        self, store: Store, engine_of: Callable[[str], Engine], clock: Callable[[], int],
        limits: Limits, declared: Iterable[str] = (),
        course_of: Callable[[str], Course | None] = _none,
        lateness_of: Callable[[str], int] = an_hour, veils: Veils = _ALL,
    ) -> None:  # fmt: skip
        self.store, self.limits, self.veils = store, limits, veils
        self._engine_of, self._clock, self._course_of = engine_of, clock, course_of
        self._lateness_of = lateness_of
        self._loops: dict[str, Loop] = {}
        with store.change():
            salt = store.salt()
            known = {model.name for model in store.models()}
            for name in declared:
                if name not in known:
                    store.add_model(name, clock())
            crashpoint("models_declared")
        models = store.models()
        names = {model.number: model.name for model in models}
        self._names = names
        self.records = Records(store, names, salt)
        self.accounts = {model.name: self._opened(model) for model in models}
        self._loose = store.waiting(ANY_MODEL)
        for name in self.accounts:
            self.loop(name)  # a comparison goes on
        self.counters: dict[str, int] = msgspec.json.decode(store.note(_COUNTERS) or "{}")
        self._counted = False
        crashpoint("ledger_read")

    # Requests ---------------------------------------------------------------------------------

    def take_records(self, parts: Sequence[Part], faults: Refusals, partial: bool) -> Answer:
        """Records, by model; `faults` are rows that were none. Raises Refused, or takes them."""
        now = self._clock()
        if self.veils:
            parts = [self._veiled(part) for part in parts]
            faults = [(row, without_value(error)) for row, error in faults]
        rejected = [refusal(row, error) for row, error in faults]
        conflict = False
        judged = []
        room = self.limits.models - len(self.accounts)
        for part in _by_model(parts):
            account = self.accounts.get(part.model)
            if account is None and not room:
                rejected += [refusal(int(row), self._too_many(part.model)) for row in part.rows]
                continue
            room -= account is None
            number = NOT_YET if account is None else account.number
            own = judge(self.records, number, part.batch, now)
            rejected += [refusal(int(part.rows[row]), error) for row, error in own.faults]
            conflict |= any(isinstance(error, Conflict) for _, error in own.faults)
            judged.append((part, own))
        total = sum(len(part.rows) for part in parts) + len(faults)
        rejected.sort(key=lambda told: told["row"])
        if rejected and not partial:
            self._count("refused", total)
            raise Refused(rejected, conflict)
        self._count("unreadable", len(faults))
        answer = Answer(0, 0, rejected)
        for part, own in judged:
            if part.model not in self.accounts and not len(own.new):
                self._count("refused", len(part.rows))  # none of them makes a model
                continue
            account = self._account(part.model)
            account.count("received", len(part.rows))
            account.count("duplicates", own.duplicates)
            account.count("rejected", len(own.faults))
            if len(own.new):
                whole = len(own.new) == len(part.batch)
                batch = part.batch if whole else part.batch.take(own.new)
                answer.without_id += batch.column("record_id").tolist().count(None)
                packed = part.packed if whole else None
                self._noted(None, -account.take(batch, now, packed))
            answer.accepted += len(own.new)
            answer.duplicates += own.duplicates
        assert answer.accepted + answer.duplicates + len(rejected) == total
        return answer

    def _veiled(self, part: Part) -> Part:
        veil = self.veils.of(part.model)
        batch = part.batch if veil is None else veil.over(part.batch)
        return part if batch is part.batch else Part(part.model, batch, part.rows)

    def take_labels(self, labels: Sequence[Sent], faults: Refusals, partial: bool) -> Answer:
        """Labels of records that came before, or that will come. Raises Refused, or takes them."""
        now = self._clock()
        answer = Answer(0, 0, [refusal(row, error) for row, error in faults])
        known: dict[str, list[tuple[Sent, Place]]] = {}
        waiting: list[Sent] = []
        found = self.records.find([each.record_id for each in labels])
        for each, places in zip(labels, found, strict=True):
            if each.model is not None:
                places = [p for p in places if self._names[p.model] == each.model]
            if len(places) > 1:
                answer.rejected.append(refusal(each.row, self._ambiguous(each, places)))
            elif places:
                known.setdefault(self._names[places[0].model], []).append((each, places[0]))
            elif each.model is None or each.model in self.accounts:
                waiting.append(each)
            else:
                answer.rejected.append(refusal(each.row, self._no_model(each.model)))
        room = self.limits.parked - self._parked()
        answer.rejected += [refusal(each.row, self._no_room(each)) for each in waiting[room:]]
        answer.rejected.sort(key=lambda told: told["row"])
        if answer.rejected and not partial:
            self._count("refused_labels", len(labels) + len(faults))
            raise Refused(answer.rejected, conflict=False)
        for name, sent in known.items():
            self._apply(self.accounts[name], sent, answer, now)
        self._park(waiting[:room], now)
        answer.parked = len(waiting[:room])
        answer.accepted += answer.parked
        return answer

    def _apply(
        self, account: Account, sent: list[tuple[Sent, Place]], answer: Answer, now: int
    ) -> None:
        done = account.label(sent, now)
        account.count("labels_received", len(done))
        duplicates = done.count(None)
        account.count("labels_duplicate", duplicates)
        answer.duplicates += duplicates
        answer.accepted += len(done) - duplicates
        answer.corrected += done.count(CORRECTED)
        answer.restored += done.count(RESTORED)
        answer.retracted += done.count(RETRACTED)

    def _park(self, waiting: list[Sent], now: int) -> None:
        """Labels that wait; one for an id that waits already takes its place."""
        by_model: dict[str | None, dict[str, Parked]] = {}
        for each in waiting:
            parked = Parked(each.record_id, pack_label(each.label), each.at)
            by_model.setdefault(each.model, {})[each.record_id] = parked
        for name, labels in by_model.items():
            number = ANY_MODEL if name is None else self.accounts[name].number
            before = self.store.parked(number, list(labels)).keys()
            given = {one: label for one, label in labels.items() if label.label is not None}
            self.store.park(number, given.values(), now)
            self.store.unpark(number, before - given.keys())
            crashpoint("label_parked")
            more = len(given.keys() - before) - len(before - given.keys())
            self._noted(name, more)

    def _noted(self, name: str | None, more: int) -> None:
        """So many more labels wait, for one model or for any."""
        if name is None:
            self._loose += more
        for account in self.accounts.values() if name is None else [self.accounts[name]]:
            account.parked(more, own=name is not None)

    def absorb(self, name: str, cells: Mapping[CellPlace, Cell], digest: str) -> bool:
        """Add counts that were made elsewhere to a model; False where they were added before."""
        return self._account(name).absorb(cells, digest, self._clock())

    def keep_answer(self, key: str, digest: str, answer: str) -> None:
        """What a request with an idempotency key was answered."""
        self.store.keep_answer(key, digest, answer, self._clock())

    # Keeping ----------------------------------------------------------------------------------

    def save(self, snapshot: bool = False) -> set[str]:
        """Write what has changed; the names of the models that have new events."""
        now = self._clock()
        if self._counted:
            self.store.keep_note(_COUNTERS, msgspec.json.encode(self.counters).decode())
            self._counted = False
        for name, account in self.accounts.items():
            if account.touched and self._course_of(name) is not None:
                self._looped(name, account)
        for loop in self._loops.values():
            loop.settle()
        return {name for name, account in self.accounts.items() if account.save(now, snapshot)}

    def mend(self) -> None:
        """Try plug-ins anew that are off, over what they missed. Cost: that of folding it."""
        mender = Mender(self._engine_of)
        while mender(self.accounts):
            pass

    def off(self) -> dict[str, list[str]]:
        """By model, the plug-ins that failed and are off."""
        found = {name: account.engine.off for name, account in self.accounts.items()}
        return {name: off for name, off in found.items() if off}

    def mending(self) -> list[str]:
        """The models of which plug-ins that were off catch up now."""
        return [name for name, account in self.accounts.items() if account.mending is not None]

    # The loop ---------------------------------------------------------------------------------

    def loop(self, name: str) -> Loop | None:
        """The loop of a model; None where there is no such model, or it is not taken care of."""
        account, course = self.accounts.get(name), self._course_of(name)
        if account is None or course is None:
            return None
        if name not in self._loops:
            loop = self._loops[name] = Loop(
                self.store, account.number, name, course,
                lambda events: account.tell(events, self._clock()),
                lambda: account.counters.get("newest", self._clock()),
                lambda: account.position, self._clock,
            )  # fmt: skip
            account.on_labelled = loop.pairs.labelled
        return self._loops[name]

    def _looped(self, name: str, account: Account) -> None:
        """What the loop makes of what came in this change."""
        loop = self.loop(name)
        if loop is None:
            return
        if loop.standing is None:
            loop.met(first_version(self.store, account.number, name))
        loop.heard(account.requested)

    def labelled(self, name: str, ids: Sequence[str | None]) -> Batch:
        """Those of a model's records with these ids that have come and have a label, with it."""
        return labelled(self.store, self.records, self.accounts[name].number, ids)

    def now(self) -> int:
        """Microseconds since 1970."""
        return self._clock()

    def unpark(self, number: int, n: int) -> None:
        """So many labels that waited, for the model of a number or for any, wait no more."""
        if n:
            self._noted(None if number == ANY_MODEL else self._names[number], -n)

    def waiting(self, name: str) -> int:
        """How many labels wait for records that this model may still get."""
        return self.accounts[name].counters.get("parked_labels", 0) + self._loose

    def _count(self, name: str, n: int) -> None:
        """What happened to no model in particular."""
        if n:
            self.counters[name] = self.counters.get(name, 0) + n
            self._counted = True

    def _parked(self) -> int:
        own = sum(account.counters.get("parked_labels", 0) for account in self.accounts.values())
        return own + self._loose

    def _account(self, name: str) -> Account:
        if name not in self.accounts:
            model = self.store.add_model(name, self._clock())
            crashpoint("model_added")
            self._names[model.number] = name
            self.accounts[name] = self._opened(model)
        return self.accounts[name]

    def _opened(self, model: Model) -> Account:
        engine, lateness = self._engine_of(model.name), self._lateness_of(model.name)
        return Account.opened(self.store, model, engine, self.records, lateness)

    def _too_many(self, name: str | None) -> InvalidInput:
        return InvalidInput(
            "model", f"{name!r} would be one more than the {self.limits.models:,} there may be",
            "raise service.limits.models, or declare the model in the configuration",
        )  # fmt: skip

    def _no_model(self, name: str) -> InvalidInput:
        return InvalidInput(
            "model", f"{name!r} is not there, and a label makes none",
            "send a record of it first, leave out the model, or declare it: [models.NAME]",
        )  # fmt: skip

    def _ambiguous(self, sent: Sent, places: list[Place]) -> InvalidInput:
        names = ", ".join(sorted(self._names[place.model] for place in places))
        return InvalidInput("model", f"is missing: {sent.record_id!r} is a record of {names}",
                            "name the one you mean")  # fmt: skip

    def _no_room(self, sent: Sent) -> InvalidInput:
        return InvalidInput(
            "record_id", f"{sent.record_id!r} is no record that has come, and "
            f"{self.limits.parked:,} labels wait already", "send the record first",
        )  # fmt: skip


def _by_model(parts: Sequence[Part]) -> list[Part]:
    """One part for each model, so that an id which is in two of them is seen."""
    found: dict[str, list[Part]] = {}
    for part in parts:
        found.setdefault(part.model, []).append(part)
    return [
        same[0]
        if len(same) == 1
        else Part(
            model,
            Batch.joined([part.batch for part in same]),
            np.concatenate([part.rows for part in same]),
        )
        for model, same in found.items()
    ]
