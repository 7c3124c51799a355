"""Webhooks: CloudEvents 1.0 as JSON, signed as Standard Webhooks 1.0 says.

Sources: cloudevents.io (structured content mode, the extension `sequence`), standardwebhooks.com.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from homeostat.errors import ConfigError
from homeostat.outbound.addresses import Target, target_of
from homeostat.outbound.calling import Caller
from homeostat.outbound.retry import Retry
from homeostat.outbound.secret import Secret
from homeostat.outbound.signing import key_of, signed
from homeostat.sinks.outgoing import Gone, Outgoing

_THROTTLED = (429, 502, 503, 504)


def webhook(
    url: str, secrets: Sequence[str] = (), *, source: str = "homeostat", unsigned: bool = False,
    allow_http: bool = False, allow_private: bool = False, ca: str | None = None,
    timeout: float = 15.0,
) -> Webhook:  # fmt: skip
    """A webhook from its settings; raises ConfigError.

    `url` is an address, or names where it is kept. Each of `secrets` signs, so that one can take
    the place of another while receivers still know the old one.
    """
    if bool(secrets) == unsigned:
        raise ConfigError(
            'secrets: name one, like ["env:WEBHOOK_SECRET"], or write unsigned = true'
        )
    place = Secret(url, plain=True)
    if place.written_out:
        target_of(url, allow_http)
    caller = Caller(allow_private=allow_private, ca=ca, timeout=timeout)
    return Webhook(place, [Secret(each) for each in secrets], caller, source, allow_http)


class Webhook:
    """Posts each event to one address."""

    name = "webhook"

    def __init__(
        self, url: Secret, secrets: Sequence[Secret], caller: Caller, source: str = "homeostat",
        allow_http: bool = False,
    ) -> None:  # fmt: skip
        self._url, self._secrets, self._caller = url, secrets, caller
        self._source, self._allow_http = source, allow_http

    def check(self) -> None:
        """Raises ConfigError when the address or a secret is not there, or is none."""
        self._target()
        self._keys()

    def send(self, event: Outgoing) -> None:
        body = cloud_event(event, self._source)
        known_as = event.id.replace(".", "%2E")  # a dot ends it in what is signed
        at = str(int(self._caller.now()))
        headers = {
            "Content-Type": "application/cloudevents+json",
            "webhook-id": known_as,
            "webhook-timestamp": at,
        }
        if keys := self._keys():
            headers["webhook-signature"] = " ".join(signed(key, known_as, at, body) for key in keys)
        status, after = self._caller.post(self._target(), headers, body)
        if status == 410:
            raise Gone("the receiver answered 410: it wants no more events")
        if 300 <= status < 400:
            raise Retry(f"the receiver answered {status}: give the address that it leads to")
        if status >= 400:
            raise Retry(f"the receiver answered {status}", after if status in _THROTTLED else None)

    def _target(self) -> Target:
        return target_of(self._url.reveal(), self._allow_http)

    def _keys(self) -> list[bytes]:
        return [key_of(secret.reveal()) for secret in self._secrets]


def cloud_event(event: Outgoing, source: str) -> bytes:
    """An event as a CloudEvent: `sequence` is its number, padded so that it sorts as text."""
    told = {
        "specversion": "1.0",
        "id": event.id,
        "source": source,
        "type": f"dev.homeostat.{event.kind}",
        "subject": event.model,
        "time": event.payload.get("created_at"),
        "datacontenttype": "application/json",
        "sequence": f"{event.seq:020d}",
        "data": msgspec.Raw(event.body),
    }
    return msgspec.json.encode({name: value for name, value in told.items() if value is not None})
