"""A server that runs pipelines, asked by JSON over HTTP."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from homeostat.errors import InvalidInput
from homeostat.lifecycle.orders import FAILED, LOST, SUCCEEDED, Progress, Trained
from homeostat.outbound.addresses import target_of
from homeostat.outbound.calling import Answer, Caller
from homeostat.outbound.retry import Retry
from homeostat.outbound.secret import Secret
from homeostat.trainers.faults import TrainerFailed
from homeostat.trainers.results import trained_of

_LATER = (408, 425, 429)


class Remote:
    """A server at `url`; `token` names a bearer token, `basic` "user:password".

    `see` is what a refusal points to, where it is neither of them.
    """

    def __init__(
        self, url: str, token: str | None = None, basic: str | None = None, *,

    allow_http: bool = False, allow_private: bool = False, ca: str | None = None,
        timeout: float = 30.0, headers: Mapping[str, str] | None = None,
        header: str = "Authorization", prefix: str = "Bearer ", see: str | None = None,
    ) -> None:  # fmt: skip
        target_of(url, allow_http)
        self.url, self._allow_http = url.rstrip("/"), allow_http
        self._token = None if token is None else Secret(token)
        self._basic = None if basic is None else Secret(basic)
        self._header, self._prefix, self._own = header, prefix, dict(headers or {})
        self._see = see or ("`token`" if basic is None else "`basic`")
        self._caller = Caller(allow_private=allow_private, ca=ca, timeout=timeout)

    def ask(
        self, method: str, path: str, told: Any = None, also: Sequence[int] = (),
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:  # fmt: skip
        """The status, 2xx or one of `also`, and the JSON; raises Retry, TrainerFailed."""
        answer = self.call(method, path, told, also, headers)
        if not answer.body.strip():
            return answer.status, None
        try:
            return answer.status, msgspec.json.decode(answer.body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            if answer.status in also:
                return answer.status, None
            raise TrainerFailed(f"{method} {path} was answered with what is no JSON") from None

    def call(
        self, method: str, path: str, told: Any = None, also: Sequence[int] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """The answer as it is; likewise."""
        body = b"" if told is None else msgspec.json.encode(told)
        sent = {"Accept": "application/json", **self._own, **self._known(), **(headers or {})}
        if body:
            sent["Content-Type"] = "application/json"
        target = target_of(self.url + path, self._allow_http)
        answer = self._caller.call(method, target, sent, body)
        if 200 <= answer.status < 300 or answer.status in also:
            return answer
        said = f"{method} {path} was answered {answer.status}{_reason(answer.body)}"
        if answer.status >= 500 or answer.status in _LATER:
            raise Retry(said, answer.after)
        if answer.status in (401, 403):
            said += f"; see {self._see}, and what it may do"
        raise TrainerFailed(said)

    def check(self) -> None:
        """Raises ConfigError when a secret is not there."""
        self._known()

    def _known(self) -> dict[str, str]:
        if self._token is not None:
            return {self._header: self._prefix + self._token.reveal()}
        if self._basic is not None:
            return {"Authorization": "Basic " + base64.b64encode(
                self._basic.reveal().encode()).decode()}  # fmt: skip
        return {}


class Checked:
    """A trainer that asks a server, and can tell at once whether its secrets are there."""

    _remote: Remote

    def check(self) -> None:
        """Raises ConfigError when a secret is not there."""
        self._remote.check()


def field(told: Any, name: str, where: str) -> Any:
    """A field that an answer must have; raises TrainerFailed."""
    if not isinstance(told, dict) or told.get(name) is None:
        raise TrainerFailed(f"{where}: the answer has no `{name}`")
    return told[name]


def gone(what: str) -> Progress:
    """A run that the server does not know."""
    return Progress(state=LOST, problem=f"{what} is not known any more")


def ended_well(told: Any) -> Progress:
    """Success, with the result as the pipeline told it; without one (None) it is sent later."""
    if told is None:
        return Progress(state=SUCCEEDED, share=1.0)
    try:
        found: Trained = trained_of(told)
    except InvalidInput as error:
        return Progress(state=FAILED, problem=str(error))
    return Progress(state=SUCCEEDED, share=1.0, result=found)


def _reason(body: bytes) -> str:
    try:
        told = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    for name in ("message", "detail", "error", "title"):
        text = told.get(name) if isinstance(told, dict) else None
        if text:
            return f": {str(text)[:300]}"
    return ""
