"""A folder with traffic that tells of much: late labels, changes of labels, promotions."""

from datetime import UTC, datetime, timedelta

import numpy as np

from homeostat import InferenceRecord
from homeostat.batch import Batch
from homeostat.events import DecisionEvent, ModelPromoted
from homeostat.fleet import parse
from homeostat.runtime.answers import Sent
from homeostat.runtime.ledger import Ledger, Limits, Part
from homeostat.stores import open_store
from homeostat.times import to_micros

START = datetime(2026, 3, 1, tzinfo=UTC)
SETTINGS = """\
[[metrics]]
type = "accuracy"
window = 20

[[detectors]]
type = "shewhart"
on = "accuracy"
center = 0.7
sigma = 0.05
k = 2

[[detectors]]
type = "adwin"
on = "error"

[strategy]
type = "threshold"
threshold = 0.55
cooldown = "20m"
"""


def made(number, label=None, model="default"):
    """A record, told apart by its number."""
    return InferenceRecord(
        model_version="v1",
        predicted_label="yes",
        ground_truth_label=label,
        latency_ms=number % 40,
        created_at=START + timedelta(minutes=number),
        record_id=f"r{number}",
        model=model,
        features={"amount": float(number)},
    )


def promotion(number):
    payload = DecisionEvent("v1", "v2", "said so", START + timedelta(minutes=number), 10)
    return ModelPromoted(payload)


class Till:
    """A ledger over a folder."""

    def __init__(self, folder, settings=SETTINGS):
        folder.mkdir()
        self.folder, self.fleet = folder, parse(settings)
        self.open()

    def open(self):
        self.store = open_store(self.folder)
        now = to_micros(START + timedelta(days=90))
        self.ledger = Ledger(self.store, self.fleet.engine_of, lambda: now, Limits())

    def reopen(self):
        self.store.close()
        self.open()

    def send(self, *records):
        batch = Batch.from_records(list(records))
        rows = np.arange(len(records))
        self._changed(lambda: self.ledger.take_records([Part(records[0].model, batch, rows)], [],
                                                       False))  # fmt: skip

    def label(self, *pairs):
        sent = [Sent(row, f"r{n}", label, None, None) for row, (n, label) in enumerate(pairs)]
        self._changed(lambda: self.ledger.take_labels(sent, [], False))

    def promote(self, number):
        self._changed(lambda: self.ledger.accounts["default"].tell([promotion(number)], 0))

    def _changed(self, do):
        with self.store.change():
            do()
            self.ledger.save()


def trade(till, seed, n=400):
    """Traffic of all kinds; what is right comes and goes."""
    rng = np.random.default_rng(seed)

    def truth(at):
        return "yes" if rng.random() < (0.85 if at % 120 < 60 else 0.4) else "no"

    sent, at = [], 0
    while at < n:
        some = [at + k for k in range(int(rng.integers(1, 15)))]
        till.send(*(made(k, truth(k) if rng.random() < 0.5 else None) for k in some))
        sent += some
        at = some[-1] + 1
        chosen = rng.choice(sent, min(len(sent), int(rng.integers(1, 12))), replace=False).tolist()
        labels = [(k, None if rng.random() < 0.1 else truth(k)) for k in chosen]
        till.label(*labels)
        if rng.random() < 0.04:
            till.promote(at)
        if rng.random() < 0.05:
            till.reopen()
