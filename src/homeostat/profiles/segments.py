"""Which segment each row is in."""

from __future__ import annotations

from typing import Any

import numpy as np

from homeostat.errors import InvalidInput
from homeostat.profiles.keys import Slots
from homeostat.profiles.rows import Coded, Column, Rows
from homeostat.segments import labelled

_SEGMENTS = 10_000  # different segments of one batch


def segments_of(rows: Rows, names: list[str]) -> Coded | None:
    """What segment each row is in; None for all in one."""
    if not names:
        return None
    columns = [_field(rows, name) for name in names]
    keys: Slots = np.zeros(rows.n, np.int64)
    for column in columns:
        keys = keys * (len(column.values) + 1) + (column.codes + 1)
    found, codes = np.unique(keys, return_inverse=True)
    if len(found) > _SEGMENTS:
        raise InvalidInput(
            "segments", f"{', '.join(names)} have more than {_SEGMENTS:,} values in one batch",
            "name columns of few values",
        )  # fmt: skip
    labels = []
    for key in found.tolist():
        values: list[Any] = []
        for column in reversed(columns):
            key, at = divmod(key, len(column.values) + 1)
            values.insert(0, column.values[at - 1] if at else None)
        labels.append(labelled(names, values))
    return Coded(labels, codes)


def _field(rows: Rows, name: str) -> Coded:
    own = {
        "model": rows.model, "model_version": rows.version,
        "predicted_label": rows.predicted, "ground_truth_label": rows.truth,
    }  # fmt: skip
    column: Column | None = own.get(name, rows.columns.get(name.removeprefix("features.")))
    if column is None:
        return Coded([], np.full(rows.n, -1, np.int64))
    if isinstance(column, Coded):
        return column
    array = column.array()
    if array.dtype.kind == "f":
        values, codes = np.unique(array, return_inverse=True)
        return Coded([None if v != v else v for v in values.tolist()], codes)
    places: dict[Any, int] = {}
    codes = np.array([places.setdefault(value, len(places)) for value in array.tolist()], np.int64)
    return Coded(list(places), codes)
