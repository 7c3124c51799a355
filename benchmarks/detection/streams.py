"""Detectors on public streams with known concept changes, and on electricity prices.

    python benchmarks/detection/streams.py --data FOLDER

FOLDER holds mixed_0101_abrupto, mixed_0101_gradual, sine_0123_abrupto and
sea_0123_abrupto_noise_0.2 of the Harvard Dataverse collection of concept drift (Lopez Lobo 2020)
and electricity (Harries 1999), as .csv.gz.

Each change by itself: a model learns from the first 2,000 records of a concept, its errors on the
next 2,000 are the reference, and the detector watches from there to the end of the next concept.
The first time the records come as they are in the file; each further seed puts those of a concept
in another order. A change is judged where errors rise clearly (3 standard errors).

River's detectors get the reference too, before the rest. "At equal false alarms": the most
sensitive of 24 settings that raises no more alarms than ours on the same healthy streams, drawn
from the errors before the changes. Their alarms are computed by ours of the same names, and
compared with River's own in the same run; those of HDDM_W around the changes, which differ, are
River's own. KSWIN's are ours: it draws at random, and River's takes half an hour here.

With retraining: after an alarm the next 2,000 records are waited for, a model learns from them,
and the detector starts afresh. The calendar retrains as often, from the latest 2,000 records.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from multiprocessing import Pool
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from peers import PEERS, strictest_needed
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier
from streams_tables import OURS, show

from homeostat.drift import error_rate

LEARN, REFERENCE = 2_000, 2_000
HEALTHY, HEALTHY_STREAMS = 10_000, 100
SEED = 20_261_125
ABRUPT = [(0, 10_000), (10_000, 20_000), (20_000, 30_000), (30_000, 40_000)]
STREAMS: dict[str, list[tuple[int, int]]] = {  # where each concept is alone
    "mixed_0101_abrupto": ABRUPT,
    "sine_0123_abrupto": ABRUPT,
    "sea_0123_abrupto_noise_0.2": ABRUPT,
    "mixed_0101_gradual": [(0, 9_400), (10_500, 19_900), (21_000, 30_500), (31_500, 41_000)],
}
MODELS: dict[str, Callable[[], Any]] = {
    "naive Bayes": GaussianNB,
    "tree": partial(DecisionTreeClassifier, min_samples_leaf=20, random_state=0),
}
CLEARLY = 3.0  # standard errors
RIVERS_OWN = ("HDDM_W",)
COMPARED = [name for name, peer in PEERS.items() if not peer.why_not]


class Data(NamedTuple):
    """Inputs and classes."""

    x: np.ndarray
    y: np.ndarray

    def model(self, name: str, start: int) -> Any:
        """One that learned from the 2,000 records from there."""
        part = slice(start, start + LEARN)
        return MODELS[name]().fit(self.x[part], self.y[part])

    def errors(self, model: Any, start: int, stop: int | None = None) -> np.ndarray:
        """1 where the model is wrong."""
        return (model.predict(self.x[start:stop]) != self.y[start:stop]).astype(np.float64)


class Series(NamedTuple):
    """The errors of one model around one change: the reference, the rest, and where it changes."""

    reference: np.ndarray
    live: np.ndarray
    change: int
    settled: int  # from where only the next concept is there


def load(folder: Path, name: str) -> Data:
    """The records of a file; the date of electricity, which only grows, is left out."""
    table = pd.read_csv(folder / f"{name}.csv.gz")
    x = table.drop(columns=["class", "date"], errors="ignore").to_numpy(np.float64)
    return Data(x, pd.factorize(table["class"], sort=True)[0])


def shuffled(data: Data, concepts: list[tuple[int, int]], seed: int) -> Data:
    """Another order of the records within each concept; seed 0 leaves them as they are."""
    order = np.arange(len(data.y))
    for k, (start, stop) in enumerate(concepts if seed else []):
        order[start:stop] = np.random.default_rng([SEED, seed, k]).permutation(order[start:stop])
    return Data(data.x[order], data.y[order])


def around(data: Data, concepts: list[tuple[int, int]], model: str, k: int) -> Series:
    """The errors around change `k` of a model of the concept before it."""
    (start, change), (settled, stop) = concepts[k], concepts[k + 1]
    begin = start + LEARN
    errors = data.errors(data.model(model, start), begin, stop)
    change, settled = change - begin - REFERENCE, settled - begin - REFERENCE
    return Series(errors[:REFERENCE], errors[REFERENCE:], change, settled)


def healthy(series: list[Series], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A reference and a stream drawn from the errors before one of the changes."""
    one = series[seed % len(series)]
    before = np.concatenate([one.reference, one.live[: one.change]])
    drawn = np.random.default_rng([SEED, seed]).choice(before, REFERENCE + HEALTHY)
    return drawn[:REFERENCE], drawn[REFERENCE:]


