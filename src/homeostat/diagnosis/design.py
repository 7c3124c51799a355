"""What is known of a row before its label: columns as bends and marks, for a linear fit."""

from __future__ import annotations

import numpy as np

from homeostat.diagnosis.cells import Cells, cells_of
from homeostat.diagnosis.sides import Column, Columns, Floats, Roles

_KNOTS = 6
_SCORE_KNOTS = 10
_CATEGORIES = 20


def design(
    reference: Columns, current: Columns, features: list[str], roles: Roles | None
) -> tuple[Floats, Floats]:
    """Rows of both sides: numbers as hats between quantiles, others as marks of their cells.

    With `roles`, score and prediction too: a bend of the score for each class predicted.
    """
    blocks = [_column(name, reference[name], current[name], _KNOTS) for name in features]
    if roles is not None:
        blocks += _outputs(reference, current, roles)
    rows = [len(next(iter(side.values())).missing) for side in (reference, current)]
    left, right = (
        np.hstack([np.ones((n, 1)), *(block[at] for block in blocks)]) for at, n in enumerate(rows)
    )
    varied = left.std(axis=0) > 1e-9
    varied[0] = True
    return left[:, varied], right[:, varied]


def _column(name: str, before: Column, after: Column, knots: int) -> tuple[Floats, Floats]:
    if before.numeric and after.numeric:
        return _hats(before, after, knots)
    return _marks(cells_of(name, before, after, _CATEGORIES))


def _marks(cells: Cells) -> tuple[Floats, Floats]:
    eye = np.eye(len(cells.names))
    return eye[cells.reference], eye[cells.current]


def _hats(before: Column, after: Column, knots: int) -> tuple[Floats, Floats]:
    """Shares of the two knots that a value lies between; beyond the last ones as at them."""
    finite = before.present[np.isfinite(before.present)]
    if not len(finite):
        left, right = (side.missing[:, None].astype(np.float64) for side in (before, after))
        return left, right
    places = np.unique(np.quantile(finite, np.linspace(0, 1, knots)))
    return _hat(before, places), _hat(after, places)


def _hat(side: Column, places: Floats) -> Floats:
    out = np.zeros((len(side.missing), len(places) + 1))
    out[:, -1] = side.missing
    rows = np.flatnonzero(~side.missing)
    values = np.clip(side.values[rows], places[0], places[-1])
    high = np.clip(np.searchsorted(places, values, "right"), 1, max(1, len(places) - 1))
    if len(places) == 1:
        out[rows, 0] = 1.0
        return out
    share = (values - places[high - 1]) / (places[high] - places[high - 1])
    out[rows, high - 1] = 1 - share
    out[rows, high] = share
    return out


def _outputs(reference: Columns, current: Columns, roles: Roles) -> list[tuple[Floats, Floats]]:
    names = [n for n in (roles.prediction, roles.score) if n in reference and n in current]
    if not names:
        return []
    blocks = [_column(name, reference[name], current[name], _SCORE_KNOTS) for name in names]
    if len(blocks) < 2:
        return blocks
    few = cells_of(names[0], reference[names[0]], current[names[0]])
    marks, bends = _marks(few), blocks[1]
    both = [
        (mark[:, :, None] * bend[:, None, :]).reshape(len(mark), -1)
        for mark, bend in zip(marks, bends, strict=True)
    ]
    return [blocks[0], (both[0], both[1])]
