"""Columns of whatever the user has, a dict of arrays or any data frame, as numpy arrays."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import InvalidInput, did_you_mean
from homeostat.intake import Array, spread
from homeostat.reference.columns import names

Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]


def has(data: Any, name: str) -> bool:
    """Whether there is such a column."""
    return name in names(data)


def column(data: Any, name: str, rows: int | None = None) -> Array:
    """One column; raises InvalidInput when it is not there or not `rows` long."""
    if not has(data, name):
        raise InvalidInput(
            name, "is not a column of the data", did_you_mean(name, map(str, names(data)))
        )
    array = spread(data[name], 1 if rows is None else rows)
    if array.ndim != 1:
        raise InvalidInput(name, f"has {array.ndim} dimensions", "give one value per row")
    if rows is not None and len(array) != rows:
        raise InvalidInput(name, f"has {len(array)} rows where other columns have {rows}")
    return array


def numbers(data: Any, name: str, rows: int | None = None) -> Floats:
    """A column of numbers, NaN where there is none; raises InvalidInput for anything else."""
    array = column(data, name, rows)
    if array.dtype.kind not in "iufb":
        array = np.where(missing(array), np.nan, array.astype(object))
    try:
        return np.where(np.isinf(out := array.astype(np.float64)), np.nan, out)
    except (TypeError, ValueError) as error:
        raise InvalidInput(name, "is not numeric", "give numbers or missing values") from error


def missing(array: Array) -> Mask:
    """Where None, NaN, NaT or NA stands."""
    kind = array.dtype.kind
    if kind == "f":
        return np.isnan(array)
    if kind in "mM":
        return np.isnat(array)
    if kind != "O":
        return np.zeros(len(array), dtype=np.bool_)
    return np.fromiter(map(_is_missing, array.tolist()), np.bool_, len(array))


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value


def codes(data: Any, name: str, classes: list[Any], rows: int) -> NDArray[np.int64]:
    """The place of each value among `classes`, -1 where it is missing.

    Raises InvalidInput for a value that is none of them.
    """
    array = column(data, name, rows)
    out = np.full(len(array), -1, dtype=np.int64)
    gone = missing(array)
    if array.dtype == object and gone.any():
        array = array.copy()
        array[gone] = None
    for place, label in enumerate(classes):
        out[np.asarray(array == label, dtype=np.bool_) & ~gone] = place
    unknown = np.flatnonzero((out < 0) & ~gone)
    if len(unknown):
        at = int(unknown[0])
        raise InvalidInput(
            name,
            f"holds {array[at]!r}, which is none of the classes {classes!r}",
            "name every class in y_score, or, for two classes, the one that scores are of "
            "in positive=",
            f"row {at}",
        )
    return out