def alarms(
    name: str, settings: dict[str, Any], reference: np.ndarray, live: np.ndarray, own: bool = False
) -> np.ndarray:
    """Where a detector alarms in what comes after its reference."""
    if name == OURS:
        return error_rate(reference).update_many(live)
    run = PEERS[name].rivers_own if own else PEERS[name].alarms
    found = run(settings, np.concatenate([reference, live])) - len(reference)
    return found[found >= 0]


def judged(found: np.ndarray, one: Series) -> tuple[int, int | None]:
    """How many alarms come before the change, and the delay of the first after it."""
    later = found[found >= one.change]
    return int((found < one.change).sum()), int(later[0]) - one.change + 1 if len(later) else None


def around_changes(
    name: str, settings: dict[str, Any], series: list[Series]
) -> list[tuple[int, int | None]]:
    """What a detector does at each change."""
    own = name in RIVERS_OWN
    return [judged(alarms(name, settings, s.reference, s.live, own), s) for s in series]


def rises(one: Series) -> dict[str, Any]:
    """The error rate before and after, and whether it rises clearly."""
    before = np.concatenate([one.reference, one.live[: one.change]])
    after = one.live[one.settled :]
    error = np.sqrt(before.var() / len(before) + after.var() / len(after))
    rise = float(after.mean() - before.mean())
    return {
        "before": round(float(before.mean()), 3),
        "after": round(float(after.mean()), 3),
        "judged": bool(rise > CLEARLY * error),
    }


def summary(found: list[tuple[int, int | None]]) -> dict[str, Any]:
    """Found of all, false alarms, mean delay of those found."""
    delays = [delay for _, delay in found if delay is not None]
    mean = round(float(np.mean(delays)), 1) if delays else None
    false = sum(count for count, _ in found)
    return {"found": len(delays), "of": len(found), "false_alarms": false, "mean_delay": mean}


def tuned(series: list[Series]) -> dict[str, dict[str, Any]]:
    """Of each detector, the setting with no more false alarms than ours, and how many those are."""
    streams = [healthy(series, seed) for seed in range(HEALTHY_STREAMS)]

    def count(name: str, settings: dict[str, Any]) -> int:
        return sum(len(alarms(name, settings, *stream)) for stream in streams)

    most = count(OURS, {})
    result: dict[str, dict[str, Any]] = {OURS: {"settings": {}, "false_alarms": most}}
    for name, peer in PEERS.items():
        settings, false = strictest_needed(peer.levels, partial(count, name), most)
        plain = count(name, {})
        result[name] = {"settings": settings, "false_alarms": false, "at_default": plain}
    return result


def known(task: tuple[Path, str, str, int]) -> dict[str, Any]:
    """One stream and one model: every detector on every change."""
    folder, name, model, seeds = task
    data, concepts = load(folder, name), STREAMS[name]
    every = [
        [around(shuffled(data, concepts, seed), concepts, model, k) for k in range(3)]
        for seed in range(seeds)
    ]
    rates = [rises(one) for one in every[0]]
    levels = tuned(every[0])
    rows, parted = {}, {}
    for detector, level in levels.items():
        kinds = {"equal": level["settings"]} | ({} if detector == OURS else {"default": {}})
        for kind, settings in kinds.items():
            found = [around_changes(detector, settings, three) for three in every]
            for which, wanted in (("rising", True), ("not_rising", False)):
                some = [s[k] for s in found for k in range(3) if rates[k]["judged"] == wanted]
                rows[f"{detector}|{kind}|{which}"] = summary(some)
        if detector in COMPARED:
            parted[detector] = sum(
                PEERS[detector].parted(settings, np.concatenate([one.reference, one.live]))
                for settings in kinds.values() for one in every[0]
            )  # fmt: skip
    return {
        "stream": name, "model": model, "seeds": seeds,
        "changes": rates,
        "healthy": levels, "detectors": rows, "parted_from_river": parted,
        "retraining": retrained(data, model, [c[1] for c in concepts[:-1]]),
    }  # fmt: skip


