"""A model's log of events, from the folder or over HTTP; as far as it goes, or on and on."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

import msgspec

from homeostat.errors import HomeostatError, InvalidSetting, did_you_mean
from homeostat.stores.store import Store
from homeostat.upkeep.folders import opened

_PAGE = 500
_PATIENCE = 45.0  # seconds without a byte; the service gives a sign of life every 15
_AGAIN = 2.0  # seconds until a connection that ended is tried again
_LINE_MOST = 1 << 24


class Event(msgspec.Struct):
    """An event of the log, as the service tells it."""

    seq: int
    kind: str
    event: msgspec.Raw


class NoAnswer(HomeostatError):
    """The service did not answer, or refused to."""


Wait = Callable[[float], None]
"""Sleeps for so many seconds."""


def from_folder(
    folder: Path | str, model: str, after: int, follow: bool, wait: Wait
) -> Iterator[Event]:  # fmt: skip
    """The events after a number; with `follow`, also those to come, looked for twice a second.

    Raises StoreError; Damaged where an event is not what was written.
    """
    with opened(folder, read_only=True) as store:
        number = _number(store, model)
        while True:
            page = store.events(number, after, _PAGE)
            for event in page:
                yield Event(event.seq, event.kind, msgspec.Raw(event.body))
                after = event.seq
            if not page:
                if not follow:
                    return
                wait(0.5)


def _number(store: Store, model: str) -> int:
    numbers = {each.name: each.number for each in store.models()}
    if model not in numbers:
        raise InvalidSetting(f"there is no model {model!r}; {did_you_mean(model, numbers)}")
    return numbers[model]


class Service:
    """The log over HTTP. `url` is that of the service, `token` one that may read."""

    def __init__(self, url: str, token: str) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise InvalidSetting(f"{url!r} is no address of a service, like http://127.0.0.1:8321")
        self._url, self._token = url.rstrip("/"), token
        self._open = urllib.request.build_opener(Straight).open

    def events(self, model: str, after: int, follow: bool, wait: Wait) -> Iterator[Event]:
        """The events after a number; with `follow`, also those to come. Raises NoAnswer."""
        return self._stream(model, after, wait) if follow else self._pages(model, after)

    def _pages(self, model: str, after: int) -> Iterator[Event]:
        while True:
            asked = urllib.parse.urlencode({"after": after, "limit": _PAGE})
            try:
                with self._ask(model, f"?{asked}") as answer:
                    page = msgspec.json.decode(answer.read(), type=_Page)
            except (OSError, HTTPException, msgspec.DecodeError) as error:
                raise NoAnswer(f"{self._url}: {reason(error)}") from error
            yield from page.events
            after = page.next
            if not page.events:
                return

    def _stream(self, model: str, after: int, wait: Wait) -> Iterator[Event]:
        """Server-sent events; where a connection that there was ends, on from the last one."""
        known = False
        while True:
            try:
                with self._ask(model, "", after) as answer:
                    known = True
                    for event in _events(answer):
                        yield event
                        after = event.seq
            except (OSError, HTTPException, msgspec.DecodeError) as error:
                if not (known and _passing(error)):
                    raise NoAnswer(f"{self._url}: {reason(error)}") from error
            wait(_AGAIN)

    def _ask(self, model: str, query: str, last: int | None = None) -> Any:
        name = urllib.parse.quote(model, safe="")
        headers = {"Authorization": f"Bearer {self._token}"}
        if last is not None:
            headers |= {"Accept": "text/event-stream", "Last-Event-ID": str(last)}
        path = f"{self._url}/v1/models/{name}/events{query}"
        return self._open(urllib.request.Request(path, headers=headers), timeout=_PATIENCE)


class _Page(msgspec.Struct):
    events: list[Event]
    next: int


class Straight(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: the token is for this service alone."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _events(answer: Any) -> Iterator[Event]:
    while line := answer.readline(_LINE_MOST):
        field, _, value = line.rstrip(b"\r\n").partition(b": ")
        if field == b"data":
            yield msgspec.json.decode(value, type=Event)


def _passing(error: Exception) -> bool:
    """Whether it is away for now, and comes again; rather than refusing."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code >= 500 or error.code == 429
    return not isinstance(error, msgspec.DecodeError)


def reason(error: Exception) -> str:
    """Why there was no answer, in the service's own words where it has some."""
    if isinstance(error, urllib.error.HTTPError):
        try:
            told = msgspec.json.decode(error.read(1 << 16), type=dict[str, Any])
            words = [str(told[part]) for part in ("problem", "hint") if told.get(part)]
        except (OSError, HTTPException, msgspec.DecodeError, ValueError):
            words = []
        return f"{error.code} {'; '.join(words) or error.reason}"
    if isinstance(error, msgspec.DecodeError):
        return "the answer is not one of a homeostat service"
    return str(getattr(error, "reason", None) or error or type(error).__name__)
