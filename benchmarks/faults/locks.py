"""Hold SQLite's locks from another process under load: the one for writing, and a read for long."""

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

import apsw
import here  # noqa: F401
from overload import READS, Batches, Crowd, Looker, hold_to, settle
from serving import COMMAND, Server


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--locked", type=float, default=60, help="seconds that nobody may write")
    parser.add_argument("--read", type=float, default=600, help="seconds of one read")
    parser.add_argument("--free", type=float, default=20, help="seconds before, between and after")
    parser.add_argument("--rows", type=int, default=500, help="of a batch")
    parser.add_argument("--connections", type=int, default=8)
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="homeostat-locks-"))
    server = Server(home, COMMAND)
    try:
        server.start()
        told = held_up(server, given)
    finally:
        server.close()
        shutil.rmtree(home)
    print(json.dumps(told, indent=1))


def held_up(server, given):
    """One phase after the other, and all that came of it held to what was acknowledged."""
    batches = Batches(given.rows)
    first = next(batches)[0]  # so that there is a model to be looked at
    settle(server, batches, [first])
    other = apsw.Connection(str(server.data / "homeostat.db"))
    other.set_busy_timeout(30_000)
    phases, crowds = {}, []

    def phase(name, seconds):
        pages = [page for page in READS if (name, page) != ("locked", "/readyz")]
        crowd, phases[name] = loaded(server, batches, given.connections, seconds, pages)
        crowds.append(crowd)

    phase("free", given.free)
    other.execute("BEGIN IMMEDIATE")
    phase("locked", given.locked)
    other.execute("ROLLBACK")
    phase("free again", given.free)
    other.execute("BEGIN")
    seen = other.execute("SELECT MAX(rowid) FROM journal").fetchall()
    phase("read", given.read)
    assert other.execute("SELECT MAX(rowid) FROM journal").fetchall() == seen
    other.close()
    phase("after", given.free)
    wrong = [each for crowd in crowds for each in crowd.wrong]
    assert not wrong, wrong[:3]
    assert not any(
        crowd.owed for name, crowd in zip(phases, crowds, strict=True) if name != "locked"
    )
    numbers = [first]
    for crowd in crowds:
        numbers += crowd.taken + crowd.owed + crowd.unsure
    for crowd in crowds:
        assert settle(server, batches, crowd.owed) == 0
        settle(server, batches, crowd.unsure)
    hold_to(server, batches, numbers)
    return {"rows": given.rows, "phases": phases, "lost": 0, "twice": 0}


def loaded(server, batches, connections, seconds, pages):
    """Send for so long; what came of it, and how long the log was in the end."""
    looker = Looker(server, 0.05, pages)
    looker.start()
    crowd = Crowd(server, batches, connections)
    until = time.monotonic() + seconds
    took = crowd.run(lambda _: time.monotonic() > until)
    looker.end()
    log = server.data / "homeostat.db-wal"
    return crowd, {
        "seconds": round(took, 1), "statuses": dict(crowd.statuses),
        "taken": round(len(crowd.taken) * batches.rows / took),
        "slowest_read_ms": round(1000 * max(looker.took)), "memory_mb": looker.memory >> 20,
        "log_mb": log.stat().st_size >> 20,
    }  # fmt: skip


if __name__ == "__main__":
    main()