def first(name: str, errors: np.ndarray) -> int | None:
    """The first alarm of a detector, at its defaults, over the errors of a new model."""
    if name == OURS:
        if len(errors) <= REFERENCE:
            return None
        found = alarms(name, {}, errors[:REFERENCE], errors[REFERENCE:]) + REFERENCE
    else:
        found = PEERS[name].alarms({}, errors)
    return int(found[0]) if len(found) else None


def at_alarms(data: Data, model: str, name: str) -> tuple[float, list[int]]:
    """Prequential accuracy when retraining after each alarm, and where those came."""
    at, n, raised, errors = LEARN, len(data.y), [], []
    current = data.model(model, 0)
    while at < n:
        rest = data.errors(current, at)
        alarm = first(name, rest)
        if alarm is None or at + alarm + 1 + LEARN >= n:
            raised += [] if alarm is None else [at + alarm]
            errors.append(rest)
            break
        raised.append(at + alarm)
        errors.append(rest[: alarm + 1 + LEARN])
        current = data.model(model, at + alarm + 1)
        at += alarm + 1 + LEARN
    return 1 - float(np.concatenate(errors).mean()), raised


def by_calendar(data: Data, model: str, retrainings: int) -> float:
    """Prequential accuracy when retraining as often at equal distances."""
    places = np.linspace(LEARN, len(data.y), retrainings + 2).astype(int)
    errors = [data.errors(data.model(model, a - LEARN), a, b) for a, b in pairwise(places)]
    return 1 - float(np.concatenate(errors).mean())


def retrained(data: Data, model: str, changes: list[int]) -> dict[str, Any]:
    """Accuracy with each detector; how many alarms were the first after a change."""
    result: dict[str, Any] = {}
    for name in (OURS, *PEERS):
        accuracy, raised = at_alarms(data, model, name)
        used = [at for at in raised if at + 1 + LEARN < len(data.y)]
        hits = {int(np.searchsorted(changes, at, "right")) for at in raised} - {0}
        result[name] = {
            "accuracy": round(accuracy, 4), "alarms": len(raised), "retrainings": len(used),
            "calendar": round(by_calendar(data, model, len(used)), 4),
        }  # fmt: skip
        if changes:
            result[name]["changes_with_an_alarm"] = len(hits)
    return {"static": round(by_calendar(data, model, 0), 4), "detectors": result}


def electricity(task: tuple[Path, str]) -> dict[str, Any]:
    """Alarms on the errors of a model that stays, and retraining."""
    folder, model = task
    data = load(folder, "electricity")
    errors = data.errors(data.model(model, 0), LEARN)
    reference, live = errors[:REFERENCE], errors[REFERENCE:]
    found = {name: len(alarms(name, {}, reference, live)) for name in PEERS}
    ours = error_rate(reference)
    found = {OURS: len(ours.update_many(live)), **found}
    neighbours = np.corrcoef(errors[1:], errors[:-1])[0, 1]
    return {
        "model": model, "records": len(live), "neighbours_correlate": round(float(neighbours), 3),
        "error_rate_of_reference": round(float(reference.mean()), 3),
        "error_rate": round(float(live.mean()), 3),
        "dependence": round(ours.dependence, 2),
        "baseline_learned": round(ours.estimation, 3),
        "alarms": found,
        "alarms_per_10000": {k: round(v * 1e4 / len(live), 2) for k, v in found.items()},
        "retraining": retrained(data, model, []),
    }  # fmt: skip


def main() -> None:
    """Print the tables; the JSON to a file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5, help="orders of the records")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    started = perf_counter()
    tasks = [(options.data, name, model, options.seeds) for name in STREAMS for model in MODELS]
    with Pool(options.processes) as pool:
        rows = pool.map(known, tasks, chunksize=1)
        prices = pool.map(electricity, [(options.data, model) for model in MODELS], chunksize=1)
    show(rows, prices, HEALTHY * HEALTHY_STREAMS)
    seconds = round(perf_counter() - started, 1)
    print(f"\n{options.seeds} orders, {seconds} s")
    if options.json:
        result = {
            "benchmark": "streams", "seed": SEED, "seeds": options.seeds, "learn": LEARN,
            "reference": REFERENCE, "known": rows, "electricity": prices, "seconds": seconds,
        }  # fmt: skip
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
