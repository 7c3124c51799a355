"""Senders that put a service under load and hold it to what it acknowledged."""

import random
import subprocess
import threading
from contextlib import suppress

from obligations import Debt, Plan, check, engine_of, opened, twin_hash
from serving import BROKEN_OFF, Server

from homeostat.service.wires import now
from homeostat.upkeep.doctor import examine

MOST = 20  # bursts
BURST = 12  # requests, after which the service may do what it does when nobody asks


class Sender(threading.Thread):
    """Sends a plan, one request after another, each until it is acknowledged, until told to stop.

    `on_sent` is called as often as a request has been handed over. Between two runs of the service
    it waits on `up`. What it finds wrong in an answer is in `problem`.
    """

    def __init__(self, server, plan, up, on_sent=lambda: None):
        super().__init__(daemon=True)
        self.plan, self.debt = plan, Debt(plan.model)
        self.problem, self.repeats = None, 0
        self._server, self._up, self._on_sent = server, up, on_sent
        self._stopping = threading.Event()

    def stop(self):
        """Finish the request at hand, and no other."""
        self._stopping.set()

    def run(self):
        try:
            while not self._stopping.is_set():
                self._deliver(next(self.plan))
        except BaseException as error:
            self.problem = error

    def _deliver(self, request):
        tries = 0
        while True:
            self._up.wait()
            tries += 1
            with suppress(*BROKEN_OFF):
                link = self._server.link()
                try:
                    while True:
                        self._on_sent()
                        self._judge(request, tries, *link("POST", request.path, request.body,
                                                          **request.headers))  # fmt: skip
                        tries = 1
                        if self._stopping.is_set():
                            return
                        request = next(self.plan)
                finally:
                    link.close()
            self.repeats += 1

    def _judge(self, request, tries, status, headers, answer):
        assert status == 200, (status, answer)
        assert answer["rejected"] == []
        assert answer["accepted"] + answer["duplicates"] == len(request.rows)
        if request.path == "/v1/records":
            new = self.debt.new_in(request)
            assert answer["accepted"] in ({new, 0} if tries > 1 else {new})
        self.debt.add(request)


class Customer:
    """One sender, as far as a service that dies allows."""

    def __init__(self, server):
        self.plan = Plan("m0", 7)
        self.debt = Debt("m0")
        self._server, self.pending = server, None

    def send_until_it_dies(self):
        for _ in range(MOST):
            with suppress(*BROKEN_OFF):
                self._burst()
            with suppress(subprocess.TimeoutExpired):
                self._server.process.wait(0.25)
                return

    def _burst(self):
        link = self._server.link()
        try:
            for _ in range(BURST):
                self.send(link)
        finally:
            link.close()

    def send(self, link):
        self.pending = self.pending or next(self.plan)
        request = self.pending
        status, _, answer = link("POST", request.path, request.body, **request.headers)
        assert (status, answer["rejected"]) == (200, [])
        assert answer["accepted"] + answer["duplicates"] == len(request.rows)
        self.debt.add(request)
        self.pending = None


def kill_under_load(home, seed, kills, senders=3, shortest=5, longest=60):
    """Kill a real service so many times at random instants; what it was, as counts.

    Raises AssertionError where the service did not keep what it acknowledged.
    """
    chance = random.Random(seed)
    home.mkdir(parents=True, exist_ok=True)
    server, up, sent = Server(home), threading.Event(), threading.Semaphore(0)
    crowd = [Sender(server, Plan(f"m{n}", seed), up, sent.release) for n in range(senders)]
    try:
        assert server.start(), server.said()
        up.set()
        for sender in crowd:
            sender.start()
        for _ in range(kills):
            for _ in range(chance.randint(shortest, longest)):
                assert sent.acquire(timeout=60), [sender.problem for sender in crowd]
            threading.Event().wait(chance.uniform(0.0, 0.004))  # somewhere in the midst of it
            up.clear()
            server.kill()
            assert server.start(), server.said()
            while sent.acquire(blocking=False):  # what was sent to nobody
                pass
            up.set()
        for sender in crowd:
            sender.stop()
        for sender in crowd:
            sender.join(60)
            assert sender.problem is None, sender.problem
            assert not sender.is_alive()
        hashes = {one.plan.model: _hash_of(server, one.plan.model) for one in crowd}
        assert server.stop() == 0, server.said()
    finally:
        server.close()
    hold_to(home, crowd, hashes)
    return {
        "kills": kills,
        "acknowledged": sum(one.debt.acknowledged for one in crowd),
        "records": sum(one.debt.n for one in crowd),
        "repeated": sum(one.repeats for one in crowd),
        "slowest_start": max(server.started_in),
    }


def _hash_of(server, model):
    link = server.link()
    status, _, told = link("GET", f"/v1/models/{model}/status")
    link.close()
    assert status == 200
    return told["state_hash"]


def hold_to(home, crowd, hashes):
    """What is in the folder is what was acknowledged, to the last bit; and the doctor agrees."""
    found = examine(home / "data")
    wrong = [each for each in found if each.level == "error" and not each.ok]
    assert not wrong, wrong
    store, ledger = opened(home / "data", clock=now)
    assert store.database.faults() == []
    for sender in crowd:
        check(ledger, sender.debt)
        model = sender.plan.model
        assert ledger.accounts[model].state_hash() == hashes[model]
        twin = home / f"twin-{model}"
        twin.mkdir()
        n = sender.debt.acknowledged
        assert twin_hash(twin, sender.plan, n, engine_of, now) == hashes[model]
    store.close()
