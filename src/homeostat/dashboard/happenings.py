"""What the log of each model says, kept up with: open alarms, latest moves, decisions."""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from homeostat.stores.store import Store, Stored
from homeostat.times import parse, to_micros

_BACK = 2_000  # events that are read back at the first look
_PAGE = 1_000
_KEPT = 200  # of a model, in memory

DECISIONS = ("ModelPromoted", "ModelRolledBack", "ChallengerRejected", "ChallengerUndecided",
             "ChallengerReady", "WatchEnded")  # fmt: skip
_TURNS = ("ModelPromoted", "ModelRolledBack")
_LARGE = ("evidence", "metrics")
_FIGURES = ("n", "reason", "difference", "lower", "upper", "watch")


class Happening(msgspec.Struct, frozen=True):
    """An event without what is large: its number, kind, content, and when (ms since 1970)."""

    seq: int
    kind: str
    event: dict[str, Any]
    at: int
    received: int


class Story:
    """One model's log as far as it was read."""

    def __init__(self) -> None:
        self.seq = -1  # the last event read; -1 before the first look
        self.alarms: dict[tuple[str, str], Happening] = {}
        self.latest: deque[Happening] = deque(maxlen=_KEPT)
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

    def _hear(self, told: Happening) -> None:
        self.latest.append(told)
        series = (str(told.event.get("detector")), str(told.event.get("metric")))
        if told.kind == "DriftDetected":
            self.alarms.setdefault(series, told)
        elif told.kind == "DriftEnded":
            self.alarms.pop(series, None)
        elif told.kind in DECISIONS:
            self.decision = told
        if told.kind in _TURNS:
            self.alarms.clear()  # detectors begin anew with another champion
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


def happening(stored: Stored) -> Happening:
    """An event of the log without what is large."""
    tagged = msgspec.json.decode(stored.body)
    fields: dict[str, Any] = tagged[stored.kind]
    brief = {name: value for name, value in fields.items() if name not in _LARGE}
    evidence = fields.get("evidence")
    if isinstance(evidence, dict):
        figures = {name: evidence[name] for name in _FIGURES if name in evidence}
        columns = evidence.get("columns")
        if isinstance(columns, list):
            figures["columns"] = [str(each.get("column")) for each in columns[:5]
                                  if isinstance(each, dict)]  # fmt: skip
        if "schema" in evidence:
            figures["schema"] = evidence["schema"]
        brief["evidence"] = figures
    at = to_micros(parse(str(fields["created_at"]))) // 1000
    return Happening(stored.seq, stored.kind, brief, at, stored.received // 1000)
