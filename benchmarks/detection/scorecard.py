"""Every registered detector of error streams: false alarms, and delays after a rise.

Streams are those of error_rate.py, with seeds from 10,000 on that no setting was chosen with: a
reference of 2,000 records at rate 0.1 (read first by detectors that take none), then healthy
streams of 100,000 records, or 5,000 healthy records and a rise. Delays are medians, over the
streams without an alarm in those 5,000; an alarm that does not come in 10,000 counts as 10,000.
Only alarms of a rise count. Each detector has its defaults; those that need a reference or can
use one for a budget get it. `episodes` only retells the alarms of another and is left out.

`same as River`: in how many of the first streams River's own raises its alarms, of rises and
falls, at the same records. The baselines are to alarm never, and at random once in 100,000.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from inspect import signature
from multiprocessing import Pool
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from anytime import MOST
from error_rate import CHANGE, RATE, REFERENCE, SEED, bursts, stream
from peers import PEERS

from homeostat import drift
from homeostat.plugins import TABLE, load

OFFSET = 10_000
RECORDS = 100_000
GRADUAL = 2_000
CHECKED, SHORT = 4, 20_000  # streams, and records of each, that River's own look at
KINDS = {"independent": "independent", "bursts .2": "bursts_0.2", "bursts .4": "bursts_0.4",
         "cycle": "cycle"}  # fmt: skip
RISES: dict[str, tuple[str, float]] = {
    ".1→.15": ("independent", 0.15),
    ".1→.2": ("independent", 0.2),
    ".1→.3": ("independent", 0.3),
    "gradual .2": ("gradual", 0.2),
    "bursts .4, .1→.2": ("bursts_0.4", 0.2),
}
FROM_REFERENCE: dict[str, Callable[[np.ndarray], Any]] = {
    "error_rate": drift.error_rate,
    "e_detector": drift.e_detector,
    "conformal": drift.conformal,
    "harmful_shift": drift.harmful_shift,
}
RIVERS = {"adwin": "ADWIN", "page_hinkley": "PageHinkley", "ddm": "DDM", "eddm": "EDDM",
          "hddm_a": "HDDM_A", "hddm_w": "HDDM_W", "fhddm": "FHDDM", "kswin": "KSWIN"}  # fmt: skip
DUMMIES = {"never": 0.0, "at random": 1 / RECORDS}


def of_errors() -> list[str]:
    """The registered detectors of an error stream that need nothing else, or a reference of it."""
    every = {name: signature(load("detectors", name)).parameters for name in TABLE["detectors"]}
    ready = {
        name for name, settings in every.items()
        if "on" in settings and all(s.default is not s.empty for s in settings.values())
    }  # fmt: skip
    return [name for name in every if name in FROM_REFERENCE or name in ready]


def series(kind: str, n: int, seed: int, changed: float | None) -> tuple[np.ndarray, np.ndarray]:
    """A reference and what follows it; gradual is a rise in a straight line over 2,000 records."""
    if kind != "gradual" or changed is None:
        return stream(kind, n, OFFSET + seed, changed)
    rng = np.random.default_rng([SEED, OFFSET + seed, GRADUAL])
    risen = np.clip((np.arange(-REFERENCE, n) - CHANGE) / GRADUAL, 0, 1)
    xs = bursts(RATE + (changed - RATE) * risen, 0.0, rng).astype(np.float64)
    return xs[:REFERENCE], xs[REFERENCE:]


def rises(name: str, seed: int, reference: np.ndarray, xs: np.ndarray) -> np.ndarray:
    """Where the detector says that errors rose."""
    if name in DUMMIES:
        drawn = np.random.default_rng([SEED, OFFSET + seed, len(name)]).random(len(xs))
        return np.flatnonzero(drawn < DUMMIES[name])
    if name in FROM_REFERENCE:
        found = FROM_REFERENCE[name](reference).alarms(xs)
        return found.positions[found.change > 0]
    found = load("detectors", name)().alarms(np.concatenate([reference, xs]))
    positions = found.positions - len(reference)
    signed = name not in RIVERS or PEERS[RIVERS[name]].sign
    return positions[(positions >= 0) & (found.change > 0 if signed else True)]


def false_alarms(name: str, kind: str, seeds: int) -> dict[str, float]:
    """Per 100,000 records, with its standard error and the share of streams with any."""
    counts = [len(rises(name, s, *series(kind, RECORDS, s, None))) for s in range(seeds)]
    each = np.array(counts) * 100_000 / RECORDS
    return {
        "per_100k": round(float(each.mean()), 3),
        "standard_error": round(float(each.std() / np.sqrt(seeds)), 3),
        "streams_with_any": round(float((each > 0).mean()), 3),
    }


def delay(name: str, kind: str, changed: float, seeds: int) -> dict[str, float | None]:
    """The median, the share found, and the share of streams that it is over."""
    delays = []
    for seed in range(seeds):
        found = rises(name, seed, *series(kind, CHANGE + MOST, seed, changed))
        if not (found < CHANGE).any():
            delays.append(int(found[0]) - CHANGE + 1 if len(found) else MOST)
    if not delays:
        return {"median": None, "found": None, "counted": 0.0}
    return {
        "median": float(np.median(delays)),
        "found": round(float(np.mean(np.array(delays) < MOST)), 3),
        "counted": round(len(delays) / seeds, 3),
    }


def same_as_river(name: str) -> str:
    """Of the first streams with a rise, in how many River's own alarms are at the same records."""
    if name not in RIVERS:
        return ""
    peer = PEERS[RIVERS[name]]
    streams = [np.concatenate(series("independent", SHORT, s, 0.3)) for s in range(CHECKED)]
    same = sum(not peer.parted({}, xs) for xs in streams)
    return f"{same} of {CHECKED}" + (f", {peer.why_not}" if peer.why_not else "")


