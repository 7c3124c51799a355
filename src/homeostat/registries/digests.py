"""The SHA-256 of a file, and of a folder as the names and the SHA-256 of all that is in it."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from homeostat.errors import InvalidInput

_FOLDER = b"homeostat folder 1\n"


def digest(path: Path) -> str:
    """Of a file: of its bytes, as `sha256sum` has it. Of a folder: of its sorted contents.

    Neither times nor permissions count; an empty folder within does. Raises InvalidInput for what
    is neither file nor folder, links included: they would lead elsewhere tomorrow; OSError. Reads
    everything.
    """
    if _kind(path) == "file":
        return of_file(path)
    whole = hashlib.sha256(_FOLDER)
    for kind, place, found in contents(path):
        name = os.fsencode(place.as_posix())
        told = of_file(found).encode() if kind == "file" else b"-"
        whole.update(b"%s %d %s %s\n" % (kind.encode(), len(name), name, told))
    return whole.hexdigest()


def of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def contents(folder: Path) -> Iterator[tuple[str, Path, Path]]:
    """All that is in a folder, in an order of its own: "file" or "folder", its place, its path."""
    for found in sorted(folder.iterdir(), key=lambda each: os.fsencode(each.name)):
        kind = _kind(found)
        yield kind, Path(found.name), found
        if kind == "folder":
            for inner, place, path in contents(found):
                yield inner, Path(found.name) / place, path


def _kind(path: Path) -> str:
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    raise InvalidInput(
        str(path), "is neither a file nor a folder", "an artifact may not hold links or devices"
    )
