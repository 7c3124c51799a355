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

from homeostat.decision import FixedShare
from homeostat.decision.fixed_share import Floats
from homeostat.errors import SnapshotMismatch
from homeostat.events import (
    ChallengerRegistered,
    ChallengerRejected,
    LeaderChanged,
    LeaderEvent,
    ModelPromoted,
    ModelRolledBack,
)
from homeostat.lifecycle.course import REGISTERED
from homeostat.lifecycle.course import Leading as Rules
from homeostat.runtime.crash import crashpoint
from homeostat.runtime.ground import Ground, but
from homeostat.runtime.regimes import told
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
        self._champion = ""  # by what was counted
        self._cursor = 0
        self._resumed()

    @property
    def weights(self) -> dict[str, float]:
        """Of each version that may lead, 1 together; empty where the champion alone answers."""
        return {name: round(weight, 4) for name, weight in self._share.weights.items()}

    def begin(self) -> None:
        """Let those take part who may by what the log says; nothing where they do already."""
        if self._since or not self._rules.wanted or self._ground.standing is None:
            return
        for name in eligible(self._ground, self._rules):
            self._join(name)
        self._keep()

    def registered(self, version: str) -> None:
        """A version is compared from now on."""
        if self._rules.wanted and self._rules.among == REGISTERED:
            self.begin()
            self._join(version)
            self._keep()

    def promoted(self, champion: str, before: str | None) -> None:
        """A version is champion from now on: it leads until the labels say otherwise.

        before: who was and may lead again; None where nobody may.
        """
        if self._rules.wanted:
            self.begin()
            for version in (before, champion):
                if version is not None:
                    self._join(version)
            self._favours.append((self._ground.position(), champion))
            self._keep()
        self._turn(champion)

    def out(self, version: str) -> bool:
        """A version was rejected or taken back, and leads no more; whether it took part."""
        if self._since.pop(version, None) is None:
            return False
        self._share.leave(version)
        self._favours = [each for each in self._favours if each[1] != version]
        self._turn(self._best())
        self._keep()
        return True

    def end(self) -> None:
        """The champion alone answers from now on, as the configuration says."""
        versions.drop_lead(self._ground.store, self._ground.number)
        self._since, self._favours, self._share = {}, [], FixedShare(self._rules.lasts)
        self._turn(self._best())

    def scored(self, began: int, pieces: Sequence[Piece]) -> None:
        """Losses on the facts from a position on, in order.

        Where losses lack of a version that takes part it stops: it came since they were asked for.
        """
        if self._cursor != began or not self._since:
            return
        for piece in pieces:
            self._arrive(piece.after)
            if piece.n:
                if not self._share.weights.keys() <= piece.losses.keys():
                    break
                self._share.update({name: piece.losses[name] for name in self._share.weights})
            self._turn(self._best(), piece.at)
            self._cursor = piece.after
        crashpoint("lead_counted")
        self._keep()

    # Who takes part ---------------------------------------------------------------------------

    def _join(self, version: str) -> None:
        """It takes part from the next fact on; the first of all at once."""
        now = self._ground.position()
        if not self._since:
            self._champion = self._ground.champion
        if len(self._since) < 2 and version not in self._since:
            self._cursor = now  # one alone needs no losses
        self._since.setdefault(version, now)
        if not self._share.weights:
            self._share.join(version)

    def _arrive(self, after: int) -> None:
        """Let those take part, and lead, who do so before a position; the oldest make room."""
        for at, is_favour, name in self._due(after):
            if is_favour:
                self._favours.pop(0)
                self._champion = name
                self._since.setdefault(name, at)
                self._share.favour(name)
            else:
                self._share.join(name)
        if not self._share.weights:
            return
        newest = max(self._share.weights, key=lambda name: self._since[name])
        others = [name for name in self._share.weights if name not in (self._champion, newest)]
        for name in others[: max(0, len(self._share.weights) - self._rules.versions)]:
            del self._since[name]
            self._share.leave(name)

    def _due(self, after: int) -> list[tuple[int, bool, str]]:
        """Who joins and who is favoured before a position, in order."""
        joins = [(at, False, name) for name, at in self._since.items()
                 if name not in self._share.weights]  # fmt: skip
        favours = [(at, True, name) for at, name in self._favours]
        return sorted((each for each in joins + favours if each[0] < after), key=lambda e: e[:2])

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
            moment = from_micros(at or self._ground.at())
            event = LeaderEvent(best, standing.serves, moment, self.weights)
            self._ground.tell([LeaderChanged(event)])

    # Keeping ----------------------------------------------------------------------------------

    def _resumed(self) -> None:
        kept = versions.lead_of(self._ground.store, self._ground.number)
        if kept is None or kept.among != self._rules.among:  # then it begins anew
            return
        try:
            self._share.restore(kept.share)
        except SnapshotMismatch:  # of another version of homeostat: the weights begin anew
            self._share = FixedShare(self._rules.lasts)
        self._since, self._cursor, self._champion = dict(kept.since), kept.cursor, kept.champion
        self._favours = [(at, name) for at, name in kept.favours]

    def _keep(self) -> None:
        lead = Lead(self._cursor, self._rules.among, self._champion, self._since, self._favours,
                    self._share.snapshot())  # fmt: skip
        versions.keep_lead(self._ground.store, self._ground.number, lead)


def eligible(ground: Ground, rules: Rules) -> list[str]:
    """Who may lead by what the log says, as far as it is kept, the oldest first."""
    may: dict[str, None] = {}
    for event in told(ground.store, ground.number, _KINDS):
        payload = event.payload
        if isinstance(event, ChallengerRegistered):
            if rules.among == REGISTERED:
                may[payload.version] = None
            continue
        if not isinstance(event, ChallengerRejected):
            may |= {payload.model_version: None}
        if isinstance(event, ModelPromoted):
            may[payload.challenger] = None
        else:
            may.pop(payload.challenger, None)
    champion = ground.champion
    others = [name for name in may if name != champion][-(rules.versions - 1) :]
    return [champion, *others]


_KINDS = (
    ChallengerRegistered.__name__,
    ChallengerRejected.__name__,
    ModelPromoted.__name__,
    ModelRolledBack.__name__,
)
