"""Events to a topic of Kafka, each under the name of its model, so that their order stays."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from homeostat.errors import ConfigError, MissingExtra
from homeostat.outbound.retry import Retry
from homeostat.outbound.secret import Secret
from homeostat.sinks.outgoing import Outgoing

_PATIENCE = 15.0  # seconds until the cluster has a message
_LOG = logging.getLogger(__name__)


class Kafka:
    """Produces each event to `topic` and waits until the cluster has it.

    servers: host:port, several joined by commas. settings: of librdkafka, like
    {"security.protocol": "SASL_SSL"}; a secret says where it is kept, `env:NAME` or `file:PATH`.
    The value is the event with its id and place as JSON; the key is the model, the header `id`
    tells one that comes again after a crash. Raises ConfigError, MissingExtra.
    """

    name = "kafka"

    def __init__(
        self, servers: str, topic: str, settings: Mapping[str, str | int | bool] = {}
    ) -> None:
        try:
            import confluent_kafka
        except ImportError as error:
            raise MissingExtra("kafka", "confluent-kafka", "Events to Kafka") from error
        self._lib: Any = confluent_kafka
        self._topic = topic
        self._settings = {"bootstrap.servers": servers, "enable.idempotence": True, **settings}
        self._producer: Any = None

    def check(self) -> None:
        """Raises ConfigError for settings that cannot be."""
        self._opened()

    def send(self, event: Outgoing) -> None:
        told: list[str] = []

        def delivered(error: Any, _: Any) -> None:
            told.append("" if error is None else error.str())

        try:
            self._opened().produce(
                self._topic, value=event.line.rstrip(), key=event.model,
                headers=[("id", event.id), ("kind", event.kind)], on_delivery=delivered,
            )  # fmt: skip
            self._producer.flush(_PATIENCE)
        except (self._lib.KafkaException, BufferError) as error:
            raise Retry(f"kafka: {error}") from error
        if told != [""]:
            self.close()  # what it still tries would come after what is sent next
            raise Retry(f"kafka: {self._topic}: {told[0] if told else 'no answer'}")

    def close(self) -> None:
        """Let go of the cluster."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None

    def _opened(self) -> Any:
        if self._producer is None:
            settings = {name: _revealed(given) for name, given in self._settings.items()}
            try:
                self._producer = self._lib.Producer(settings, logger=_LOG)
            except (self._lib.KafkaException, ValueError) as error:
                raise ConfigError(f"kafka: {error}") from error
        return self._producer


def _revealed(given: str | int | bool) -> str | int | bool:
    return Secret(given, plain=True).reveal() if isinstance(given, str) else given
