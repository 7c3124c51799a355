"""Concept drift: whether labels and errors, given what was known of a row, are as they were."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from homeostat.comparison import adjusted
from homeostat.diagnosis.adjustment import Adjustment, Change
from homeostat.diagnosis.cells import Cells, cells_of, crossed, one_cell
from homeostat.diagnosis.design import design
from homeostat.diagnosis.outcomes import Labelled, Outcome
from homeostat.diagnosis.sides import Columns, Floats, Roles

ENOUGH = 50  # labelled rows on each side
_MOST = 20_000  # labelled rows on each side that are looked at
_SCORE_CELLS = 8


class Relation(NamedTuple):
    """The family's corrected p-value, what changed most, and each column's change.

    `p_value` is NaN, and `note` and `needed` say why, where it cannot be told. `unseen` says what
    was left aside, so that nothing found does not mean that nothing changed.
    """

    p_value: float = nan
    text: str = ""
    columns: Mapping[str, Change] = MappingProxyType({})
    note: str = ""
    needed: int | None = None
    unseen: str = ""


def relation(
    reference: Columns,
    current: Columns,
    known: Labelled,
    features: list[str],
    roles: Roles,
    outputs: bool,
) -> tuple[Relation, Relation]:
    """The test of the relation, on labelled rows, corrected over cells and outcomes (Holm).

    The second is the same with the reference's labels weighted to the shares they now have: it
    finds what a change of these shares alone does not explain. Without `outputs` the model's score
    and prediction, and so its errors, are left aside, and only labels given features are looked at.
    """
    known = _thinned(known)
    n, m = (len(rows) for rows in known.rows)
    outcomes = [known.loss, *known.labels] if outputs and known.loss else list(known.labels)
    if min(n, m) < ENOUGH:
        return _silent(f"needs {ENOUGH} labelled rows on each side", ENOUGH)
    if not outcomes:
        return _silent("labels and predictions are of different types")
    before, after = (
        {name: column.take(rows) for name, column in side.items()}
        for side, rows in zip((reference, current), known.rows, strict=True)
    )
    designs = design(before, after, features, roles if outputs else None)
    width = designs[0].shape[1]
    if n < 3 * width:
        return _silent(f"needs {3 * width} labelled rows in the reference", 3 * width)
    own = {name: cells_of(name, before[name], after[name]) for name in features}
    cells = {"all rows": one_cell(n, m)} | (_of_outputs(before, after, roles) if outputs else {})
    plain = _tested(Adjustment(designs), outcomes, cells | own, features)
    weights = label_weights(known)
    if weights is None:
        return plain, Relation()
    return plain, _tested(Adjustment(designs, weights), outcomes, cells | own, features)


def _thinned(known: Labelled) -> Labelled:
    """So many rows of each side, evenly spaced."""
    places = [np.flatnonzero(mask) for mask in known.rows]
    a, b = (np.arange(0, len(own), max(1, -(-len(own) // _MOST))) for own in places)
    return Labelled(
        (places[0][a], places[1][b]),
        known.loss and known.loss.take(a, b),
        [each.take(a, b) for each in known.labels],
        known.regression,
        (known.classes[0][a], known.classes[1][b]),
    )


def _silent(note: str, needed: int | None = None) -> tuple[Relation, Relation]:
    return Relation(note=note, needed=needed), Relation()


def label_weights(known: Labelled) -> Floats | None:
    """How much more frequent the label of each row of the reference is now; None of quantities."""
    if known.regression:
        return None
    before, after = known.classes
    names, places = np.unique(before, return_inverse=True)
    now = np.array([np.count_nonzero(after == name) for name in names]) / len(after)
    weights: Floats = (now / (np.bincount(places) / len(before)))[places]
    return weights if weights.any() else None


def _tested(
    fit: Adjustment, outcomes: list[Outcome], partitions: dict[str, Cells], features: list[str]
) -> Relation:
    rests = [fit.rests(each.reference, each.current) for each in outcomes]
    found = {
        (name, outcome.name): change
        for name, cells in partitions.items()
        for outcome, change in zip(outcomes, fit.changes(cells, rests), strict=True)
        if change is not None
    }
    return _summed(found, features)


def _of_outputs(before: Columns, after: Columns, roles: Roles) -> dict[str, Cells]:
    names = [n for n in (roles.prediction, roles.score) if n in before and n in after]
    found = [cells_of(name, before[name], after[name], _SCORE_CELLS) for name in names]
    if not found:
        return {}
    return {" and ".join(names): found[0] if len(found) == 1 else crossed(*found)}


def _summed(found: dict[tuple[str, str], Change], features: list[str]) -> Relation:
    if not found:
        return Relation(note="no cell has rows enough on both sides", needed=ENOUGH)
    p = adjusted([change.p_value for change in found.values()])
    corrected = dict(zip(found, p.tolist(), strict=True))
    name, outcome = min(corrected, key=lambda key: (corrected[key], -found[key].statistic))
    columns: dict[str, Change] = {}
    for (column, kind), change in found.items():
        if column in features:
            own = change._replace(p_value=corrected[column, kind])
            columns[column] = _stronger(own, columns.get(column, own))
    text = f"{outcome} given {'the rows' if name == 'all rows' else name} is not what it was"
    return Relation(float(np.min(p)), text, columns)


def _stronger(one: Change, other: Change) -> Change:
    best = max(one, other, key=lambda change: change.effect)
    return best._replace(p_value=min(one.p_value, other.p_value))
