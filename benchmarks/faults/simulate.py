"""Seeds of the simulated service: senders, a bad network, full disks and crashes."""

import argparse
import json

import here  # noqa: F401
from simulation import simulate


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5_000)
    parser.add_argument("--first", type=int, default=100_000)
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.seeds)
    print(json.dumps({"seeds": given.seeds, "crashes": sum(map(simulate, seeds))}))


if __name__ == "__main__":
    main()
