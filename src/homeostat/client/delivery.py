"""Batches on their way: written out, sent until there is an answer, each item told what it says."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

import msgspec

from homeostat.client.buffer import Buffer
from homeostat.client.items import LABELS, RECORDS, Item, line_of
from homeostat.client.pauses import asked_pause, pause
from homeostat.client.transport import FAILURES, Reply, Transport
from homeostat.errors import InvalidInput

_VERDICTS = frozenset({400, 409, 413, 414, 415, 422, 431})  # on what was sent, once for all
_AGAIN = frozenset({408, 425, 429})  # and whatever the service itself fails at; it passes by itself
_LONG = 10  # times the usual first pause, where somebody has to mend something
_log = logging.getLogger("homeostat.client")
_PERHAPS_ONE = frozenset({400, 413, 422})  # of several, which may be for the sake of one
_TOLD = 100  # refused rows that the service tells singly unless asked for more
_WORTH_PACKING = 1024  # bytes


class Rejection(msgspec.Struct, frozen=True):
    """A record or label that will never be taken: whose, in which field, what is wrong, the mend.

    `kind` is "record" or "label".
    """

    kind: str
    record_id: str
    field: str
    problem: str
    hint: str = ""


class _Refusal(msgspec.Struct):
    """One row that the service refused."""

    row: int
    field: str = "record"
    problem: str = ""
    hint: str = ""


class _Answer(msgspec.Struct):
    """What the service says of a request that it took."""

    accepted: int
    duplicates: int
    rejected: list[_Refusal]


_read_answer = msgspec.json.Decoder(_Answer).decode


class Delivery:
    """Sends what a buffer holds, in its own thread, until the buffer is closed and empty."""

    def __init__(
        self, buffer: Buffer, transport: Transport, token: Callable[[], str], backoff: float,
        compress: bool, on_rejected: Callable[[Rejection], object] | None,
    ) -> None:  # fmt: skip
        self._buffer, self._transport, self._token = buffer, transport, token
        self._backoff, self._compress = backoff, compress
        self._on_rejected = on_rejected
        self._random = Random()

    def run(self) -> None:
        """Send until all is over."""
        while items := self._buffer.take():
            try:
                for path in (RECORDS, LABELS):
                    self._deliver(path, [item for item in items if item.path == path])
            except Exception as error:
                self._buffer.give_up(f"{type(error).__name__}: {error}")
        self._transport.close()

    def _deliver(self, path: str, items: list[Item]) -> None:
        fit: list[Item] = []
        lines: list[bytes] = []
        for item in items:
            try:
                lines.append(line_of(item))
                fit.append(item)
            except InvalidInput as error:
                self._refuse([item], error.field, error.problem, error.hint)
        if fit:
            self._buffer.sent(len(fit))
            self._send(path, fit, lines)

    def _send(self, path: str, items: list[Item], lines: list[bytes]) -> None:
        body, headers = self._packed(lines)
        place = f"{path}?partial=1{f'&faults={len(items)}' if len(items) > _TOLD else ''}"
        attempt = 0
        while not self._buffer.over:
            reply, problem = self._tried(place, body, headers)
            if reply is not None and reply.status in _PERHAPS_ONE and len(items) > 1:
                half = len(items) // 2
                self._send(path, items[:half], lines[:half])
                self._send(path, items[half:], lines[half:])
                return
            if reply is not None and self._settled(reply, items):
                return
            problem = problem or _problem_of(reply)
            held = reply is not None and _is_held(reply.status)
            if held:
                self._hold(problem)
            asked = None if reply is None else asked_pause(reply.retry_after, datetime.now(UTC))
            first = self._backoff * (_LONG if held else 1)
            seconds = pause(attempt, first, asked, self._random.random())
            if not self._buffer.pause(seconds, problem, asked is not None):
                return
            attempt += 1

    def _hold(self, problem: str) -> None:
        """Say once that nothing is taken until somebody mends something."""
        if self._buffer.hold(problem):
            _log.warning(
                "homeostat client: the service takes nothing: %s; what is given waits "
                "until that is mended, there or here (client.token = ...)", problem,
            )  # fmt: skip

    def _tried(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[Reply | None, str]:
        try:
            allowed = {"Authorization": f"Bearer {self._token()}", **headers}
        except Exception as error:  # a function of the host, which may be better the next time
            return None, f"token: {type(error).__name__}: {error}"
        try:
            return self._transport.post(path, body, allowed), ""
        except FAILURES as error:
            return None, f"{type(error).__name__}: {error}"

    def _packed(self, lines: list[bytes]) -> tuple[bytes, dict[str, str]]:
        body = b"\n".join(lines)
        headers = {"Content-Type": "application/x-ndjson"}
        if self._compress and len(body) >= _WORTH_PACKING:
            body = gzip.compress(body, 1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return body, headers

    def _settled(self, reply: Reply, items: list[Item]) -> bool:
        """Whether the reply is the last word on these items, which it then is."""
        if reply.status == 200:
            answer = _answer_of(reply.body, len(items))
            if answer is None:
                return False
            self._hold("")
            self._settle(answer, items)
            return True
        if reply.status not in _VERDICTS:
            return False
        self._hold("")
        self._refuse(items, "request", _problem_of(reply))
        return True

    def _settle(self, answer: _Answer, items: list[Item]) -> None:
        counts = {
            "accepted": answer.accepted,
            "duplicates": answer.duplicates,
            "rejected": len(answer.rejected),
        }
        counted = self._buffer.settle(items, **counts)
        for each in answer.rejected if counted else ():
            self._tell(items[each.row], each.field, each.problem, each.hint)

    def _refuse(self, items: Sequence[Item], field: str, problem: str, hint: str = "") -> None:
        counted = self._buffer.settle(items, rejected=len(items))
        for item in items if counted else ():
            self._tell(item, field, problem, hint)

    def _tell(self, item: Item, field: str, problem: str, hint: str) -> None:
        kind = "label" if item.path == LABELS else "record"
        rejection = Rejection(kind, item.record_id, field, problem, hint)
        self._buffer.note(f"{kind} {item.record_id!r} was rejected: {field} {problem}")
        if self._on_rejected is None:
            return
        try:
            self._on_rejected(rejection)
        except BaseException as error:  # whatever it is, what comes after is to be sent
            self._buffer.complain(f"on_rejected: {type(error).__name__}: {error}")


def _is_held(status: int) -> bool:
    """Whether it tells of the token, the address or the service's settings: people mend these."""
    return 300 <= status < 500 and status not in _VERDICTS | _AGAIN


def _answer_of(body: bytes, n: int) -> _Answer | None:
    """The answer on n items; None for what is none, as a proxy's page."""
    try:
        answer = _read_answer(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    rows = [each.row for each in answer.rejected]
    whole = answer.accepted + answer.duplicates + len(rows) == n
    sane = min(answer.accepted, answer.duplicates) >= 0 and all(0 <= row < n for row in rows)
    return answer if whole and sane and len(set(rows)) == len(rows) else None


def _problem_of(reply: Reply | None) -> str:
    """What an unwelcome reply says, in one line."""
    if reply is None:
        return "no reply"
    if 300 <= reply.status < 400:
        return f"status {reply.status}: the service is elsewhere; give its own address as url"
    try:
        told: Any = msgspec.json.decode(reply.body)
        text = str(told["problem"])
    except (msgspec.DecodeError, UnicodeError, RecursionError, LookupError, TypeError):
        text = "no answer of the service" if reply.status == 200 else "it does not say why"
    return f"status {reply.status}: {text[:300]}"
