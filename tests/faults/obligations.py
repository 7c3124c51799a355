"""What a sender did, and what the service therefore owes it.

A `Plan` is an endless list of requests about one model, the same for the same seed, whatever
becomes of them. A `Debt` follows the requests that were acknowledged and knows, from plain
dictionaries, what must have come of them.
"""

import hashlib
import json
import random
from datetime import UTC, datetime, timedelta

from homeostat import fleet
from homeostat.runtime.cells import Cell, unpack_cell
from homeostat.runtime.ledger import Ledger, Limits
from homeostat.service.decoding import labels_of, records_of
from homeostat.stores import open_store
from homeostat.stores.packing import unpack_batch
from homeostat.stores.store import RECORDS
from homeostat.times import to_micros

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = to_micros(START + timedelta(days=30))
engine_of = fleet.default().engine_of


class Request:
    """One request: its path, its body as plain data, and its idempotency key."""

    def __init__(self, path, told, key=None):
        self.path, self.told, self.key = path, told, key
        self.body = json.dumps(told, default=str).encode()

    @property
    def headers(self):
        return {"Idempotency_Key": self.key} if self.key else {}

    @property
    def rows(self):
        return self.told if isinstance(self.told, list) else [self.told]


class Plan:
    """The requests of one sender. Records of its model, their labels: soon, late, changed, early.

    Iterate for the next; `anew` begins again, with the same ones.
    """

    def __init__(self, model, seed, largest=40):
        self.model, self.seed, self.largest = model, seed, largest
        self.anew()

    def anew(self):
        self._chance = random.Random(f"{self.model}/{self.seed}")
        self._sent, self._next, self._keys = [], 0, 0

    def __iter__(self):
        return self

    def __next__(self):
        kind = self._chance.random()
        if kind < 0.45 or not self._next:
            return Request("/v1/records", self._records(self._chance.randint(1, self.largest)))
        if kind < 0.6:
            return Request("/v1/records", self._records(1)[0])
        if kind < 0.7:
            self._keys += 1
            named = self._records(self._chance.randint(1, 5))
            without = [{k: v for k, v in one.items() if k != "record_id"} for one in named]
            return Request("/v1/records", without, f"{self.model}-{self._keys}")
        return Request("/v1/labels", self._labels())

    def _records(self, n):
        fresh = [self._record(self._next + at) for at in range(n)]
        self._next += n
        self._sent += fresh
        if n > 1 and self._chance.random() < 0.3:  # some of them again, as a careless sender does
            fresh += self._chance.sample(self._sent, min(3, len(self._sent)))
        return fresh

    def _record(self, number):
        record = {
            "record_id": f"{self.model}.{number}", "model": self.model,
            "model_version": f"v{number // 500}", "predicted_label": self._chance.choice("ab"),
            "latency_ms": self._chance.randint(0, 40),
            "created_at": (START + timedelta(seconds=number)).isoformat(),
        }  # fmt: skip
        if self._chance.random() < 0.3:
            record["ground_truth_label"] = self._chance.choice("ab")
        return record

    def _labels(self):
        """Of records before, and of some that come later."""
        found = []
        for _ in range(self._chance.randint(1, 12)):
            early = self._chance.random() < 0.1
            number = self._next + self._chance.randrange(6) if early else self._known()
            label = {"record_id": f"{self.model}.{number}",
                     "label": self._chance.choice(["a", "b", "b", None])}  # fmt: skip
            if self._chance.random() < 0.7:
                label["model"] = self.model
            found.append(label)
        return found

    def _known(self):
        return self._chance.randrange(self._next)


