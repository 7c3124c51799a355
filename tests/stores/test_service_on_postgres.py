"""The service over PostgreSQL: the same numbers, and a server that goes away or does not answer."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from kept_traffic import history, keeper_on, labelled, sent, state
from postgresql import Server

from homeostat.service.settings import Service
from homeostat.stores.faults import Busy, StoreError
from homeostat.stores.postgres import Postgres

sys.path.insert(0, str(Path(__file__).parents[1] / "service"))
from house import House, record


def test_both_databases_give_the_same_state(tmp_path, server):
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE same")
    states = []
    for where in (tmp_path, server.replace("/postgres?", "/same?")):
        keeper = keeper_on(where)
        history(keeper)
        before = state(keeper)
        keeper.close()
        keeper = keeper_on(where)
        assert state(keeper) == before
        keeper.close()
        states.append(before)
    assert states[0] == states[1]


def test_a_server_that_goes_away_and_comes_back():
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = Server(Path(folder))
        server.start()
        keeper = keeper_on(server.url)
        sent(keeper, 0, 10)
        server.stop()
        server.start()
        assert sent(keeper, 0, 10).duplicates == 10
        server.stop()
        for _ in range(3):
            with pytest.raises(StoreError):
                sent(keeper, 10, 20)
        server.start()
        assert sent(keeper, 10, 20).accepted == 10
        assert sent(keeper, 0, 20).duplicates == 20
        assert state(keeper)[1]["accepted"] == 20
        keeper.close()
        server.stop()


def test_an_answer_that_is_lost_after_the_commit(fresh, monkeypatch):
    keeper = keeper_on(fresh())
    sent(keeper, 0, 10)
    before = state(keeper)
    real, lost = Postgres.commit, [True, True]

    def commit(self):
        real(self)
        if lost:
            lost.pop()
            self._connection.close()
            raise Busy("the connection was lost")

    monkeypatch.setattr(Postgres, "commit", commit)
    with pytest.raises(Busy):
        sent(keeper, 10, 20)
    with pytest.raises(Busy):
        labelled(keeper, [("r1", "a")])
    assert sent(keeper, 10, 20).duplicates == 10  # it had been kept
    assert labelled(keeper, [("r1", "a")]).accepted == 1
    after = state(keeper)
    assert after[1]["accepted"] == before[1]["accepted"] + 10
    assert after[1]["labels"] == 1
    keeper.close()


def test_the_service_says_that_its_server_is_gone_and_goes_on_when_it_is_back(tmp_path):
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = Server(Path(folder))
        server.start()
        house = House(tmp_path / "data", Service(store=server.url, capacity=5_000))
        try:
            assert house.send(record(0)).json()["accepted"] == 1
            assert house("GET", "/readyz").json() == {"status": "ready"}
            for _ in range(2):
                server.stop()
                for _ in range(30):  # more than there is room for, would any of it be kept
                    reply = house.send(*(record(n) for n in range(1, 9)))
                    assert reply.status_code == 503
                    assert int(reply.headers["retry-after"]) > 0
                    assert house.wires.room.held == house.wires.keeper.waiting == 0
                reply = house("GET", "/readyz")
                assert reply.status_code == 503
                assert int(reply.headers["retry-after"]) > 0
                assert reply.json()["problem"] == "PostgreSQL does not answer"
                assert folder not in reply.text  # where the server is, is not for all
                assert house("GET", "/healthz", token=None).status_code == 200
                server.start()
                while house("GET", "/readyz").status_code == 503:  # until the next transaction
                    pass
                assert house("GET", "/readyz").json() == {"status": "ready"}
            told = house.send(*(record(n) for n in range(9))).json()
            assert (told["accepted"], told["duplicates"]) == (8, 1)
            assert not house.broken
        finally:
            house.close()
            server.stop()


@contextmanager
def frozen(server):
    """Nothing of a server answers, and nobody is told so; yields a way to thaw it."""
    with psycopg.connect(server.url) as connection:
        clients = "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        pids = [pid for (pid,) in connection.execute(clients)]
    pids.append(int((server.folder / "data" / "postmaster.pid").read_text().split()[0]))

    def signalled(number):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    signalled(signal.SIGSTOP)
    try:
        yield lambda: signalled(signal.SIGCONT)
    finally:
        signalled(signal.SIGCONT)


def test_a_server_that_is_frozen_holds_up_only_who_needs_it(tmp_path):
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = Server(Path(folder))
        server.start()
        house = House(tmp_path / "data", Service(store=server.url, answer=0.3))
        try:
            assert house.send(record(0)).json()["accepted"] == 1
            assert house("GET", "/v1/models", token="read").status_code == 200
            with frozen(server) as thaw:

                async def ask():
                    sending = asyncio.ensure_future(
                        house.asked("POST", "/v1/records", json.dumps([record(1)]).encode())
                    )
                    told = [
                        await house.asked("GET", "/healthz", token=None),
                        await house.asked("GET", "/v1/models", token="read"),
                        await house.asked("GET", "/metrics", token="read"),
                        await house.asked("GET", "/v1/models/default/events", token="read"),
                    ]
                    assert not sending.done()
                    thaw()
                    return told, await sending

                told, taken = house.run(ask())
            assert [reply.status_code for reply in told] == [200, 200, 200, 503]
            assert [each["records"] for each in told[1].json()["models"]] == [1]
            assert int(told[3].headers["retry-after"]) > 0
            assert taken.json()["accepted"] == 1
            assert house.send(record(0), record(1)).json()["duplicates"] == 2
            assert house("GET", "/v1/models/default/events", token="read").status_code == 200
        finally:
            house.close()
            server.stop()
