"""A disk that fails, or loses its power, at a chosen operation: a VFS over the real one.

Reads are real. Writes are real too, and are remembered until their file is synced, so that after a
cut the folder can be made as a disk might have left it: what was synced, and of the rest any
part, in any order, torn at 512 bytes.
"""

import errno
import os
from contextlib import contextmanager
from pathlib import Path

import apsw

from homeostat.stores.sqlite import check_pages

SECTOR = 512
KINDS = ("write", "sync", "truncate")
CODES = {
    "write": apsw.SQLITE_IOERR_WRITE,
    "sync": apsw.SQLITE_IOERR_FSYNC,
    "truncate": apsw.SQLITE_IOERR_TRUNCATE,
    "full": apsw.SQLITE_FULL,
}


class Cut(apsw.IOError):
    """There is no power any more."""


class Disk(apsw.VFS):
    """`fail(number, ...)` arms it; `done` counts the operations of each kind."""

    def __init__(self, name="failing"):
        self.name = name
        self.real = "unix"
        super().__init__(name, self.real, makedefault=False)
        self.reset()

    def reset(self):
        self.done = dict.fromkeys(KINDS, 0)
        self.total = 0
        self.dark = False
        self.files = {}  # path: what is durable, and what is not yet
        self._at, self._kinds, self._code, self._sticky = None, KINDS, None, False
        self.failed = 0

    def fail(self, at, kinds=KINDS, sticky=False, code=None):
        """Fail the operation of this number, counted over `kinds` from now on; then all, if so."""
        self.done = dict.fromkeys(KINDS, 0)
        self._at, self._kinds, self._sticky, self._code = at, kinds, sticky, code
        self.failed = 0

    def mend(self):
        """Fail no more."""
        self._at = None

    def cut_at(self, number):
        """Lose power at the operation of this number from now on."""
        self.total, self._cut = 0, number

    _cut = None

    def before(self, kind):
        """Raise where this operation is to fail."""
        if self.dark:
            raise Cut("the power is gone")
        self.total += 1
        if self._cut is not None and self.total >= self._cut:
            self.dark = True
            raise Cut("the power is gone")
        self.done[kind] += 1
        if self._at is None or kind not in self._kinds:
            return
        n = sum(self.done[one] for one in self._kinds)
        if n == self._at or (self._sticky and n > self._at):
            self.failed += 1
            raise _error(self._code or kind)

    def xOpen(self, name, flags):
        return DiskFile(self, name, flags)

    def xDelete(self, path, sync):
        if self.dark:
            raise Cut("the power is gone")
        super().xDelete(path, sync)
        self.files.pop(path, None)

    def left(self, folder, chance):
        """Write into a folder what a disk may hold after the cut."""
        for path, file in self.files.items():
            body = file.after_cut(chance)
            if body is not None:
                (Path(folder) / Path(path).name).write_bytes(body)


class _Image:
    """A file as the disk has it: what is durable, and the operations since."""

    def __init__(self, body):
        self.durable, self.waiting = body, []

    def sync(self):
        body = bytearray(self.durable or b"")
        for act in self.waiting:
            _apply(body, act)
        self.durable, self.waiting = bytes(body), []

    def after_cut(self, chance):
        acts = [part for act in self.waiting for part in _torn(act, chance)]
        style = chance.random()
        if style < 0.3:
            acts = acts[: chance.randint(0, len(acts))]
        else:
            keep = chance.random()
            acts = [act for act in acts if chance.random() < keep]
            chance.shuffle(acts)
        if self.durable is None and not acts:
            return None if chance.random() < 0.5 else b""
        body = bytearray(self.durable or b"")
        for act in acts:
            _apply(body, act)
        return bytes(body)


def _torn(act, chance):
    """A write as its sectors, now and then; whole otherwise."""
    offset, data = act
    if data is None or chance.random() < 0.5:
        return [act]
    parts, at = [], 0
    while at < len(data):
        end = min(len(data), at + SECTOR - (offset + at) % SECTOR)
        parts.append((offset + at, data[at:end]))
        at = end
    return parts


def _apply(body, act):
    """(offset, bytes) is a write, (size, None) a truncation."""
    offset, data = act
    if data is None:
        del body[offset:]
        return
    if len(body) < offset:
        body.extend(bytes(offset - len(body)))
    body[offset : offset + len(data)] = data


class DiskFile(apsw.VFSFile):
    def __init__(self, disk, name, flags):
        self._disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        kept = Path(path).read_bytes() if path and Path(path).exists() else None
        super().__init__(disk.real, name, flags)
        self._image = disk.files.setdefault(path, _Image(kept)) if path else _Image(None)

    def xWrite(self, data, offset):
        self._disk.before("write")
        super().xWrite(data, offset)
        self._image.waiting.append((offset, bytes(data)))

    def xTruncate(self, size):
        self._disk.before("truncate")
        super().xTruncate(size)
        self._image.waiting.append((size, None))

    def xSync(self, flags):
        self._disk.before("sync")
        super().xSync(flags)
        self._image.sync()


def _error(kind):
    code = CODES[kind]
    error = apsw.FullError("no room") if kind == "full" else apsw.IOError(os.strerror(errno.EIO))
    error.result, error.extendedresult = code & 0xFF, code
    return error


@contextmanager
def used(disk):
    """Every database that is opened here lies on this disk."""
    _lie_on(disk.name)
    try:
        yield disk
    finally:
        _lie_on(disk.real)


def _lie_on(name):
    """The layer that checks pages is above the default one of the moment it is loaded."""
    apsw.unregister_vfs("cksmvfs")
    apsw.set_default_vfs(name)
    check_pages()
