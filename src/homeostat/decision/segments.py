"""Segments in which a challenger is shown to be worse: each may forbid its promotion.

As long as one of them only looks worse, a promotion waits.

A family of tests, one a segment, that the challenger is worse there by more than a margin. Each is
at an equal part of the error, for as many segments as there may be (Bonferroni's inequality), so
that all together err with no more than that, whatever depends on what.
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


class Part(Stateful):
    """One segment: the bets that the challenger is worse, and the sums for the interval."""

    memory: ClassVar[tuple[str, ...]] = ("bets", "sums")

    def __init__(self, reach: float) -> None:
        self.reach = reach
        self.bets = Bets(reach)
        self.sums = Sums()


class Step(NamedTuple):
    """What the records of one segment would make of it."""

    name: str
    rows: Rows
    grown: Floats


class Ahead(NamedTuple):
    """What some records would make of the segments.

    worse, held: after each row, whether a segment is shown to be worse, and whether a promotion
    has to wait because one looks so.
    """

    steps: list[Step]
    worse: Flags
    held: Flags


class Segments(Stateful):
    """The evidence of each segment that the challenger is worse there.

    error: of all together. margin: how much worse does no harm. minimum: pairs before a segment is
    judged. most: segments that come after so many share `[other]`. Memory O(most).
    """

    memory: ClassVar[tuple[str, ...]] = ("parts",)

    def __init__(self, error: float, margin: float, bound: float, minimum: int, most: int) -> None:
        self.error = error
        self.margin = margin
        self.bound = bound
        self.minimum = minimum
        self.most = most
        self.part_of_error = error / (most + 1)
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
        changes = np.zeros((2, len(names)), dtype=np.int64)
        for name, rows in self._rows(names, known):
            part = self.parts.get(name) or self._new()
            grown = part.bets.grown(-(differences[rows] + self.margin))
            steps.append(Step(name, rows, grown))
            counts = np.arange(part.sums.n, part.sums.n + len(rows) + 1)
            evidence = np.append(part.bets.evidence, together(grown))
            flags = np.array([self._is_worse(counts, evidence), evidence >= _DOUBT], dtype=np.int64)
            changes[:, rows] = np.diff(flags, axis=1)
        before = np.array([[len(self.worse)], [len(self.doubted)]])
        worse, held = before + np.cumsum(changes, axis=1) > 0
        return Ahead(steps, worse, held)

    def keep(self, steps: list[Step], differences: Floats, count: int) -> None:
        """Take the first `count` records of what `ahead` gave."""
        for name, rows, grown in steps:
            taken = rows[rows < count]
            if len(taken):
                part = self.parts.setdefault(name, self._new())
                part.bets.keep(grown, len(taken))
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
        }

    def _new(self) -> Part:
        return Part(self.bound + self.margin)

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
