"""What a training has printed: its latest lines, and how far it says that it is."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

LINES = 200
_SHOWN = 64 << 10  # bytes of the end that are looked at
_WIDTH = 500  # characters of a line
_WORDS = re.compile(r"homeostat: progress ([0-9.eE+-]+)\s*")


def lines_of(path: Path) -> tuple[str, ...]:
    """The latest lines, up to 200, of a file and the one before it; what cannot be shown is `?`."""
    text = (_tail(path.with_name(f"{path.name}.old")) + _tail(path))[-_SHOWN:]
    shown = text.decode("utf-8", "replace").replace("\r", "\n").split("\n")
    clean = ("".join(c if c.isprintable() or c == "\t" else "?" for c in x[:_WIDTH]) for x in shown)
    return tuple(line for line in clean if line.strip())[-LINES:]


def share_of(lines: tuple[str, ...]) -> float | None:
    """What the latest line that tells of progress says, from 0 to 1.

    Such a line is `homeostat: progress 0.4`, or JSON with a `progress`: `{"progress": 0.4}`.
    """
    for line in reversed(lines):
        share = _told(line)
        if share is not None and 0 <= share <= 1:
            return share
    return None


def _told(line: str) -> float | None:
    if words := _WORDS.fullmatch(line):
        try:
            return float(words[1])
        except ValueError:
            return None
    if not line.startswith("{"):
        return None
    try:
        told = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeError):
        return None
    share = told.get("progress")
    return float(share) if isinstance(share, int | float) and share is not True else None


def _tail(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _SHOWN))
            return file.read(_SHOWN)
    except OSError:
        return b""
