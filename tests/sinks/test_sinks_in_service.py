"""The whole way: records in, events out of a running service; and what its routes tell of it."""

import asyncio
import threading
from contextlib import contextmanager

import httpx
import numpy as np
import pytest

from homeostat import fleet
from homeostat.errors import ConfigError
from homeostat.service import tokens
from homeostat.service.app import application
from homeostat.service.settings import Service
from homeostat.service.wires import Wires
from homeostat.sinks import GiveUp, Outlet, Retry
from homeostat.stores import audit, open_store

CONFIG = """
[[metrics]]
type = "accuracy"
window = 50

[strategy]
type = "threshold"
threshold = 0.8
"""


class Counting:
    """A sink that tells when it has got something."""

    name = "counting"

    def __init__(self, fails=lambda event: None):
        self.fails, self.got, self.arrived = fails, [], threading.Semaphore(0)

    def send(self, event):
        self.fails(event)
        self.got.append(event.id)
        self.arrived.release()

    def wait(self, n):
        for _ in range(n):
            assert self.arrived.acquire(timeout=30)


class Client:
    """Requests to an application without a network; its loop has a thread of its own."""

    def __init__(self, wires, texts):
        self.wires, self.texts = wires, texts
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        transport = httpx.ASGITransport(application(wires))
        self._client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        self._loop.call_soon_threadsafe(wires.bell.bind)

    def request(self, method, path, token="admin", body=None):
        headers = {"Authorization": f"Bearer {self.texts[token]}"}
        asked = self._client.request(method, path, headers=headers, json=body)
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result(60)

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, body):
        return self.request("POST", path, body=body)

    def close(self):
        asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextmanager
def serving(folder, *outlets):
    """A client of a service with these sinks."""
    store = open_store(folder)
    with store.change():
        texts = {
            "admin": tokens.create(store, "admin"),
            "read": tokens.create(store, "read"),
            "part": tokens.create(store, "read", models="other"),
            "part admin": tokens.create(store, "admin", models="other"),
        }
    store.close()
    broken = []
    wires = Wires(folder, Service(sinks=outlets), fleet.parse(CONFIG).engine_of, broken.append)
    wires.open()
    client = Client(wires, texts)
    try:
        yield client
    finally:
        wires.close()
        client.close()
    assert broken == []


def bad_records(n=60, model="churn"):
    at = np.datetime64("2026-09-21T10:00:00") + np.arange(n) * np.timedelta64(1, "s")
    return [{"model": model, "model_version": "v1", "predicted_label": "a", "latency_ms": 1,
             "ground_truth_label": "b", "created_at": f"{one}Z", "record_id": f"{model}-{at}"}
            for at, one in enumerate(at)]  # fmt: skip


def send(client, n=60, model="churn"):
    answer = client.post("/v1/records", bad_records(n, model))
    assert answer.status_code == 200, answer.text
    told = client.get(f"/v1/models/{model}/events").json()
    assert told["events"], "the records cause no event"
    return [f"{model}:{event['seq']}" for event in told["events"]]


def test_what_the_log_has_leaves_in_order(tmp_path):
    sink = Counting()
    with serving(tmp_path, Outlet(sink)) as client:
        ids = send(client)
        sink.wait(len(ids))
        assert sink.got == ids
        told = client.get("/v1/deliveries").json()
        assert told["deliveries"] == []
        (shown,) = told["sinks"]
        assert (shown["sink"], shown["gone"], shown["problem"]) == ("counting", None, None)


def test_after_a_restart_it_goes_on_where_it_was(tmp_path):
    first, second = Counting(), Counting()
    with serving(tmp_path, Outlet(first)) as client:
        first.wait(len(send(client)))
    with serving(tmp_path, Outlet(second)) as client:
        ids = send(client, model="another")
        second.wait(len(ids))
    assert second.got == ids


@pytest.mark.parametrize("how", ["raises", "hangs"])
def test_a_sink_that_fails_or_hangs_never_touches_ingest_nor_other_sinks(tmp_path, how):
    let_go, entered = threading.Event(), threading.Event()

    def fails(event):
        entered.set()
        if how == "hangs":
            let_go.wait(60)
        raise RuntimeError("boom")

    good = Counting()
    with serving(tmp_path, Outlet(Counting(fails), "bad"), Outlet(good, "good")) as client:
        try:
            ids = send(client)
            assert entered.wait(30)
            more = send(client, model="second")
            good.wait(len(ids) + len(more))
            assert sorted(good.got) == sorted(ids + more)
            assert client.get("/v1/models/churn/status").json()["records"] == 60
            assert client.get("/v1/models/second/status").json()["records"] == 60
        finally:
            let_go.set()


