"""A topic of MQTT: acknowledged once taken, so that a broker sends again what was not.

Source: OASIS MQTT 3.1.1 and 5.0, section 4.3 (quality of service), 4.1 (session state).
"""

from __future__ import annotations

import queue
import threading
import time
from contextlib import suppress
from typing import Any

from homeostat.errors import InvalidInput, MissingExtra
from homeostat.sources.chunk import Options, Reject
from homeostat.sources.files import Wait, afresh
from homeostat.sources.traffic import Recogniser
from homeostat.sources.waiting import Resume, Waiting
from homeostat.streams.address import Address
from homeostat.streams.broker import Message, Pulled
from homeostat.streams.faults import StreamBroken
from homeostat.streams.stream import Stream

_KNOWN = ("client_id", "dead_letters")
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_MOMENT = 0.5  # seconds for which messages are waited for
_PATIENCE = 10.0  # seconds for an answer of the broker
_AT_LEAST_ONCE = 1


def open_stream(
    place: str, options: Options, *, resume: Resume = afresh, follow: bool = False,
    wait: Wait = lambda _: None,
) -> Stream:  # fmt: skip
    """The feed of `mqtt://user:password@host:1883/devices/+/predictions?client_id=homeostat`.

    `mqtts` is MQTT with TLS. The path is a filter of topics. Raises InvalidInput, MissingExtra.
    """
    address = Address(place, _KNOWN)
    waiting = Waiting(Recogniser(options), f"mqtt {address.path}", resume)
    return Stream(address.name, "mqtt", Mqtt(address), options, waiting, follow, wait)


def check(place: str) -> None:
    """That the address can be one, and what reads it is installed; asks nobody.

    Raises InvalidInput, MissingExtra.
    """
    Address(place, _KNOWN)
    _library()


def _library() -> Any:
    try:
        from paho.mqtt import client
    except ImportError as error:
        raise MissingExtra("mqtt", "paho-mqtt", "Reading MQTT") from error
    return client


class Mqtt:
    """A client with a session of its own, which the broker keeps while it is away.

    A message that the broker sends twice counts once where its record has a `record_id`; MQTT has
    no place that could be kept. Messages are numbered in the order in which they come.
    """

    def __init__(self, address: Address) -> None:
        paho = _library()
        self._filter, self._dead_letters = address.path, address.settings.get("dead_letters")
        self._came: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._connected, self._refused = threading.Event(), ""
        self._untold: list[Any] = []
        self._read, self._ended = 0, False
        self._client: Any = paho.Client(
            paho.CallbackAPIVersion.VERSION2, address.get("client_id", "homeostat"),
            clean_session=False, manual_ack=True,
        )  # fmt: skip
        if address.user is not None:
            self._client.username_pw_set(address.user, address.password)
        if address.scheme == "mqtts":
            self._client.tls_set()
        self._lost: str | None = None
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = lambda _client, _data, message: self._came.put(message)
        self._connect(address)

    def _connect(self, address: Address) -> None:
        host, _, port = address.hosts.partition(":")
        try:
            self._client.connect(host, int(port or _PORTS[address.scheme]))
        except (OSError, ValueError) as error:
            raise InvalidInput(address.name, f"no broker answers: {error}") from error
        self._client.loop_start()
        if not self._connected.wait(_PATIENCE) or self._refused:
            self.close()
            raise InvalidInput(address.name, f"the broker refuses: {self._refused or 'no answer'}",
                               "look at the user, the password and the client_id")  # fmt: skip

    def _on_connect(self, client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        if reason.is_failure:
            self._refused = str(reason)
        else:
            client.subscribe(self._filter, qos=_AT_LEAST_ONCE)
            self._lost = None
        self._connected.set()

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _: Any) -> None:
        self._lost = f"mqtt: the connection is lost: {reason}"

    def pull(self, most: int) -> Pulled:
        found: list[Any] = []
        end = time.monotonic() + _MOMENT
        with suppress(queue.Empty):
            found.append(self._came.get(timeout=_MOMENT))
            while len(found) < most and time.monotonic() < end:
                found.append(self._came.get_nowait())
        self._ended = not found
        self._untold += found
        messages = [
            Message(self._filter, self._read + at, each.payload or None)
            for at, each in enumerate(found, 1)
        ]
        self._read += len(found)
        return Pulled(messages, {})

    def at_end(self) -> bool:
        return self._ended

    def hindered(self) -> str | None:
        """It connects again by itself."""
        return self._lost

    def behind(self) -> int | None:
        """The broker does not tell."""
        return None

    def taken(self, pulled: Pulled) -> None:
        for each in self._untold:
            self._client.ack(each.mid, each.qos)
        self._untold = []

    def set_aside(self, message: Message | None, reject: Reject) -> None:
        if self._dead_letters is None:
            return
        value = reject.raw.encode() if message is None else message.value or b""
        sent = self._client.publish(self._dead_letters, value, qos=_AT_LEAST_ONCE)
        with suppress(ValueError, RuntimeError):
            sent.wait_for_publish(_PATIENCE)
        if not sent.is_published():
            raise StreamBroken(f"mqtt: {self._dead_letters} takes no dead letters")

    def close(self) -> None:
        end = time.monotonic() + _MOMENT
        while self._client.want_write() and time.monotonic() < end:
            time.sleep(0.01)  # the thread of the client writes what was acknowledged
        with suppress(OSError):
            self._client.disconnect()
        self._client.loop_stop()
