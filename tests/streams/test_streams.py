"""Every broker: what is sent is taken once, also over restarts; what is no record is set aside."""

import json
from contextlib import suppress

import pytest

from homeostat.errors import InvalidInput, MissingExtra
from homeostat.sources import Options
from homeostat.sources.feed import open_feed


class Stop(Exception):
    """Enough was seen."""


class Notes(dict):
    """Offsets that are kept with each chunk."""

    def __call__(self, name):
        return self.get(name)


def record(number):
    row = {"model_version": "v1", "predicted_label": "yes", "latency_ms": 1,
           "created_at": "2026-03-01T12:00:00Z", "record_id": f"r{number}"}  # fmt: skip
    return json.dumps(row).encode()


def take(place, notes):
    """The ids and the rejects of what a stream gives, each chunk kept."""
    ids, rejects = [], []
    with open_feed([place], None, Options(), resume=notes) as feed:
        for chunk in feed:
            ids += chunk.batch.column("record_id").tolist()
            rejects += chunk.rejects
            notes.update(chunk.offsets)
    return ids, rejects


def test_what_was_sent_is_taken_once_in_order_also_after_a_restart(world):
    notes = Notes()
    world.send([record(n) for n in range(50)])
    assert take(world.address(), notes)[0] == [f"r{n}" for n in range(50)]
    world.send([record(n) for n in range(50, 60)])
    assert take(world.address(), notes)[0] == [f"r{n}" for n in range(50, 60)]
    assert take(world.address(), notes)[0] == []


def test_what_was_pulled_and_not_taken_comes_again(world):
    notes = Notes()
    world.send([record(n) for n in range(30)])
    chunks = []
    with open_feed([world.address()], None, Options(rows=10), resume=notes) as feed:
        for chunk in feed:
            chunks.append(chunk.batch.column("record_id").tolist())
            if len(chunks) == 2:
                break  # as a crash: not kept, and not acknowledged
            notes.update(chunk.offsets)
    assert [one for chunk in chunks for one in chunk] == [
        f"r{n}" for n in range(len(chunks[0]) + len(chunks[1]))
    ]
    again, _ = take(world.address(), notes)
    left = [f"r{n}" for n in range(len(chunks[0]), 30)]
    if world.name == "mqtt":  # a broker may send what it has not yet seen acknowledged, too
        again = again[-len(left) :]
    assert again == left


def test_what_is_no_record_is_set_aside_with_its_place_and_goes_to_the_dead_letters(world):
    world.send([record(0), b"{broken", record(1), b'{"model_version": "v1"}', record(2)])
    ids, rejects = take(world.address("&dead_letters=dead"), Notes())
    assert ids == ["r0", "r1", "r2"]
    assert [(reject.unit, reject.field) for reject in rejects] == [
        ("message", "record"), ("message", "predicted_label")
    ]  # fmt: skip
    assert rejects[1].number - rejects[0].number == 2
    dead = world.dead()
    broken, lacking = b"{broken", b'{"model_version": "v1"}'
    if world.name == "mqtt":  # MQTT 3.1.1 has no room for a reason
        assert {value for value, _ in dead} <= {broken, lacking}
        return
    assert dict(dead).keys() == {broken, lacking}
    assert dict(dead)[lacking] == "is missing"


def test_an_empty_message_is_counted(world):
    if world.name == "redis":
        world.redis.xadd("records", {"a": "1", "b": "2"})  # none of its fields is the record
        world.send([record(1)])
    else:
        world.send([None, record(1)])
    ids, rejects = take(world.address(), Notes())
    assert ids == ["r1"]
    assert [reject.problem for reject in rejects] == ["is empty"]


def test_it_can_be_followed(world):
    world.send([record(0)])
    todo, seen = [lambda: world.send([record(1)]), lambda: world.send([record(2)])], []

    def wait(_):
        if len(seen) == 3:
            raise Stop
        if todo and len(seen) == 3 - len(todo):
            todo.pop(0)()

    with suppress(Stop):
        feed = open_feed([world.address()], None, Options(), follow=True, wait=wait)
        with feed:
            for chunk in feed:
                seen += chunk.batch.column("record_id").tolist()
    assert seen == ["r0", "r1", "r2"]


def test_a_first_message_that_tells_nothing_does_not_say_what_follows(world):
    told = {"id": "r1", "datetime": "2026-03-01T12:00:00Z", "prediction": 1, "target": 1}
    todo = [b"{broken", b'{"started": true}', json.dumps(told).encode()]
    seen, rejects, sent = [], [], []

    def wait(_):
        if len(seen) + len(rejects) == 3:
            raise Stop
        if todo and len(seen) + len(rejects) == len(sent):  # the one before has been read
            sent.append(todo.pop(0))
            world.send(sent[-1:])

    feed = open_feed([world.address()], None, Options(), follow=True, wait=wait)
    with suppress(Stop), feed:
        for chunk in feed:
            seen += chunk.batch.column("record_id").tolist()
            rejects += chunk.rejects
    assert (seen, len(rejects)) == (["r1"], 2)
    assert [each["name"] for each in feed.recogniser.told()] == ["evidently"]


def test_logs_of_other_stacks_are_recognised(world):
    told = {"prediction_id": "r1", "timestamp": "2026-03-01T12:00:00Z", "y_pred": 1}
    world.send([json.dumps(told | {"prediction_id": f"r{n}"}).encode() for n in range(3)])
    found = Options(traffic="columns", mapping={
        "record_id": "prediction_id", "created_at": "timestamp", "predicted_label": "y_pred",
        "model_version": "=v1", "latency_ms": "=1",
    })  # fmt: skip
    with open_feed([world.address()], None, found) as feed:
        ids = [one for chunk in feed for one in chunk.batch.column("record_id").tolist()]
    assert ids == ["r0", "r1", "r2"]


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("kafka://localhost:9", "names no host and what to read there"),
        ("redis://localhost/records?feld=x", "did you mean 'field'?"),
        ("nats://127.0.0.1:1/S", "cannot be read"),
        ("mqtt://127.0.0.1:1/t", "no broker answers"),
        ("redis://127.0.0.1:1/s", "cannot be read"),
    ],
)
def test_an_address_that_cannot_be(place, says, monkeypatch):
    monkeypatch.setattr("homeostat.streams.nats._PATIENCE", 1)
    with pytest.raises(InvalidInput) as caught:
        open_feed([place], None, Options())
    assert says in str(caught.value)


def test_a_stream_is_not_read_strictly_and_not_beside_others(world):
    with pytest.raises(InvalidInput, match="is for files"):
        open_feed([world.address()], None, Options(strict=True))
    with pytest.raises(InvalidInput, match="run of its own"):
        open_feed([world.address(), "more.jsonl"], None, Options())


@pytest.mark.parametrize(
    ("place", "module", "extra"),
    [
        ("kafka://a/b", "confluent_kafka", "kafka"),
        ("redis://a/b", "redis", "redis"),
        ("nats://a/b", "nats", "nats"),
        ("mqtt://a/b", "paho.mqtt", "mqtt"),
    ],
)
def test_a_missing_extra_is_named(place, module, extra, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(MissingExtra, match=rf"homeostat\[{extra}\]"):
        open_feed([place], None, Options())
