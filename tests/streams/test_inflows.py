"""A service that reads brokers and files beside HTTP: once, whatever dies, and saying so."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from brokers import PATIENCE, Redis, free_port
from kept import latencies

from homeostat import AccuracyMetric
from homeostat.cli.configuration import service_settings
from homeostat.engine import Engine
from homeostat.errors import ConfigError
from homeostat.fleet import parse
from homeostat.runtime.follower import Pace
from homeostat.runtime.inflow import Inflow
from homeostat.runtime.inlets import inlets_of
from homeostat.runtime.keeper import Keeper
from homeostat.runtime.ledger import Ledger, Limits
from homeostat.stores import open_store
from homeostat.stores.faults import StoreFull

AT_ONCE = Pace(first=0.0, longest=0.0)


def record(number, **changes):
    row = {"model_version": "v1", "predicted_label": "yes", "latency_ms": 1,
           "created_at": "2026-03-01T12:00:00Z", "record_id": f"r{number}", **changes}  # fmt: skip
    return json.dumps({name: value for name, value in row.items() if value is not None}).encode()


def until(true):
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


class Kitchen:
    """A keeper over a folder, and inflows into it."""

    def __init__(self, folder, models=1000):
        folder.mkdir(exist_ok=True)
        self.fault = None  # what the next transaction that keeps an offset raises
        self.folder = folder
        self.keeper = Keeper(
            lambda: open_store(folder),
            lambda store: Ledger(
                store, lambda _: Engine([AccuracyMetric(50)], []),
                lambda: time.time_ns() // 1000, Limits(models=models),
            ),
        )  # fmt: skip
        self.keeper.start()
        self.inflows = []

    def reads(self, **table):
        [inlet] = inlets_of([table], "service.sources")
        inlet.check()
        made = Inflow(inlet, self._kept, clock=lambda: time.time_ns(), chance=random.Random(1),
                      pace=AT_ONCE)  # fmt: skip
        self.inflows.append(made)
        made.start()
        return made

    def _kept(self, do):
        def faulty(ledger):
            answer = do(ledger)
            fault, taken = self.fault, isinstance(answer, tuple)
            if fault is not None and taken:
                self.fault = None
                raise fault
            return answer

        return self.keeper.submit(faulty).result()

    @property
    def accepted(self):
        def look(ledger):
            return sum(each.counters.get("accepted", 0) for each in ledger.accounts.values())

        return self.keeper.submit(look).result()

    def rest(self):
        """All inflows end, as when the service does."""
        for inflow in self.inflows:
            inflow.stop()
        for inflow in self.inflows:
            inflow.join(PATIENCE)
            assert not inflow._thread.is_alive()
        self.inflows = []

    def close(self):
        self.rest()
        self.keeper.close(PATIENCE)


@pytest.fixture
def kitchen(tmp_path):
    one = Kitchen(tmp_path / "data")
    yield one
    one.close()


def test_what_comes_is_taken_once_also_over_ends_and_beginnings(world, kitchen):
    world.send([record(n, record_id=None) for n in range(40)])
    first = kitchen.reads(**{"from": world.address(), "name": "main"})
    until(lambda: first.taken.accepted == 40)
    kitchen.rest()
    world.send([record(n, record_id=None) for n in range(25)])
    again = kitchen.reads(**{"from": world.address(), "name": "main"})
    until(lambda: again.taken.accepted >= 25)
    until(lambda: again.problem is None and again.behind in (0, None))
    kitchen.rest()
    assert (first.taken.accepted, again.taken.accepted, kitchen.accepted) == (40, 25, 65)


def test_what_the_store_could_not_keep_comes_again(world, kitchen):
    kitchen.fault = StoreFull("no room")
    world.send([record(n) for n in range(30)])
    inflow = kitchen.reads(**{"from": world.address()})
    until(lambda: inflow.taken.accepted == 30)
    assert (inflow.failed, kitchen.accepted) == (1, 30)


def test_poison_is_set_aside_and_goes_to_the_dead_letters(world, tmp_path):
    kitchen = Kitchen(tmp_path / "data", models=1)
    try:
        refused = record(2, model="one-too-many")
        world.send([record(0, model="only"), b"{broken", refused, record(1, model="only")])
        inflow = kitchen.reads(**{"from": world.address("&dead_letters=dead")})
        until(lambda: kitchen.accepted == 2 and inflow.taken.refused + inflow.set_aside == 2)
        kitchen.rest()  # so that all dead letters are sent
    finally:
        kitchen.close()
    assert (inflow.set_aside, inflow.taken.refused) == (1, 1)
    if world.name == "mqtt":
        until(lambda: len(world.dead()) == 2)
    values = [value for value, _ in world.dead()]
    values.remove(b"{broken")  # a topic with partitions gives them in any order
    (left,) = values
    assert json.loads(refused).items() <= json.loads(left).items()


@pytest.mark.parametrize("name", ["redis", "nats", "mqtt"])
def test_a_broker_that_is_not_there_yet_is_waited_for(name, tmp_path, kitchen, monkeypatch):
    import brokers

    monkeypatch.setattr("homeostat.streams.nats._PATIENCE", 1)
    port = free_port()
    monkeypatch.setattr("brokers.free_port", lambda: port)
    kind = {world.name: world for world in brokers.WORLDS}[name]
    place = kind.address(type("Nowhere", (), {"port": port})())
    inflow = kitchen.reads(**{"from": place})
    until(lambda: inflow.failed >= 2)
    assert inflow.problem is not None
    assert "not read yet" not in inflow.problem
    world = kind(tmp_path)
    try:
        world.send([record(0)])
        until(lambda: kitchen.accepted == 1)
        until(lambda: inflow.problem is None)
    finally:
        kitchen.rest()
        world.stop()


@pytest.mark.parametrize("name", ["redis", "nats", "mqtt"])
def test_a_broker_that_goes_and_comes_back_is_told_and_read_on(
    name, tmp_path, kitchen, monkeypatch
):
    import brokers

    monkeypatch.setattr("homeostat.streams.nats._PATIENCE", 1)
    port = free_port()
    monkeypatch.setattr("brokers.free_port", lambda: port)
    kind = {world.name: world for world in brokers.WORLDS}[name]
    world = kind(tmp_path)
    try:
        world.send([record(0)])
        inflow = kitchen.reads(**{"from": world.address()})
        until(lambda: kitchen.accepted == 1 and inflow.problem is None)
        world.stop()
        until(lambda: inflow.problem is not None)
        world = kind(tmp_path)
        if name == "redis":  # this one kept nothing on disk; the ids of the next go on
            world.redis.xadd("records", {"record": record(1)})
        else:
            world.send([record(1)])
        until(lambda: kitchen.accepted == 2)
        until(lambda: inflow.problem is None)
    finally:
        kitchen.rest()
        world.stop()


def test_a_file_that_grows_is_read_on(tmp_path, kitchen):
    log = tmp_path / "log.jsonl"
    inflow = kitchen.reads(**{"from": str(log)})
    until(lambda: inflow.failed >= 1)  # it is not there yet
    log.write_bytes(record(0, record_id=None) + b"\n")
    until(lambda: kitchen.accepted == 1)
    with log.open("ab") as more:
        more.write(record(1, record_id=None) + b"\n")
    until(lambda: kitchen.accepted == 2)
    assert inflow.problem is None


def test_it_goes_on_where_a_run_with_the_same_folder_ended(tmp_path):
    log, folder = tmp_path / "log.jsonl", tmp_path / "data"
    log.write_bytes(record(0, record_id=None) + b"\n")
    command = [sys.executable, "-m", "homeostat", "run", str(log), "--data", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    with log.open("ab") as more:
        more.write(record(1, record_id=None) + b"\n")
    kitchen = Kitchen(folder)
    try:
        inflow = kitchen.reads(**{"from": str(log)})
        until(lambda: inflow.taken.accepted)
        assert (inflow.taken.accepted, kitchen.accepted) == (1, 2)
    finally:
        kitchen.close()


def test_sources_of_one_address_keep_their_places_apart(tmp_path, kitchen):
    log = tmp_path / "log.jsonl"
    log.write_bytes(record(0, record_id=None) + b"\n")
    kitchen.reads(**{"from": str(log), "name": "one"})
    kitchen.reads(**{"from": str(log), "name": "two"})
    until(lambda: kitchen.accepted == 2)


# The configuration --------------------------------------------------------------------------------


def sources(text):
    return service_settings(parse(text)).sources


def test_tables_become_inlets_that_show_no_secret():
    [kafka, files] = sources("""
        [[service.sources]]
        from = "redis://user:geheim@host:6379/records?dead_letters=dead"
        [[service.sources]]
        name = "captures"
        from = ["captures/*.jsonl", "more/"]
        format = "sagemaker"
        unknown = "ignore"
        mapping = { model = "=fraud" }
        """)
    assert kafka.name == "redis://host:6379/records"
    assert (files.name, files.origin.format) == ("captures", "sagemaker")
    assert files.options.unknown == "ignore"
    assert files.options.mapping == {"model": "=fraud"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[service.sources]]\nname = 'a'", "service.sources[0].from: says what to read"),
        ("[[service.sources]]\nfrom = '-'", "from: says what to read"),
        ("[[service.sources]]\nfrom = 'a'\nfrm = 1", "did you mean 'from'?"),
        ("[[service.sources]]\nfrom = 'a'\nunknown = 'x'", "unknown cannot be 'x'"),
        ("[[service.sources]]\nfrom = 'a'\n[[service.sources]]\nfrom = 'a'", "sources[1].name"),
        ("[service]\nsources = 'a'", "must be tables"),
        ("[[service.sources]]\nfrom = 'a'\nname = 1", "must be a text"),
    ],
    ids=["no place", "standard input", "misspelt", "no such choice", "twice", "text", "number"],
)
def test_tables_that_cannot_be(text, says):
    with pytest.raises(ConfigError) as caught:
        sources(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("redis://localhost/records?feld=x", "did you mean 'field'?"),
        ("kafka://localhost", "names no host and what to read there"),
        ("nats://localhost/S?from=late", "did you mean 'latest'?"),
    ],
    ids=["setting", "path", "choice"],
)
def test_an_address_that_can_never_be_read_is_told_before_anything_begins(place, says):
    [inlet] = inlets_of([{"from": place}], "service.sources")
    with pytest.raises(ConfigError) as caught:
        inlet.check()
    assert says in str(caught.value)


# The service --------------------------------------------------------------------------------------

CONFIG = """
[[metrics]]
type = "accuracy"
window = 50

