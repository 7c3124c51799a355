"""Brokers for tests: real servers on loopback, and for Kafka the cluster that librdkafka plays."""

import asyncio
import shutil
import socket
import subprocess
import threading
import time

import pytest

PATIENCE = 180.0  # seconds; a group waits for members that were killed


def needed(command):
    path = shutil.which(command) or shutil.which(command, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"no {command} here")
    return path


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Process:
    """A server that is there when it takes connections."""

    def __init__(self, command, port):
        self.port = port
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                assert self.process.poll() is None, command
                assert time.monotonic() < end, command
                time.sleep(0.02)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Kafka:
    """librdkafka's own cluster, as a thread of this process."""

    name = "kafka"

    def __init__(self, folder):
        lib = pytest.importorskip("confluent_kafka")
        self.lib = lib
        self.producer = lib.Producer({"test.mock.num.brokers": 1, "linger.ms": 5})
        brokers = self.producer.list_topics(timeout=PATIENCE).brokers.values()
        self.hosts = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        self.send([], topic="records")

    def send(self, values, topic="records", partition=0):
        if not values:
            self.producer.list_topics(topic, timeout=PATIENCE)  # makes it
        for value in values:
            self.producer.produce(topic, value=value, partition=partition)
            self.producer.poll(0)
        assert self.producer.flush(PATIENCE) == 0

    def address(self, settings=""):
        return f"kafka://{self.hosts}/records?session.timeout.ms=6000{settings}"

    def dead(self):
        """(value, problem) of the dead letters."""
        consumer = self.lib.Consumer({
            "bootstrap.servers": self.hosts, "group.id": "dead", "auto.offset.reset": "earliest",
            "enable.partition.eof": True, "enable.auto.commit": False,
        })  # fmt: skip
        metadata = consumer.list_topics("dead", timeout=PATIENCE).topics["dead"]
        consumer.assign([self.lib.TopicPartition("dead", at, 0) for at in metadata.partitions])
        found, ended = [], 0
        while ended < len(metadata.partitions):
            message = consumer.poll(PATIENCE)
            if message.error():
                ended += 1
            else:
                problem = dict(message.headers())["homeostat.problem"].decode()
                found.append((message.value(), problem))
        consumer.close()
        return found

    def stop(self):
        del self.producer


class Redis(Process):
    name = "redis"

    def __init__(self, folder):
        lib = pytest.importorskip("redis")
        port = free_port()
        super().__init__(
            [needed("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "",
             "--dir", str(folder)], port,
        )  # fmt: skip
        self.redis = lib.Redis("127.0.0.1", port)

    def send(self, values):
        for value in values:
            self.redis.xadd("records", {"record": value})

    def address(self, settings=""):
        return f"redis://127.0.0.1:{self.port}/records?{settings.lstrip('&')}"

    def dead(self):
        return [(fields[b"record"], fields[b"problem"].decode())
                for _, fields in self.redis.xrange("dead")]  # fmt: skip


class Nats(Process):
    name = "nats"

    def __init__(self, folder):
        self.lib = pytest.importorskip("nats")
        port = free_port()
        super().__init__(
            [needed("nats-server"), "-js", "-a", "127.0.0.1", "-p", str(port), "-sd", str(folder)],
            port,
        )
        self._do(lambda js: js.add_stream(name="RECORDS", subjects=["records.>"]))
        self._do(lambda js: js.add_stream(name="DEAD", subjects=["dead"]))

    def _do(self, what):
        async def within():
            connection = await self.lib.connect(f"nats://127.0.0.1:{self.port}")
            try:
                return await what(connection.jetstream())
            finally:
                await connection.close()

        return asyncio.run(within())

    def send(self, values):
        async def each(js):
            for value in values:
                await js.publish("records.a", value or b"")

        self._do(each)

    def address(self, settings=""):
        return f"nats://127.0.0.1:{self.port}/RECORDS?{settings.lstrip('&')}"

    def dead(self):
        async def each(js):
            state = (await js.stream_info("DEAD")).state
            found = [await js.get_msg("DEAD", at) for at in range(1, state.messages + 1)]
            return [(each.data, each.headers["Homeostat-Problem"]) for each in found]

        return self._do(each)


class Mqtt(Process):
    name = "mqtt"

    def __init__(self, folder):
        self.paho = pytest.importorskip("paho.mqtt.client")
        port = free_port()
        settings = folder / "mosquitto.conf"
        settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
        super().__init__([needed("mosquitto"), "-c", str(settings)], port)
        self._dead, self._got = [], threading.Condition()
        self._client = self._connected("world", "dead")
        # The session of the reader has to be there before messages are, or they are for nobody.
        self._connected("homeostat", "records").disconnect()

    def _connected(self, name, topic):
        client = self.paho.Client(self.paho.CallbackAPIVersion.VERSION2, name, clean_session=False)
        there = threading.Event()
        client.on_subscribe = lambda *_: there.set()
        client.on_connect = lambda *_: client.subscribe(topic, qos=1)
        client.on_message = self._on_message
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        assert there.wait(PATIENCE)
        return client

    def _on_message(self, _client, _data, message):
        with self._got:
            self._dead.append((message.payload, ""))
            self._got.notify_all()

    def send(self, values):
        for value in values:
            self._client.publish("records", value or b"", qos=1).wait_for_publish(PATIENCE)

    def address(self, settings=""):
        return f"mqtt://127.0.0.1:{self.port}/records?{settings.lstrip('&')}"

    def dead(self):
        with self._got:
            assert self._got.wait_for(lambda: self._dead, PATIENCE)
            return list(self._dead)

    def stop(self):
        self._client.loop_stop()
        super().stop()


WORLDS = [Kafka, Redis, Nats, Mqtt]
