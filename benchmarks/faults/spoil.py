"""Spoil copies of a sound folder in many ways, and read them."""

import argparse
import json
import tempfile
from collections import Counter
from pathlib import Path

import here  # noqa: F401
from damage import WAYS, build, read, spoiled

from homeostat.stores.faults import StoreError


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=100, help="files for each way to spoil one")
    parser.add_argument("--seed", type=int, default=1_000)
    ways = [way for way in WAYS if way != "swap"]
    parser.add_argument("--ways", nargs="+", choices=ways, default=ways)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="homeostat-spoil-") as home:
        good = Path(home) / "good"
        build(good, Path(home) / "killed")
        truth = read(good)
        for way in given.ways:
            ends = Counter(
                outcome(good, Path(home) / f"{way}-{seed}", way, seed, truth)
                for seed in range(given.seed, given.seed + given.each)
            )
            print(json.dumps({"way": way, **ends}), flush=True)


def outcome(good, folder, way, seed, truth):
    if not spoiled(good, folder, way, seed):
        return "unchanged"
    try:
        return "read right" if read(folder) == truth else "WRONG"
    except StoreError:
        return "refused"


if __name__ == "__main__":
    main()