def test_dead_letters_are_listed_and_replayed(tmp_path):
    broken, died = True, threading.Semaphore(0)

    def fails(event):
        if broken:
            died.release()
            raise GiveUp("not this one")

    sink = Counting(fails)
    with serving(tmp_path, Outlet(sink)) as client:
        ids = send(client)
        for _ in ids:
            assert died.acquire(timeout=30)
        client.wires.followers.close(30)  # the last note of it is in the store
        told = client.get("/v1/deliveries?dead=1&sink=counting").json()["deliveries"]
        assert [f"{row['model']}:{row['seq']}" for row in told] == ids
        assert all(row["problem"] == "not this one" and row["dead"] for row in told)
        assert client.get("/v1/deliveries?dead=0").json()["deliveries"] == []
    broken = False
    with serving(tmp_path, Outlet(sink)) as client:
        answer = client.post("/v1/deliveries/replay", {"sink": "counting", "model": "churn"})
        assert answer.json() == {"replayed": len(ids)}
        (act,) = audit.entries(client.wires.reader)
        assert (act.action, act.detail) == (
            "replay",
            '{"model":"churn","seq":null,"sink":"counting"}',
        )
        assert act.actor == f"token:{client.texts['admin'].split('_')[1]}"
        sink.wait(len(ids))
    assert sink.got == ids


def test_what_waits_is_listed_with_when_it_is_due(tmp_path):
    tried = threading.Event()

    def fails(event):
        tried.set()
        raise Retry("down", after=3000)

    with serving(tmp_path, Outlet(Counting(fails))) as client:
        send(client)
        assert tried.wait(30)
        client.wires.followers.close(30)
        (row,) = client.get("/v1/deliveries").json()["deliveries"]
        assert (row["sink"], row["seq"], row["tries"], row["dead"]) == ("counting", 1, 1, False)
        assert row["due"].endswith("Z")
        (shown,) = client.get("/v1/deliveries").json()["sinks"]
        assert (shown["problem"], shown["failed"]) == ("down", 1)


@pytest.mark.parametrize(("body", "status"), [
    ({"sink": "nothing"}, 404), ({"sink": "counting", "model": "nothing"}, 404),
    ({"sink": "counting", "seq": 1}, 422), ({"sink": "counting", "model": "churn", "seq": 0}, 422),
    ({"sink": "counting", "url": "https://evil.example"}, 422), ({}, 422), ([], 422),
    ({"sink": "counting", "model": "churn", "seq": 2**64}, 422),
])  # fmt: skip
def test_what_replay_cannot_do(tmp_path, body, status):
    sink = Counting()
    with serving(tmp_path, Outlet(sink)) as client:
        sink.wait(len(send(client)))
        assert client.post("/v1/deliveries/replay", body).status_code == status


def test_who_may_look_and_who_may_replay(tmp_path):
    died = threading.Event()

    def fails(event):
        died.set()
        raise GiveUp("no")

    with serving(tmp_path, Outlet(Counting(fails))) as client:
        send(client)
        assert died.wait(30)
        client.wires.followers.close(30)

        asked = client.request
        assert asked("GET", "/v1/deliveries", "read").json()["deliveries"]
        assert asked("GET", "/v1/deliveries", "part").json()["deliveries"] == []
        replay = ("POST", "/v1/deliveries/replay")
        assert asked(*replay, "read", {"sink": "counting"}).status_code == 403
        assert asked(*replay, "part admin", {"sink": "counting"}).status_code == 403
        mine = {"sink": "counting", "model": "churn"}
        assert asked(*replay, "part admin", mine).status_code == 403
        for guess in ({"sink": "nothing"}, {"sink": "counting", "model": "nothing"}):
            assert asked(*replay, "part admin", guess).status_code == 403
        assert client.get("/v1/deliveries?dead=maybe").status_code == 422
        assert client.get("/v1/deliveries?sink=none").status_code == 404


def test_a_sink_that_cannot_work_is_told_before_anything_starts(tmp_path):
    class Without:
        name = "without"

        def check(self):
            raise ConfigError("env:X holds no secret; set it")

        def send(self, event):
            pass

    store = open_store(tmp_path)
    store.close()
    wires = Wires(tmp_path, Service(sinks=(Outlet(Without()),)),
                  fleet.parse(CONFIG).engine_of, lambda error: None)  # fmt: skip
    with pytest.raises(ConfigError, match="sink without: env:X"):
        wires.open()
    assert not wires.keeper.ready.is_set()
