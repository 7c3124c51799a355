"""Single records through channel, monitor and bus to one subscriber, as the original runs them.

One producer task sends record by record into a channel of 1024, `monitor.run()` consumes it, one
subscriber listens. Two subscribers are measured in turn: to every event, and to retraining
requests only; of the latter none may be missed. `built` makes each record as it is sent, as the
original's benchmark does; `ready` sends records that exist already.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import median
from time import perf_counter

import homeostat as hs
import original


def wrong(n: int) -> list[str]:
    """Truths, one in ten wrong."""
    rng = random.Random(42)
    return ["bad" if rng.random() < 0.1 else "ok" for _ in range(n)]


def built(truths: list[str]) -> Iterator[hs.InferenceRecord]:
    """Records made as they are sent."""
    record, now = hs.InferenceRecord, datetime.now
    for at, truth in enumerate(truths):
        yield record(
            model_version="v1.0.0",
            predicted_label="ok",
            ground_truth_label=truth,
            latency_ms=5 + (at & 0xFF),
            created_at=now(UTC),
        )


async def once(
    records: Iterator[hs.InferenceRecord] | list[hs.InferenceRecord],
    *kinds: type[hs.SystemEvent],
) -> tuple[float, int, int]:
    """Seconds, events heard and events missed of one run."""
    tx, rx = hs.channel(1024)
    builder = hs.ModelMonitor.builder().with_default_metrics()
    monitor = builder.with_strategy(hs.ThresholdStrategy(0.90)).build(rx)
    subscription = monitor.subscribe(*kinds)
    heard = missed = 0

    async def listen() -> None:
        nonlocal heard, missed
        async for event in subscription:
            if type(event) is hs.Lagged:
                missed += event.missed
            else:
                heard += 1

    async def produce() -> None:
        with tx:
            send = tx.send
            for record in records:
                await send(record)

    started = perf_counter()
    await asyncio.gather(monitor.run(), listen(), produce())
    return perf_counter() - started, heard, missed


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=500_000)
    parser.add_argument("--repeats", type=int, default=5)
    original.add_option(parser)
    options = parser.parse_args()
    n, truths = options.records, wrong(options.records)
    ready = list(built(truths))
    monitor = hs.ModelMonitor(strategy=hs.ThresholdStrategy(0.90))
    expected = len(monitor.observe_batch(hs.Batch.from_records(ready)).of(hs.RetrainRequested))
    program = original.build(options.original) if options.original else None
    rates: dict[str, list[float]] = {}
    theirs, lost = [], 0
    for _ in range(options.repeats):
        for name, kinds in (("all", ()), ("requests", (hs.RetrainRequested,))):
            for way in ("built", "ready"):
                records = built(truths) if way == "built" else ready
                spent, heard, missed = asyncio.run(once(records, *kinds))
                rates.setdefault(f"{way}_{name}", []).append(n / spent)
                lost += (expected - heard) if kinds else 0
                assert heard + missed >= (expected if kinds else 2 * n)
        if program:
            theirs.append(original.rate(program, n, 100, 1))
    result: dict[str, object] = {
        "benchmark": "channel",
        "records": n,
        "requests": expected,
        "requests_missed": lost,
        **{f"{name}_per_s": round(median(found)) for name, found in rates.items()},
    }
    if program:
        other = median(run["rec_per_s"] for run in theirs)
        events = median(run["sub_got"] + run["sub_lagged"] for run in theirs)
        result["original_per_s"] = round(other)
        result["original_lost"] = round(median(r["sub_lagged"] for r in theirs) / events, 3)
        for name, found in rates.items():
            result[f"{name}_ratio"] = round(median(found) / other, 2)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
