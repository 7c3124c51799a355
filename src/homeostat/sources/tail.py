"""One file of lines, read on from where it was left; it may grow, be cut off, or begin anew."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import msgspec

from homeostat.sources.lines import BLOCK, LINE_MAX

HEAD = 256
"""So many first bytes tell that a file is the same."""


class Mark(msgspec.Struct):
    """How far a file is read: bytes, lines, and what its first bytes were.

    `size` is that of the file then; of what is not read by lines, `lines` are its rows.
    """

    bytes: int = 0
    lines: int = 0
    head: int = 0
    crc: int = 0
    size: int = -1
    path: str = ""


class Part(NamedTuple):
    """Complete lines without their ends, the number of the first, and the mark behind them."""

    lines: list[bytes]
    first: int
    mark: Mark


class Tail:
    """A file from a mark on. Holds it open, so that it is read to its end when it is renamed."""

    def __init__(self, file: BinaryIO, path: str, mark: Mark | None = None) -> None:
        self._file, self._path = file, path
        self.mark = mark or Mark()
        self.mark.path = path

    def new(self, last: bool, most: int) -> Iterator[Part]:
        """What has come since, at most so many lines a part.

        An unfinished line comes too when it is the `last` look.

        A file that was cut off or written anew begins again. A line that is longer than may be
        comes cut.
        """
        if not self._same():
            self.mark = Mark(path=self._path)
        self._file.seek(self.mark.bytes)
        kept, dropped = b"", 0
        while data := self._file.read(BLOCK):
            head, *lines = data.split(b"\n")
            room = LINE_MAX + 1 - len(kept)
            kept, dropped = kept + head[:room], dropped + max(len(head) - room, 0)
            if not lines:
                continue
            whole = [kept, *lines]
            kept = whole.pop()
            for at in range(0, len(whole), most):
                some = whole[at : at + most]
                yield self._part(some, sum(map(len, some)) + len(some) + dropped)
                dropped = 0
        if kept and last:
            yield self._part([kept], len(kept) + dropped)

    def _part(self, lines: list[bytes], size: int) -> Part:
        before = self.mark
        head, crc = self._head(before)
        end = before.bytes + size
        self.mark = Mark(end, before.lines + len(lines), head, crc, end, self._path)
        if not before.bytes:
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
        return Part(lines, before.lines + 1, self.mark)

    def _head(self, before: Mark) -> tuple[int, int]:
        """The first bytes, as many of them as there are; looked at until they are enough."""
        if before.head == HEAD:
            return before.head, before.crc
        at = self._file.tell()
        self._file.seek(0)
        first = self._file.read(HEAD)
        self._file.seek(at)
        return len(first), zlib.crc32(first)

    def _same(self) -> bool:
        """Whether it still is the file that was read, and at least as long."""
        mark = self.mark
        if not mark.bytes:
            return True
        if self._file.seek(0, 2) < mark.bytes:
            return False
        self._file.seek(0)
        return zlib.crc32(self._file.read(mark.head)) == mark.crc

    def moved(self, path: str) -> None:
        """It has another name now."""
        self._path = self.mark.path = path

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
