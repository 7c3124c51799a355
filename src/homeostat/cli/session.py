"""One run over a source: folds it, or keeps it in a folder, and remembers how it ended."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from homeostat.cli.labels import Labels
from homeostat.cli.tally import Tally
from homeostat.cli.writers import Lines, chosen
from homeostat.engine import Engine
from homeostat.errors import HomeostatError, InvalidInput
from homeostat.event_batch import EventBatch
from homeostat.events import SystemEvent
from homeostat.privacy import Veil
from homeostat.runtime.ingest import Ingest
from homeostat.sources.chunk import Chunk, Reject
from homeostat.sources.feed import Feed
from homeostat.sources.traffic import NOTHING


class Terminated(KeyboardInterrupt):
    """Somebody asked the process to end."""


@contextmanager
def termination_raises() -> Iterator[None]:
    """Within it SIGTERM ends what goes on as an interrupt does."""

    def end(*_: object) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what a signal does
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Taker(Protocol):
    """What becomes of a chunk: its events, and what is set aside besides."""

    def take(self, chunk: Chunk) -> tuple[EventBatch, Sequence[Reject]]:
        """Take it."""
        ...

    def summary(self) -> dict[str, Any]:
        """What to tell at the end, beside the tally."""
        ...


class Folding:
    """Chunks go through an engine, and are forgotten."""

    def __init__(self, engine: Engine, veil: Veil | None = None) -> None:
        self.engine, self.labels, self._veil = engine, Labels(), veil

    def take(self, chunk: Chunk) -> tuple[EventBatch, Sequence[Reject]]:
        """Its records are folded, its labels kept for records to come."""
        self.labels.add(chunk.labels)
        batch = chunk.batch if self._veil is None else self._veil.over(chunk.batch)
        return self.engine.observe_batch(self.labels.onto(batch)), ()

    def summary(self) -> dict[str, Any]:
        """How labels and records came together."""
        return {"labels": self.labels.summary()} if self.labels.read else {}


class Keeping:
    """Chunks go into a folder, each in one transaction with how far the source was read."""

    def __init__(self, ingest: Ingest, source: str) -> None:
        self._ingest, self._source = ingest, source

    def take(self, chunk: Chunk) -> tuple[EventBatch, Sequence[Reject]]:
        """Its records and labels are kept; what the folder refuses is set aside."""
        refused = self._ingest.take(chunk, self._source)
        return EventBatch(NOTHING, [], 1), refused

    def summary(self) -> dict[str, Any]:
        """What became of the records and labels."""
        taken = self._ingest.taken
        return {
            "kept": {
                "accepted": taken.accepted, "duplicates": taken.duplicates,
                "refused": taken.refused, "labels": taken.labels, "parked": taken.parked,
            }
        }  # fmt: skip


class Session:
    """One run: what was read, how it ended, and how long it took."""

    def __init__(
        self, taker: Taker, source: Feed, of: tuple[type[SystemEvent], ...], live: bool,
        configured: Sequence[str] = (), may_be_empty: bool = False,
    ) -> None:  # fmt: skip
        self.taker, self.source, self.of, self.live = taker, source, of, live
        self._may_be_empty = may_be_empty
        self.events = self.rejects = Lines(None)
        self.tally = Tally(configured)
        self.status = "finished"
        self.error: HomeostatError | None = None
        self.seconds = 0.0

    def run(self) -> None:
        """Take every chunk; an error or an interruption ends it, and is kept for the report."""
        began = time.perf_counter()
        try:
            with termination_raises():
                if self.live:
                    self._watched()
                else:
                    self._fold()
            if not (self.tally.monitored or self._may_be_empty):
                self._stop(self._nothing())
        except Terminated:
            self.status = "terminated"
        except KeyboardInterrupt:
            self.status = "interrupted"
        except InvalidInput as error:
            self._stop(error)
        self.seconds = time.perf_counter() - began

    def _fold(self, show: Callable[[Tally, int], None] | None = None) -> None:
        for chunk in self.source:
            events, refused = self.taker.take(chunk)
            taken = chunk._replace(rejects=[*self._shown(chunk.rejects), *refused])
            self.tally.add(taken, events)
            self.rejects.write(taken.rejects)
            self.events.write(chosen(events, self.of))
            if show is not None:
                show(self.tally, self.source.position())
            if chunk.rejects and self.strict:
                raise taken.rejects[0].error

    def _shown(self, rejects: list[Reject]) -> list[Reject]:
        veiled = self.source.options.veiled
        return [reject.veiled() for reject in rejects] if veiled else rejects

    def _watched(self) -> None:
        from homeostat.cli.progress import Progress

        with Progress(self.source.name, self.source.size) as progress:
            self._fold(progress.show)

    @property
    def strict(self) -> bool:
        """Whether the first reject ends it."""
        return self.source.options.strict

    def _stop(self, error: HomeostatError) -> None:
        self.status, self.error = "stopped", error

    def _nothing(self) -> InvalidInput:
        if not self.tally.set_aside:
            return InvalidInput(self.source.name, "holds no record", "give it at least one")
        (field, problem), alike = max(self.tally.faults.items(), key=lambda item: item[1].count)
        return InvalidInput(
            self.source.name,
            f"holds no record that can be taken, {self.tally.set_aside:,} were set aside",
            f"most often: {field} {problem} (first at {alike.first})",
        )
