"""A process that stays up and predicts, seen from our side: started when needed, ended when late.

One frame is sent and one comes back, all within a deadline; see `worker` for the other side.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from homeostat.errors import HomeostatError
from homeostat.scorers.faults import ScorerFailed

_PIECE = 1 << 16
_PIECES = 100
_PRINTED = 4000  # bytes of what it prints that are kept
_MOST = 1 << 30  # bytes of a reply


class Process:
    """A worker. `first` is what it is told at its start, for which it has `starting` seconds.

    A reply has to come within `timeout` seconds. `clock` counts seconds. It is started anew for the
    next question when it has died, or had to be ended.
    """

    def __init__(
        self, argv: Sequence[str], first: Mapping[str, Any],
        environment: Callable[[], dict[str, str]], *, timeout: float, starting: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._argv, self._first, self._environment = list(argv), dict(first), environment
        self._timeout, self._starting, self._clock = timeout, starting, clock
        self._running: _Running | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Its number, None while it does not run."""
        return None if self._running is None else self._running.pid

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Its reply; raises ScorerFailed when it cannot be started, dies, is late, or says so."""
        with self._lock:
            running = self._started()
            return self._asked(running, question, self._timeout)

    def close(self) -> None:
        """End it."""
        with self._lock:
            self._end()

    def _started(self) -> _Running:
        if self._running is not None and not self._running.alive:
            self._end()
        if self._running is None:
            try:
                self._running = _Running(self._argv, self._environment(), self._clock)
            except (OSError, ValueError) as error:
                raise ScorerFailed(f"cannot start {self._argv[0]}: {error}") from None
            try:
                self._asked(self._running, self._first, self._starting)
            except ScorerFailed:
                self._end()
                raise
        return self._running

    def _asked(
        self, running: _Running, question: Mapping[str, Any], seconds: float
    ) -> dict[str, Any]:
        try:
            reply: dict[str, Any] = running.ask(msgspec.msgpack.encode(question), seconds)
        except BaseException:  # whatever comes later would answer this question, not the next
            self._end()
            raise
        if "error" in reply:
            raise ScorerFailed(f"what predicts raised {reply['error']}", running.printed)
        return reply

    def _end(self) -> None:
        if self._running is not None:
            self._running.end()
            self._running = None


class _Running:
    """One process, the head of a group of its own, which ends with us."""

    def __init__(
        self, argv: Sequence[str], environment: dict[str, str], clock: Callable[[], float]
    ) -> None:
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment, start_new_session=True, bufsize=0,
        )  # fmt: skip
        self.pid, self._clock, self._tail = self._process.pid, clock, b""
        pipes = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._to, self._from, self._printing = (pipe.fileno() for pipe in pipes if pipe)
        for each in (self._to, self._from, self._printing):
            os.set_blocking(each, False)
        self.end = weakref.finalize(self, _ended, self._process)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    @property
    def printed(self) -> str:
        """The end of what it has printed."""
        with suppress(OSError, ValueError):
            for _ in range(_PIECES):
                if not self._heard():
                    break
        return self._tail.decode("utf-8", "replace")

    def ask(self, body: bytes, seconds: float) -> dict[str, Any]:
        end, self._tail = self._clock() + seconds, b""
        left, come = memoryview(len(body).to_bytes(4, "big") + body), bytearray()
        with selectors.DefaultSelector() as ready:
            ready.register(self._to, selectors.EVENT_WRITE)
            ready.register(self._from, selectors.EVENT_READ)
            ready.register(self._printing, selectors.EVENT_READ)
            while True:
                patience = end - self._clock()
                if patience <= 0:
                    raise ScorerFailed(f"no predictions within {seconds:g} s", self.printed)
                for key, _ in ready.select(patience):
                    if key.fd == self._to:
                        left = self._sent(left)
                        if not left:
                            ready.unregister(self._to)
                    elif key.fd == self._printing:
                        if not self._heard():
                            ready.unregister(self._printing)
                    elif self._received(come):
                        return _decoded(come)

    def _sent(self, left: memoryview) -> memoryview:
        try:
            return left[os.write(self._to, left[:_PIECE]) :]
        except BlockingIOError:
            return left
        except OSError:
            raise self._died() from None

    def _heard(self) -> bool:
        """Read what it prints; whether there may be more."""
        try:
            piece = os.read(self._printing, _PIECE)
        except BlockingIOError:
            return False
        self._tail = (self._tail + piece)[-_PRINTED:]
        return bool(piece)

    def _received(self, come: bytearray) -> bool:
        """Read what it replies; whether that is all."""
        piece = os.read(self._from, _PIECE)
        if not piece:
            raise self._died()
        come += piece
        size = int.from_bytes(come[:4], "big")
        if size > _MOST:
            raise ScorerFailed(f"its reply is longer than {_MOST:,} bytes", self.printed)
        return len(come) >= 4 and len(come) >= 4 + size

    def _died(self) -> ScorerFailed:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        code = self._process.returncode
        return ScorerFailed(f"the process that predicts ended, with {_named(code)}", self.printed)


def _named(code: int | None) -> str:
    if code is None:
        return "its output closed"
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit status {code}"


def _decoded(come: bytearray) -> dict[str, Any]:
    try:
        reply = msgspec.msgpack.decode(bytes(come[4:]), type=dict[str, Any])
    except (msgspec.DecodeError, HomeostatError):
        raise ScorerFailed("the process that predicts replied with what is no frame") from None
    return reply


def _ended(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.close()
