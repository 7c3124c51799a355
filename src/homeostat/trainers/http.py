"""A service of your own that trains: POST begins, GET looks, DELETE ends."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from homeostat.errors import ConfigError
from homeostat.lifecycle.orders import ENDED, QUEUED, RUNNING, SUCCEEDED, Order, Progress
from homeostat.outbound.secret import Secret
from homeostat.outbound.signing import key_of, signed
from homeostat.trainers.faults import TrainerFailed
from homeostat.trainers.filling import key_of_attempt
from homeostat.trainers.remote import Checked, Remote, ended_well, gone


def http(
    url: str, *, token: str | None = None, secrets: Sequence[str] = (), status: str | None = None,
    allow_http: bool = False, allow_private: bool = False, ca: str | None = None,
    timeout: float = 30.0,
) -> HTTP:  # fmt: skip
    """A trainer from its settings; raises ConfigError.

    The order goes to `url` as JSON, with an Idempotency-Key; `secrets` sign it as webhooks are
    signed. The answer's Location, or `status` with {key} in it, is asked how far it is.
    """
    remote = Remote(
        url, token, allow_http=allow_http, allow_private=allow_private, ca=ca, timeout=timeout
    )
    if status is not None and "{key}" not in status:
        raise ConfigError(
            'status: must hold "{key}", in whose place the name of the attempt is put'
        )
    return HTTP(remote, status, [Secret(each) for each in secrets])


class HTTP(Checked):
    """The handle is the address of the run, which is at the same server."""

    name = "http"

    def __init__(self, remote: Remote, status: str | None, secrets: Sequence[Secret]) -> None:
        self._remote, self._status, self._secrets = remote, status, secrets
        self._base = remote.url
        origin = urlsplit(self._base)
        self._origin = f"{origin.scheme}://{origin.netloc}"
        remote.url = self._origin  # every path is from there
        self._path = self._base[len(self._origin) :] or "/"

    def check(self) -> None:
        """Raises ConfigError when a secret is not there, or is none."""
        super().check()
        self._signatures("check", b"")

    def begin(self, order: Order) -> str:
        key, told = key_of_attempt(order), msgspec.to_builtins(order)
        headers = {"Idempotency-Key": key, **self._signatures(key, msgspec.json.encode(told))}
        answer = self._remote.call("POST", self._path, told, headers=headers)
        if self._status is not None:
            place = self._status.replace("{key}", quote(key, safe=""))
        elif "location" in answer.fields:
            place = answer.fields["location"]
        else:
            raise TrainerFailed("the answer has no Location; give one, or set `status`")
        return self._at_home(urljoin(self._base, place))

    def look(self, handle: str) -> Progress:
        path = self._at_home(handle)[len(self._origin) :]
        code, told = self._remote.ask("GET", path, also=(404, 410))
        if code in (404, 410):
            return gone(handle)
        state = told.get("state") if isinstance(told, dict) else None
        if state not in (QUEUED, RUNNING, *ENDED):
            raise TrainerFailed(f"{path} told the state {state!r}, which is none")
        if state == SUCCEEDED:
            return ended_well(told.get("result"))
        lines: Any = told.get("lines")
        shown = [str(line) for line in lines][-200:] if isinstance(lines, list) else []
        share = told.get("share")
        return Progress(
            state=state, lines=tuple(shown), problem=str(told.get("problem") or "")[:1000],
            share=float(share) if isinstance(share, int | float) else None,
        )  # fmt: skip

    def cancel(self, handle: str) -> None:
        if self.look(handle).state not in ENDED:
            path = self._at_home(handle)[len(self._origin) :]
            self._remote.call("DELETE", path, also=(404, 409, 410))

    def _at_home(self, address: str) -> str:
        if not address.startswith(f"{self._origin}/"):
            raise TrainerFailed(f"the run is at another server than {self._origin}: not followed")
        return address

    def _signatures(self, key: str, body: bytes) -> dict[str, str]:
        if not self._secrets:
            return {}
        at, known_as = str(int(time.time())), key.replace(".", "%2E")
        keys = [key_of(secret.reveal()) for secret in self._secrets]
        return {
            "webhook-id": known_as, "webhook-timestamp": at,
            "webhook-signature": " ".join(signed(each, known_as, at, body) for each in keys),
        }  # fmt: skip
