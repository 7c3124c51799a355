"""Artifacts in the folder of the service, each under the SHA-256 of what it is.

`artifacts/ab/cdef...` is a file or a whole folder. It comes there by one rename once it is on the
disk, so that it is there whole or not at all, and is compared with its name when it is read.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from homeostat.errors import HomeostatError
from homeostat.registries.digests import contents, digest

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NEW, _OLD = ".new-", ".old-"
_DAY = 86_400.0


class NotKept(HomeostatError):
    """There is no artifact of this digest here."""


class Damaged(HomeostatError):
    """An artifact is not what it was when it was put here."""


class Shelf:
    """The artifacts in one folder. `now` is the time of day, as the file system's clock has it."""

    def __init__(self, folder: Path | str, now: Callable[[], float] = time.time) -> None:
        self._folder, self._now = Path(folder).absolute(), now

    def keep(self, path: Path | str) -> tuple[str, str]:
        """Copy a file or a folder here; where it is from now on, and its digest.

        What is here already stays, unless it is damaged. Raises InvalidInput for links within,
        OSError. Reads everything twice, and writes it once.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=_NEW, dir=self._folder))
        try:
            copy = _copied(Path(path), place / "artifact")
            known_as = digest(copy)
            target = self._place(known_as)
            if not self._renewed(target, known_as):
                target.parent.mkdir(mode=0o700, exist_ok=True)
                _to_disk(self._folder)
                with suppress(OSError):  # somebody else was faster: what he put is the same
                    os.rename(copy, target)
                if not target.exists():
                    raise NotKept(f"{target} could not be made; look at the folder's permissions")
                _to_disk(target.parent)
            return str(target), known_as
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def find(self, known_as: str) -> Path:
        """The artifact of a digest, which is compared with it; raises NotKept, Damaged.

        Reads all of it.
        """
        target = self._place(known_as)
        if not target.exists():
            raise NotKept(f"there is no artifact {known_as} in {self._folder}")
        found = digest(target)
        if found != known_as:
            raise Damaged(f"{target} is damaged: its SHA-256 is {found}; restore it from a backup")
        return target

    def digests(self) -> Iterator[str]:
        """All that are here."""
        for parent in sorted(self._folder.glob("[0-9a-f][0-9a-f]")):
            for path in sorted(parent.iterdir()):
                if _DIGEST.fullmatch(parent.name + path.name):
                    yield parent.name + path.name

    def prune(self, referenced: Iterable[str | None], least: float = _DAY) -> list[str]:
        """Remove those that no version names, and what a crash has left; the digests removed.

        Those put here within the latest `least` seconds stay: their version may not be written
        down yet.
        """
        before = self._now() - least
        kept = set(referenced)
        gone = [
            known_as
            for known_as in self.digests()
            if known_as not in kept and self._place(known_as).lstat().st_mtime < before
        ]
        for known_as in gone:
            self._removed(self._place(known_as))
        for left in (*self._folder.glob(f"{_NEW}*"), *self._folder.glob(f"{_OLD}*")):
            if left.lstat().st_mtime < before:
                shutil.rmtree(left, ignore_errors=True)
        return gone

    def _place(self, known_as: str) -> Path:
        if not _DIGEST.fullmatch(known_as):
            raise NotKept(f"{known_as!r} is no SHA-256: 64 digits of 0-9a-f")
        return self._folder / known_as[:2] / known_as[2:]

    def _renewed(self, target: Path, known_as: str) -> bool:
        """Whether it is there and sound; it then counts as put there now. A damaged one goes."""
        if not target.exists():
            return False
        if digest(target) != known_as:
            self._removed(target)
            return False
        os.utime(target, (self._now(), self._now()))
        return True

    def _removed(self, target: Path) -> None:
        """By a rename first, so that no half of it is ever found."""
        place = Path(tempfile.mkdtemp(prefix=_OLD, dir=self._folder))
        os.rename(target, place / "artifact")
        _to_disk(target.parent)
        shutil.rmtree(place, ignore_errors=True)


def _copied(source: Path, target: Path) -> Path:
    """A copy that is on the disk."""
    if source.is_symlink() or not source.is_dir():
        return _copied_file(source.resolve() if source.is_symlink() else source, target)
    target.mkdir(mode=0o700)
    for kind, place, path in contents(source):
        if kind == "folder":
            (target / place).mkdir(mode=0o700)
        else:
            _copied_file(path, target / place)
    for kind, place, _ in contents(target):
        if kind == "folder":
            _to_disk(target / place)
    _to_disk(target)
    return target


def _copied_file(source: Path, target: Path) -> Path:
    with source.open("rb") as given, target.open("xb") as taken:
        shutil.copyfileobj(given, taken, 1 << 20)
        taken.flush()
        os.fsync(taken.fileno())
    target.chmod(0o400)
    return target


def _to_disk(folder: Path) -> None:
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
