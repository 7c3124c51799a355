"""Detectors beside Frouros on the same streams: the same alarms at the same records, or not.

Frouros wants older packages, so it runs in an environment of its own:

    python -m venv frouros && frouros/bin/pip install frouros
    python benchmarks/detection/peers_frouros.py --frouros frouros/bin/python

Prints one JSON line for each detector. Frouros is started afresh (`reset`) at each alarm; one
that goes on by itself, or whose restart is another, is compared up to the first alarm.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np


class Peer(NamedTuple):
    """A detector of Frouros and the one here with the same settings."""

    frouros: str  # module:class; its configuration is the class of that name with Config
    config: dict[str, Any]
    homeostat: str  # module:class
    settings: dict[str, Any]
    streams: tuple[str, ...] = ("errors",)
    only_first: bool = False
    note: str = ""


_THEIRS = "frouros.detectors.concept_drift"
_OURS = "homeostat.drift"

PEERS: dict[str, Peer] = {
    "cusum": Peer(
        f"{_THEIRS}:CUSUM",
        {"delta": 0.005, "lambda_": 20.0, "min_num_instances": 30},
        f"{_OURS}.page_hinkley:PageHinkley",
        {"delta": 0.005, "threshold": 20.0, "min_instances": 30, "alpha": 1.0, "mode": "up"},
        ("errors", "normals"),
        note="its CUSUM, against the running mean, is Page-Hinkley without forgetting",
    ),
    "ddm": Peer(
        f"{_THEIRS}:DDM",
        {"min_num_instances": 31},
        f"{_OURS}.ddm:DDM",
        {"warm_start": 30},
    ),
    "eddm": Peer(
        f"{_THEIRS}:EDDM",
        {"min_num_misclassified_instances": 31},
        f"{_OURS}.eddm:EDDM",
        {"warm_start": 30},
        note="it divides the variance by n, River and homeostat by n - 1: unequal is expected",
    ),
    "rddm": Peer(
        f"{_THEIRS}:RDDM",
        {},
        f"{_OURS}.rddm:RDDM",
        {},
        only_first=True,
        note="it goes on from all kept records after an alarm, homeostat from the warned ones",
    ),
    "stepd": Peer(
        f"{_THEIRS}:STEPD",
        {},
        f"{_OURS}.stepd:STEPD",
        {"mode": "both"},
        note="it takes the size of a T that the correction made negative: unequal is expected",
    ),
    "ecdd": Peer(f"{_THEIRS}:ECDDWT", {}, f"{_OURS}.ecdd:ECDD", {}, ("rare errors",)),
}


def stream(name: str, seed: int, size: int = 10_000) -> list[float]:
    """Rates or means that jump, after a start of zeros and with a run of one value within."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(100, 2500, size=size // 100)
    level = np.repeat(rng.random(len(lengths)), lengths)[:size]
    if name == "normals":
        values = rng.normal(3 * level, 1.0)
    else:
        most = 0.25 if name == "rare errors" else 0.6
        values = (rng.random(size) < most * level).astype(np.float64)
    values[: 50 * (seed % 3)] = 0.0
    values[size // 2 : size // 2 + 100] = values[size // 2]
    return [float(value) for value in values]


def load(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def theirs(task: dict[str, Any]) -> dict[str, Any]:
    """In Frouros's environment: the positions of its alarms, and how long they took."""
    config = load(task["frouros"] + "Config")(**task["config"])
    detector = load(task["frouros"])(config=config)
    found = []
    started = perf_counter()
    for at, value in enumerate(task["values"]):
        detector.update(value=value)
        if detector.drift:
            found.append(at)
            detector.reset()
    return {"alarms": found, "seconds": perf_counter() - started}


def ask(python: str, peer: Peer, values: list[float]) -> dict[str, Any]:
    task = {"frouros": peer.frouros, "config": peer.config, "values": values}
    done = subprocess.run(
        [python, __file__, "--answer"], input=json.dumps(task), capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def compare(python: str, peer: Peer, seeds: int) -> dict[str, Any]:
    """How many alarms both raise, and the first streams and places where they part."""
    alarms, parted = 0, []
    for name in peer.streams:
        for seed in range(seeds):
            values = stream(name, seed)
            expected = ask(python, peer, values)["alarms"]
            found = load(peer.homeostat)(**peer.settings).update_many(values).tolist()
            if peer.only_first:
                expected, found = expected[:1], found[:1]
            alarms += len(expected)
            if found != expected:
                pairs = zip([*expected, None], [*found, None], strict=False)
                first = next(pair for pair in pairs if pair[0] != pair[1])
                parted.append({"stream": name, "seed": seed, "frouros": first[0], "here": first[1]})
    return {"equal": not parted, "alarms": alarms, "parted": len(parted), "first": parted[:3]}


def faster(python: str, peer: Peer, size: int) -> float:
    """Numbers per second in batches of 8,192, over Frouros's one by one; errors at .1, then .2."""
    rates = np.repeat([0.1, 0.2], size // 2)
    values = (np.random.default_rng(42).random(len(rates)) < rates) * 1.0
    few = values[:: max(1, size // 20_000)].tolist()
    slowly = float(ask(python, peer, few)["seconds"]) / len(few)
    for _ in range(2):  # the first is to warm up
        detector, started = load(peer.homeostat)(**peer.settings), perf_counter()
        for start in range(0, len(values), 8192):
            detector.update_many(values[start : start + 8192])
        seconds = perf_counter() - started
    return slowly / (seconds / len(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frouros", help="the Python of an environment that has Frouros")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--answer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        print(json.dumps(theirs(json.load(sys.stdin))))
        return
    if not options.frouros:
        parser.error("--frouros is needed: the Python of an environment that has Frouros")
    for name in options.only:
        peer = PEERS[name]
        result = {"detector": name, **compare(options.frouros, peer, options.seeds)}
        result["times_faster"] = round(faster(options.frouros, peer, 500_000), 1)
        print(json.dumps(result | {"note": peer.note}), flush=True)


if __name__ == "__main__":
    main()
