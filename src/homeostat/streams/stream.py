"""A feed of messages: pulled, made into chunks, and acknowledged once each chunk is taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from homeostat.batch import Batch
from homeostat.sources import jsonl
from homeostat.sources.chunk import Chunk, Options, Reject
from homeostat.sources.files import Wait
from homeostat.sources.traffic import NOTHING, Recogniser
from homeostat.sources.waiting import Waiting
from homeostat.streams.broker import Broker, Message

_EMPTY = ("message", "is empty", "send one record or label a message, as JSON")


class Stream:
    """A feed of a broker: every message is one record as JSON, or what another stack logs.

    Without `follow` it ends with what is there; with it `wait` is called when nothing comes, and
    what that raises ends it. A chunk is acknowledged when the next one is asked for: by then it has
    been taken.
    """

    size = None

    def __init__(
        self, name: str, kind: str, broker: Broker, options: Options, waiting: Waiting,
        follow: bool, wait: Wait,
    ) -> None:  # fmt: skip
        self.name, self.format, self.options = name, kind, options
        self._broker, self._waiting = broker, waiting
        self.recogniser: Recogniser = waiting.recogniser
        self._follow, self._wait = follow, wait
        self._taker: jsonl.Taker | None = None
        self._bytes = 0

    def position(self) -> int:
        """How many bytes of messages were read."""
        return self._bytes

    @property
    def hindered(self) -> str | None:
        """Why nothing can come now; None when all is well."""
        return self._broker.hindered()

    @property
    def behind(self) -> int | None:
        """How many messages are there that were not read; None where nobody knows."""
        return self._broker.behind()

    def refuse(self, rejects: Sequence[Reject]) -> None:
        """Records and labels that whoever took them refused go to the dead letters, too."""
        for reject in rejects:  # as they would have been kept
            self._broker.set_aside(None, reject)

    def __iter__(self) -> Iterator[Chunk]:
        while True:
            pulled = self._broker.pull(self.options.rows)
            if pulled.messages:
                chunk = self._chunk(pulled.messages)
                self._set_aside(chunk.rejects, pulled.messages)
                yield self._waiting.remembered(chunk, dict(pulled.offsets))
                self._broker.taken(pulled)
            elif self._follow:
                self._wait(0.0)
            elif self._broker.at_end():
                break
        for chunk in self.recogniser.end():
            self._set_aside(chunk.rejects, ())
            yield self._waiting.remembered(chunk, {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self._broker.close()

    def _chunk(self, messages: Sequence[Message]) -> Chunk:
        """All of them as one."""
        parts = [self._read(run) for run in _runs(messages)]
        batches = [part.batch for part in parts if len(part.batch)]
        return Chunk(
            Batch.joined(batches) if batches else NOTHING,
            [reject for part in parts for reject in part.rejects],
            [truth for part in parts for truth in part.labels],
        )

    def _read(self, run: list[Message]) -> Chunk:
        """Messages whose numbers follow each other."""
        first = run[0]
        lines = [message.value or b"" for message in run]
        self._bytes += sum(map(len, lines))
        chunk = self._take(lines, first.number, first.source)
        empty = [
            Reject(first.source, "message", number, *_EMPTY, raw="")
            for number, line in enumerate(lines, first.number)
            if not line or line.isspace()
        ]
        rejects = [replace(reject, unit="message") for reject in chunk.rejects]
        return chunk._replace(rejects=rejects + empty)

    def _take(self, lines: list[bytes], number: int, source: str) -> Chunk:
        if self._taker is None:
            if not any(map(bytes.strip, lines)):
                return Chunk(NOTHING, [])
            self._taker = jsonl.taker_of(lines, source, self.recogniser, self.options)
        take = self._taker or jsonl.native_taker(self.options)
        return take(lines, number, source)

    def _set_aside(self, rejects: Sequence[Reject], messages: Sequence[Message]) -> None:
        if rejects:
            known = {(message.source, message.number): message for message in messages}
            for reject in rejects:
                if self.options.veiled:
                    self._broker.set_aside(None, reject.veiled())
                else:
                    self._broker.set_aside(known.get((reject.source, reject.number)), reject)


def _runs(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Messages of one place whose numbers follow each other, in order of the places."""
    places: dict[str, list[Message]] = {}
    for message in messages:
        places.setdefault(message.source, []).append(message)
    for own in places.values():
        run = own[:1]
        for message in own[1:]:
            if message.number != run[-1].number + 1:
                yield run
                run = []
            run.append(message)
        yield run
