"""The keeper and its ledger over PostgreSQL: the same numbers, and a server that goes away."""

import random
import tempfile
from pathlib import Path

import numpy as np
import psycopg
import pytest
from postgresql import Server

from homeostat import AccuracyMetric, InferenceRecord, LatencyMetric
from homeostat.batch import Batch
from homeostat.drift import ADWIN
from homeostat.engine import Engine
from homeostat.runtime.answers import Sent
from homeostat.runtime.keeper import Keeper
from homeostat.runtime.ledger import Ledger, Limits, Part
from homeostat.stores import open_store
from homeostat.stores.faults import StoreError
from homeostat.times import EPOCH


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
                        created_at=EPOCH, record_id=f"r{n}", features={"x": float(n)})
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


def test_both_databases_give_the_same_state(tmp_path, server):
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE same")
    states = []
    for where in (tmp_path, server.replace("/postgres?", "/same?")):
        keeper = keeper_on(where)
        history(keeper)
        before = state(keeper)
        keeper.close()
        keeper = keeper_on(where)
        assert state(keeper) == before
        keeper.close()
        states.append(before)
    assert states[0] == states[1]


def test_a_server_that_goes_away_and_comes_back():
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = Server(Path(folder))
        server.start()
        keeper = keeper_on(server.url)
        sent(keeper, 0, 10)
        server.stop()
        server.start()
        assert sent(keeper, 0, 10).duplicates == 10
        server.stop()
        for _ in range(3):
            with pytest.raises(StoreError):
                sent(keeper, 10, 20)
        server.start()
        assert sent(keeper, 10, 20).accepted == 10
        assert sent(keeper, 0, 20).duplicates == 20
        assert state(keeper)[1]["accepted"] == 20
        keeper.close()
        server.stop()
