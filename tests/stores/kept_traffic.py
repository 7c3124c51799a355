"""A keeper over a store, and some traffic."""

import random

import numpy as np

from homeostat import AccuracyMetric, InferenceRecord, LatencyMetric
from homeostat.batch import Batch
from homeostat.drift import ADWIN
from homeostat.engine import Engine
from homeostat.runtime.answers import Sent
from homeostat.runtime.keeper import Keeper
from homeostat.runtime.ledger import Ledger, Limits, Part
from homeostat.stores import open_store
from homeostat.times import EPOCH

SECRET = "Ada Lovelace, 12 St James's Square"


def keeper_on(where):
    def engine_of(name):
        return Engine([AccuracyMetric(50), LatencyMetric(0.3)], [ADWIN(on="error")])

    keeper = Keeper(
        lambda: open_store(where), lambda store: Ledger(store, engine_of, lambda: 10**15, Limits())
    )
    keeper.start()
    return keeper


def sent(keeper, start, end):
    records = [
        InferenceRecord(model_version="v1", predicted_label="ab"[n % 2], latency_ms=n % 9,
                        created_at=EPOCH, record_id=f"r{n}",
                        features={"x": float(n), "name": SECRET if n == 7 else f"c{n}"})
        for n in range(start, end)
    ]  # fmt: skip
    part = Part("default", Batch.from_records(records), np.arange(end - start))
    return keeper.submit(lambda ledger: ledger.take_records([part], [], False)).result()


def labelled(keeper, labels):
    rows = [Sent(row, one, label) for row, (one, label) in enumerate(labels)]
    return keeper.submit(lambda ledger: ledger.take_labels(rows, [], False)).result()


def state(keeper):
    def look(ledger):
        account = ledger.accounts["default"]
        return account.state_hash(), dict(account.counters), dict(account.latest)

    return keeper.submit(look).result()


def history(keeper):
    chance = random.Random(4)
    for start in range(0, 200, 25):
        sent(keeper, start, start + 25)
        some = chance.sample(range(230), 20)
        labelled(keeper, [(f"r{n}", chance.choice(["a", "b", None])) for n in some])
