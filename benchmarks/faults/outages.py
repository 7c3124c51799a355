"""Stop, freeze and cut off the PostgreSQL under a service, again and again, under load."""

import argparse
import json
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path

import here  # noqa: F401
import psycopg
from overload import Batches, Crowd, kept, resident, settle
from postgresql import Server as Postgresql
from serving import COMMAND, Server

KINDS = ["stopped", "frozen", "cut_off"]
CONFIG = '[service]\nstore = "{url}"\ncapacity = 8388608\n'


class Outages(threading.Thread):
    """So many of them, one after another, each of a kind and for a time that chance chooses."""

    def __init__(self, database, given):
        super().__init__(daemon=True)
        self.done, self.problem = [], None
        self._database, self._given = database, given
        self._chance = random.Random(given.seed)

    def run(self):
        try:
            for _ in range(self._given.outages):
                time.sleep(self._given.up)
                kind = self._chance.choice(self._given.kinds)
                seconds = self._chance.uniform(self._given.shortest, self._given.longest)
                getattr(self, kind)(seconds)
                self.done.append((kind, round(seconds, 1)))
            time.sleep(self._given.up)
        except Exception as error:
            self.problem = error
            raise

    def stopped(self, seconds):
        """At once, as if the power had gone; and started again."""
        self._database.stop()
        time.sleep(seconds)
        self._database.start()

    def frozen(self, seconds):
        """None of its processes goes on."""
        first = int((self._database.folder / "data" / "postmaster.pid").read_text().split()[0])
        every = [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]
        for pid in every:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        for pid in every:
            os.kill(pid, signal.SIGCONT)

    def cut_off(self, seconds):
        """Its sessions are ended, every now and then for so long."""
        until = time.monotonic() + seconds
        ending = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'homeostat'"
        )
        with psycopg.connect(self._database.url, autocommit=True) as connection:
            while time.monotonic() < until:
                connection.execute(ending)
                time.sleep(self._chance.uniform(0, 0.3))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outages", type=int, default=100)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--shortest", type=float, default=0, help="seconds of one, at least")
    parser.add_argument("--longest", type=float, default=60, help="and at most")
    parser.add_argument("--up", type=float, default=3, help="seconds between two")
    parser.add_argument("--rows", type=int, default=100, help="of a batch")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="homeostat-outages-"))
    place = Path(tempfile.mkdtemp(prefix="pg"))
    database = Postgresql(place)
    server = Server(home, COMMAND, home / "homeostat.toml")
    (home / "homeostat.toml").write_text(CONFIG.format(url=database.url))
    try:
        database.start()
        server.start()
        told = cut(server, database, given)
    finally:
        server.close()
        database.stop()
        shutil.rmtree(home)
        shutil.rmtree(place)
    print(json.dumps(told, indent=1))


def cut(server, database, given):
    """Send throughout, and hold it to what was acknowledged."""
    batches = Batches(given.rows)
    outages = Outages(database, given)
    crowd = Crowd(server, batches, given.connections)
    outages.start()
    memory = []

    def over(crowd):
        if not crowd.sent % 50:
            memory.append(resident(server.process.pid))
        return not outages.is_alive()

    took = crowd.run(over)
    assert outages.problem is None
    assert crowd.wrong == [], crowd.wrong[:3]
    there = settle(server, batches, crowd.owed) + settle(server, batches, crowd.unsure)
    numbers = [*crowd.taken, *crowd.owed, *crowd.unsure]
    assert server.stop() == 0, server.said()
    found = kept(database.url)
    assert found == {one: 1 for number in numbers for one in batches.ids(number)}
    kinds = [kind for kind, _ in outages.done]
    return {
        "outages": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
        "seconds": round(took), "seconds_out": round(sum(seconds for _, seconds in outages.done)),
        "statuses": dict(crowd.statuses), "records": len(found),
        "refused_but_kept": there, "lost": 0, "twice": 0,
        "memory_mb": [memory[0] >> 20, max(memory) >> 20],
    }  # fmt: skip


if __name__ == "__main__":
    main()
