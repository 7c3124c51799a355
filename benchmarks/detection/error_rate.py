"""The default detector on error streams at 0.1: false alarms, delays, and ADWIN's at equal ones.

Each stream has a reference of 2,000 records of its own, from the same source. Bursts: a Markov
chain with P(error after error) .2 or .4; after a change the correlation stays. Daily cycle: the
rate swings by .02 with a period of 5,000 records, the reference is its first 2,000 records, or
2,000 from a random phase, or steady. Rare errors: references with few of them or none, each drawn
at the rate of its stream. Prints one JSON line; `--quick` is a smoke test, `--rare` only those.
"""

from __future__ import annotations

import argparse
import json
import sys
from time import perf_counter
from typing import Any

import numpy as np

from homeostat.budget import AlarmBudget
from homeostat.drift.adwin import ADWIN
from homeostat.drift.error_rate import error_rate

RATE, REFERENCE, CHANGE, PERIOD, SWING = 0.1, 2_000, 5_000, 5_000, 0.02
KINDS = ("independent", "bursts_0.2", "bursts_0.4", "cycle", "cycle_any_phase", "cycle_new")
DELTAS = [0.0000125 * 2**k for k in range(16)]
SEED = 20_260_301
RARE = ((2_000, (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02)), (1_000, (0.001,)), (200, (0.01,)))


def bursts(rates: np.ndarray, correlation: float, rng: np.random.Generator) -> np.ndarray:
    """A two-state chain: a record repeats the one before it, or draws anew at its rate."""
    drawn = rng.random(len(rates)) < rates
    anew = rng.random(len(rates)) >= correlation
    anew[0] = True
    return drawn[np.maximum.accumulate(np.where(anew, np.arange(len(rates)), 0))]


def stream(kind: str, n: int, seed: int, changed: float | None = None) -> tuple[Any, Any]:
    """A reference and `n` records after it, that change at record 5,000."""
    rng = np.random.default_rng([SEED, seed, KINDS.index(kind), changed is not None])
    time = np.arange(-REFERENCE, n)
    rates = np.full(len(time), RATE)
    if kind.startswith("cycle"):
        start = rng.random() * PERIOD if kind == "cycle_any_phase" else 0
        began = 0 if kind == "cycle_new" else -REFERENCE
        swing = SWING * np.sin(2 * np.pi * (time - began + start) / PERIOD)
        rates += np.where(time >= began, swing, 0.0)
    if changed is not None:
        rates[time >= CHANGE] += changed - RATE
    correlation = 0.0
    if kind.startswith("bursts"):
        correlation = (float(kind.removeprefix("bursts_")) - RATE) / (1 - RATE)
    xs = bursts(rates, correlation, rng).astype(np.float64)
    return xs[:REFERENCE], xs[REFERENCE:]


def alarms(which: Any, reference: np.ndarray, xs: np.ndarray) -> np.ndarray:
    """The alarms of the default detector with a budget, or of ADWIN (upwards) with a delta."""
    if isinstance(which, AlarmBudget):
        return error_rate(reference, budget=which).update_many(xs)
    found = ADWIN(delta=which).alarms(np.concatenate([reference, xs]))
    return found.positions[found.change > 0] - len(reference)


def false_alarms(which: Any, kind: str, seeds: int, n: int) -> dict[str, float]:
    """Per 100,000 records, with its standard error, and the share of streams with any."""
    counts = []
    for seed in range(seeds):
        found = alarms(which, *stream(kind, n, seed))
        counts.append(int((found >= 0).sum()))
    each = np.array(counts) * 100_000 / n
    return {
        "per_100k": round(float(each.mean()), 4),
        "standard_error": round(float(each.std() / np.sqrt(seeds)), 4),
        "streams_with_any": round(float((each > 0).mean()), 4),
    }


def delay(which: Any, kind: str, changed: float, seeds: int) -> dict[str, float]:
    """The median over the streams without an alarm before the change; a miss counts as late."""
    delays = []
    for seed in range(seeds):
        found = alarms(which, *stream(kind, CHANGE + 10_000, seed, changed))
        if not ((found >= 0) & (found < CHANGE)).any():
            later = found[found >= CHANGE]
            delays.append(int(later[0]) - CHANGE + 1 if len(later) else 10_000)
    return {"median": float(np.median(delays)), "p90": float(np.quantile(delays, 0.9))}


def rare(n: int, rate: float, records: int, seed: int) -> tuple[Any, Any, Any]:
    """A reference of n, independent records after it, and the generator for more."""
    rng = np.random.default_rng([SEED, n, round(rate * 1e6), seed])
    drawn = (rng.random(n + records) < rate).astype(np.float64)
    return drawn[:n], drawn[n:], rng


