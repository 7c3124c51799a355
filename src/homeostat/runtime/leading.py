"""Which of a model's versions answers: the one whose predictions have been best lately.

Champions change by proof and seldom; weather, customers and seasons change faster, and come again.
Here several versions stand ready, and the labels say which of them leads. The weights are a
function of the log: losses count in the order of the facts, for the versions that took part before
each, and a promotion counts where it stands among them, so that whoever was killed in between
comes to the same leader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from homeostat.decision import FixedShare
from homeostat.decision.fixed_share import Floats
from homeostat.errors import SnapshotMismatch
from homeostat.events import LeaderChanged, LeaderEvent
from homeostat.lifecycle.course import REGISTERED
from homeostat.runtime.crash import crashpoint
from homeostat.runtime.ground import Ground, but
from homeostat.stores import versions
from homeostat.stores.versions import Lead
from homeostat.times import from_micros


class Piece(NamedTuple):
    """The losses of versions on the labelled records of one fact.

    after: the position of the next fact. n: of records, the newest of which is from `at`.
    """

    after: int
    n: int = 0
    at: int = 0
    losses: Mapping[str, Floats] = MappingProxyType({})


class Leading:
    """The versions that may lead, and their weights. Methods are called within a change."""

    def __init__(self, ground: Ground) -> None:
        self._ground, self._rules = ground, ground.course.leader
        self._share = FixedShare(self._rules.lasts)
        self._since: dict[str, int] = {}
        self._favours: list[tuple[int, str]] = []
        self._cursor = 0
        self._resumed()

    def registered(self, version: str) -> None:
        """A version is compared from now on."""
        if self._rules.wanted and self._rules.among == REGISTERED:
            self._join(version)
            self._keep()

    def promoted(self, champion: str, before: str | None) -> None:
        """A version is champion from now on: it leads until the labels say otherwise.

        before: who was and may lead again; None where nobody may.
        """
        if self._rules.wanted:
            for version in (before, champion):
                if version is not None:
                    self._join(version)
            self._favours.append((self._ground.position(), champion))
            self._keep()
        self._turn(champion)

    def out(self, version: str) -> None:
        """A version was rejected or taken back, and never leads again."""
        if self._since.pop(version, None) is not None:
            self._share.leave(version)
            self._favours = [each for each in self._favours if each[1] != version]
            self._turn(self._best())
            self._keep()

    def end(self) -> None:
        """The champion alone answers from now on, as the configuration says."""
        versions.drop_lead(self._ground.store, self._ground.number)
        self._since, self._favours, self._share = {}, [], FixedShare(self._rules.lasts)
        self._turn(self._best())

    def scored(self, began: int, pieces: Sequence[Piece]) -> None:
        """Losses on the facts from a position on, in order."""
        if self._cursor != began or not self._since:
            return
        for piece in pieces:
            self._arrive(piece.after)
            silent = np.full(piece.n, np.nan)
            self._share.update({n: piece.losses.get(n, silent) for n in self._share.weights})
            self._turn(self._best(), piece.at)
            self._cursor = piece.after
        crashpoint("lead_counted")
        self._keep()

    # Who takes part ---------------------------------------------------------------------------

    def _join(self, version: str) -> None:
        """It takes part from the next fact on, and so does the champion."""
        now = self._ground.position()
        if len(self._since) < 2:
            self._cursor = now  # one alone needs no losses
        for name in (self._ground.champion, version):
            self._since.setdefault(name, now)
        self._share.join(self._ground.champion)

    def _arrive(self, after: int) -> None:
        """Let those take part, and lead, who do so before a position; the oldest make room."""
        for name, since in self._since.items():
            if since < after:
                self._share.join(name)
        kept = (self._ground.known.champion, self._ground.known.challenger)
        others = [name for name in self._share.weights if name not in kept]
        for name in others[: max(0, len(self._share.weights) - self._rules.versions)]:
            del self._since[name]
            self._share.leave(name)
        while self._favours and self._favours[0][0] < after:
            name = self._favours.pop(0)[1]
            if name in self._since:
                self._share.favour(name)

    # Who leads --------------------------------------------------------------------------------

    def _best(self) -> str:
        """Who has the greatest weight; a promotion that is still to be counted comes before."""
        return (
            self._favours[-1][1] if self._favours else self._share.leader or self._ground.champion
        )

    def _turn(self, best: str, at: int = 0) -> None:
        """Let a version answer, as of a time of the records; 0 for now."""
        standing = self._ground.known
        leader = None if best == standing.champion else best
        if leader == standing.leader:
            return
        self._ground.stand(but(standing, leader=leader))
        if best != standing.serves:
            weights = {name: round(weight, 4) for name, weight in self._share.weights.items()}
            moment = from_micros(at or self._ground.at())
            told = LeaderEvent(best, standing.serves, moment, weights)
            self._ground.tell([LeaderChanged(told)])

    # Keeping ----------------------------------------------------------------------------------

    def _resumed(self) -> None:
        kept = versions.lead_of(self._ground.store, self._ground.number)
        if kept is None:
            return
        try:
            self._share.restore(kept.share)
        except SnapshotMismatch:  # of another version of homeostat: the weights begin anew
            self._share = FixedShare(self._rules.lasts)
        self._since, self._cursor = dict(kept.since), kept.cursor
        self._favours = [(at, name) for at, name in kept.favours]

    def _keep(self) -> None:
        lead = Lead(self._cursor, self._since, self._favours, self._share.snapshot())
        versions.keep_lead(self._ground.store, self._ground.number, lead)
