"""The decision between champion and challenger, from their losses on the same records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.decision.adjustment import Adjustment
from homeostat.decision.bets import Bets, together
from homeostat.decision.counts import Counts
from homeostat.decision.interval import Span, Sums
from homeostat.decision.pairs import Pairs, paired
from homeostat.decision.segments import Ahead, Segments
from homeostat.decision.shown import as_html, as_text, figure_of
from homeostat.errors import InvalidInput, InvalidSetting, SnapshotMismatch, whole, within
from homeostat.state import Stateful

PROMOTED, REJECTED, UNDECIDED = "promoted", "rejected", "undecided"

Floats = NDArray[np.float64]

_PROMOTION = 0.8  # of alpha


class Decision(Stateful):
    """Whether a challenger may replace the champion: promoted, rejected or, still, undecided.

    The difference is the champion's mean loss minus the challenger's, above 0 where the challenger
    is better; losses are within 0 and 1, lower is better. It is `promoted` when the difference is
    shown to be above -margin, `rejected` when it is shown to be below. With margin = 0 that is
    better or worse; with margin > 0 a challenger is promoted that is worse by less than the margin
    (non-inferiority); with margin < 0 only one that is better by more than -margin.

    alpha: the probability of any wrong verdict, however often one looks and whatever the truth:
    four fifths for a wrong promotion, the rest for a wrong rejection, for a late rejection costs
    only labels. bound: for losses outside 0 and 1, the greatest difference of two losses; greater
    ones are cut to it and counted. minimum: pairs before any verdict. deadline: pairs after which
    it ends undecided. labelled: the probability of a label, for the covariate; None for the share
    seen. segment_margin: a segment shown to be worse by more rejects the challenger, after
    segment_minimum pairs of it, and a promotion waits as long as one looks so; half of the error of
    rejection is then for the segments, in equal parts for max_segments of them and one of all that
    come later, `[other]`. None does not look at segments. segment_proof: a promotion waits until
    each segment is shown to be worse by less than the segment_margin, but for those of fewer than
    segment_minimum pairs, in which a tenth of the pairs may be.

    It holds for any series of pairs whose next difference has, given all before it, a mean on the
    same side of -margin; labels, where some are missing, given at random. After a verdict, or the
    deadline, everything stays as it is, and later records are only counted.

    Raises InvalidSetting. Memory O(max_segments); a record costs O(1), a million of them some
    tenths of a second. Source: `homeostat.decision.bets`, `.interval`, `.adjustment`. Oracle: all
    short series with their probabilities; the exact binomial test of McNemar.
    """

    memory: ClassVar[tuple[str, ...]] = (
        "verdict", "reason", "counts", "_better", "_worse", "_sums", "_adjusting", "_adjustment",
        "_segments",
    )  # fmt: skip

    _adjusting: bool | None  # whether there are covariates; None before the first record

    def __init__(
        self,
        alpha: float = 0.05,
        margin: float = 0.0,
        *,
        bound: float | None = None,
        minimum: int = 1,
        deadline: int | None = None,
        labelled: float | None = None,
        segment_margin: float | None = None,
        segment_minimum: int = 100,
        max_segments: int = 20,
        segment_proof: bool = False,
    ) -> None:
        self.alpha = within("alpha", alpha, 0, 1)
        self.bound = None if bound is None else within("bound", bound, 0, math.inf)
        limit = 1.0 if self.bound is None else self.bound
        self.margin = within("margin", margin, -limit, limit)
        self.minimum = whole("minimum", minimum)
        self.deadline = None if deadline is None else whole("deadline", deadline, minimum)
        self.labelled = None if labelled is None else within("labelled", labelled, 0, 1, "(]")
        if segment_margin is not None:
            within("segment_margin", segment_margin, 0, limit, "[)")
        elif segment_proof:
            raise InvalidSetting(
                "segment_proof needs a segment_margin: how much worse does no harm"
            )
        self.segment_margin = segment_margin
        self.segment_proof = segment_proof
        self.segment_minimum = whole("segment_minimum", segment_minimum)
        self.max_segments = whole("max_segments", max_segments, 1, 10_000)
        self.verdict = UNDECIDED
        self.reason = ""
        self.counts = Counts()
        wrong_rejection = alpha * (1 - _PROMOTION) / (1 if segment_margin is None else 2)
        self._errors = (alpha * _PROMOTION, wrong_rejection)
        self._slack = (limit - abs(margin)) / 2
        self._limit, self._edge = limit, 0.0 - margin
        self._above = f"the difference is above {self._edge:g}"
        self._below = f"the difference is below {self._edge:g}"
        self._better, self._worse = Bets(limit - margin), Bets(limit + margin)
        self._sums = Sums()
        self._adjusting = None
        self._adjustment = Adjustment(self.labelled, self._slack)
        self._segments = (
            None
            if segment_margin is None
            else Segments(
                wrong_rejection, segment_margin, limit, segment_minimum, max_segments,
                self._errors[0] if segment_proof else None,
            )
        )  # fmt: skip

    @property
    def n(self) -> int:
        """Pairs with both losses, until it ended."""
        return self._sums.n

    @property
    def final(self) -> bool:
        """Whether it has ended, with a verdict or at the deadline."""
        return self.reason != ""

    def update(
        self,
        champion: ArrayLike,
        challenger: ArrayLike,
        covariate: ArrayLike | None = None,
        segments: Any = None,
    ) -> str:
        """Take the losses of both models on the same records; the verdict after them.

        One number each, or arrays of n. A loss that is NaN is not known: the record is skipped and
        counted. covariate: one number a record, known before its label (of records without a label,
        too: that is what makes it useful); NaN where there is none. segments: a name a record.

        Raises InvalidInput, and takes nothing, for shapes that do not agree, infinite values,
        losses outside 0 and 1 (without a bound), segments without a segment_margin, and a covariate
        that was not there from the first record on. How a stream is cut changes no bit.
        """
        pairs = paired(champion, challenger, covariate, segments, self.bound)
        if segments is not None and self._segments is None:
            hint = "give segment_margin=, how much worse the challenger may be in one of them"
            raise InvalidInput("segments", "are not looked at by this decision", hint)
        if not len(pairs.known):
            return self.verdict
        self._settle(covariate is not None)
        for block in pairs.blocks():
            self._fold(block)
        return self.verdict

    def _settle(self, covariate: bool) -> None:
        if covariate and self._adjusting is False:
            raise InvalidInput(
                "covariate",
                "was not there from the first record on",
                "give it from the beginning, NaN for records that have none, or never",
            )
        if self._adjusting is None:
            self._adjusting = covariate

    def _fold(self, pairs: Pairs) -> None:
        if self.final:
            self.counts.later += len(pairs.known)
            return
        known, differences, covariates = pairs.known, pairs.differences, pairs.covariates
        adjustments, sums = np.zeros(len(known)), None
        if covariates is not None:
            adjustments, sums = self._adjustment.ahead(differences, known, covariates)
        values = np.where(known, differences + self.margin, 0.0) - adjustments
        better, worse = self._better.grown(values), self._worse.grown(-values)
        parts = self._ahead(pairs)
        count, verdict, reason = self._ended(known, together(better), together(worse), parts)
        self._better.keep(better, count)
        self._worse.keep(worse, count)
        self._sums.take(differences[:count], known[:count], adjustments[:count])
        self.counts.take(pairs.part(0, count))
        if covariates is not None and sums is not None:
            self._adjustment.keep(covariates, sums, count)
        if self._segments is not None and parts is not None:
            self._segments.keep(parts.steps, differences, count)
            reason = reason.format(segments=", ".join(self._segments.worse))
        self.verdict, self.reason = verdict, reason
        self.counts.later += len(known) - count

    def _ahead(self, pairs: Pairs) -> Ahead | None:
        if self._segments is None:
            return None
        names = pairs.segments
        known = pairs.known if names is not None else np.zeros(len(pairs.known), dtype=bool)
        names = np.empty(len(known), dtype=object) if names is None else names
        return self._segments.ahead(names, pairs.differences, known)

    def _ended(
        self, known: NDArray[np.bool_], better: Floats, worse: Floats, parts: Ahead | None
    ) -> tuple[int, str, str]:
        """How many of these records it takes, and how it stands after them."""
        pairs = self.n + np.cumsum(known)
        ripe = pairs >= self.minimum
        free = ripe if parts is None else ripe & ~parts.held
        ends = [  # of those that come first together, the first counts
            (_first(ripe & (worse >= 1 / self._errors[1])), REJECTED, self._below),
            (_first(free & (better >= 1 / self._errors[0])), PROMOTED, self._above),
        ]
        if parts is not None:
            ends.insert(0, (_first(ripe & parts.worse), REJECTED, _SEGMENT))
        if self.deadline is not None:
            ends.append((_first(pairs >= self.deadline), UNDECIDED, _DEADLINE))
        at, verdict, reason = min(ends, key=lambda end: end[0])
        return (at + 1, verdict, reason) if at < len(known) else (len(known), UNDECIDED, "")

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Put a snapshot back; raises SnapshotMismatch when it is of something else."""
        if (snapshot.get("_segments") is None) != (self._segments is None):
            raise SnapshotMismatch("one of the two looks at segments; give both a segment_margin")
        super().restore(snapshot)

    def evidence(self) -> dict[str, Any]:
        """All that it rests on, as plain data for JSON; None where there is nothing to tell yet.

        `difference` is champion minus challenger, with bounds that hold at all times together with
        probability 1 - alpha. `e_better` and `e_worse` are e-values against the two hypotheses,
        which end it at `needed_better` and `needed_worse`; `log_wealth`: their logarithms (nats).
        """
        low, high = self._bounds()
        told = {
            "verdict": self.verdict,
            "reason": self.reason,
            "final": self.final,
            "n": self.n,
            "difference": _number(self._sums.mean),
            "lower": low,
            "upper": high,
            "e_better": self._better.evidence,
            "e_worse": self._worse.evidence,
            "needed_better": 1 / self._errors[0],
            "needed_worse": 1 / self._errors[1],
            "log_wealth": {"better": self._better.log_wealth, "worse": self._worse.log_wealth},
            "alpha": self.alpha,
            "margin": self.margin,
            "bound": self.bound,
            "minimum": self.minimum,
            "deadline": self.deadline,
            "variance_removed": self._sums.variance_removed if self._adjusting else 0.0,
        }
        told |= self.counts.told(self.n)
        told["notes"] = self._notes()
        told["segments"] = [] if self._segments is None else self._segments.table()
        return told

    def _bounds(self) -> tuple[float, float]:
        low, high = self._sums.bounds(
            Span(self._limit, self._slack if self._adjusting else 0.0), *self._errors
        )
        # what the bets themselves have refused is refused
        low = max(low, self._edge) if self.reason == self._above else low
        return low, min(high, self._edge) if self.reason == self._below else high

    def _notes(self) -> list[str]:
        notes = []
        if self.counts.clipped:
            notes.append(
                f"{self.counts.clipped:,} differences beyond ±{self._limit:g} were cut to it: "
                "the verdict is about differences so cut"
            )
        if self._adjusting and not self.counts.skipped:
            notes.append(
                "the covariate removed nothing: it is the same for both models, and helps only "
                "beside records without a label (losses NaN)"
            )
        if self._segments is not None and not self.final:
            notes += [f"a promotion would wait: {why}" for why in self._waits(self._segments)]
        return notes

    def _waits(self, segments: Segments) -> list[str]:
        why = []
        if segments.doubted:
            why.append(f"the challenger looks worse in {', '.join(segments.doubted)}")
        if segments.unproven:
            names = ", ".join(segments.unproven)
            why.append(
                f"that it is worse by less than {self.segment_margin:g} is not shown in {names}"
            )
        if segments.open:
            why.append("more than a tenth of the pairs are in segments too small to be judged")
        return why

    def __repr__(self) -> str:
        return as_text(self.evidence())

    def _repr_html_(self) -> str:
        return as_html(self.evidence())

    def plot(self) -> Any:
        """A Plotly figure: the difference, and that of each segment, with their intervals.

        Nothing is drawn before the first pair. Raises MissingExtra without the extra `plot`.
        """
        return figure_of(self.evidence())


