"""The families of tests behind each cause, each with one corrected p-value."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from homeostat.comparison import ColumnResult, adjusted, compare, two_sample
from homeostat.diagnosis.outcomes import Labelled, texts
from homeostat.diagnosis.sides import Column, Columns, Side

_ENOUGH = 30  # rows of each side in a class
_CLASSES = 5  # classes, or ranges of a quantity, that are looked into
_TAIL = 0.95


class Family(NamedTuple):
    """A family's p-value, what it says, and its parts' corrected p-values by column.

    `p_value` is NaN, and `note` and `needed` say why, where it cannot be told.
    """

    p_value: float = nan
    text: str = ""
    columns: Mapping[str, float] = MappingProxyType({})
    note: str = ""
    needed: int | None = None


def covariates(reference: Side, current: Side, features: list[str]) -> Family:
    """Whether features are distributed as before, each by its own test, and its missing share."""
    if not features:
        return Family(note="there is no feature that both sides have, whole and unbroken")
    left: Any = reference.counts
    right: Any = {name: current.arrays[name] for name in features}
    if left is None:
        left = {name: reference.columns[name].values for name in features}
        right = {name: current.columns[name].values for name in features}
    table = compare(left, right, correction="none", columns=features, shapes=False)
    return _columns([row for row in table if row.name in features], "is not distributed as before")


def label_shares(known: Labelled) -> Family:
    """Whether labels are distributed as before."""
    test = "ks" if known.regression else "z_proportions"
    found = [
        two_sample(test, each.reference, each.current)
        for each in known.labels
        if min(len(each.reference), len(each.current)) >= _ENOUGH
    ]
    if not found:
        return Family(note=f"needs {_ENOUGH} labels on each side", needed=_ENOUGH)
    p = adjusted([outcome.p_value for outcome in found])
    best = int(np.argmin(p))
    each = known.labels[best]
    text = f"{each.name}: mean {each.reference.mean():.4g} before, {each.current.mean():.4g} now"
    return Family(float(p[best]), text)


def within_labels(
    reference: Columns, current: Columns, known: Labelled, names: list[str], label: str
) -> Family:
    """Whether columns, among rows of the same label, are distributed as before."""
    sides = [
        {name: side[name].take(rows) for name in [*names, label]}
        for side, rows in zip((reference, current), known.rows, strict=True)
    ]
    classes = _classes(sides[0][label], sides[1][label], known.regression)
    rows: list[ColumnResult] = []
    for at in range(_CLASSES):
        left, right = (
            {name: side[name].values[own == at] for name in names}
            for side, own in zip(sides, classes, strict=True)
        )
        if names and min(len(left[names[0]]), len(right[names[0]])) >= _ENOUGH:
            rows += compare(left, right, correction="none", columns=list(left), shapes=False)
    return _columns(rows, "is not distributed as before among rows of the same label")


def _classes(before: Column, after: Column, regression: bool) -> list[Any]:
    """Places of labels among the most frequent, or the reference's quantiles."""
    if regression:
        edges = np.quantile(before.values, np.arange(1, _CLASSES) / _CLASSES)
        return [np.searchsorted(edges, side.values) for side in (before, after)]
    named = [texts(side) for side in (before, after)]
    classes, counts = np.unique(named[0], return_counts=True)
    kept = classes[np.argsort(-counts, kind="stable")][:_CLASSES].tolist()
    place = {name: at for at, name in enumerate(kept)}
    return [np.array([place.get(name, _CLASSES) for name in side.tolist()]) for side in named]


def latencies(reference: Columns, current: Columns, name: str) -> Family:
    """Whether serving became slower: on the whole, or in the slowest 5 %."""
    if name not in reference or name not in current:
        return Family(note=f"there is no {name} on both sides")
    sides = [side[name] for side in (reference, current)]
    a, b = (side.present for side in sides)
    if min(len(a), len(b)) < _ENOUGH:
        return Family(note=f"needs {_ENOUGH} latencies on each side", needed=_ENOUGH)
    if not all(side.numeric for side in sides):
        return Family(note=f"{name} is no number")
    bound = float(np.quantile(a, _TAIL))
    whole = two_sample("mann_whitney", a, b)
    tail = two_sample("z_proportions", a > bound, b > bound)
    slower = [found.p_value for found in (whole, tail) if found.effect > 0]
    text = f"median {np.median(a):.4g} ms before, {np.median(b):.4g} now; 95 % "
    text += f"{bound:.4g} before, {np.quantile(b, _TAIL):.4g} now"
    return Family(min([1.0, *(2 * p for p in slower)]), text)


def _columns(rows: list[ColumnResult], text: str) -> Family:
    """The least corrected p-value of rows, and that of each column."""
    p = [_least(row) for row in rows]
    if not rows or np.isnan(p).all():
        needed = max([row.needed or 0 for row in rows], default=_ENOUGH) or _ENOUGH
        return Family(note=f"needs {needed} values on each side", needed=needed)
    corrected = adjusted(p)
    columns: dict[str, float] = {}
    for row, own in zip(rows, corrected.tolist(), strict=True):
        if not np.isnan(own):
            columns[row.name] = min(own, columns.get(row.name, 1.0))
    first = rows[int(np.nanargmin(np.where(np.isnan(p), np.inf, p)))].name
    return Family(columns[first], f"{first} {text}", columns)


def _least(row: ColumnResult) -> float:
    found = [
        p for p in (row.p_value, row.missing.p_value if row.missing else None) if p is not None
    ]
    return min(1.0, len(found) * min(found)) if found else nan
