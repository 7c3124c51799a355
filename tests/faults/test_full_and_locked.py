"""The real service where there is no room, or somebody else holds the folder."""

import json
import os
import resource
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import apsw
import pytest
from load import BROKEN_OFF, hold_to
from obligations import Debt, Plan
from serving import Server

from homeostat.upkeep import outside
from homeostat.upkeep.doctor import examine

HERE = Path(__file__).parent
LOWERED = [sys.executable, str(HERE / "lowered.py")]
UNLIMITED = resource.RLIM_INFINITY


class Customer:
    """Sends its plan; what is refused is sent again later."""

    def __init__(self, server, largest=200):
        self.server, self.plan = server, Plan("m0", 11, largest)
        self.debt, self.pending = Debt("m0"), None

    def send(self, link):
        """The status, and the headers."""
        self.pending = self.pending or next(self.plan)
        request = self.pending
        status, headers, _ = link("POST", request.path, request.body, **request.headers)
        if status == 200:
            self.debt.add(request)
            self.pending = None
        return status, headers

    def send_until_refused(self, link, most=400):
        for _ in range(most):
            status, headers = self.send(link)
            if status != 200:
                return status, headers
        raise AssertionError("there was room for all of it")

    def end(self, home):
        """Stop the service, and hold the folder to what was acknowledged."""
        link = self.server.link()
        _, _, told = link("GET", "/v1/models/m0/status")
        link.close()
        assert self.server.stop() == 0, self.server.said()
        hold_to(home, [self], {"m0": told["state_hash"]})


@pytest.fixture
def server(tmp_path):
    one = Server(tmp_path, LOWERED)
    yield one
    one.close()


def reads_go_on(link):
    assert link("GET", "/healthz")[0] == 200
    assert link("GET", "/readyz")[0] == 200
    assert link("GET", "/v1/models/m0/status")[0] == 200
    assert link("GET", "/v1/models/m0/series?metric=volume")[0] in (200, 422)
    assert link("GET", "/v1/models/m0/events")[0] == 200


def test_files_that_cannot_grow(tmp_path, server):
    server.start()
    link, customer = server.link(), Customer(server)
    for _ in range(10):
        assert customer.send(link)[0] == 200
    for more in (1 << 14, 1 << 17, 1 << 18):
        largest = max(file.stat().st_size for file in server.data.iterdir())
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (largest + more, UNLIMITED))
        status, headers = customer.send_until_refused(link)
        assert status == 507
        assert int(headers["retry-after"]) > 0
        reads_go_on(link)
        assert customer.send(link)[0] == 507
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))
        for _ in range(5):
            assert customer.send(link)[0] == 200
    link.close()
    customer.end(tmp_path)


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mounting, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(small_disk):
    server = Server(small_disk, LOWERED)
    filler = small_disk / "filler"
    try:
        server.start()
        link, customer = server.link(), Customer(server)
        for _ in range(10):
            assert customer.send(link)[0] == 200
        for _ in range(2):
            fill(filler)
            status, headers = customer.send_until_refused(link)
            assert status == 507
            assert int(headers["retry-after"]) > 0
            reads_go_on(link)
            filler.unlink()
            for _ in range(5):
                assert customer.send(link)[0] == 200
        fill(filler)
        assert customer.send_until_refused(link)[0] == 507
        link.close()
        server.kill()
        filler.unlink()
        assert server.start(), server.said()
        link = server.link()
        assert customer.send(link)[0] == 200
        link.close()
        customer.end(small_disk)
    finally:
        server.close()


def fill(path):
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


@pytest.mark.parametrize("at", [6, 9])
def test_a_failed_sync_ends_the_process_and_the_next_one_goes_on(tmp_path, at, monkeypatch):
    monkeypatch.setenv("FAIL_SYNC", str(at))
    server = Server(tmp_path, [sys.executable, str(HERE / "failing.py")])
    customer = Customer(server, largest=20)
    try:
        if server.start():
            link = server.link()
            with suppress(*BROKEN_OFF):
                customer.send_until_refused(link, most=20)
            link.close()
            assert server.process.wait(60) == 1
        assert server.ended_with() == 1
        assert "disk" in server.said() or "homeostat.db" in server.said()
        server.command = LOWERED
        assert server.start(), server.said()
        link = server.link()
        for _ in range(5):
            assert customer.send(link)[0] == 200
        link.close()
        customer.end(tmp_path)
    finally:
        server.close()


