"""Kafka: several of a group, partitions that move, and a process that is killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from brokers import PATIENCE
from kept import latencies

from homeostat.cli.group import TERMINATED
from homeostat.sources import Options
from homeostat.sources.feed import open_feed
from homeostat.stores import open_store
from homeostat.stores.faults import StoreError

TOGETHER = "&heartbeat.interval.ms=500&partition.assignment.strategy="


def body(number, **more):
    row = {"model_version": "v1", "predicted_label": "yes", "latency_ms": number,
           "created_at": "2026-03-01T12:00:00Z", **more}  # fmt: skip
    return json.dumps(row).encode()


class Member:
    """One of a group, with offsets of its own; what it took is what its chunks held."""

    def __init__(self, place):
        self.notes, self.seen = {}, []
        self.broker = open_feed([place], None, Options(), resume=self.notes.get)._broker

    def turn(self):
        """One pull, kept and acknowledged."""
        pulled = self.broker.pull(1000)
        if pulled.messages:
            self.seen += [message.value for message in pulled.messages]
            self.notes.update(pulled.offsets)
            self.broker.taken(pulled)

    def leave(self):
        self.broker.close()


def turns(members, enough):
    end = time.monotonic() + PATIENCE
    while not enough():
        assert time.monotonic() < end, "it never came to that"
        for member in members:
            member.turn()


@pytest.mark.parametrize("strategy", ["roundrobin", "cooperative-sticky"])
def test_partitions_that_move_are_read_on_where_the_other_left_them(kafka, strategy):
    place = kafka.address(TOGETHER + strategy)
    sent = [b"%d" % n for n in range(400)]

    def send(numbers):
        for n in numbers:
            kafka.send([sent[n]], partition=n % 4)

    send(range(100))
    first = Member(place)
    turns([first], lambda: len(first.seen) == 100)
    second = Member(place)
    both = [first, second]
    turns(both, lambda: len(first.broker._assigned) == len(second.broker._assigned) == 2)
    send(range(100, 200))
    turns(both, lambda: len(first.seen) + len(second.seen) == 200)
    assert second.seen
    first.leave()
    send(range(200, 300))
    turns([second], lambda: len(first.seen) + len(second.seen) == 300)
    # It comes back with the offsets that it kept: those of the group are further by now.
    back = Member(place)
    back.notes.update(first.notes)
    second.leave()
    send(range(300, 400))
    turns([back], lambda: len(first.seen) + len(second.seen) + len(back.seen) == 400)
    back.turn()
    back.leave()
    assert sorted(first.seen + second.seen + back.seen) == sorted(sent)


def test_events_whose_attributes_are_headers_are_read(kafka):
    """As Knative brings KServe's log into a topic."""
    bodies = {"request": {"instances": [{"age": 3}]}, "response": {"predictions": ["yes"]}}
    for second, (half, data) in enumerate(bodies.items()):
        headers = {
            "ce_specversion": "1.0", "ce_id": "e1", "ce_time": f"2026-03-01T12:00:0{second}Z",
            "ce_type": f"org.kubeflow.serving.inference.{half}", "ce_inferenceservicename": "iris",
            "content-type": "application/json",
        }  # fmt: skip
        kafka.producer.produce("records", json.dumps(data), headers=headers, partition=0)
    kafka.producer.produce("records", b"{", headers={"ce_type": b"x"}, partition=0)
    assert kafka.producer.flush(PATIENCE) == 0
    with open_feed([kafka.address()], None, Options()) as feed:
        chunks = list(feed)
        [told] = feed.recogniser.told()
    [record] = [record for chunk in chunks for record in chunk.batch]
    assert told["name"] == "kserve"
    assert (record.record_id, record.model, record.predicted_label) == ("e1", "iris", "yes")
    assert (record.latency_ms, dict(record.features)) == (1000, {"age": 3})
    assert [reject.raw for chunk in chunks for reject in chunk.rejects] == ["{"]


def start(kafka, folder):
    command = [sys.executable, "-m", "homeostat", "run", kafka.address(), "--data", str(folder),
               "--follow", "--output", "json"]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def position(folder):
    """How many records are kept; 0 before there is a store."""
    if not (folder / "homeostat.db").exists():
        return 0
    try:
        store = open_store(folder, read_only=True)
    except StoreError:  # its tables are being made
        return 0
    try:
        return sum(model.position for model in store.models())
    except StoreError:
        return 0
    finally:
        store.close()


def test_killed_at_random_moments_it_takes_every_record_once(kafka, tmp_path):
    """The records have no ids: only the offsets say which were taken."""
    chance, folder, sent = random.Random(4), tmp_path / "data", 0
    for _ in range(3):
        process = start(kafka, folder)
        try:
            before, end = position(folder), time.monotonic() + PATIENCE
            for _ in range(20):
                kafka.send([body(n) for n in range(sent, sent + 50)])
                sent += 50
            while position(folder) == before:
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < end
                time.sleep(0.01)
            time.sleep(chance.random() * 0.2)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            process.stderr.close()
    process = start(kafka, folder)
    try:
        end = time.monotonic() + PATIENCE
        while position(folder) < sent:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.05)
        process.terminate()
        # Where all was taken before the kill, the signal comes before anybody listens for it.
        assert process.wait(PATIENCE) in (TERMINATED, -signal.SIGTERM)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    store = open_store(folder, read_only=True)
    [model] = store.models()
    store.close()
    assert (model.counters["accepted"], model.position) == (sent, sent)
    assert sorted(latencies(folder)) == list(range(sent))
