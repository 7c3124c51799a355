"""The ledger against plain dictionaries, over whatever Hypothesis thinks of."""

import math
import tempfile
from contextlib import suppress
from datetime import timedelta

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from obligations import START, Debt, Request, check, opened

from homeostat import AccuracyMetric, InferenceRecord, LatencyMetric
from homeostat.batch import Batch
from homeostat.drift import ADWIN
from homeostat.engine import Engine
from homeostat.runtime.answers import Sent
from homeostat.runtime.ledger import Part, Refused

WINDOW = 3
NUMBERS = st.integers(0, 14)
LABELS = st.sampled_from(["a", "b", None])
MODELS = ("m", "other")


def engine_of(_):
    return Engine([AccuracyMetric(WINDOW), LatencyMetric(0.3)], [ADWIN(on="error")])


class Undone(Exception):
    """A transaction that fails after everything was done in it."""


def told(number, model, label=None, predicted=None):
    """A record as it is sent."""
    row = {
        "record_id": f"r{number}", "model": model, "model_version": f"v{number // 6}",
        "predicted_label": predicted or "ab"[number % 2], "latency_ms": number,
        "created_at": START + timedelta(minutes=number),
    }  # fmt: skip
    return row | ({"ground_truth_label": label} if label else {})


class Books(RuleBasedStateMachine):
    """Every rule is a request, or something that happens to the service; `debts` is the truth."""

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.store, self.ledger = opened(self.folder.name, engine_of)
        self.debts = {model: Debt(model) for model in MODELS}
        self.order = {model: [] for model in MODELS}  # ids, as their label first became known
        self.received = dict.fromkeys(MODELS, 0)

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    # Requests ---------------------------------------------------------------------------------

    @rule(numbers=st.lists(NUMBERS, min_size=1, max_size=8), model=st.sampled_from(MODELS),
          labels=st.lists(LABELS, min_size=8, max_size=8))  # fmt: skip
    def ingest(self, numbers, model, labels):
        """New ones, and known ones again, in one request."""
        rows = [told(n, model, label) for n, label in zip(numbers, labels, strict=False)]
        debt = self.debts[model]
        new = {row["record_id"] for row in rows} - debt.records.keys()
        answer = self._changed(lambda: self._take(rows))
        assert (answer.accepted, answer.duplicates) == (len(new), len(rows) - len(new))
        self._owe(Request("/v1/records", rows), model)
        self.received[model] += len(rows)

    @rule(model=st.sampled_from(MODELS), n=st.integers(1, 3))
    def ingest_without_id(self, model, n):
        rows = [{k: v for k, v in told(at, model).items() if k != "record_id"} for at in range(n)]
        assert self._changed(lambda: self._take(rows)).without_id == n
        self._owe(Request("/v1/records", rows), model)
        self.received[model] += n

    @rule(model=st.sampled_from(MODELS), number=NUMBERS, fresh=NUMBERS)
    def ingest_a_conflict(self, model, number, fresh):
        """A known id with another content: nothing of the request is taken."""
        known = self.debts[model].records.get(f"r{number}")
        if known is None:
            return
        other = told(number, model, predicted="c")
        with pytest.raises(Refused) as refused:
            self._changed(lambda: self._take([told(fresh, model), other]))
        assert refused.value.conflict

    @rule(
        numbers=st.lists(NUMBERS, min_size=1, max_size=6),
        named=st.booleans(),
        model=st.sampled_from(MODELS),
        labels=st.lists(LABELS, min_size=6, max_size=6),
    )
    def label(self, numbers, named, model, labels):
        """Late, early, changed, taken back."""
        ids = [f"r{n}" for n in numbers]
        holders = {one: [m for m in MODELS if one in self.debts[m].records] for one in ids}
        named = named or any(len(found) > 1 for found in holders.values())
        sent = [Sent(row, one, label, None, model if named else None)
                for row, (one, label) in enumerate(zip(ids, labels, strict=False))]  # fmt: skip
        if named and model not in self.ledger.accounts:  # a label makes no model
            with pytest.raises(Refused):
                self._changed(lambda: self.ledger.take_labels(sent, [], False))
            return
        answer = self._changed(lambda: self.ledger.take_labels(sent, [], False))
        assert answer.accepted + answer.duplicates == len(sent)
        for each in sent:
            row = {"record_id": each.record_id, "label": each.label}
            row |= {"model": each.model} if each.model else {}
            self._owe_label(row, named, model, holders[each.record_id])

    def _owe_label(self, row, named, model, holders):
        if named or holders:
            self._owe(Request("/v1/labels", [row]), model if named else holders[0])
            return
        loose = (None, row["record_id"])  # waits for a record of any model
        for debt in self.debts.values():
            debt.parked.pop(loose, None)
            if row["label"] is not None:
                debt.parked[loose] = row["label"]

    # What happens to the service --------------------------------------------------------------

    @rule(snapshot=st.booleans())
    def restart(self, snapshot):
        before = self._hashes()
        if snapshot:
            with self.store.change():
                self.ledger.save(snapshot=True)
        self.store.close()
        self.store, self.ledger = opened(self.folder.name, engine_of)
        assert self._hashes() == before

    @rule(numbers=st.lists(NUMBERS, min_size=1, max_size=8), model=st.sampled_from(MODELS),
          label=LABELS)  # fmt: skip
    def fail(self, numbers, model, label):
        """A transaction that is undone; the ledger is read anew, as the keeper does."""
        before = self._hashes()
        with suppress(Undone), self.store.change():
            self._take([told(n, model) for n in numbers])
            sent = [Sent(row, f"r{n}", label, None, model) for row, n in enumerate(numbers)]
            self.ledger.take_labels(sent, [], False)
            self.ledger.save()
            raise Undone
        self.store.close()
        self.store, self.ledger = opened(self.folder.name, engine_of)
        assert self._hashes() == before

    # What always holds ------------------------------------------------------------------------

    @invariant()
    def everything_is_counted_as_it_has_to_be(self):
        if not hasattr(self, "store"):
            return
        for model, debt in self.debts.items():
            if model not in self.ledger.accounts:
                assert not debt.n
                continue
            check(self.ledger, debt)
            account = self.ledger.accounts[model]
            assert account.counters.get("received", 0) == self.received[model]
            assert self.ledger.waiting(model) == len(debt.parked)
            self._check_accuracy(account, debt)

    def _check_accuracy(self, account, debt):
        pairs = [pair for one in self.order[debt.model] for pair in self._pair(debt, one)]
        latest = [predicted == truth for predicted, truth in pairs[-WINDOW:]]
        value, n = account.latest.get("accuracy", [math.nan, 0])
        assert n == len(latest)
        if latest:
            assert value == pytest.approx(np.mean(latest), abs=1e-12)

    def _pair(self, debt, one):
        label = debt.labels.get(one)
        return [] if label is None else [(debt.records[one]["predicted_label"], label)]

    # ------------------------------------------------------------------------------------------

    def _take(self, rows):
        records = [InferenceRecord(**{"ground_truth_label": None, **row}) for row in rows]
        part = Part(rows[0]["model"], Batch.from_records(records), np.arange(len(rows)))
        return self.ledger.take_records([part], [], False)

    def _changed(self, do):
        with self.store.change():
            try:
                answer = do()
            except Refused as error:
                refused, answer = error, None
            self.ledger.save()
        if answer is None:
            raise refused
        return answer

    def _owe(self, request, model):
        debt = self.debts[model]
        known = set(debt.labels)
        debt.add(request)
        for other in self.debts.values():  # what waited for any model's record waits no more
            if other is not debt:
                for key in [key for key in other.parked if key[0] is None]:
                    if key not in debt.parked:
                        del other.parked[key]
        fresh = [row["record_id"] for row in request.rows if "record_id" in row]
        order = self.order[model]
        order += [one for one in dict.fromkeys(fresh)
                  if one in debt.labels and one not in known and one not in order]  # fmt: skip

    def _hashes(self):
        return {name: account.state_hash() for name, account in self.ledger.accounts.items()}


Books.TestCase.settings = settings(
    max_examples=45, stateful_step_count=25, deadline=None, derandomize=True,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
TestBooks = Books.TestCase
