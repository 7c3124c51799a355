"""A folder with traffic in it, and a clock that is set by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np

from homeostat import AccuracyMetric, InferenceRecord, LatencyMetric
from homeostat.batch import Batch
from homeostat.drift import ADWIN
from homeostat.engine import Engine
from homeostat.runtime.answers import Sent
from homeostat.runtime.ledger import Ledger, Limits, Part
from homeostat.runtime.retention import Keeping, Retention
from homeostat.stores import open_store
from homeostat.times import to_micros

START = datetime(2026, 3, 1, tzinfo=UTC)
SECOND, DAY = 1_000_000, 86_400_000_000
WINDOW = 20


def made(number, label=None, model="default"):
    """A record, told apart by its number."""
    return InferenceRecord(
        model_version=f"v{number // 300}",
        predicted_label="yes" if number % 3 else "no",
        ground_truth_label=label,
        latency_ms=number % 40,
        created_at=START + timedelta(minutes=number),
        record_id=f"r{number}",
        model=model,
        features={"amount": float(number), "city": f"c{number % 7}"},
    )


def engine_of(name):
    return Engine([AccuracyMetric(WINDOW), LatencyMetric(0.3)], [ADWIN(on="error")])


class Stall:
    """A ledger over a folder. `keep(ages)` lets go of what is old, as the keeper would."""

    def __init__(self, folder):
        self.folder = folder
        self.now = to_micros(START) + DAY
        self.open()

    def open(self):
        self.store = open_store(self.folder)
        self.ledger = Ledger(self.store, engine_of, lambda: self.now, Limits())

    def close(self):
        self.store.close()

    def reopen(self):
        self.close()
        self.open()

    def send(self, *records):
        by_model = {}
        for row, record in enumerate(records):
            by_model.setdefault(record.model, []).append((row, record))
        parts = [
            Part(model, Batch.from_records([r for _, r in rows]), np.array([n for n, _ in rows]))
            for model, rows in by_model.items()
        ]
        return self.changed(lambda: self.ledger.take_records(parts, [], False))

    def label(self, *pairs, model=None):
        sent = [Sent(row, one, label, None, model) for row, (one, label) in enumerate(pairs)]
        return self.changed(lambda: self.ledger.take_labels(sent, [], False))

    def changed(self, do):
        with self.store.change():
            answer = do()
            self.ledger.save()
        return answer

    def keep(self, **ages):
        keeping = Keeping(Retention(**ages), lambda: self.now)
        while self.changed(lambda: keeping(self.ledger)):
            pass

    def account(self, model="default"):
        return self.ledger.accounts[model]

    def rows(self, statement, *values):
        return self.store.database.execute(statement, values)


def trade(stall, days=20, each=30):
    """Some records a day; a third labelled at once, a third a day late, some changed."""
    for day in range(days):
        stall.now = to_micros(START) + (day + 1) * DAY
        first = day * each
        stall.send(*(made(first + at, "yes" if at % 3 == 0 else None) for at in range(each)))
        if day:
            late = range(first - each, first)
            stall.label(*((f"r{at}", "yes") for at in late if at % 3 == 1))
            stall.label((f"r{first - each + 1}", "no"))
        stall.changed(lambda day=day: stall.ledger.keep_answer(f"k{day}", "d", "{}"))