[service]
durability = "fast"
grace = 5.0

[[service.sources]]
name = "main"
from = "{place}"
"""


class Serving:
    """`homeostat serve` with a source, in a process of its own."""

    def __init__(self, home, place, environment=None):
        self.home = Path(home)
        (self.home / "homeostat.toml").write_text(CONFIG.format(place=place))
        command = [sys.executable, "-m", "homeostat", "serve", "--port", "0", "--data", "data",
                   "--token-file", "token"]  # fmt: skip
        with (self.home / "stderr").open("ab") as errors:
            self.process = subprocess.Popen(
                command, cwd=self.home, stdout=subprocess.PIPE, stderr=errors,
                env={**os.environ, **(environment or {})},
            )  # fmt: skip
        self.url = next(
            line.split()[2].rstrip(b",").decode()
            for line in self._lines()
            if line.startswith(b"homeostat serves")
        )

    def _lines(self) -> Iterable[bytes]:
        yield from self.process.stdout
        raise AssertionError((self.home / "stderr").read_text())

    def get(self, path):
        import httpx

        token = (self.home / "token").read_text().strip()
        told = httpx.get(self.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        assert told.status_code == 200, told.text
        return told

    @property
    def accepted(self):
        return sum(model["records"] for model in self.get("/v1/models").json()["models"])

    def end(self, how):
        os.kill(self.process.pid, how)
        status = self.process.wait(PATIENCE)
        self.process.stdout.close()
        return status


def test_a_service_that_is_killed_takes_every_record_once(world, tmp_path):
    """Without ids, so that only offsets tell what was taken; MQTT has none, and needs ids."""
    ids = world.name == "mqtt"
    chance, sent = random.Random(7), 0

    def send(n):
        nonlocal sent
        world.send([record(at, record_id=f"r{at}" if ids else None, latency_ms=at)
                    for at in range(sent, sent + n)])  # fmt: skip
        sent += n

    places = ("before_commit", "after_commit_before_answer")
    for round_, point in enumerate(places):
        serving = Serving(tmp_path, world.address(), {
            # The first transactions look offsets up; which of the later ones takes, chance tells.
            "HOMEOSTAT_CRASH": f"{point}:{chance.randrange(4, 8)}",
        })  # fmt: skip
        try:
            while serving.process.poll() is None and sent < 4000 * (round_ + 1):
                send(20)
            until(lambda process=serving.process: process.poll() is not None)
            assert serving.process.returncode == -signal.SIGKILL
        finally:
            serving.process.kill()
            serving.process.wait()
            serving.process.stdout.close()
    serving = Serving(tmp_path, world.address())
    try:
        send(50)
        until(lambda: serving.accepted >= sent)
        [source] = serving.get("/v1/condition").json()["sources"]
        assert (source["name"], source["problem"]) == ("main", None)
        assert 'homeostat_source_records_total{source="main"}' in serving.get("/metrics").text
        assert serving.end(signal.SIGTERM) == 0
    finally:
        serving.process.kill()
        serving.process.wait()
    store = open_store(tmp_path / "data", read_only=True)
    [model] = store.models()
    store.close()
    assert (model.counters["accepted"], model.position) == (sent, sent)
    assert sorted(latencies(tmp_path / "data")) == list(range(sent))


def test_a_service_serves_while_its_broker_is_away(tmp_path):
    world = Redis(tmp_path)
    world.stop()
    serving = Serving(tmp_path, world.address())
    try:
        until(lambda: serving.get("/v1/condition").json()["sources"][0]["failed"] >= 1)
        assert serving.get("/readyz").json()["status"] == "ready"
        assert 'homeostat_source_hindered{source="main"} 1' in serving.get("/metrics").text
        assert serving.end(signal.SIGTERM) == 0
    finally:
        serving.process.kill()
        serving.process.wait()


def test_an_address_that_cannot_be_ends_the_start(tmp_path):
    (tmp_path / "homeostat.toml").write_text(CONFIG.format(place="redis://h/s?feld=x"))
    done = subprocess.run(
        [sys.executable, "-m", "homeostat", "serve", "--port", "0"], cwd=tmp_path,
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "source main: feld is no setting of redis" in done.stderr
    assert not (tmp_path / "homeostat-data").exists()
