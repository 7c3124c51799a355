"""Bytes as lines: whole ones as they arrive, of bounded length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from homeostat.errors import InvalidInput

LINE_MAX = 16 << 20
"""The longest line that is read, in bytes; more of it is not even kept in memory."""

BLOCK = 1 << 20
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def blocks(stream: BinaryIO, name: str, longest: int = LINE_MAX) -> Iterator[list[bytes]]:
    """Lists of complete lines, without their ends; a live pipe is handed on as it delivers.

    A line longer than `longest` may come cut, to `longest + 1` bytes. The last line counts also
    without an end. A UTF-8 byte order mark is dropped; UTF-16 raises InvalidInput.
    """
    read = getattr(stream, "read1", stream.read)
    kept: list[bytes] = []
    room = longest + 1
    first = True
    while data := read(BLOCK):
        head, *lines = data.split(b"\n")
        kept.append(head[:room])
        room -= len(kept[-1])
        if not lines:
            continue
        block = [b"".join(kept), *lines]
        kept = [block.pop()]
        room = longest + 1 - len(kept[0])
        yield _unmarked(block, name) if first else block
        first = False
    last = b"".join(kept)
    if last:
        yield _unmarked([last], name) if first else [last]


def _unmarked(block: list[bytes], name: str) -> list[bytes]:
    if block[0].startswith(_UTF16):
        raise InvalidInput(name, "is UTF-16", "save it as UTF-8")
    return [block[0].removeprefix(_BOM), *block[1:]]


def too_long(line: bytes) -> None:
    """Refuse a line that was cut."""
    if len(line) > LINE_MAX:
        raise InvalidInput("line", f"is longer than {LINE_MAX:,} bytes", "split the record")
