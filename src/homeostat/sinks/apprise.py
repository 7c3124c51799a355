"""Chat, mail, pagers: whatever Apprise (github.com/caronc/apprise) knows an address for."""

from __future__ import annotations

from typing import Any

from homeostat.errors import ConfigError, MissingExtra
from homeostat.outbound.retry import Retry
from homeostat.outbound.secret import Secret
from homeostat.sinks.outgoing import Outgoing


class Apprise:
    """Sends each event as a message to the addresses that `urls` name, as "env:NAME".

    Raises MissingExtra where the extra `notify` is not installed.
    """

    name = "apprise"

    def __init__(self, urls: list[str]) -> None:
        self._secrets = [Secret(url) for url in urls]
        if not urls:
            raise ConfigError('urls: name one, like ["env:CHAT_URL"]')
        self._notifier: Any = None

    def check(self) -> None:
        """Raises ConfigError when an address is not there, or none that Apprise knows."""
        try:
            from apprise import Apprise as Notifier
        except ImportError as error:
            raise MissingExtra("notify", "apprise", "The sink 'apprise'") from error
        notifier = Notifier()
        for at, secret in enumerate(self._secrets):
            if notifier.add(secret.reveal()) is not True:  # it says so, and raises nothing
                raise ConfigError(f"urls[{at}]: is no address that Apprise knows")
        self._notifier = notifier

    def send(self, event: Outgoing) -> None:
        if self._notifier is None:
            self.check()
        title, body = message(event)
        if not self._notifier.notify(body=body, title=title):
            raise Retry("at least one of the addresses did not take the message")


def message(event: Outgoing) -> tuple[str, str]:
    """Title and text of an event."""
    plain = (str, int, float)
    lines = [
        f"{name}: {value}" for name, value in event.payload.items() if isinstance(value, plain)
    ]
    return f"{event.model}: {event.kind}", "\n".join([*lines, f"event: {event.id}"])
