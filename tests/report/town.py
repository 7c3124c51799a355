"""A folder of the service with a month of one model: a drift, a retraining, and what came of it."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from homeostat import (
    ADWIN,
    AccuracyMetric,
    DriftStrategy,
    LatencyMetric,
)
from homeostat.batch import Batch
from homeostat.engine import Engine
from homeostat.events import (
    ChallengerRegistered,
    DecisionEvent,
    JobEvent,
    ModelPromoted,
    RetrainQueued,
    RetrainStarted,
    RetrainSucceeded,
)
from homeostat.runtime.answers import Sent
from homeostat.runtime.happened import told
from homeostat.runtime.ledger import Ledger, Limits, Part
from homeostat.stores import open_store
from homeostat.times import to_micros

START = datetime(2026, 3, 1, tzinfo=UTC)
HOSTILE = "fraud</title><script>alert(1)</script>"


def engine_of(name):
    return Engine([AccuracyMetric(500), LatencyMetric(0.3)], [ADWIN(on="error")], DriftStrategy())


def batch(rng, day, n, drifted, version, model):
    """A day of payments; from the drift on those of one country are told wrong."""
    amount = rng.lognormal(3.5 + 0.35 * drifted, 0.9, n)
    country = rng.choice(["DE", "FR", "PL", "<b>IT</b>"], n, p=_SHARES[drifted])
    truth = rng.random(n) < np.where(country == "PL", 0.35, 0.12)
    wrong = rng.random(n) < np.where(drifted & (country == "PL"), 0.38, 0.06)
    age = rng.normal(41, 12, n)
    if drifted:
        age[rng.random(n) < 0.04] = np.nan
    seconds = np.sort(rng.integers(0, 86_400, n))
    moments = np.datetime64(START.replace(tzinfo=None)) + np.timedelta64(day, "D")
    return Batch.from_columns(
        model=model, model_version=version, record_id=[f"{day}-{i}" for i in range(n)],
        predicted_label=np.where(truth ^ wrong, "fraud", "honest"),
        latency_ms=rng.gamma(4, 5 + 2 * drifted, n),
        created_at=moments + seconds.astype("timedelta64[s]"),
        features={"amount": amount, "country": country, "age": age,
                  "channel": rng.choice(["web", "app"], n)},
    ), np.where(truth, "fraud", "honest")  # fmt: skip


_SHARES = {0: [0.5, 0.3, 0.12, 0.08], 1: [0.38, 0.22, 0.32, 0.08]}


def build(folder, model="fraud", days=30, daily=600, drift=17, mended=24):
    """Fill a folder; the store is closed again."""
    folder.mkdir(parents=True, exist_ok=True)
    store = open_store(folder)
    now = to_micros(START)

    def clock():
        return now

    ledger = Ledger(store, engine_of, clock, Limits())
    rng = np.random.default_rng(7)
    for day in range(days):
        drifted = int(drift <= day < mended) if mended else int(day >= drift)
        version = "v2" if mended and day >= mended else "v1"
        records, labels = batch(rng, day, daily, drifted, version, model)
        now = to_micros(START + timedelta(days=day + 1))
        _change(store, ledger, lambda r=records: ledger.take_records(
            [Part(model, r, np.arange(len(r)))], [], False))  # fmt: skip
        if mended and day == drift + 2:
            _retrain(store, ledger, model, START + timedelta(days=day, hours=9))
        if mended and day == mended - 1:
            ledger.accounts[model].engine.renew()  # as a promotion does
        share = 0.9 if day < days - 2 else 0.3
        sent = [
            Sent(
                row,
                f"{day}-{row}",
                str(label),
                to_micros(START + timedelta(days=day, hours=20)),
                model,
            )
            for row, label in enumerate(labels)
            if rng.random() < share
        ]
        _change(store, ledger, lambda s=sent: ledger.take_labels(s, [], False))
    store.close()


def _change(store, ledger, do):
    with store.change():
        do()
        ledger.save()


def _retrain(store, ledger, model, moment):
    """The story of a retraining, as the loop writes it."""
    account = ledger.accounts[model]
    job = JobEvent("v1", "fraud-1", "drift on error", moment, causes=[1, 2])
    made = JobEvent("v1", "fraud-1", "drift on error", moment + timedelta(hours=2), version="v2")
    won = DecisionEvent(
        "v1", "v2", "the difference is above 0", moment + timedelta(days=4), 2_140, 0.8715, 0.9383,
        "fraud-1", [1, 2], None, {"difference": 0.0668, "lower": 0.021, "upper": 0.112, "n": 2140},
    )  # fmt: skip
    events = [RetrainQueued(job), RetrainStarted(job), RetrainSucceeded(made),
              ChallengerRegistered(made), ModelPromoted(won)]  # fmt: skip
    first = account.counters.get("events", 0) + 1
    with store.change():
        store.add_events(account.number, first, map(told, events), to_micros(moment))
        account.counters["events"] = first + len(events) - 1
        ledger.save()


if __name__ == "__main__":
    build(Path(sys.argv[1]), *sys.argv[2:])
