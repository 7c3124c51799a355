"""Two tables' common columns as plain arrays: numbers, vectors, or categories."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import InvalidInput
from homeostat.intake import Array, object_array, spread
from homeostat.reference.columns import names

Columns: TypeAlias = dict[str, Array]

_NUMBERS = (int, float, Decimal, Fraction, np.number, np.bool_)
_TIMES = (dt.date, np.datetime64)
_MISSING = ("NAType", "NaTType", "NoneType")
_MOST = 1e100  # beyond it squares and their sums are no longer finite


class Tables(NamedTuple):
    """Columns that both sides have, alike in kind and width; what else they have is in notes."""

    reference: Columns
    current: Columns
    rows: tuple[int, int]
    notes: list[str]


def tables(reference: Any, current: Any) -> Tables:
    """Both sides as columns. InvalidInput for what is no table, or holds what is no value."""
    left, right = _columns(reference, "reference"), _columns(current, "current")
    notes = [f"{name!r} is gone" for name in left if name not in right]
    notes += [f"{name!r} is new" for name in right if name not in left]
    both: tuple[Columns, Columns] = ({}, {})
    for name in left:
        if name in right:
            pair = _alike(left[name], right[name])
            if isinstance(pair, str):
                notes.append(f"{name!r} {pair}")
            else:
                both[0][name], both[1][name] = pair
    if not both[0]:
        problem = f"have no column in common: {'; '.join(notes[:5]) or 'there is none'}"
        raise InvalidInput("reference and current", problem, "give both the same columns")
    return Tables(*both, (_rows(left, "reference"), _rows(right, "current")), notes)


def taken(columns: Columns, rows: NDArray[np.int64]) -> Columns:
    """Some rows of each column."""
    return {name: array[rows] for name, array in columns.items()}


def joined(left: Columns, right: Columns) -> Columns:
    """The rows of one side and then those of the other."""
    return {name: np.concatenate([left[name], right[name]]) for name in left}


def _rows(columns: Columns, side: str) -> int:
    lengths = {name: len(array) for name, array in columns.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {n:,}" for name, n in list(lengths.items())[:5])
        raise InvalidInput(side, f"has columns that differ in length: {shown}", "give each a row")
    return next(iter(lengths.values()), 0)


def _columns(data: Any, side: str) -> Columns:
    if isinstance(data, list | tuple) or not _is_table(data):
        data = _by_place(data, side)
    try:
        return {str(name): _column(data[name]) for name in names(data)}
    except InvalidInput as error:
        raise error.at(side) from None


def _is_table(data: Any) -> bool:
    return hasattr(data, "keys") or hasattr(data, "columns") or hasattr(data, "column_names")


def _by_place(data: Any, side: str) -> Columns:
    """A two-dimensional array as columns called 0, 1, ..."""
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise InvalidInput(side, f"has rows of different lengths: {error}") from error
    if array.ndim != 2:
        problem = f"has {array.ndim} dimensions, the type {type(data).__name__}"
        raise InvalidInput(side, problem, "give rows and columns, a dict of arrays or a data frame")
    return {str(at): array[:, at] for at in range(array.shape[1])}


def _column(values: Any) -> Array:
    """Numbers (float64, NaN for missing; two-dimensional for vectors), or objects with None."""
    array = spread(values, 1)
    kind = array.dtype.kind
    if kind in "biuf":
        return _finite(array.astype(np.float64))
    if array.ndim != 1:
        raise InvalidInput("a column", f"has {array.ndim} dimensions of {array.dtype}")
    if kind in "mM":
        ticks = array.astype(f"{kind}8[us]").astype(np.int64).astype(np.float64)
        ticks[np.isnat(array)] = np.nan
        return ticks
    if kind in "OUTS":
        return _objects(array)
    raise InvalidInput("a column", f"is of the type {array.dtype}", "give numbers, text or vectors")


def _finite(array: Array) -> Array:
    if array.ndim > 2:
        raise InvalidInput("a column", f"has {array.ndim} dimensions", "give one vector a row")
    if (np.abs(array) > _MOST).any():
        problem = "holds infinite values, or some beyond 1e100"
        raise InvalidInput("a column", problem, "clip them, or make them missing (NaN)")
    return array


def _objects(array: Array) -> Array:
    values = [None if _is_missing(value) else value for value in array.tolist()]
    present = [value for value in values if value is not None]
    if all(isinstance(value, _NUMBERS) for value in present):
        return _finite(np.array([np.nan if v is None else float(v) for v in values]))
    if all(isinstance(value, _TIMES) for value in present):
        return _column(np.array([_moment(v) for v in values], "datetime64[us]"))
    if all(isinstance(value, list | tuple | np.ndarray) for value in present):
        return _vectors(values, present)
    return object_array(values)


def _moment(value: Any) -> Any:
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    return value


def _is_missing(value: Any) -> bool:
    if type(value).__name__ in _MISSING:
        return True
    return isinstance(value, float | Decimal | np.datetime64) and bool(value != value)


def _vectors(values: list[Any], present: list[Any]) -> Array:
    width = len(present[0])
    if any(np.ndim(value) != 1 or len(value) != width for value in present):
        raise InvalidInput("a column", "holds vectors of different lengths", "give one length")
    nothing = np.full(width, np.nan)
    try:
        return _finite(np.array([nothing if v is None else v for v in values], np.float64))
    except (TypeError, ValueError) as error:
        raise InvalidInput("a column", f"holds vectors of no numbers: {error}") from error


def _alike(left: Array, right: Array) -> tuple[Array, Array] | str:
    """The two arrays of a column, or what makes them another kind of thing."""
    left, right = _filled(left, right), _filled(right, left)
    kinds = ["categories" if a.dtype == object else "numbers" for a in (left, right)]
    if kinds[0] != kinds[1]:
        return f"changed from {kinds[0]} to {kinds[1]}"
    widths = [1 if a.ndim == 1 else a.shape[1] for a in (left, right)]
    if widths[0] != widths[1] or left.ndim != right.ndim:
        return f"changed from {widths[0]} to {widths[1]} numbers a row"
    return left, right


def _filled(array: Array, other: Array) -> Array:
    """A column without a single value, as missing values of the other side's kind."""
    if array.dtype == object or array.ndim > 1 or not np.isnan(array).all():
        return array
    shape = (len(array), *other.shape[1:])
    return np.full(shape, None if other.dtype == object else np.nan, other.dtype)