class Debt:
    """What the requests of one plan that were acknowledged come to."""

    def __init__(self, model):
        self.model = model
        self.records, self.labels, self.parked = {}, {}, {}
        self.nameless, self.keys = [], set()
        self.acknowledged = 0

    def new_in(self, request):
        """How many records of a request would be new."""
        if request.path != "/v1/records" or request.key in self.keys:
            return 0
        ids = {row["record_id"] for row in request.rows if "record_id" in row}
        return len(ids - self.records.keys()) + sum("record_id" not in row for row in request.rows)

    def add(self, request):
        """It was acknowledged."""
        self.acknowledged += 1
        if request.path == "/v1/labels":
            for row in request.rows:
                self._label(row["record_id"], row["label"], row.get("model"))
        elif request.key not in self.keys:
            self.keys |= {request.key} - {None}
            for row in request.rows:
                self._record(row)

    def _record(self, row):
        one = row.get("record_id")
        if one is None:
            self.nameless.append(row)
            return
        if one not in self.records:
            self.records[one] = row
            label = row.get("ground_truth_label")
            for where in (None, self.model):
                label = self.parked.pop((where, one), label)
            if label is not None:
                self.labels[one] = label

    def _label(self, one, label, model):
        into, key = (self.labels, one) if one in self.records else (self.parked, (model, one))
        if label is None:
            into.pop(key, None)
        else:
            into[key] = label

    @property
    def n(self):
        return len(self.records) + len(self.nameless)

    def pairs(self):
        """(predicted, truth) of every record whose label is known."""
        found = [(self.records[one]["predicted_label"], label)
                 for one, label in self.labels.items()]  # fmt: skip
        return found + [(row["predicted_label"], row["ground_truth_label"])
                        for row in self.nameless if "ground_truth_label" in row]  # fmt: skip


def taken(ledger, request):
    """A request straight into a ledger, within a change; the answer."""
    if request.path == "/v1/labels":
        labels, faults = labels_of(request.body, "application/json")
        return ledger.take_labels(labels, faults, False)
    if request.key and ledger.store.answer(request.key):
        return None
    parts, faults = records_of(request.body, "application/json")
    answer = ledger.take_records(parts, faults, False)
    if request.key:
        ledger.keep_answer(request.key, "digest", json.dumps({}))
    return answer


def opened(folder, engines=engine_of, clock=lambda: NOW, durability="full"):
    """The store of a folder and its ledger."""
    store = open_store(folder, durability)
    try:
        return store, Ledger(store, engines, clock, Limits())
    except BaseException:
        store.close()
        raise


def twin_hash(folder, plan, n, engines=engine_of, clock=lambda: NOW):
    """The state's hash after the first `n` requests of a plan, with nothing in their way."""
    plan.anew()
    store, ledger = opened(folder, engines, clock)
    with store.change():
        for _ in range(n):
            taken(ledger, next(plan))
            ledger.save()
    found = ledger.accounts[plan.model].state_hash()
    store.close()
    return found


def check(ledger, debt):
    """Nothing lost, nothing twice, nothing foreign, and every count what it has to be."""
    store, account = ledger.store, ledger.accounts[debt.model]
    counters = account.counters
    held = [
        batch.column("record_id").tolist()
        for fact in store.facts(account.number, 0)
        if fact.kind == RECORDS
        for batch in [unpack_batch(fact.body, debt.model, fact.place)]
    ]
    ids = [one for some in held for one in some]
    assert sorted(one for one in ids if one) == sorted(debt.records)
    assert ids.count(None) == len(debt.nameless)
    known = ("accepted", "duplicates", "rejected", "received")
    accepted, duplicates, rejected, received = (counters.get(name, 0) for name in known)
    assert accepted == debt.n
    assert received == accepted + duplicates + rejected
    own = sum(model is not None for model, _ in debt.parked)
    assert counters.get("parked_labels", 0) == own == store.waiting(account.number)
    _check_labels(store, account, debt)
    _check_events(store, account)


def _check_labels(store, account, debt):
    pairs = debt.pairs()
    assert account.counters.get("labels", 0) == len(pairs)
    whole = Cell()
    for *place, body in store.cells(account.number, -(1 << 62), 1 << 62, 1 << 20):
        whole.merge(unpack_cell(body, f"cell {place}"))
    assert (whole.records, whole.labelled) == (debt.n, len(pairs))
    assert whole.correct == sum(predicted == truth for predicted, truth in pairs)
    texts = [f'"{predicted}"\t"{truth}"' for predicted, truth in pairs]
    assert whole.pairs == {text: texts.count(text) for text in set(texts)}


def _check_events(store, account):
    last = account.counters.get("events", 0)
    numbers = [event.seq for event in store.events(account.number, 0, 1 << 20)]
    assert numbers == list(range(1, last + 1))
    assert store.last_event(account.number) == last


_TABLES = ("models", "journal", "labels", "parked", "requests", "cells", "events")


def digest(store):
    """Everything that a store holds and a sender could have caused."""
    found = hashlib.sha256()
    for table in _TABLES:
        found.update(repr(store.database.execute(f"SELECT * FROM {table} ORDER BY 1, 2")).encode())
    return found.hexdigest()
