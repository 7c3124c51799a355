"""Ends calls of plug-ins that do not return, so that one that hangs hurts itself alone.

A thread looks at the call that is under way now and then. One that it has seen too often it ends by
an exception, thrown into the thread that is in the call. That never strikes elsewhere: the call is
begun and ended under a lock, it is struck only in between and only once, and its end takes back
what has not arrived yet. A call that does not see the exception, in C code or because it catches
everything, is given as long again; then the process has to end, and somebody is told which it was.
Where a call lets no thread run at all, the overseer does that, who reads what is on the slate.

Looks are counted, not seconds, so that a process that was stopped and goes on blames nobody.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from functools import partial
from threading import get_ident
from typing import Any, TypeVar

from homeostat.errors import Overdue
from homeostat.health import Guard
from homeostat.runtime.slate import Slate

T = TypeVar("T")

LOOKS = 8
"""At a call, until it is overdue; twice as many, until the process has to end."""

_throw = ctypes.pythonapi.PyThreadState_SetAsyncExc
_throw.argtypes = ctypes.c_ulong, ctypes.py_object
_take_back = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p)(
    ("PyThreadState_SetAsyncExc", ctypes.pythonapi)
)


class _Stop(BaseException):
    """What a call is ended by; not an Exception, so that plug-ins that catch those end, too."""


class Call:
    """A call of a plug-in that is under way."""

    __slots__ = ("model", "plugin", "struck", "thread")

    def __init__(self, model: str, plugin: str) -> None:
        self.model, self.plugin, self.struck = model, plugin, False
        self.thread = get_ident()


class Deadline:
    """Stands around the calls of plug-ins, which one thread makes, of one after the other.

    A call that takes longer than `seconds` raises Overdue. Where it does not return after as long
    again, `on_hang` is called with the model, the plug-in and why, and should end the process. Cost
    of a call: under a microsecond. Once there is a `slate`, calls are written on it as well.
    """

    slate: Slate | None = None

    def __init__(self, seconds: float, on_hang: Callable[[str, str, str], None]) -> None:
        self._seconds, self._on_hang = seconds, on_hang
        self._lock = threading.Lock()
        self._call: Call | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="homeostat-deadline", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()

    def around(self, model: str) -> Guard:
        """The guard of the plug-ins of a model."""
        return partial(self._run, model)

    def look(self, seen: Call | None, looks: int) -> tuple[Call | None, int]:
        """Look at the call that is under way, after that many looks at the one that was `seen`."""
        call = self._call
        if call is None or call is not seen:
            return call, 0
        if looks + 1 == LOOKS:
            self._strike(call)
        elif looks + 1 == 2 * LOOKS:
            self._give_up(call)
        return call, looks + 1

    # In the thread that calls -----------------------------------------------------------------

    def _run(self, model: str, plugin: str, do: Callable[..., T], /, *given: Any) -> T:
        try:
            try:
                self._call = Call(model, plugin)
                if self.slate is not None:
                    self.slate.write(model, plugin)
                return do(*given)
            finally:
                self._end()
        except _Stop:
            self._end()  # it may have struck the end above; a call is struck once, so not this one
            raise Overdue(
                f"did not return within {self._seconds:g} s (service.plugin_seconds)"
            ) from None

    def _end(self) -> None:
        if self.slate is not None:
            self.slate.wipe()
        with self._lock:
            call, self._call = self._call, None
            if call is not None and call.struck:
                _take_back(call.thread, None)

    # In the thread that looks -----------------------------------------------------------------

    def _watch(self) -> None:
        seen: Call | None = None
        looks = 0
        while not self._stopping.wait(self._seconds / LOOKS):
            if self.slate is not None:
                self.slate.beat()
            seen, looks = self.look(seen, looks)

    def _strike(self, call: Call) -> None:
        with self._lock:
            if self._call is call:
                call.struck = True
                _throw(call.thread, _Stop)

    def _give_up(self, call: Call) -> None:
        with self._lock:  # so that it cannot return meanwhile
            if self._call is call:
                self._on_hang(
                    call.model, call.plugin,
                    f"did not return within {2 * self._seconds:g} s, and could not be interrupted",
                )  # fmt: skip
