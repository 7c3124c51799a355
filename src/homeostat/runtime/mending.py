"""Gives plug-ins that are off what they missed, a piece at a time, while records are taken.

Another engine, built the same, begins from the last state in which all were well and folds the
facts since, by the fold that replays use. When it has reached the end of the journal, in the same
change, the account takes its memory over: at one position, so that what follows is as if nothing
had failed.
"""

from __future__ import annotations

from typing import Any

from homeostat.engine import Engine
from homeostat.errors import SnapshotMismatch
from homeostat.event_batch import EventBatch
from homeostat.events import MetricUpdated, PluginFailed
from homeostat.runtime.folding import Folding
from homeostat.runtime.isolation import beginning
from homeostat.runtime.labels import turns
from homeostat.runtime.records import Records
from homeostat.runtime.values import Values
from homeostat.stores.store import Model, Store

_PIECE = 16_384  # facts that are taken at once, unless as many have come meanwhile
_SILENT = (MetricUpdated, PluginFailed)


class Mending:
    """The catching up of one model. `engine` is a new one of it, `good` the state to begin from.

    `caught` counts what it was told on the way, beyond values and failures. `gone` is how many of
    the facts that were missed are kept no more: they are left out. Reads the store alone.
    """

    def __init__(
        self, store: Store, model: Model, engine: Engine, records: Records, good: dict[str, Any]
    ) -> None:
        engine.lenient = False
        fresh = engine.snapshot()
        try:
            engine.restore(good["engine"])
        except SnapshotMismatch:  # mended, it remembers something else
            good = beginning(fresh)
        engine.bar()
        self.engine, self.values = engine, Values(engine)
        self.values.latest = dict(good["latest"])
        self.told: int | None = good["told"]
        self.caught = 0
        self._start = good["position"]
        self.gone = max(0, model.counters.get("forgotten", 0) - self._start)
        self._store, self._number = store, model.number
        self._next = 0
        self._end = model.position
        self._folding = Folding(store, model, engine, records, self._heard, self.values.recounted)

    @property
    def share(self) -> float:
        """How much of what there was at the last step it has taken, from 0 to 1."""
        return min(1.0, self._next / self._end) if self._end else 1.0

    def step(self, end: int) -> bool:
        """Take the next facts before a position, the end of the journal; whether more are left.

        Twice as many as have come since, so that it gets there. Raises Damaged.
        """
        left = max(_PIECE, 2 * (end - self._end))
        self._end = end
        for fact in self._store.facts(self._number, self._next):
            if left <= 0:
                return True
            if fact.first < self._start:
                self._folding.know(fact)
            else:
                outside = self._folding.fold(fact)
                self.caught += len(outside)
                if any(map(turns, outside)):
                    self.values.latest = {}
            self._next = fact.first + fact.n
            left -= fact.n
        self._folding.end()
        self.engine.snapshot()  # one that cannot be remembered fails here
        return False

    def _heard(self, events: EventBatch) -> None:
        self.values.told(events)
        self.caught += sum(n for kind, n in events.counts().items() if kind not in _SILENT)