_SEGMENT = "the challenger is worse in {segments}"
_DEADLINE = "the deadline has come"


def _first(flags: NDArray[np.bool_]) -> int:
    """The first place that is set; past the end where none is."""
    at = int(np.argmax(flags))
    return at if flags[at] else len(flags)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def decide(
    champion_losses: ArrayLike,
    challenger_losses: ArrayLike,
    covariate: ArrayLike | None = None,
    alpha: float = 0.05,
    margin: float = 0.0,
    *,
    bound: float | None = None,
    minimum: int = 1,
    deadline: int | None = None,
    labelled: float | None = None,
    segments: Any = None,
    segment_margin: float | None = None,
    segment_minimum: int = 100,
    max_segments: int = 20,
    segment_proof: bool = False,
) -> Decision:
    """Compare two models by their losses on the same records; go on with `update`.

    Losses, covariate and segments as in `Decision.update`, and may be empty; the rest as in
    `Decision`. With segments, but without a segment_margin, it is the margin, at least 0. Raises
    InvalidInput and InvalidSetting. Cost: linear.
    """
    if segments is not None and segment_margin is None:
        segment_margin = max(margin, 0.0)
    decision = Decision(
        alpha,
        margin,
        bound=bound,
        minimum=minimum,
        deadline=deadline,
        labelled=labelled,
        segment_margin=segment_margin,
        segment_minimum=segment_minimum,
        max_segments=max_segments,
        segment_proof=segment_proof,
    )
    decision.update(champion_losses, challenger_losses, covariate, segments)
    return decision
