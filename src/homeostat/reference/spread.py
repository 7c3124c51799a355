"""A column's counts in as many bins as an eye takes in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from homeostat.reference.tally import NumberTally, Tally

_BINS, _NAMES = 24, 8


class Spread(NamedTuple):
    """Shares by place: the middles of equally wide bins, or names, the most frequent first."""

    places: tuple[float | str, ...]
    shares: tuple[float, ...]


def spread_of(tally: Tally) -> Spread | None:
    """The shares of a column; None for one without values. Bins leave out 0.5 % at either end."""
    total = int(tally.counts.sum())
    if not total:
        return None
    if not isinstance(tally, NumberTally):
        names = [*tally.grid.categories, "(other)"]
        ranked = sorted(zip((-tally.counts).tolist(), names, strict=True))[:_NAMES]
        held = [(name, -n / total) for n, name in ranked if n]
        return Spread(tuple(name for name, _ in held), tuple(part for _, part in held))
    with np.errstate(over="ignore", invalid="ignore"):
        edges, upto = cumulated(tally)
        low, high = (float(edges[min(int(np.searchsorted(upto, q)), len(edges) - 1)])
                     for q in (0.005, 0.995))  # fmt: skip
        if not np.isfinite(high - low):
            return None
        low, high = (low, high) if low < high else (low - 0.5, high + 0.5)
        bins = np.linspace(low, high, _BINS + 1)
        reached = np.interp(bins, edges, upto, left=0.0, right=1.0)
    reached[0], reached[-1] = 0.0, 1.0
    middles = (bins[:-1] + bins[1:]) / 2
    return Spread(tuple(middles.tolist()), tuple(np.diff(reached).tolist()))


def cumulated(tally: NumberTally) -> tuple[np.ndarray, np.ndarray]:
    """Values that rise, from the least to the most, and the share of the column up to each."""
    total = int(tally.counts.sum())
    if not total:
        return np.zeros(0), np.zeros(0)
    ends = np.append(tally.grid.edges.astype(np.float64), tally.high)
    values = np.concatenate([[tally.low], np.clip(ends, tally.low, tally.high)])
    return values, np.concatenate([[0.0], np.cumsum(tally.counts) / total])
