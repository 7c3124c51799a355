"""Opening a source: a file or standard input, unpacked, and of which format it is."""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from shutil import copyfileobj
from types import TracebackType
from typing import IO, Any, BinaryIO, Self

import msgspec

from homeostat.errors import InvalidInput, MissingExtra, did_you_mean
from homeostat.formats import TABLE, Table
from homeostat.sources.chunk import Chunk, Options
from homeostat.sources.traffic import Recogniser, Traffic

FORMATS = {
    "jsonl": "homeostat.sources.jsonl:read",
    "csv": "homeostat.sources.csv:read",
    "parquet": "homeostat.sources.parquet:read",
    "arrow": "homeostat.sources.arrow:read",
}

_SUFFIXES = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".csv": "csv", ".tsv": "csv",
    ".parquet": "parquet", ".pq": "parquet",
    ".arrow": "arrow", ".arrows": "arrow", ".feather": "arrow", ".ipc": "arrow",
}  # fmt: skip
_MAGIC = {b"PAR1": "parquet", b"ARROW1": "arrow", b"\xff\xff\xff\xff": "arrow"}
_CELL = r'"?[^\W\d][\w .:()/%-]*"?'
_HEADER = re.compile(rf"{_CELL}(?:[,;|\t]{_CELL})+\r?")
_PACKED = (".gz", ".zst", ".zstd")
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_IN_MEMORY = 64 << 20  # a packed or piped file that must be sought in is kept so far in memory


class Empty(InvalidInput):
    """A file in which there is nothing, once it is unpacked."""


class Opened:
    """An open source: its name for messages, its format, and its unpacked bytes.

    `skip` lines or rows were taken before. `recogniser` knows formats of traffic; None where it is
    certain that the records are homeostat's own.
    """

    def __init__(
        self, name: str, stream: BinaryIO, seekable: bool,
        recogniser: Recogniser | None = None, skip: int = 0,
    ) -> None:  # fmt: skip
        self.name, self.stream, self.skip = name, stream, skip
        self._seekable, self._recogniser = seekable, recogniser
        self._copy: IO[bytes] | None = None

    def head(self) -> bytes:
        """Some of the first bytes, without taking them."""
        return self.stream.peek(4096)[:4096]  # type: ignore[attr-defined, no-any-return]

    def traffic(self, sample: Callable[[], Table]) -> Traffic | None:
        """The format of somebody else's log that these first rows are of; None for our own."""
        return None if self._recogniser is None else self._recogniser.of(sample())

    def seekable(self) -> BinaryIO:
        """The stream, or a temporary copy of it, that can be read in any order."""
        if self._seekable:
            return self.stream
        self._copy = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - see close
        copyfileobj(self.stream, self._copy)
        self._copy.seek(0)
        return self._copy  # type: ignore[return-value]

    def close(self) -> None:
        """Let go of the temporary copy."""
        if self._copy is not None:
            self._copy.close()


class Source:
    """An open source of records; iterate over its chunks, inside a `with`.

    `size` is that of the file in bytes (None for a pipe) and `position()` how far it is read.
    `recogniser` is one that several files have together, who then ends it; `skip` so many lines or
    rows were taken before.
    """

    def __init__(
        self, name: str, raw: BinaryIO, format: str | None, options: Options,
        recogniser: Recogniser | None = None, skip: int = 0, size: int | None = None,
    ) -> None:  # fmt: skip
        self.name, self._raw = name, raw
        self.size = _size(raw) if size is None else size
        self._shared = recogniser is not None
        self.recogniser = recogniser or Recogniser(options)
        foreign = None if format else self.recogniser
        with _explained(name):
            stream, packed = _unpacked(raw)
            whole = self.size is not None and not packed
            self._opened = Opened(name, stream, whole, foreign, skip)
            head = self._opened.head()
            if not head:
                raise Empty(name, "is empty", "give it at least one record")
            self.format = format or _format(name, head)
        self._read = _reader(self.format)
        self.options = options

    def __iter__(self) -> Iterator[Chunk]:
        with _explained(self.name):
            for chunk in self._read(self._opened, self.options):
                yield chunk
                if self.options.strict and chunk.rejects:
                    return
        if not self._shared:
            yield from self.recogniser.end()

    def position(self) -> int:
        """How many bytes of the file were read so far."""
        return self._raw.tell() if self.size is not None else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self._opened.close()
        if self.name != STDIN:
            self._raw.close()


STDIN = "<stdin>"


