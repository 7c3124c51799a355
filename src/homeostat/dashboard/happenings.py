"""What the log of each model says, kept up with: open alarms, latest moves, decisions."""

from __future__ import annotations

from collections import deque
from heapq import merge

from homeostat.dashboard.happening import TURNS, Happening, happening
from homeostat.dashboard.open_alarms import OpenAlarms
from homeostat.stores.store import Store

_BACK = 2_000  # events that are read back at the first look
_PAGE = 1_000
_KEPT = 200  # of a model, in memory, and as many of those that come often

OFTEN = ("RetrainRequested", "RetrainSuppressed", "LeaderChanged")

DECISIONS = ("ModelPromoted", "ModelRolledBack", "ChallengerRejected", "ChallengerUndecided",
             "ChallengerReady", "WatchEnded")  # fmt: skip


class Story:
    """One model's log as far as it was read."""

    def __init__(self) -> None:
        self.seq = -1  # the last event read; -1 before the first look
        self.alarms = OpenAlarms()
        self.newest: Happening | None = None
        self._often: deque[Happening] = deque(maxlen=_KEPT)
        self._seldom: deque[Happening] = deque(maxlen=_KEPT)
        self.decision: Happening | None = None
        self.turned = 0  # when the champion last changed, in ms

    def read(self, store: Store, number: int, last: int) -> bool:
        """Read up to the event numbered `last`; whether there was anything."""
        if self.seq < 0:
            self.seq = max(0, last - _BACK)
        moved = False
        while self.seq < last:
            page = store.events(number, self.seq, _PAGE)
            if not page:
                break
            for event in page:
                self._hear(happening(event))
            self.seq, moved = page[-1].seq, True
        return moved

    @property
    def latest(self) -> list[Happening]:
        """The latest events, in order; those that come often push out none of the others."""
        return list(merge(self._often, self._seldom, key=lambda told: told.seq))

    def _hear(self, told: Happening) -> None:
        (self._often if told.kind in OFTEN else self._seldom).append(told)
        self.newest = told
        self.alarms.hear(told)
        if told.kind in DECISIONS:
            self.decision = told
        if told.kind in TURNS:
            self.turned = told.at


class Happenings:
    """The stories of all models. Used by one thread at a time."""

    def __init__(self) -> None:
        self._stories: dict[str, Story] = {}

    def of(self, name: str) -> Story:
        """A model's story."""
        return self._stories.setdefault(name, Story())

    def forget(self, names: set[str]) -> None:
        """Keep these alone."""
        self._stories = {name: story for name, story in self._stories.items() if name in names}
