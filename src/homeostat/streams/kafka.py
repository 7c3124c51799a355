"""A topic of Kafka: offsets are kept with what they led to, and told to the group afterwards.

Source: "Kafka: The Definitive Guide" (Shapira et al. 2021), chapter 4, on offsets in one's own
transactions; librdkafka's CONFIGURATION.md for the settings.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec

from homeostat.errors import InvalidInput, MissingExtra
from homeostat.sources.chunk import Options, Reject
from homeostat.sources.files import Wait, afresh
from homeostat.sources.traffic import Recogniser
from homeostat.sources.waiting import Resume, Waiting
from homeostat.streams.address import Address
from homeostat.streams.broker import Message, Pulled
from homeostat.streams.faults import StreamBroken
from homeostat.streams.stream import Stream

_KNOWN = ("group", "from", "dead_letters")
_MOMENT = 0.2  # seconds for which messages are waited for
_PATIENCE = 15.0  # seconds for an answer of the cluster
_PROBE = 1.0  # seconds for the question whether one of its brokers is there again
_CONNECTION = ("bootstrap.", "broker.", "client.", "sasl.", "security.", "socket.", "ssl.")
_LOG = logging.getLogger(__name__)


def open_stream(
    place: str, options: Options, *, resume: Resume = afresh, follow: bool = False,
    wait: Wait = lambda _: None,
) -> Stream:  # fmt: skip
    """The feed of `kafka://host:9092,host2/topic?group=homeostat&dead_letters=topic`.

    `from` is earliest or latest, for a group that has read nothing; settings of librdkafka, which
    have a dot in their name, go to it as they are. Raises InvalidInput, MissingExtra.
    """
    address = Address(place, _KNOWN, free=".")
    waiting = Waiting(Recogniser(options), f"kafka {address.path}", resume)
    broker = Kafka(address, resume)
    return Stream(address.name, "kafka", broker, options, waiting, follow, wait)


def check(place: str) -> None:
    """That the address can be one, and what reads it is installed; asks nobody.

    Raises InvalidInput, MissingExtra.
    """
    Address(place, _KNOWN, free=".")
    _library()


def _library() -> Any:
    try:
        import confluent_kafka
    except ImportError as error:
        raise MissingExtra("kafka", "confluent-kafka", "Reading Kafka") from error
    return confluent_kafka


_LOGGED = ("org.kubeflow.serving.inference.", "io.seldon.serving.inference.", "seldon.message.")


def _whole(value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> bytes | None:
    """A logged request or response with its attributes beside its body; others as they are.

    Source: CloudEvents' Kafka protocol binding, "binary content mode": attributes are headers.
    """
    about = {name: said.decode(errors="replace") for name, said in headers if said is not None}
    if value is None or not about.get("ce_type", "").startswith(_LOGGED):
        return value
    return msgspec.json.encode({"headers": about, "body": value.decode(errors="replace")})


class Kafka:
    """A consumer of one topic in a group.

    A partition begins where `resume` or the group says, whichever is further: somebody else of the
    group may have read it in the meantime. Messages that are set aside go to the topic of dead
    letters before what was pulled with them is taken, so that one may be there twice after a crash
    but none is missing.
    """

    def __init__(self, address: Address, resume: Resume) -> None:
        self._lib: Any = _library()
        self._topic, self._resume = address.path, resume
        self._group = address.get("group", "homeostat")
        self._dead_letters = address.settings.get("dead_letters")
        self._cluster = {"bootstrap.servers": address.hosts, **address.beside(".")}
        # Some partitions may move then while the others are read on.
        self._piecemeal = "cooperative" in self._cluster.get("partition.assignment.strategy", "")
        self._producer: Any = None
        self._ended: set[int] = set()
        self._assigned: set[int] = set()
        self._taken: dict[int, int] = {}
        self._next: dict[int, int] = {}
        self._lost: str | None = None
        self._consumer = self._made(address)
        self._check(address)
        self._consumer.subscribe(
            [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )  # fmt: skip

    def _made(self, address: Address) -> Any:
        settings = {
            **self._cluster,
            "group.id": self._group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": address.begins,
            "error_cb": self._on_error,
        }
        try:
            return self._lib.Consumer(settings, logger=_LOG)
        except (self._lib.KafkaException, ValueError) as error:
            raise InvalidInput(address.name, f"cannot be read: {error}") from error

    def _check(self, address: Address) -> None:
        """That the cluster answers, and has the topic."""
        try:
            told = self._consumer.list_topics(self._topic, timeout=_PATIENCE)
        except self._lib.KafkaException as error:
            self._consumer.close()
            raise InvalidInput(
                address.name, f"no broker answers: {error.args[0].str()}",
                "look at the address and at the security settings",
            ) from error  # fmt: skip
        if told.topics[self._topic].error is not None:
            self._consumer.close()
            raise InvalidInput(address.name, f"the cluster has no topic {self._topic!r}",
                               "make it, or mend the name")  # fmt: skip

    # As a broker ----------------------------------------------------------------------------------

    def pull(self, most: int) -> Pulled:
        try:
            found = self._consumer.consume(most, _MOMENT)
        except self._lib.KafkaException as error:
            raise StreamBroken(f"kafka: {error.args[0].str()}") from error
        messages: list[Message] = []
        offsets: dict[int, int] = {}
        places: dict[int, str] = {}
        for each in found:
            if each.error() is not None:
                self._told(each)
                continue
            partition, offset = each.partition(), each.offset()
            if partition not in places:
                self._ended.discard(partition)
                places[partition] = f"{self._topic}/{partition}"
            headers = each.headers()
            value = each.value() if headers is None else _whole(each.value(), headers)
            messages.append(Message(places[partition], offset, value))
            offsets[partition] = offset + 1
        self._next |= offsets
        return Pulled(messages, {self._key(at): str(next_) for at, next_ in offsets.items()})

    def _told(self, message: Any) -> None:
        """What the cluster says in place of a message."""
        error = message.error()
        if error.code() == self._lib.KafkaError._PARTITION_EOF:
            self._ended.add(message.partition())
        elif error.fatal() or not error.retriable():
            raise StreamBroken(f"kafka: {error.str()}")

    def at_end(self) -> bool:
        return bool(self._assigned) and self._assigned <= self._ended

    def _on_error(self, error: Any) -> None:
        _LOG.warning("kafka: %s", error.str())
        if error.code() == self._lib.KafkaError._ALL_BROKERS_DOWN:
            self._lost = f"kafka: {error.str()}"

    def hindered(self) -> str | None:
        """It connects again by itself, which nothing but a question tells."""
        if self._lost is not None:
            with suppress(self._lib.KafkaException):
                self._consumer.list_topics(self._topic, timeout=_PROBE)
                self._lost = None
        return self._lost

    def behind(self) -> int | None:
        """As the brokers told with the last messages."""
        left = [self._behind(partition) for partition in self._assigned]
        return None if None in left else sum(n for n in left if n is not None)

    def _behind(self, partition: int) -> int | None:
        if partition in self._ended:
            return 0
        place = self._lib.TopicPartition(self._topic, partition)
        _, high = self._consumer.get_watermark_offsets(place, cached=True)
        known = partition in self._next and high >= 0
        return max(0, high - self._next[partition]) if known else None

    def taken(self, pulled: Pulled) -> None:
        for name, offset in pulled.offsets.items():
            self._taken[int(name.rpartition(" ")[2])] = int(offset)
        with suppress(self._lib.KafkaException):  # ours are kept; the group's are for others
            self._consumer.commit(offsets=self._places(self._taken), asynchronous=True)

    def set_aside(self, message: Message | None, reject: Reject) -> None:
        if self._dead_letters is None:
            return
        if self._producer is None:
            shared = {name: given for name, given in self._cluster.items()
                      if name.startswith(_CONNECTION)}  # fmt: skip
            settings = {**shared, "enable.idempotence": True}
            self._producer = self._lib.Producer(settings, logger=_LOG)
        value = reject.raw.encode() if message is None else message.value
        headers = {
            "homeostat.source": reject.source, "homeostat.offset": str(reject.number),
            "homeostat.field": reject.field, "homeostat.problem": reject.problem,
        }  # fmt: skip
        failed: list[str] = []

        def delivered(error: Any, _: Any) -> None:
            if error is not None:
                failed.append(error.str())

        self._producer.produce(
            self._dead_letters, value=value, headers=list(headers.items()), on_delivery=delivered
        )
        if self._producer.flush(_PATIENCE) or failed:
            said = failed[0] if failed else "no answer"
            raise StreamBroken(f"kafka: {self._dead_letters} takes no dead letters: {said}")

    def close(self) -> None:
        self._consumer.close()

    # Partitions -----------------------------------------------------------------------------------

    def _on_assign(self, consumer: Any, partitions: Sequence[Any]) -> None:
        with suppress(self._lib.KafkaException):
            partitions = consumer.committed(list(partitions), timeout=_PATIENCE)
        for each in partitions:
            kept = self._resume(self._key(each.partition))
            if kept is not None:
                each.offset = max(int(kept), each.offset)
        if self._piecemeal:
            consumer.incremental_assign(partitions)
        else:
            self._on_lost(consumer, self._places(dict.fromkeys(self._assigned, 0)))
            consumer.assign(partitions)
        self._assigned |= {each.partition for each in partitions}

    def _on_revoke(self, consumer: Any, partitions: Sequence[Any]) -> None:
        """Others go on from here: tell the group first."""
        if self._taken:
            with suppress(self._lib.KafkaException):
                consumer.commit(offsets=self._places(self._taken), asynchronous=False)
        self._on_lost(consumer, partitions)

    def _on_lost(self, consumer: Any, partitions: Sequence[Any]) -> None:
        for each in partitions:
            self._assigned.discard(each.partition)
            self._ended.discard(each.partition)
            for known in (self._next, self._taken):
                known.pop(each.partition, None)

    def _key(self, partition: int) -> str:
        return f"kafka {self._group} {self._topic} {partition}"

    def _places(self, offsets: dict[int, int]) -> list[Any]:
        return [self._lib.TopicPartition(self._topic, at, offset) for at, offset in offsets.items()]
