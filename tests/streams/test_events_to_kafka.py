"""Events to a topic: each is there once it is said to be, in order, and a cluster that is gone."""

import json

import pytest

from homeostat.errors import ConfigError
from homeostat.outbound.retry import Retry
from homeostat.sinks import kafka as to_kafka
from homeostat.sinks.kafka import Kafka
from homeostat.sinks.outgoing import Outgoing


def event(seq, model="m"):
    return Outgoing(model, seq, "DriftDetected", b'{"DriftDetected":{"value":%d}}' % seq)


def read(kafka, topic, n):
    consumer = kafka.lib.Consumer({
        "bootstrap.servers": kafka.hosts, "group.id": "reader", "auto.offset.reset": "earliest"
    })  # fmt: skip
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    consumer.assign([kafka.lib.TopicPartition(topic, at, 0) for at in partitions])
    found = []
    while len(found) < n:
        message = consumer.poll(30)
        assert message is not None
        assert not message.error()
        found.append(message)
    consumer.close()
    return found


def test_events_are_there_in_order_under_their_model(kafka):
    kafka.send([], topic="events")
    sink = Kafka(kafka.hosts, "events")
    sink.check()
    for seq in range(1, 6):
        sink.send(event(seq))
    sink.close()
    found = read(kafka, "events", 5)
    assert [json.loads(message.value())["seq"] for message in found] == [1, 2, 3, 4, 5]
    assert json.loads(found[0].value())["event"] == {"DriftDetected": {"value": 1}}
    assert {message.key() for message in found} == {b"m"}
    assert dict(found[2].headers()) == {"id": b"m:3", "kind": b"DriftDetected"}


def test_a_cluster_that_is_not_there_is_asked_again_later(kafka, monkeypatch):
    monkeypatch.setattr(to_kafka, "_PATIENCE", 0.2)
    sink = Kafka("127.0.0.1:1", "events")
    with pytest.raises(Retry, match="no answer"):
        sink.send(event(1))


def test_a_setting_that_cannot_be(kafka):
    with pytest.raises(ConfigError, match="No such configuration property"):
        Kafka("127.0.0.1:1", "events", {"no.such": 1}).check()
    with pytest.raises(ConfigError, match="env:NOWHERE_TO_BE holds no secret"):
        Kafka("127.0.0.1:1", "events", {"sasl.password": "env:NOWHERE_TO_BE"}).check()
