"""An inflow: a thread that takes one source into the ledger, for as long as the service runs.

Each chunk is taken in one transaction with its offsets. Whatever goes wrong, of the broker or of
the store, the source is let go, and after a while opened again where the store says that it was
read to: so nothing is lost or taken twice, and nothing but this source waits.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from typing import Any

from msgspec.structs import asdict

from homeostat.errors import Closed, HomeostatError
from homeostat.runtime.follower import Pace
from homeostat.runtime.ingest import Taken, offset, taken_in
from homeostat.runtime.inlets import Inlet
from homeostat.runtime.ledger import Ledger
from homeostat.sources.chunk import Chunk, Reject
from homeostat.sources.feed import Feed
from homeostat.streams.stream import Stream
from homeostat.times import from_micros, to_text

_log = logging.getLogger("homeostat.sources")

Kept = Callable[[Callable[[Ledger], Any]], Any]
"""Does something within a transaction of the ledger; returns, or raises, once it is over."""

PACE = Pace(first=1.0, longest=60.0)
_PROBLEM_MOST = 200


class _Over(Exception):
    """The service ends."""


class Inflow:
    """Takes the source of an inlet through `kept`; `start` begins a thread, `stop` ends it.

    What is told of it is read from other threads. `clock` gives microseconds since 1970, `chance`
    the jitter of waits.
    """

    def __init__(
        self, inlet: Inlet, kept: Kept, *, clock: Callable[[], int], chance: random.Random,
        pace: Pace = PACE,
    ) -> None:  # fmt: skip
        self.inlet = inlet
        self.problem: str | None = "not read yet"
        """Why nothing comes now; None when all is well."""
        self.failed = 0  # times that it was let go and opened again
        self.taken = Taken()  # since the start of the process
        self.set_aside = 0  # what was no record, since the start of the process
        self.behind: int | None = None
        """Messages that are there and were not read; None where nobody knows."""
        self.latest: int | None = None
        """When something was taken last, in microseconds since 1970."""
        self._kept, self._clock = kept, clock
        self._chance, self._pace = chance, pace
        self._feed: Feed | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"homeostat-source-{inlet.name}", daemon=True
        )

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Take nothing more after the chunk that is being taken."""
        self._stopping.set()

    def join(self, timeout: float) -> None:
        """Wait until it has stopped; what hangs beyond that takes nothing more."""
        if self._thread.is_alive():
            self._thread.join(timeout)

    def told(self) -> dict[str, Any]:
        """How it is, for people."""
        return {
            "name": self.inlet.name, "problem": self.problem, "failed": self.failed,
            "behind": self.behind, "set_aside": self.set_aside,
            "latest": None if self.latest is None else to_text(from_micros(self.latest)),
            **asdict(self.taken),
        }  # fmt: skip

    # In the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        tries = 0
        while not self._stopping.is_set():
            before = self.latest
            try:
                self._read()
            except (_Over, Closed):
                return
            except Exception as error:  # the next try may go well, and nobody else waits for it
                self._troubled(error)
                tries = 1 if self.latest != before else tries + 1
                self._stopping.wait(self._pace.wait(tries, self._chance))

    def _read(self) -> None:
        with self.inlet.opened(self._resume, self._wait) as self._feed:
            for chunk in self._feed:  # the one before is acknowledged by now
                if self._stopping.is_set():
                    raise _Over
                self._take(chunk, self._feed)

    def _wait(self, seconds: float) -> None:
        """Nothing is there to be read."""
        if self._feed is not None:
            self._heard(self._feed)
        if self._stopping.wait(seconds):
            raise _Over

    def _take(self, chunk: Chunk, feed: Feed) -> None:
        """Make a chunk durable, with its offsets under the name of this source."""
        named = {self._named(name): reached for name, reached in chunk.offsets.items()}
        own = chunk._replace(offsets=named)
        taken: Taken
        refused: list[Reject]
        taken, refused = self._kept(lambda ledger: taken_in(ledger, own, feed.name))
        self.taken.add(taken)
        self.set_aside += len(chunk.rejects)
        self.latest = self._clock()
        self._heard(feed)
        for reject in (*chunk.rejects, *refused)[:1]:
            reject = reject.veiled() if self.inlet.options.veiled else reject
            _log.warning("%s: %d set aside, first: %s", self.inlet.name,
                         len(chunk.rejects) + len(refused), reject.error)  # fmt: skip
        if refused and isinstance(feed, Stream):
            feed.refuse(refused)

    def _heard(self, feed: Feed) -> None:
        """How the source is, as far as it tells."""
        if isinstance(feed, Stream):
            self.problem, self.behind = feed.hindered, feed.behind
        else:
            self.problem = None

    def _resume(self, name: str) -> str | None:
        """The offset under this source's name; else the one that `homeostat run --data` kept."""

        def look(ledger: Ledger) -> str | None:
            own = offset(ledger.store, self._named(name))
            return offset(ledger.store, name) if own is None else own

        found: str | None = self._kept(look)
        return found

    def _named(self, name: str) -> str:
        return f"{self.inlet.name}: {name}"

    def _troubled(self, error: Exception) -> None:
        self.failed += 1
        self.behind = None
        said = str(error) or type(error).__name__
        if isinstance(error, HomeostatError | OSError):
            _log.warning("source %s is tried again: %s", self.inlet.name, said)
        else:
            _log.exception("source %s failed, and is tried again", self.inlet.name)
        self.problem = said[:_PROBLEM_MOST]
