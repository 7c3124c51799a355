"""Cut the power of a simulated disk at random operations."""

import argparse
import json
import tempfile
from pathlib import Path

import here  # noqa: F401
from power import cut_once, small_log


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=500)
    parser.add_argument("--seed", type=int, default=10_000)
    parser.add_argument("--durability", choices=["full", "fast"], default="full")
    given = parser.parse_args()
    small_log()
    whole = {"cuts": 0, "acknowledged": 0, "cuts_that_lost": 0, "lost": 0, "most_lost": 0}
    for seed in range(given.seed, given.seed + given.cuts):
        with tempfile.TemporaryDirectory(prefix="homeostat-power-") as home:
            acknowledged, found, _ = cut_once(Path(home), seed, given.durability)
        lost = max(0, acknowledged - found)
        whole["cuts"] += 1
        whole["acknowledged"] += acknowledged
        whole["cuts_that_lost"] += lost > 0
        whole["lost"] += lost
        whole["most_lost"] = max(whole["most_lost"], lost)
    print(json.dumps(whole | {"durability": given.durability}))


if __name__ == "__main__":
    main()
