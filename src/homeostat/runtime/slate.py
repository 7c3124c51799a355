"""The page on which the service says which call of a plug-in is under way, for the overseer."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from pathlib import Path

from homeostat.runtime import overseer
from homeostat.runtime.overseer import BEAT, ENDED, NOTE, PAGE, UNDER_WAY

FILE = "under-way"


class Slate:
    """The page of a data folder, as a file that is mapped, so that it outlives the process.

    `notes` are what to write for each model and plug-in. Raises OSError where there is no room.
    """

    def __init__(self, folder: Path) -> None:
        self.notes: dict[tuple[str, str], bytes] = {}
        self._path = folder / FILE
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, bytes(PAGE))  # a page without a place would end us on a full disk
            self._page = mmap.mmap(descriptor, PAGE)
        finally:
            os.close(descriptor)
        self._overseer: subprocess.Popen[bytes] | None = None

    def write(self, model: str, plugin: str) -> None:
        """A call of this plug-in is under way. Cost: 0.2 µs."""
        note = self.notes[model, plugin]
        self._page[NOTE : NOTE + len(note)] = note
        self._page[UNDER_WAY] = 1

    def wipe(self) -> None:
        """None is."""
        self._page[UNDER_WAY] = 0

    def beat(self) -> None:
        """The thread that calls this can run."""
        self._page[BEAT] = (self._page[BEAT] + 1) % 256

    def oversee(self, look: float, most: int) -> None:
        """Have a process look every `look` seconds, and end this one at `most` without a beat."""
        words = [overseer.__file__, self._path.resolve(), os.getpid(), look, most]
        self._overseer = subprocess.Popen(
            [sys.executable, "-I", "-S", *map(str, words)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            start_new_session=True,  # so that what a terminal sends to all does not end it first
        )  # fmt: skip

    def close(self) -> None:
        """End the overseer."""
        if self._overseer is not None and self._overseer.stdin is not None:
            self._overseer.stdin.close()
            self._overseer.wait()


def left(folder: Path) -> bytes | None:
    """The note of the call for which the overseer ended the service; None if it did not."""
    try:
        page = (folder / FILE).read_bytes()
    except FileNotFoundError:
        return None
    return page[NOTE : page.find(b"\0", NOTE)] if page[ENDED : ENDED + 1] == b"\1" else None


def take_off(folder: Path) -> None:
    """That note is kept elsewhere now, or counts no more."""
    if left(folder) is not None:
        with (folder / FILE).open("r+b") as file:
            file.seek(ENDED)
            file.write(b"\0")