def test_a_second_server_on_the_folder_is_refused(tmp_path, server):
    server.start()
    second = Server(tmp_path, LOWERED)
    assert not second.start()
    assert second.process.returncode == 1
    assert "another process serves it" in second.said()
    link = server.link()
    assert link("GET", "/readyz")[0] == 200
    link.close()
    assert server.stop() == 0
    assert second.start()  # the lock goes with the process that held it
    second.close()


def test_somebody_else_writes_to_the_database(tmp_path, server):
    server.start()
    link, customer = server.link(), Customer(server)
    for _ in range(5):
        assert customer.send(link)[0] == 200
    other = apsw.Connection(str(server.data / "homeostat.db"))
    other.set_busy_timeout(30_000)
    for _ in range(2):
        other.execute("BEGIN IMMEDIATE")
        status, headers = customer.send(link)
        assert status == 503
        assert int(headers["retry-after"]) > 0
        assert link("GET", "/healthz")[0] == 200
        assert link("GET", "/v1/models/m0/events")[0] == 200
        other.execute("ROLLBACK")
        assert customer.send(link)[0] == 200
    other.close()
    link.close()
    customer.end(tmp_path)


def told_of_the_log(folder):
    (found,) = [each for each in examine(folder) if each.check == "log"]
    return found


def test_somebody_else_reads_the_database_for_long(tmp_path, server, monkeypatch):
    """The log cannot be written back meanwhile, which is told; afterwards it is used anew."""
    monkeypatch.setattr(outside, "LONG_LOG", 1 << 20)
    server.start()
    link, customer = server.link(), Customer(server)
    for _ in range(5):
        assert customer.send(link)[0] == 200
    assert told_of_the_log(server.data).ok
    log = server.data / "homeostat.db-wal"
    other = apsw.Connection(str(server.data / "homeostat.db"))
    other.execute("BEGIN")
    before = other.execute("SELECT COUNT(*) FROM journal").fetchall()
    while log.stat().st_size < 3 << 20:
        assert customer.send(link)[0] == 200
    assert other.execute("SELECT COUNT(*) FROM journal").fetchall() == before
    assert server.said().count("its log has") == 1
    assert "nothing is lost" in server.said()
    assert "end what else has it open" in told_of_the_log(server.data).mend
    other.close()
    size = log.stat().st_size
    for _ in range(100):
        assert customer.send(link)[0] == 200
    assert log.stat().st_size < size + (1 << 18)
    link.close()
    customer.end(tmp_path)


def test_a_request_that_comes_again_while_it_is_on_its_way_counts_once(tmp_path, server):
    """Its key is looked up where it is kept, in the order in which requests are taken."""
    server.start()
    rows = [{"model": "m0", "model_version": "v1", "predicted_label": "a", "latency_ms": 1,
             "created_at": "2026-03-01T00:00:00Z"}]  # fmt: skip
    crowd = 6
    with ThreadPoolExecutor(crowd) as pool:
        barrier = threading.Barrier(crowd)

        def send(key):
            link = server.link()
            barrier.wait()
            answer = link("POST", "/v1/records", json.dumps(rows), Idempotency_Key=key)
            link.close()
            return answer

        for key in map(str, range(10)):
            answers = list(pool.map(send, [key] * crowd))
            assert [status for status, *_ in answers] == [200] * crowd
            assert sum(told["accepted"] for *_, told in answers) == 1
    link = server.link()
    assert link("POST", "/v1/records", b"[]", Idempotency_Key="1")[0] == 409
    assert link("GET", "/v1/models/m0/status")[2]["records"] == 10
    link.close()
    assert server.stop() == 0
