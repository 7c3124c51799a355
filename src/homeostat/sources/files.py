"""Records of many files, one after another or as they grow, from where they were left."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import BinaryIO, Self

import msgspec
from msgspec.structs import replace

from homeostat.sources import jsonl
from homeostat.sources.chunk import Chunk, Options
from homeostat.sources.opening import Empty, Source, kind_of, settled
from homeostat.sources.places import STDIN, File, files, is_address, rotated
from homeostat.sources.tail import HEAD, Mark, Part, Tail
from homeostat.sources.traffic import NOTHING, Recogniser
from homeostat.sources.waiting import Resume, Waiting

Wait = Callable[[float], None]
"""Waits so many seconds for more to come."""

_AGAIN = 0.5  # seconds until files are looked at again
_MOST_OPEN = 64  # files that are followed without being opened anew


def afresh(_: str) -> str | None:
    """Nothing was kept."""
    return None


class Files:
    """A feed of files: of paths, folders, patterns and addresses.

    `format` is as for `open_source`. `resume` finds the offsets that were kept of an earlier run;
    each chunk has those to be kept with it. With `follow` it goes on for ever: `wait` is called
    when nothing is new, and what it raises ends it. Lines of JSON are read on as they are written,
    also when the file is renamed or cut off; a file of another kind once it is there.
    """

    def __init__(
        self, places: Sequence[str], format: str | None = None, options: Options | None = None,
        *, resume: Resume = afresh, follow: bool = False, wait: Wait = lambda _: None,
    ) -> None:  # fmt: skip
        self._kind, self.options = settled(format, options or Options())
        self._places, self._resume = list(places), resume
        self._follow, self._wait = follow, wait
        self.name = places[0] if len(places) == 1 else f"{places[0]} and {len(places) - 1} more"
        self.format = format or "files"
        self.recogniser = Recogniser(self.options)
        self._tails: dict[str, Tail] = {}  # the one that grew last is the last
        self._seen: set[str] = set()  # places that were there
        self._takers: dict[str, jsonl.Taker] = {}
        self._marks: dict[str, Mark] = {}
        self._waiting = Waiting(self.recogniser, " ".join(places), resume)
        self._read = 0

    @property
    def size(self) -> int | None:
        """Bytes of all files; None where they may grow."""
        if self._follow or STDIN in self._places:
            return None
        return sum(file.size for file in self._listed())

    def position(self) -> int:
        """How many bytes of them were read."""
        return self._read

    def __iter__(self) -> Iterator[Chunk]:
        while True:
            some = False
            for chunk in self._new():
                some = True
                yield chunk
            if not self._follow:
                break
            if not some:
                self._wait(_AGAIN)
        if self._resume is afresh:  # else the next run may have what halves wait for
            yield from self.recogniser.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        for tail in self._tails.values():
            tail.close()

    # One look at all files ------------------------------------------------------------------------

    def _new(self) -> Iterator[Chunk]:
        listed = self._listed()
        there = {file.identity for file in listed}
        for identity in [each for each in self._tails if each not in there]:
            # Renamed or removed: what it still has is all.
            yield from self._lines(identity, self._tails[identity], last=True)
            self._tails.pop(identity).close()
        for file in listed:
            yield from self._of(file)

    def _listed(self) -> list[File]:
        """The files of all places, each once."""
        found: dict[str, File] = {}
        for place in self._places:
            if place != STDIN:
                for file in [*self._left(place), *self._files(place)]:
                    found.setdefault(file.identity, file)
        return list(found.values())

    def _files(self, place: str) -> list[File]:
        """The files of a place; one that was there may be away while a log is renamed."""
        try:
            there = files(place)
        except FileNotFoundError:
            if self._follow and place in self._seen:
                return []
            raise
        self._seen.add(place)
        return there

    def _left(self, place: str) -> list[File]:
        """Older parts of a log that were not read to their end when it was renamed."""
        if is_address(place) or not self._follow:
            return []
        try:
            beside = rotated(place)
        except (OSError, ValueError):
            return []
        return [file for file in beside if self._mark(file).path == place]

    def _of(self, file: File) -> Iterator[Chunk]:
        mark, tail = self._mark(file), self._tails.get(file.identity)
        if not file.size or (file.size == mark.size and tail is None):
            return
        if tail is None:
            try:
                stream = file.open()
            except FileNotFoundError:  # it was renamed since it was listed
                return
            kind = self._kind or kind_of(file.name, stream)
            if kind != "jsonl":
                yield from self._whole(file, mark, stream)
                return
            tail = self._tails[file.identity] = Tail(stream, file.name, mark)
        tail.moved(file.name)
        yield from self._lines(file.identity, tail, last=not self._follow)
        self._let_go(file)

    def _let_go(self, file: File) -> None:
        """Close the file where that loses nothing, or too many are open."""
        if not (self._follow and file.live):
            self._tails.pop(file.identity).close()
            self._takers.pop(file.identity, None)
        elif len(self._tails) > _MOST_OPEN:
            self._tails.pop(next(iter(self._tails))).close()

    def _lines(self, identity: str, tail: Tail, last: bool) -> Iterator[Chunk]:
        for part in tail.new(last, self.options.rows):
            chunk = self._taker(identity, part)(part.lines, part.first, part.mark.path)
            self._tails[identity] = self._tails.pop(identity, tail)
            self._read += part.mark.bytes - self._marks.get(identity, Mark()).bytes
            self._marks[identity] = part.mark
            yield self._with_offsets(chunk, identity, part.mark)

    def _taker(self, identity: str, part: Part) -> jsonl.Taker:
        """How the lines of a file are taken, which its first ones tell."""
        known = self._takers.get(identity)
        if known is not None:
            return known
        if self._kind is not None or not any(map(bytes.strip, part.lines)):
            return jsonl.native_taker(self.options)
        made = jsonl.taker_of(part.lines, part.mark.path, self.recogniser, self.options)
        if made is None:
            return jsonl.native_taker(self.options)
        self._takers[identity] = made
        return made

    def _whole(self, file: File, mark: Mark, stream: BinaryIO) -> Iterator[Chunk]:
        """A file that is read at once: what is behind the rows that were taken."""
        head: bytes = stream.peek(HEAD)[:HEAD]  # type: ignore[attr-defined]
        known = zlib.crc32(head[: mark.head]) == mark.crc
        before, lines = self._read, mark.lines if known else 0
        about = Mark(head=len(head), crc=zlib.crc32(head), path=file.name)
        try:
            source = Source(
                file.name, stream, self._kind, self.options, self.recogniser, lines, file.size
            )
        except Empty:
            stream.close()
        else:
            with source:
                for chunk in source:
                    self._read, lines = before + source.position(), max(chunk.end, lines)
                    yield self._with_offsets(chunk, file.identity, replace(about, lines=lines))
        done = replace(about, lines=lines, size=file.size)
        self._marks[file.identity] = done
        yield self._with_offsets(Chunk(NOTHING, []), file.identity, done)

    # Offsets --------------------------------------------------------------------------------------

    def _mark(self, file: File) -> Mark:
        """How far a file is read."""
        if file.identity not in self._marks:
            kept = self._resume(f"file {file.identity}")
            made = Mark() if kept is None else msgspec.json.decode(kept, type=Mark)
            self._marks[file.identity] = made
        return self._marks[file.identity]

    def _with_offsets(self, chunk: Chunk, identity: str, mark: Mark) -> Chunk:
        told = msgspec.json.encode(mark).decode()
        return self._waiting.remembered(chunk, {f"file {identity}": told})
