"""How a column is distributed on both sides, in few numbers: what a pair of histograms needs."""

from __future__ import annotations

from math import isfinite, nan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.comparison.columns import Column, Side
from homeostat.reference import NumberTally
from homeostat.reference.spread import cumulated

_BINS = 24
_STEPS = np.arange(_BINS + 1, dtype=np.float64)
_NAMES = 8
_ENDS = (0.005, 0.995)  # quantiles; what lies beyond counts in the outermost bins


class Shape(NamedTuple):
    """Shares of both sides in common bins: between `edges` of numbers, or of each of `names`.

    Bins are equally wide, from the lower 0.5 % to the upper of both sides. The most frequent
    categories are named, the last is "(other)" where there are more. A side without values has
    only zeros.
    """

    edges: tuple[float, ...]
    names: tuple[str, ...]
    reference: tuple[float, ...]
    current: tuple[float, ...]


def shape_of(left: Side, right: Side) -> Shape | None:
    """The shape of a column; None where the sides have no values in common bins.

    Cost: a few look-ups in what was sorted or counted already.
    """
    with np.errstate(all="ignore"):
        if _is_number(left) and _is_number(right):
            return _of_numbers(left, right)
        before, after = _named(left), _named(right)
        return None if before is None or after is None else _of_names(before, after)


def _is_number(side: Side) -> bool:
    return side.kind in ("number", "time") and (
        isinstance(side, NumberTally) or (isinstance(side, Column) and side.numbers is not None)
    )


def _of_numbers(left: Side, right: Side) -> Shape | None:
    curves = _curve(left), _curve(right)
    ends = [ends for curve in curves if (ends := curve.ends()) is not None]
    if not ends:
        return None
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if not isfinite(high - low):
        return None
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges: NDArray[np.float64] = low + (high - low) / _BINS * _STEPS
    return Shape(tuple(edges.tolist()), (), *(curve.shares(edges) for curve in curves))


class _Raw:
    """Values that rise."""

    def __init__(self, values: NDArray[Any]) -> None:
        if values.dtype.kind in "mM":
            values = values.astype(f"{values.dtype.kind}8[us]").astype(np.int64)
        self.values = values

    def ends(self) -> tuple[float, float] | None:
        n = len(self.values)
        if not n:
            return None
        low, high = (self.values[min(int(q * n), n - 1)] for q in _ENDS)
        return float(low), float(high)

    def shares(self, edges: NDArray[np.float64]) -> tuple[float, ...]:
        n = len(self.values)
        if not n:
            return (0.0,) * _BINS
        reached = np.searchsorted(self.values, edges, "right")
        reached[0], reached[-1] = 0, n
        return tuple(((reached[1:] - reached[:-1]) / n).tolist())


class _Counted:
    """Values that rise, and the share of the side up to each."""

    def __init__(self, tally: NumberTally) -> None:
        self.values, self.upto = cumulated(tally)

    def ends(self) -> tuple[float, float] | None:
        if not len(self.values):
            return None
        at = np.minimum(np.searchsorted(self.upto, _ENDS), len(self.values) - 1)
        low, high = self.values[at].tolist()
        return low, high

    def shares(self, edges: NDArray[np.float64]) -> tuple[float, ...]:
        if not len(self.values):
            return (0.0,) * _BINS
        reached = np.interp(edges, self.values, self.upto, left=0.0, right=1.0)
        reached[0], reached[-1] = 0.0, 1.0
        return tuple((reached[1:] - reached[:-1]).tolist())


def _curve(side: Side) -> _Raw | _Counted:
    if isinstance(side, Column):
        return _Raw(side.as_numbers())
    assert isinstance(side, NumberTally)
    return _Counted(side)


def _named(side: Side) -> dict[str, int] | None:
    if isinstance(side, NumberTally):
        return _truths(side) if side.kind == "truth" else None
    if isinstance(side, Column):
        counts = side.counts if side.counts is not None else {} if side.kind == "empty" else None
        return None if counts is None else {str(name): n for name, n in counts.items()}
    found = dict(zip(side.grid.categories, side.counts.tolist(), strict=False))
    return found | ({"(other)": int(side.counts[-1])} if side.counts[-1] else {})


def _truths(side: NumberTally) -> dict[str, int]:
    right = round(side.moments.mean * side.n) if side.n else 0
    return {"True": right, "False": side.n - right}


def _of_names(left: dict[str, int], right: dict[str, int]) -> Shape | None:
    totals = sum(left.values()) or nan, sum(right.values()) or nan
    both = {name: left.get(name, 0) + right.get(name, 0) for name in {**left, **right}}
    if not any(both.values()):
        return None
    rest = both.pop("(other)", 0)
    ranked = sorted(both, key=lambda name: (-both[name], name))
    names = ranked if len(ranked) <= _NAMES and not rest else ranked[: _NAMES - 1]
    sides = []
    for counts, total in zip((left, right), totals, strict=True):
        shares = [counts.get(name, 0) / total for name in names]
        shares += [max(0.0, 1 - sum(shares))] if len(names) < len(ranked) or rest else []
        sides.append(tuple(0.0 if share != share else share for share in shares))
    if len(names) < len(sides[0]):
        names = [*names, "(other)"]
    return Shape((), tuple(names), *sides)