def rare_alarms(budget: AlarmBudget, n: int, rate: float, seeds: int) -> dict[str, float]:
    """False alarms per 100,000 records, on average over references drawn at the same rate."""
    counts = []
    for seed in range(seeds):
        reference, xs, _ = rare(n, rate, 100_000, seed)
        counts.append(len(error_rate(reference, budget).update_many(xs)))
    each = np.array(counts)
    return {
        "per_100k": round(float(each.mean()), 4),
        "standard_error": round(float(each.std() / np.sqrt(seeds)), 4),
        "streams_with_any": round(float((each > 0).mean()), 4),
        "most": int(each.max()),
    }


def rare_delay(
    budget: AlarmBudget, n: int, rate: float, changed: float, seeds: int
) -> dict[str, float]:
    """From a change after 5,000 healthy records, or at once where the reference has no error."""
    delays = []
    healthy = CHANGE if rate else 0
    for seed in range(seeds):
        reference, xs, rng = rare(n, rate, healthy, seed)
        xs = np.concatenate([xs, rng.random(20_000) < changed])
        found = error_rate(reference, budget).update_many(xs)
        if not (found < healthy).any():
            delays.append(int(found[0]) - healthy + 1 if len(found) else 20_000)
    each = np.array(delays)
    return {
        "median": float(np.median(each)),
        "p90": float(np.quantile(each, 0.9)),
        "missed": int((each == 20_000).sum()),
        "streams": len(each),
    }


def rare_errors(budget: AlarmBudget, seeds: int) -> dict[str, Any]:
    """False alarms and delays where the reference has few errors, or none."""
    return {
        "false_alarms": {
            f"{n} at {rate}": rare_alarms(budget, n, rate, seeds)
            for n, rates in RARE
            for rate in rates
        },
        "delay": {
            f"{rate} x{times}": rare_delay(budget, 2_000, rate, rate * times, seeds)
            for rate in (0.001, 0.002, 0.005, 0.01, 0.02)
            for times in (2, 3, 10)
        },
        "delay_after_zeros": {
            f"{n} zeros -> {changed}": rare_delay(budget, n, 0.0, changed, seeds)
            for n in (200, 1_000)
            for changed in (0.05, 0.1, 0.2)
        },
    }


def adwin_at(limit: float, kind: str, seeds: int, n: int) -> tuple[float, dict[str, float]]:
    """ADWIN's largest delta, of a grid by factors of 2, with no more false alarms than `limit`."""
    best = DELTAS[0], false_alarms(DELTAS[0], kind, seeds, n)
    for delta in DELTAS[1:]:
        found = false_alarms(delta, kind, seeds, n)
        if found["per_100k"] > limit:
            break
        best = delta, found
    return best


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--lifetime-seeds", type=int, default=200)
    parser.add_argument("--adwin-seeds", type=int, default=30)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rare", action="store_true")
    options = parser.parse_args()
    seeds, lifetime_seeds, adwin_seeds = (
        (4, 2, 4) if options.quick else
        (options.seeds, options.lifetime_seeds, options.adwin_seeds)
    )  # fmt: skip
    started = perf_counter()
    budget = AlarmBudget(false_alarms=1, per=100_000)
    result: dict[str, Any] = {
        "benchmark": "error_rate", "seed": SEED, "seeds": seeds, "records": 100_000,
        "reference": REFERENCE, "budget": str(budget),
    }  # fmt: skip
    result["rare"] = rare_errors(budget, seeds)
    print(json.dumps(result), file=sys.stderr, flush=True)  # so far
    if options.rare:
        print(json.dumps(result))
        return
    result["false_alarms"] = {k: false_alarms(budget, k, seeds, 100_000) for k in KINDS}
    print(json.dumps(result), file=sys.stderr, flush=True)  # so far
    result["delay"] = {
        kind: {f"{RATE}->{to}": delay(budget, kind, to, 2 * seeds) for to in (0.15, 0.2, 0.3)}
        for kind in KINDS
    }
    result["lifetime_0.05_of_1000000"] = {
        "seeds": lifetime_seeds,
        **false_alarms(AlarmBudget(lifetime=0.05), "independent", lifetime_seeds, 1_000_000),
    }
    print(json.dumps(result), file=sys.stderr, flush=True)  # so far
    result["adwin_at_equal_false_alarms"] = {}
    for kind in KINDS[:4]:
        limit = result["false_alarms"][kind]["per_100k"]
        delta, found = adwin_at(limit, kind, adwin_seeds, 100_000)
        result["adwin_at_equal_false_alarms"][kind] = {
            "delta": delta, "seeds": adwin_seeds, "false_alarms": found,
            "delay": {f"{RATE}->{to}": delay(delta, kind, to, seeds) for to in (0.2, 0.3)},
        }  # fmt: skip
    result["seconds"] = round(perf_counter() - started, 1)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
