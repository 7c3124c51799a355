"""Which columns carry the change."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan, nan, sqrt
from typing import Any, NamedTuple

import numpy as np

from homeostat.diagnosis.causes import Cause, Evidence
from homeostat.diagnosis.cells import Cells, divergence
from homeostat.diagnosis.sides import Floats, Roles
from homeostat.errors import InvalidInput, InvalidSetting, did_you_mean

_FLOOR = 0.2  # of the weight of the most important column: importance is a guess


class ColumnChange(NamedTuple):
    """One column's part of the change.

    `share` adds up to 1 over all columns, or is 0 everywhere. `what` is the cause that it carries.
    `effect` is how far the shares of its cells moved, as PSI; for concept drift the mean square of
    the change over its cells, in variances of the outcome; both less what chance gives, NaN for a
    column that is gone or new. `importance` is relative to the largest. `p_value` is corrected,
    NaN where nothing was tested.
    """

    name: str
    share: float
    what: str
    effect: float
    importance: float
    p_value: float


def ranked(
    evidence: Evidence,
    causes: list[Cause],
    partitions: Mapping[str, Cells],
    importance: Mapping[str, float],
    roles: Roles,
    alpha: float,
) -> list[ColumnChange]:
    """All columns by their share: broken ones first, then effect by importance."""
    found = {cause.name for cause in causes if cause.found}
    effects = {name: divergence(cells) for name, cells in partitions.items()}
    broken = {each.column: each for each in evidence.breaks}
    rows = [
        _row(
            name, effects.get(name, nan), importance.get(name, 1.0), broken, evidence, found, alpha
        )
        for name in [*partitions, *(name for name in broken if name not in partitions)]
        if name in broken or name not in roles
    ]
    rows += [
        ColumnChange(
            name, effects.get(name, 1.0), cause, effects.get(name, nan), 1.0, family.p_value
        )
        for name, cause, family in (
            (roles.label, "label drift", evidence.labels),
            (roles.latency, "serving latency", evidence.latency),
        )
        if cause in found and name not in broken
    ]
    total = sum(row.share for row in rows)
    rows = [row._replace(share=row.share / total if total else 0.0) for row in rows]
    return sorted(rows, key=lambda row: (-row.share, 1.0 if isnan(row.p_value) else row.p_value))


def _row(
    name: str,
    effect: float,
    importance: float,
    broken: Mapping[str, Any],
    evidence: Evidence,
    found: set[str],
    alpha: float,
) -> ColumnChange:
    if name in broken:
        size = 1 + (0.0 if isnan(effect) else effect * (_FLOOR + importance))
        one = broken[name]
        return ColumnChange(name, size, f"data break: {one.text}", effect, importance, one.p_value)
    parts = {}
    p = evidence.covariates.columns.get(name, nan)
    change = evidence.relation.columns.get(name)
    if "covariate drift" in found and p <= alpha:
        parts["covariate drift"] = effect * (_FLOOR + importance)
    if "concept drift" in found and change is not None and change.p_value <= alpha:
        parts["concept drift"] = change.effect
        p = min(change.p_value, 1.0 if isnan(p) else p)
    what = max(parts, key=parts.__getitem__) if parts else ""
    if what == "concept drift":
        effect = parts[what]
    return ColumnChange(name, sum(parts.values()), what, effect, importance, p)


def importances(
    given: Any, partitions: Mapping[str, Cells], targets: list[tuple[Any, Floats]]
) -> dict[str, float]:
    """Relative to the largest: as given, or how much of the targets' spread cells explain.

    Targets are, of some reference rows each, the model's answer and its error.
    """
    if given is not None:
        return _relative(_checked(given, partitions))
    found = {
        name: max((_explained(cells, *target) for target in targets), default=1.0)
        for name, cells in partitions.items()
    }
    return _relative(found)


def _relative(values: Mapping[str, float]) -> dict[str, float]:
    most = max(values.values(), default=0.0)
    return {name: value / most if most > 0 else 1.0 for name, value in values.items()}


def _checked(given: Any, partitions: Mapping[str, Cells]) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise InvalidSetting(f"importance must map columns to numbers, got {given!r}")
    for name, value in given.items():
        if name not in partitions:
            hint = did_you_mean(str(name), partitions)
            raise InvalidInput("importance", f"names {name!r}, which is no feature", hint)
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not (number and 0 <= value < float("inf")):
            raise InvalidSetting(f"importance[{name!r}] must be at least 0, got {value!r}")
    return {name: float(given.get(name, 0.0)) for name in partitions}


def _explained(cells: Cells, rows: Any, target: Floats) -> float:
    """The correlation ratio of a target with the cells of its rows, less what chance gives."""
    codes = cells.reference[rows]
    spread = float(target.var()) if len(target) else 0.0
    if spread == 0:
        return 0.0
    n = np.bincount(codes, minlength=len(cells.names))
    means = np.bincount(codes, target - target.mean(), len(cells.names)) / np.maximum(n, 1)
    share = float((n * means**2).sum()) / len(target) / spread
    return sqrt(max(0.0, share - (np.count_nonzero(n) - 1) / len(target)))
