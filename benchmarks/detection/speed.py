"""The whole library beside its peers in speed and memory: figure 6 of the scorecard.

    python benchmarks/detection/speed.py --evidently PYTHON --nannyml PYTHON --frouros PYTHON

Each PYTHON is the interpreter of an environment of its own that has this peer; what is not given
is skipped. Every side makes the same data from a seed in a process of its own (`speed_sides.py`),
sides take turns, and medians are shown. Seconds are of the call alone, after imports and with the
data in memory; memory is the most that the process had, and the same less what it had before data
and call (both sides hold the same data). `small` is a tenth of all rows, to try it out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

SIDES = Path(__file__).with_name("speed_sides.py")
HERE = "homeostat"
Found = dict[str, Any]


class Part(NamedTuple):
    """Ours beside its peers: a side's name in `speed_sides.py` to whose Python runs it."""

    sizes: tuple[int, ...]
    ours: str
    peers: dict[str, str]
    counted: tuple[str, ...]  # steps that are compared, added up
    targets: dict[str, float]


PARTS = {
    "preset": Part(
        (100_000, 100_000), "homeostat", {"evidently": "evidently"}, ("compare",), {"evidently": 40}
    ),
    "univariate": Part(
        (100_000, 1_000_000),
        "homeostat",
        {"nannyml": "nannyml", "scipy": HERE},
        ("fit", "compare"),
        {"nannyml": 8, "scipy": 3},
    ),
    "cbpe": Part(
        (100_000, 1_000_000),
        "cbpe_homeostat",
        {"cbpe_nannyml": "nannyml"},
        ("fit", "estimate"),
        {"cbpe_nannyml": 1},
    ),
}
ALONE = ("columns", "profile", "detectors")
WITHOUT_PEER = ("cusum", "ewma", "shewhart", "two_window")
PEAK = "peak_mb"


