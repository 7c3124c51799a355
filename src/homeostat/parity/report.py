"""What is said of how a classifier treats the segments of its records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, isnan, nan
from typing import Any, NamedTuple

from homeostat.errors import InvalidSetting, did_you_mean
from homeostat.parity import shown
from homeostat.parity.counts import text

GAPS = ("demographic_parity", "equal_opportunity", "equalised_odds", "disparate_impact")
RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")


class Estimate(NamedTuple):
    """A rate, a difference or a ratio with its interval; all NaN, and `needed` set, if too few.

    `n` is of how many records; of a gap, how many its smaller side has.
    """

    value: float
    low: float = nan
    high: float = nan
    n: int = 0
    needed: int | None = None


class Segment(NamedTuple):
    """One segment's rates, and its gaps to the baseline (of the baseline itself: None)."""

    name: str
    n: int
    selection_rate: Estimate
    true_positive_rate: Estimate
    false_positive_rate: Estimate
    demographic_parity: Estimate | None = None
    equal_opportunity: Estimate | None = None
    equalised_odds: Estimate | None = None
    disparate_impact: Estimate | None = None

    @property
    def unequal(self) -> tuple[str, ...]:
        """The gaps whose intervals leave out equality."""
        none = {"disparate_impact": 1.0}
        gaps = {name: getattr(self, name) for name in GAPS}
        return tuple(
            name
            for name, gap in gaps.items()
            if gap and not isnan(gap.value) and not gap.low <= none.get(name, 0.0) <= gap.high
        )


@dataclass(frozen=True)
class Fairness:
    """All segments, the largest first, and what they are compared with.

    `skipped` rows had no prediction. The intervals of a kind of gap hold together, for all
    segments at once, at `confidence`; those of a rate each alone.
    """

    segments: dict[str, Segment]
    baseline: str
    by: str
    positive: Any
    confidence: float
    skipped: int = 0

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.segments.values())

    def __len__(self) -> int:
        return len(self.segments)

    def __getitem__(self, name: Any) -> Segment:
        return self.segments[text(name)]

    @property
    def unequal(self) -> dict[str, tuple[str, ...]]:
        """The segments that are surely treated unlike the baseline, and by which measures."""
        return {each.name: each.unequal for each in self if each.unequal}

    def worst(self, gap: str) -> tuple[str, Estimate] | None:
        """The segment farthest from the baseline by one of the gaps; None where none is known."""
        if gap not in GAPS:
            raise InvalidSetting(f"gap {gap!r} is unknown; {did_you_mean(str(gap), GAPS)}")
        known = [(each.name, getattr(each, gap)) for each in self if getattr(each, gap)]
        found = [(name, estimate) for name, estimate in known if not isnan(estimate.value)]
        return max(found, key=lambda pair: _distance(gap, pair[1].value), default=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; estimates as `value, low, high, n, needed`."""
        segments = {each.name: _plain(each) for each in self}
        return {
            "by": self.by,
            "baseline": self.baseline,
            "positive": self.positive,
            "confidence": self.confidence,
            "skipped": self.skipped,
            "unequal": {name: list(gaps) for name, gaps in self.unequal.items()},
            "segments": segments,
        }

    def __repr__(self) -> str:
        return shown.text(self)

    def _repr_html_(self) -> str:
        return shown.html(self)

    def plot(self, gap: str = "demographic_parity") -> Any:
        """A Plotly figure of one of the gaps: each segment against the baseline, with its interval.

        Raises InvalidSetting for an unknown gap, MissingExtra without the extra `plot`.
        """
        if gap not in GAPS:
            raise InvalidSetting(f"gap {gap!r} is unknown; {did_you_mean(str(gap), GAPS)}")
        return shown.plot(self, gap)


def _distance(gap: str, value: float) -> float:
    if gap != "disparate_impact":
        return abs(value)
    return max(value, 1 / value) if value else inf


def _plain(segment: Segment) -> dict[str, Any]:
    out: dict[str, Any] = {"n": segment.n}
    for name in (*RATES, *GAPS):
        estimate = getattr(segment, name)
        out[name] = None if estimate is None else estimate._asdict()
    return out
