"""Kill the real service, again and again, at random instants under load."""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import here  # noqa: F401
from load import kill_under_load


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--each", type=int, default=25, help="kills of one folder")
    parser.add_argument("--senders", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1000)
    given = parser.parse_args()
    whole = {"kills": 0, "acknowledged": 0, "records": 0, "repeated": 0, "slowest_start": 0.0}
    for at in range(given.kills // given.each):
        home = Path(tempfile.mkdtemp(prefix="homeostat-kill-"))
        told = kill_under_load(home, given.seed + at, given.each, given.senders)
        shutil.rmtree(home)
        slowest = max(whole["slowest_start"], told["slowest_start"])
        whole = {name: n + told[name] for name, n in whole.items()} | {"slowest_start": slowest}
        print(json.dumps(whole), flush=True)


if __name__ == "__main__":
    main()
