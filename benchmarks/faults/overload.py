"""Send ten times as much as the service can take, for a while, and hold it to what it said."""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import here
from overload import Batches, Crowd, Looker, hold_to, settle
from serving import COMMAND, Server

SLOW = [sys.executable, str(here.FAULTS / "slow.py")]
CONFIG = "[service]\ncapacity = {capacity}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--times", type=float, default=10, help="what the service can take")
    parser.add_argument("--rows", type=int, default=20, help="of a batch")
    parser.add_argument("--connections", type=int, default=400)
    parser.add_argument("--capacity", type=int, default=128 << 10, help="bytes that may wait")
    parser.add_argument("--commit", type=float, default=0.5, help="seconds; 0 for this disk's")
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="homeostat-overload-"))
    (home / "homeostat.toml").write_text(CONFIG.format(capacity=given.capacity))
    os.environ["SLOW_COMMIT"] = str(given.commit)
    server = Server(home, SLOW if given.commit else COMMAND, home / "homeostat.toml")
    try:
        server.start()
        told = overloaded(server, given)
    finally:
        server.close()
        shutil.rmtree(home)
    print(json.dumps(told, indent=1))


def overloaded(server, given):
    """At the rate that it can take, at many times that, and at that rate again."""
    batches = Batches(given.rows)
    first = next(batches)[0]  # so that there is a model to be looked at
    settle(server, batches, [first])
    phases, taken, unsure, owed = {}, [first], [], []
    rate = None
    few = max(1, given.capacity // len(batches.body(0)) * 3 // 4)  # for whom there is always room
    plan = [("able", few, 0.25), ("overloaded", given.connections, 1.0), ("after", few, 0.25)]
    for name, connections, share in plan:
        every = 1 / (given.times * rate) if name == "overloaded" else None
        crowd, told = phase(server, batches, connections, every, share * given.seconds)
        phases[name] = told
        rate = rate or len(crowd.taken) / told["seconds"]
        taken += crowd.taken
        unsure += crowd.unsure
        owed += crowd.owed
        assert crowd.wrong == [], crowd.wrong[:3]
    again = owed[:20]
    assert settle(server, batches, again) == 0
    kept = settle(server, batches, unsure)
    hold_to(server, batches, [*taken, *again, *unsure])
    able, over = phases["able"], phases["overloaded"]
    return {
        "rows": given.rows, "phases": phases,
        "offered_times": round(over["offered"] / able["taken"], 1),
        "goodput": round(over["taken"] / able["taken"], 2),
        "memory": round(over["memory_mb"] / able["memory_mb"], 2),
        "broken_off": len(unsure), "broken_off_but_kept": kept,
        "lost": 0, "twice": 0,
    }  # fmt: skip


def phase(server, batches, connections, every, seconds):
    """Send for so long, and what came of it; rates are records a second, times milliseconds."""
    looker = Looker(server, 0.05)
    looker.start()
    crowd = Crowd(server, batches, connections, every)
    until = time.monotonic() + seconds
    took = crowd.run(lambda _: time.monotonic() > until)
    looker.end()
    reads = sorted(looker.took)
    rows = batches.rows / took
    return crowd, {
        "seconds": round(took, 1), "statuses": dict(crowd.statuses),
        "offered": round(crowd.sent * rows), "taken": round(len(crowd.taken) * rows),
        "reads": len(reads), "read_p99_ms": round(1000 * reads[len(reads) * 99 // 100], 1),
        "memory_mb": looker.memory >> 20,
    }  # fmt: skip


if __name__ == "__main__":
    main()