def measured(name: str, seeds: int) -> dict[str, Any]:
    """All figures of one detector; delays are of twice as many streams."""
    return {
        "detector": name,
        "false_alarms": {head: false_alarms(name, kind, seeds) for head, kind in KINDS.items()},
        "delay": {head: delay(name, *rise, 2 * seeds) for head, rise in RISES.items()},
        "same_as_river": same_as_river(name),
    }


def show(row: dict[str, Any], errors: bool) -> str:
    """One line of the table."""
    cells = [
        f"{found['per_100k']:.3g}" + (f" ± {found['standard_error']:.2g}" if errors else "")
        for found in row["false_alarms"].values()
    ]
    for found in row["delay"].values():
        few = f" ({found['counted']:.0%})" if found["counted"] < 0.9 else ""
        cells.append("-" if not found["counted"] else f"{found['median']:g}{few}")
    return f"| `{row['detector']}` | " + " | ".join([*cells, row["same_as_river"]]) + " |"


def main() -> None:
    """Print the table; the JSON to a file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [*of_errors(), *DUMMIES]
    parser.add_argument("--seeds", type=int, default=20, help="streams of 100,000 records")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    started = perf_counter()
    print("| detector | " + " | ".join([*KINDS, *RISES]) + " | same as River |")
    print("|---" * (len(KINDS) + len(RISES) + 2) + "|")
    rows = []
    with Pool(options.processes) as pool:
        for row in pool.imap(partial(measured, seeds=options.seeds), options.only):
            rows.append(row)
            print(show(row, errors=len(options.only) < 4), flush=True)
    seconds = round(perf_counter() - started, 1)
    print(f"\n{options.seeds} seeds from {OFFSET}, {seconds} s; (share) of the streams counted")
    if options.json:
        result = {"benchmark": "scorecard", "seed": SEED, "offset": OFFSET, "seeds": options.seeds,
                  "records": RECORDS, "rows": rows, "seconds": seconds}  # fmt: skip
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
