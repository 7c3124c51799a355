"""Engines whose plug-ins are watched: they are ended when they hang, and known when they did."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from homeostat.engine import Engine
from homeostat.runtime.deadline import LOOKS, Deadline
from homeostat.runtime.hangs import Hang, Hangs, foreign, marks
from homeostat.runtime.slate import Slate

HUNG = 5
"""The exit status of a service in which a plug-in hung and could not be interrupted."""


class Guarding:
    """Makes engines with a guard around their plug-ins, and without those that hung before.

    `engine_of` makes the engine of a model by its name; no call may take longer than `seconds`.
    Where one hangs that cannot be interrupted, it is written down in `folder`, and the process ends
    with status 5, or is killed where nothing in it can run: by an overseer, which there is once a
    plug-in is not ours. Raises ConfigError when what was written down cannot be read.
    """

    def __init__(self, folder: Path, engine_of: Callable[[str], Engine], seconds: float) -> None:
        self._folder, self._plain = folder, engine_of
        self._hangs = Hangs(folder)
        self._hangs.settle()
        self._known = self._hangs.all()
        self._marks: dict[str, dict[str, str]] = {}
        self._seconds = seconds
        self._deadline = Deadline(seconds, self._hung)
        self.start = self._deadline.start

    def stop(self) -> None:
        """Guard no more."""
        self._deadline.stop()
        if self._deadline.slate is not None:
            self._deadline.slate.close()

    def engine_of(self, model: str) -> Engine:
        """A new engine of a model."""
        engine = self._plain(model)
        engine.guarded(self._deadline.around(model))
        own = self._marks[model] = marks(engine)
        engine.barred = {
            each.plugin: each.told
            for each in self._known
            if each.model == model and own.get(each.plugin) == each.mark
        }
        if self._deadline.slate is not None or foreign(engine):
            try:
                self._noted(model, own)
            except OSError as error:
                print(f"homeostat: no process can look after plug-ins: {error}", file=sys.stderr)
        return engine

    def _noted(self, model: str, own: dict[str, str]) -> None:
        """Have what is to be written on the slate; the first time, the slate and its overseer."""
        why = f"did not return within {2 * self._seconds:g} s, and let nothing else run"
        slate = self._deadline.slate or Slate(self._folder)
        for plugin, mark in own.items():
            note = msgspec.json.encode(Hang(model, plugin, mark, why))
            slate.notes[model, plugin] = note + b"\0"
        if self._deadline.slate is None:
            slate.oversee(self._seconds / LOOKS, 2 * LOOKS)
            self._deadline.slate = slate

    def _hung(self, model: str, plugin: str, why: str) -> None:
        kept = "it is off from the next start on, until it is changed or `homeostat mended` is run"
        try:
            self._hangs.add(Hang(model, plugin, self._marks[model][plugin], why))
        except OSError as error:
            kept = f"this could not be written down ({error.strerror}), so that it may hang again"
        told = (
            f"homeostat: plug-in {plugin} of model {model} {why}; {kept}. "
            "Nothing that was acknowledged is lost: start again\n"
        )
        os.write(2, told.encode())  # print may wait for what the other thread holds
        os._exit(HUNG)