def open_source(
    path: str | os.PathLike[str], format: str | None = None, options: Options | None = None
) -> Source:
    """Open a file, or standard input for "-".

    The format is the given one, or told by the content (Parquet, Arrow), by the name, or by how
    the text begins. `.gz` and `.zst` are unpacked, known by their content. Traffic as other stacks
    log it is recognised by its first rows, or named as the format. Raises InvalidInput
    when there is nothing in it, or it cannot be told what; OSError when it cannot be opened.
    """
    kind, options = settled(format, options or Options())
    if str(path) == "-":
        return Source(STDIN, _buffered(sys.stdin.buffer), kind, options)
    raw = Path(path).open("rb")  # noqa: SIM115 - the Source closes it
    try:
        return Source(str(path), raw, kind, options)
    except BaseException:
        raw.close()
        raise


def kind_of(name: str, raw: BinaryIO) -> str:
    """The kind of a file, `packed` for one that must be unpacked; nothing of it is taken."""
    head: bytes = raw.peek(4096)[:4096]  # type: ignore[attr-defined]
    return "packed" if head.startswith((_GZIP, _ZSTD)) else _format(name, head)


def settled(format: str | None, options: Options) -> tuple[str | None, Options]:
    """A kind of file, or a format of traffic among the options; raises InvalidInput for neither."""
    if format is None or format in FORMATS:
        return format, options
    if format not in TABLE:
        hint = did_you_mean(format, [*FORMATS, *TABLE])
        raise InvalidInput("format", f"cannot be {format!r}", hint)
    return None, msgspec.structs.replace(options, traffic=format)


def _size(raw: BinaryIO) -> int | None:
    try:
        status = os.fstat(raw.fileno())
    except (OSError, ValueError):  # no real file, as in tests
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _buffered(stream: Any) -> BinaryIO:
    return stream if hasattr(stream, "peek") else io.BufferedReader(stream)


def _unpacked(raw: BinaryIO) -> tuple[BinaryIO, bool]:
    head: bytes = raw.peek(4)[:4]  # type: ignore[attr-defined]
    if head.startswith(_GZIP):
        return gzip.GzipFile(fileobj=raw), True  # type: ignore[return-value]
    if head.startswith(_ZSTD):
        return io.BufferedReader(_Zstd(raw)), True
    return raw, False


class _Zstd(io.RawIOBase):
    """Unpacks Zstandard; unlike the package's own reader it notices a file that was cut off."""

    _STEP = 4096  # four bytes can unpack to 128 KiB: small steps bound the memory

    def __init__(self, raw: BinaryIO) -> None:
        try:
            import zstandard
        except ImportError as error:
            raise MissingExtra("cli", "zstandard", "Reading .zst files") from error
        self._raw = raw
        self._frame: Callable[[], Any] = zstandard.ZstdDecompressor().decompressobj
        self._error: type[Exception] = zstandard.ZstdError
        self._current: Any = None
        self._packed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            if not self._more():
                return 0
        n = min(len(buffer), len(self._ready))
        buffer[:n] = self._ready[:n]
        self._ready = self._ready[n:]
        return n

    def _more(self) -> bool:
        packed = self._packed or self._raw.read1(self._STEP)  # type: ignore[attr-defined]
        if not packed:
            if self._current is not None:
                raise EOFError("it ends before its last Zstandard frame does")
            return False
        if self._current is None:
            self._current = self._frame()
        try:
            self._ready = memoryview(self._current.decompress(packed))
        except self._error as error:
            raise zlib.error(str(error)) from error
        self._packed = self._current.unused_data
        if self._current.eof:
            self._current = None
        return True


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turns what the unpackers raise about damaged data into an error that names the source."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInput(name, f"is damaged: {error}", "pack or fetch it again") from error


def _format(name: str, head: bytes) -> str:
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    path = Path(name)
    suffix = (Path(path.stem) if path.suffix in _PACKED else path).suffix.lower()
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"{", b"[")):
        return "jsonl"
    if _HEADER.fullmatch(start.partition(b"\n")[0].decode(errors="replace")):
        return "csv"
    raise InvalidInput(name, "is of no known format", f"say which: --format {'|'.join(FORMATS)}")


def _reader(format: str) -> Callable[[Opened, Options], Iterator[Chunk]]:
    module, _, attribute = FORMATS[format].partition(":")
    reader: Callable[[Opened, Options], Iterator[Chunk]]
    reader = getattr(import_module(module), attribute)
    return reader