class Runner:
    """Starts sides in the Python that each needs; None where that was not given."""

    def __init__(self, pythons: dict[str, str | None], repeats: int) -> None:
        self.pythons = pythons
        self.repeats = repeats

    def once(self, whose: str, side: str, sizes: Iterable[int]) -> Found:
        """One process."""
        command = [self.pythons[whose] or "", str(SIDES), side, *map(str, sizes)]
        quiet = {**os.environ, "NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=quiet, check=False)
        if done.returncode:
            raise SystemExit(f"{side} failed:\n{done.stderr}")
        found: Found = json.loads(done.stdout.splitlines()[-1])
        return found

    def medians(self, sides: dict[str, str], sizes: Iterable[int]) -> dict[str, Found]:
        """Sides that can run, in turn; medians of all numbers."""
        able = {side: whose for side, whose in sides.items() if self.pythons[whose]}
        runs: dict[str, list[Found]] = {side: [] for side in able}
        for _ in range(self.repeats):
            for side, whose in able.items():
                runs[side].append(self.once(whose, side, sizes))
        return {side: _medians(found) for side, found in runs.items()}


def _medians(runs: list[Found]) -> Found:
    steps = {name: median(run["seconds"][name] for run in runs) for name in runs[0]["seconds"]}
    memory = {name: median(run[name] for run in runs) for name in runs[0] if name.endswith("_mb")}
    memory["added_mb"] = memory[PEAK] - memory["import_mb"]
    rounded = {name: round(value, 1) for name, value in memory.items()}
    return {"version": runs[0]["version"], "seconds": steps, **rounded}


def beside(part: Part, run: Runner, scale: int) -> Found:
    """A part's sides, and how many times faster and smaller ours is."""
    sizes = [size // scale for size in part.sizes]
    found = run.medians({part.ours: HERE, **part.peers}, sizes)
    spent = {side: sum(each["seconds"].get(step, 0.0) for step in part.counted)
             for side, each in found.items()}  # fmt: skip
    ratios = {}
    for peer, whose in part.peers.items():
        if peer not in found:
            ratios[peer] = f"skipped: give --{whose}"
            continue
        own, other = found[part.ours], found[peer]
        ratios[peer] = {
            "times_faster": round(spent[peer] / spent[part.ours], 1),
            "target": part.targets[peer],
            "share_of_its_memory": round(own[PEAK] / other[PEAK], 2),
            "share_of_its_added_memory": round(own["added_mb"] / other["added_mb"], 2),
        }
    return {"rows": sizes, "sides": found, "beside": ratios}


def columns(run: Runner, scale: int) -> Found:
    """Seconds for 1,000 and 10,000 columns of 200 rows."""
    found = run.medians({"columns": HERE}, [1000 // scale, 10_000 // scale])["columns"]
    few, many = found["seconds"]["few"], found["seconds"]["many"]
    return {"few_s": few, "many_s": many, "ten_times_the_columns_take": round(many / few, 1)}


def profile(run: Runner, scale: int) -> Found:
    """Million values a second that a fitted reference counts, in batches of 8,192, on one core."""
    rows = 20_000_000 // scale
    found = run.medians({"profile": HERE}, [rows])["profile"]
    rate = rows / 1e6 / found["seconds"]["update"]
    return {"million_a_second": round(rate, 1), "target": 5}


def detectors(run: Runner, _scale: int) -> Found:
    """In batches, over River's rate per item, or Frouros's where River lacks the detector."""
    sys.path.append(str(SIDES.parents[1]))
    import peers_frouros as frouros
    from scorecard import FROM_REFERENCE

    import detectors as rivers
    from homeostat.plugins import load

    numbers = 500_000  # so many that SciPy's filter is loaded
    xs, found = rivers.stream(numbers), {}
    for name in rivers.SIDES:
        rate = rivers.rates(name, numbers, run.repeats)
        ratio = round(rate["batches"] / rate["river_per_item"], 1)
        rounded = {f"{kind}_per_s": round(value) for kind, value in rate.items()}
        found[name] = {"peer": "river", **rounded, "times_faster": ratio, "target": 10}
    found["adwin"]["target"] = "1.9 M numbers/s"
    for name, peer in frouros.PEERS.items():
        ours = frouros.load(peer.homeostat).name
        if ours in found and ours == name:
            continue
        key = name if ours == name else f"{ours} beside Frouros's {name}"
        found[key] = {"peer": "frouros", "times_faster": "skipped: give --frouros", "target": 10}
        if python := run.pythons["frouros"]:
            ratios = [frouros.faster(python, peer, numbers) for _ in range(run.repeats)]
            found[key]["times_faster"] = round(median(ratios), 1)
    alone = {name: load("detectors", name) for name in WITHOUT_PEER}
    alone |= {name: partial(make, xs[:2000]) for name, make in FROM_REFERENCE.items()}
    for name, make in alone.items():
        each = [rivers.in_batches(make(), xs[2000:]) for _ in range(run.repeats)]
        found[name] = {"peer": "none", "batches_per_s": round(median(each))}
    return found


def show(name: str, found: Found) -> None:
    """A part in a few lines."""
    print(name)
    for side, each in found.get("sides", {}).items():
        steps = ", ".join(f"{step} {seconds:.3g} s" for step, seconds in each["seconds"].items())
        memory = f"{each[PEAK]:.0f} MB, {each['added_mb']:.0f} MB of data and work"
        print(f"  {side} {each['version']}: {steps}; {memory}")
    for side, each in found.get("beside", found).items():
        parts = [f"{key} {value}" for key, value in each.items()] if isinstance(each, dict) else []
        print(f"  {side}: {', '.join(parts) or each}", flush=True)


def main() -> None:
    """Print each part as it is done; the JSON to a file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for peer in ("evidently", "nannyml", "frouros"):
        parser.add_argument(f"--{peer}", metavar="PYTHON", help=f"the Python that has {peer}")
    parser.add_argument("--rows", choices=["small", "large"], default="large")
    names = [*PARTS, *ALONE]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="PART")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    peers = {peer: getattr(options, peer) for peer in ("evidently", "nannyml", "frouros")}
    run = Runner({HERE: sys.executable, **peers}, options.repeats)
    scale = 10 if options.rows == "small" else 1
    result: Found = {"benchmark": "speed", "rows": options.rows, "repeats": options.repeats}
    result |= {"cores": os.cpu_count(), "python": platform.python_version()}
    result["load"] = os.getloadavg()
    alone: dict[str, Callable[[Runner, int], Found]] = {
        "columns": columns, "profile": profile, "detectors": detectors,
    }  # fmt: skip
    for name in options.only:
        found = beside(PARTS[name], run, scale) if name in PARTS else alone[name](run, scale)
        result[name] = found
        show(name, found)
    result["load_at_the_end"] = os.getloadavg()
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
