"""A thread that steps what follows the log: trainings, comparisons, registries."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from homeostat.errors import Closed

_log = logging.getLogger("homeostat.loop")

_AFTER_TROUBLE = 5.0


class Stepping(Protocol):
    """Something with work that is due now and then."""

    def step(self) -> bool:
        """Do what is due; whether there was anything."""
        ...


class Workers:
    """Steps each in turn, again at once while there is something to do, else every `pause` s.

    `made` gives them, in the thread, which has a reader of its own, and ends them. When one raises,
    all are made anew a while later; the reason is told in `problem`.
    """

    def __init__(
        self, made: Callable[[], AbstractContextManager[Sequence[Stepping]]], pause: float = 1.0
    ) -> None:
        self._made, self._pause = made, pause
        self.problem: str | None = None
        self._rung, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="homeostat-loop", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Something may be due."""
        self._rung.set()

    def stop(self, timeout: float) -> None:
        """Begin nothing new; trainings that run go on, and are looked at after the next start."""
        self._stopping.set()
        self._rung.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._made() as workers:
                    self._stepped(workers)
            except Closed:
                break
            except Exception as error:
                _log.warning("the loop was hindered and goes on later", exc_info=error)
                self.problem = f"{type(error).__name__}: {error}"[:500]
                self._stopping.wait(_AFTER_TROUBLE)

    def _stepped(self, workers: Sequence[Stepping]) -> None:
        while not self._stopping.is_set():
            self._rung.clear()
            moved = sum(worker.step() for worker in workers)
            self.problem = None
            if not moved:
                self._rung.wait(self._pause)
