from datetime import UTC, datetime, timedelta

import numpy as np

from homeostat import AccuracyMetric, InferenceRecord, LatencyMetric
from homeostat.batch import Batch
from homeostat.drift import ADWIN
from homeostat.engine import Engine
from homeostat.runtime.answers import Sent
from homeostat.runtime.ledger import Ledger, Limits, Part
from homeostat.stores import open_store
from homeostat.times import to_micros

START = datetime(2026, 3, 1, tzinfo=UTC)


def made(number, label=None, predicted="yes", model="default", **fields):
    """A record, told apart by its number."""
    return InferenceRecord(
        model_version=fields.pop("model_version", "v1"),
        predicted_label=predicted,
        ground_truth_label=label,
        latency_ms=fields.pop("latency_ms", number % 40),
        created_at=START + timedelta(seconds=number),
        record_id=f"r{number}",
        model=model,
        **fields,
    )


def engine_of(name):
    return Engine([AccuracyMetric(50), LatencyMetric(0.3)], [ADWIN(on="error")])


class Shop:
    """A ledger over a folder, with the shortest ways to send."""

    def __init__(self, folder, engines=engine_of, limits=None, course=None):
        self.folder, self.engines, self.limits = folder, engines, limits or Limits()
        self.course = course
        self.now = to_micros(START + timedelta(days=30))
        self.open()

    def open(self):
        self.store = open_store(self.folder)
        self.ledger = Ledger(
            self.store, self.engines, lambda: self.now, self.limits,
            course_of=lambda name: self.course,
        )  # fmt: skip

    def reopen(self, snapshot=False):
        if snapshot:
            with self.store.change():
                self.ledger.save(snapshot=True)
        self.store.close()
        self.open()

    def send(self, *records, partial=False):
        by_model = {}
        for row, record in enumerate(records):
            by_model.setdefault(record.model, []).append((row, record))
        parts = [
            Part(model, Batch.from_records([r for _, r in rows]), np.array([n for n, _ in rows]))
            for model, rows in by_model.items()
        ]
        return self._changed(lambda: self.ledger.take_records(parts, [], partial))

    def label(self, *pairs, partial=False, model=None):
        sent = [Sent(row, one, label, None, model) for row, (one, label) in enumerate(pairs)]
        return self._changed(lambda: self.ledger.take_labels(sent, [], partial))

    def _changed(self, do):
        with self.store.change():
            answer = do()
            self.ledger.save()
        return answer

    def account(self, model="default"):
        return self.ledger.accounts[model]

    def hash(self, model="default"):
        return self.account(model).state_hash()
