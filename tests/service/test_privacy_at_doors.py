"""What is dropped or hashed is nowhere in the folder, whichever way it came."""

import asyncio
import json
import time

import pytest
from house import ARROW, LINES, House, lines, record, stream, table

from homeostat import fleet
from homeostat.runtime.inlets import inlets_of
from homeostat.service.readers import LARGE
from homeostat.service.settings import Service
from homeostat.stores.packing import unpack_batch

CONFIG = """
segments = ["user"]

[[metrics]]
type = "accuracy"
window = 50

[privacy]
drop = ["email"]
hash = ["user", "number"]
key = "env:HOMEOSTAT_TEST_HASH_KEY"

[models.open]
privacy = { drop = [] }
"""
SECRETS = (b"ann@example", b"ann-the-user", b"7654321")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def house(folder, monkeypatch):
    monkeypatch.setenv("HOMEOSTAT_TEST_HASH_KEY", "k" * 32)
    made = House(folder, fleet=fleet.parse(CONFIG))
    yield made
    made.close()


def found(folder):
    """The secrets that are anywhere in the folder."""
    held = b"".join(file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file())
    return [secret for secret in SECRETS if secret in held]


def kept(house):
    """The batches of the journal as they are read again."""
    facts = house.wires.reader.facts_after(0)
    return [unpack_batch(fact.body, "default", "here") for fact in facts]


def sent(number=0, user="ann-the-user", **changes):
    features = {"email": "ann@example", "user": user, "number": 7654321, "amount": number}
    return record(number, ground_truth_label="a", **{"features": features, **changes})


def columns(*records):
    """The records with their features as columns."""
    flat = [
        {**one, **{f"features.{name}": value for name, value in one["features"].items()}}
        for one in records
    ]
    return table(*({k: v for k, v in one.items() if k != "features"} for one in flat))


BODIES = {
    "json": (lambda *records: json.dumps(records).encode(), "application/json"),
    "lines": (lines, LINES),
    "arrow": (lambda *records: stream(columns(*records)), ARROW),
}


@pytest.mark.parametrize("kind", BODIES)
def test_nothing_of_it_is_kept(house, folder, kind):
    body_of, content = BODIES[kind]
    body = body_of(*map(sent, range(5)), sent(5, user="bob"))
    reply = house("POST", "/v1/records", body, kind=content)
    assert (reply.status_code, reply.json()["accepted"]) == (200, 6)
    assert found(folder) == []
    again = house("POST", "/v1/records", body, kind=content)
    assert (again.json()["accepted"], again.json()["duplicates"]) == (0, 6)


def test_one_record_is_the_same_whichever_way_it_comes(house):
    for kind, (body_of, content) in BODIES.items():
        reply = house("POST", "/v1/records", body_of(sent(1)), kind=content).json()
        assert reply["duplicates"] == (kind != "json")


def test_a_large_body_that_another_process_reads(house, folder):
    records = [sent(n) for n in range(300)]
    assert len(json.dumps(records)) > LARGE
    assert house.send(*records).json()["accepted"] == 300
    assert found(folder) == []
    [batch] = kept(house)
    assert batch.features.keys() == {"user", "number", "amount"}
    assert {len(user) for user in batch.features["user"]} == {24}
    assert house.send(*records).json()["duplicates"] == 300


def test_another_content_is_a_conflict_still(house):
    house.send(sent())
    assert house.send(sent(user="bob")).status_code == 409
    assert house.send({**sent(), "latency_ms": 6}).status_code == 409


def test_categories_are_counted_by_their_hash(house):
    house.send(sent(0), sent(1), sent(2, user="bob"))
    names = [name for name in house.status()["metrics"] if name.startswith("accuracy[user=")]
    assert len(names) == 2
    assert not any("ann" in name or "bob" in name for name in names)


def test_a_model_of_its_own_keeps_what_it_may(house, folder):
    house.send(sent(0, model="open"))
    assert found(folder) == [b"ann@example", b"ann-the-user"]  # the number is eight bytes there


def test_a_source_of_the_service_shows_nothing_of_it_in_the_log(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("HOMEOSTAT_TEST_HASH_KEY", "k" * 32)
    wrong = sent(1, features={"email": ["ann@example"]})
    (tmp_path / "in.jsonl").write_bytes(lines(sent(0), wrong, b"ann@example"))
    sources = inlets_of([{"from": str(tmp_path / "in.jsonl"), "name": "file"}], "sources")
    settings = Service(durability="fast", answer=30.0, sources=tuple(sources))
    made = House(tmp_path / "data", settings, fleet.parse(CONFIG))
    try:
        [inflow] = made.wires.inflows.all
        ended = time.monotonic() + 30
        while inflow.set_aside < 2 and time.monotonic() < ended:
            made.run(asyncio.sleep(0.01))
    finally:
        made.close()
    assert (inflow.taken.accepted, inflow.set_aside) == (1, 2)
    assert "features.email" in caplog.text
    assert "ann" not in caplog.text.replace("in.jsonl", "")
    assert found(tmp_path / "data") == []


def test_an_answer_that_is_kept_shows_no_value(house, folder):
    wrong = sent(1)
    wrong["features"]["email"] = ["ann@example"]
    reply = house.send(sent(0), wrong, path="/v1/records?partial=1", Idempotency_Key="once")
    assert reply.json()["rejected"][0]["field"] == "features.email"
    assert found(folder) == []
