"""A file of events, one JSON object a line, on the disk before the next is taken."""

from __future__ import annotations

import errno
import os
from contextlib import suppress

from homeostat.outbound.retry import Retry
from homeostat.sinks.outgoing import Outgoing


class JSONL:
    """Appends to the file at `path`; a file that was moved away or removed is begun anew."""

    name = "jsonl"
    keeps = True  # an archive: it is told of silenced models, too

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor: int | None = None

    def send(self, event: Outgoing) -> None:
        try:
            self._append(event.line)
        except OSError as error:
            raise Retry(f"{self._path}: {error.strerror}") from error

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _append(self, line: bytes) -> None:
        descriptor = self._opened()
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line  # after a line that a crash cut off
        try:
            written = os.write(descriptor, line)
            if written < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise

    def _opened(self) -> int:
        if self._descriptor is not None and not self._is_there(self._descriptor):
            self.close()
        if self._descriptor is None:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o600)
        return self._descriptor

    def _is_there(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(descriptor))
        except FileNotFoundError:
            return False
