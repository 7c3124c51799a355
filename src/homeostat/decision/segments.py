"""Segments in which a challenger is shown to be worse: each may forbid its promotion.

As long as one of them only looks worse, a promotion waits.

A family of tests, one a segment, that the challenger is worse there by more than a margin. Each is
at an equal part of the error, for as many segments as there may be (Bonferroni's inequality), so
that all together err with no more than that, whatever depends on what.

Where that is wanted a promotion waits, too, until each is shown to be worse by less than the margin
(non-inferiority). All have to be shown, so each is at the whole error of promotion: where one is
worse, its own test alone errs seldom enough (R. L. Berger, Technometrics 24, 1982:
intersection-union). Rare ones, which are too small to be judged, would hold a promotion up for
ever: a tenth of the pairs may be of such.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.decision.bets import Bets, together
from homeostat.decision.interval import Span, Sums
from homeostat.segments import OTHER
from homeostat.state import Stateful

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Flags = NDArray[np.bool_]

_DOUBT = 2.0  # evidence from which on a promotion waits
_RARE = 0.1  # of the pairs, in segments that are not judged


class Part(Stateful):
    """One segment: the bets that the challenger is worse, and the sums for the interval."""

    memory: ClassVar[tuple[str, ...]] = ("bets", "sums")

    fine: Bets | None = None

    def __init__(self, reach: float) -> None:
        self.reach = reach
        self.bets = Bets(reach)
        self.sums = Sums()


class Proven(Part):
    """One that has to be shown to be fine, beside: the bets that the challenger is no worse."""

    memory: ClassVar[tuple[str, ...]] = (*Part.memory, "fine")

    fine: Bets

    def __init__(self, reach: float, other: float) -> None:
        super().__init__(reach)
        self.other = other
        self.fine = Bets(other)


class Step(NamedTuple):
    """What the records of one segment would make of it."""

    name: str
    rows: Rows
    grown: Floats
    fine: Floats | None


class Ahead(NamedTuple):
    """What some records would make of the segments.

    worse, held: after each row, whether a segment is shown to be worse, and whether a promotion
    has to wait because one looks so, or is not shown to be fine.
    """

    steps: list[Step]
    worse: Flags
    held: Flags


class Segments(Stateful):
    """The evidence of each segment that the challenger is worse there.

    error: of all together. margin: how much worse does no harm. minimum: pairs before a segment is
    judged. most: segments that come after so many share `[other]`. proof: the error at which each
    has to be shown to be no worse; None for no such wait. Memory O(most).
    """

    memory: ClassVar[tuple[str, ...]] = ("parts",)

    def __init__(
        self, error: float, margin: float, bound: float, minimum: int, most: int,
        proof: float | None = None,
    ) -> None:  # fmt: skip
        self.error = error
        self.margin = margin
        self.bound = bound
        self.minimum = minimum
        self.most = most
        self.part_of_error = error / (most + 1)
        self.proof = proof
        self.parts: dict[str, Part] = {}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Put a snapshot back, with the segments that it has."""
        parts = {name: self._new() for name in snapshot.get("parts", ())}
        for name, part in parts.items():
            part.restore(snapshot["parts"][name])
        super().restore({**snapshot, "parts": {}})
        self.parts = parts

    def ahead(self, names: NDArray[Any], differences: Floats, known: Flags) -> Ahead:
        """What these records would make of it; nothing is kept yet."""
        steps = []
        changes = np.zeros((3, len(names)), dtype=np.int64)
        for name, rows in self._rows(names, known):
            part = self.parts.get(name) or self._new()
            values = differences[rows] + self.margin
            grown = part.bets.grown(-values)
            fine = None if part.fine is None else part.fine.grown(values)
            steps.append(Step(name, rows, grown, fine))
            counts = np.arange(part.sums.n, part.sums.n + len(rows) + 1)
            evidence = np.append(part.bets.evidence, together(grown))
            held = evidence >= _DOUBT
            if part.fine is not None and fine is not None:
                shown = np.append(part.fine.evidence, together(fine))
                held = held | self._is_open(counts, shown)
            judged = np.where(counts >= self.minimum, counts, 0)
            stands = np.array([self._is_worse(counts, evidence), held, judged], dtype=np.int64)
            changes[:, rows] = np.diff(stands, axis=1)
        waiting = {*self.doubted, *self.unproven}
        before = np.array([[len(self.worse)], [len(waiting)], [self._judged]])
        worse, held, judged = before + np.cumsum(changes, axis=1)
        few = self._too_few(judged, self._n + np.cumsum(known))
        return Ahead(steps, worse > 0, (held > 0) | few)

    def keep(self, steps: list[Step], differences: Floats, count: int) -> None:
        """Take the first `count` records of what `ahead` gave."""
        for name, rows, grown, fine in steps:
            taken = rows[rows < count]
            if len(taken):
                part = self.parts.setdefault(name, self._new())
                part.bets.keep(grown, len(taken))
                if part.fine is not None and fine is not None:
                    part.fine.keep(fine, len(taken))
                known, nothing = np.ones(len(taken), dtype=bool), np.zeros(len(taken))
                part.sums.take(differences[taken], known, nothing)

    @property
    def worse(self) -> list[str]:
        """The segments that are shown to be worse."""
        each = ((name, part.sums.n, part.bets.evidence) for name, part in self.parts.items())
        return [name for name, n, evidence in each if self._is_worse(n, evidence)]

    @property
    def doubted(self) -> list[str]:
        """The segments that look worse, so that a promotion waits."""
        return [name for name, part in self.parts.items() if part.bets.evidence >= _DOUBT]

    @property
    def open(self) -> bool:
        """Whether too many pairs are in segments that are not judged, where proof is wanted."""
        return bool(self._too_few(self._judged, self._n))

    @property
    def unproven(self) -> list[str]:
        """The segments that are not yet shown to be no worse, where that is wanted."""
        return [
            name for name, part in self.parts.items()
            if part.fine is not None and self._is_open(part.sums.n, part.fine.evidence)
        ]  # fmt: skip

    def table(self) -> list[dict[str, Any]]:
        """Of each segment: pairs, difference with its bounds, evidence, whether it is worse."""
        return [self._told(name, part) for name, part in self.parts.items()]

    def _told(self, name: str, part: Part) -> dict[str, Any]:
        n, evidence = part.sums.n, part.bets.evidence
        share = self.part_of_error
        lower, upper = part.sums.bounds(Span(self.bound), share, share)
        return {
            "segment": name,
            "n": n,
            "difference": part.sums.mean,
            "lower": lower,
            "upper": upper,
            "e_worse": evidence,
            "worse": bool(self._is_worse(n, evidence)),
            "needed": max(0, self.minimum - n),
            **({} if part.fine is None else {"e_no_worse": part.fine.evidence}),
        }

    def _new(self) -> Part:
        reach = self.bound + self.margin
        return Part(reach) if self.proof is None else Proven(reach, self.bound - self.margin)

    @property
    def _n(self) -> int:
        return sum(part.sums.n for part in self.parts.values())

    @property
    def _judged(self) -> int:
        counts = (part.sums.n for part in self.parts.values())
        return sum(n for n in counts if n >= self.minimum)

    def _too_few(self, judged: Any, n: Any) -> Any:
        """Whether so many pairs of n, those in segments that are judged, are too few for proof."""
        return (judged < (1 - _RARE) * n) & (self.proof is not None)

    def _is_open(self, n: Any, evidence: Any) -> Any:
        """Whether it is large enough to be judged, and not shown to be no worse."""
        return (n >= self.minimum) & (evidence < 1 / (self.proof or 1.0))

    def _is_worse(self, n: Any, evidence: Any) -> Any:
        return (n >= self.minimum) & (evidence >= 1 / self.part_of_error)

    def _rows(self, names: NDArray[Any], known: Flags) -> list[tuple[str, Rows]]:
        """The rows of each segment, in the order of its first pair."""
        there = np.flatnonzero(known)
        given = names[there].tolist()
        own = dict.fromkeys(self.parts)
        place: dict[str, str] = {}
        for name in dict.fromkeys(given):
            full = name not in own and len(own) - (OTHER in own) >= self.most
            place[name] = OTHER if full else name
            own[place[name]] = None
        code = {name: at for at, name in enumerate(own)}
        codes = np.fromiter((code[place[name]] for name in given), np.int64, len(given))
        order = np.argsort(codes, kind="stable")
        ends = np.cumsum(np.bincount(codes, minlength=len(own)))
        pieces = zip(own, np.split(there[order], ends), strict=False)
        return [(name, rows) for name, rows in pieces if len(rows)]
