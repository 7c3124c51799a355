"""Columns as users have them, made into numpy arrays of known kinds.

A fast path takes whole arrays that are certain to be valid; whatever is left goes value by value
through the very checks that a single record goes through, so both ways in agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import InvalidInput, shown
from homeostat.times import to_micros
from homeostat.validation import CHECKS, LATENCY_MAX, feature

Array: TypeAlias = NDArray[Any]
Faults: TypeAlias = list[tuple[int, InvalidInput]]
Taken: TypeAlias = tuple[Array, Faults]

_SHORT = 8  # characters up to which text is compared character by character
BLOCK = 1 << 16  # rows worked on at a time, so that what lies between stays in the cache

_FIRST = np.datetime64("0001-01-01T00:00:00.000000")
_LAST = np.datetime64("9999-12-31T23:59:59.999999")

_SCALARS = (str, bytes, int, float, bool, datetime, np.generic)


def is_scalar(value: Any) -> bool:
    """Whether a column was given as one value to be repeated."""
    return value is None or isinstance(value, _SCALARS)


def spread(values: Any, n: int) -> Array:
    """Any column as a one-dimensional array of n values; a scalar is repeated without copying."""
    if is_scalar(values):
        return np.broadcast_to(_boxed(values), (n,))
    if hasattr(values, "to_numpy"):
        values = _from_frame(values)
    if isinstance(values, np.ndarray):
        native = values.dtype.isnative
        return values if native else values.astype(values.dtype.newbyteorder("="))
    if not isinstance(values, Sequence):
        try:
            values = list(values)
        except TypeError as error:
            raise InvalidInput(
                "a column",
                f"must be a list or an array, got {shown(values)}",
                "give one value a row",
            ) from error
    return _list_array(values)


def floats(name: str, values: Any) -> NDArray[np.float64]:
    """Numbers as float64, without copying those that are; None is NaN. InvalidInput for others."""
    try:
        array = np.asarray(values)
        kind = array.dtype.kind
        if kind in "UST" or any(isinstance(value, str | bytes) for value in _boxes(array)):
            raise TypeError("there is text among them")
        if kind not in "biufO":
            raise TypeError(f"they are of the type {array.dtype}")
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        hint = "give a list or an array of numbers"
        raise InvalidInput(name, f"are no numbers: {error}", hint) from error


def _boxes(array: Array) -> Iterable[Any]:
    return array.flat if array.dtype.kind == "O" else ()


def _boxed(value: Any) -> Array:
    if isinstance(value, str | float | np.generic) or type(value) is int:
        return np.array(value)
    box = np.empty((), dtype=object)
    box[()] = value
    return box


def _decoded(values: Any) -> Any:
    """Arrow's dictionaries as their values: `to_numpy` would put values where there are none."""
    kind: Any = getattr(values, "type", None)
    if kind is None or not hasattr(kind, "index_type"):
        return values
    return values.cast(kind.value_type)


def _from_frame(values: Any) -> Array:
    values = _decoded(values)
    try:
        return np.asarray(values.to_numpy(zero_copy_only=False))  # Arrow asks for the word
    except TypeError:
        return np.asarray(values.to_numpy())


def _list_array(values: Sequence[Any]) -> Array:
    kinds = set(map(type, values))
    if kinds == {float} or (kinds == {int} and not _any_beyond(values, 2**63)):
        return np.array(values)
    if kinds == {int, float} and not _any_beyond(values, 2**53):
        return np.array(values, dtype=np.float64)
    if kinds == {bool}:
        return np.array(values)
    return object_array(values)


def _any_beyond(values: Sequence[Any], bound: int) -> bool:
    return any(type(value) is int and abs(value) >= bound for value in values)


def take(name: str, array: Array) -> Taken:
    """A record's column in its kept form, and the rows that cannot be taken with the reason."""
    fast = _FAST.get(name, _text)(array)
    return (fast, []) if fast is not None else _one_by_one(array, name, CHECKS[name], _KEEP[name])


def take_feature(name: str, array: Array) -> Taken:
    """A feature: float64 with NaN for missing, or objects with None when it is not numeric."""
    if array.dtype.kind in "iuf" and not np.isinf(array).any():
        return array.astype(np.float64, copy=False), []
    return _one_by_one(array, name, feature, feature_array)


def take_score(name: str, array: Array) -> Taken:
    """Optional finite numbers: float64, NaN where there is none."""
    if array.dtype.kind in "iuf" and not np.isinf(array).any():
        return array.astype(np.float64, copy=False), []
    return _one_by_one(array, name, CHECKS["score"], _floats)


def take_metadata(array: Array) -> Taken:
    """Free metadata, one JSON value a row."""
    return _one_by_one(array, "metadata", CHECKS["metadata"], object_array)


def feature_array(values: list[Any]) -> Array:
    """Feature values as float64 (None becomes NaN) if all are numbers, else as objects."""
    if {type(value) for value in values} <= {int, float, type(None)}:
        return np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    return object_array(values)


def object_array(values: Sequence[Any] | Array) -> Array:
    """The values as they are, one object each."""
    return np.fromiter(values, dtype=object, count=len(values))


def addresses(objects: Array) -> NDArray[np.intp]:
    """Where each object of a column is: the same one many times is found faster than equal ones."""
    return np.frombuffer(np.ascontiguousarray(objects), np.intp)


def joined(columns: Sequence[Array]) -> Array:
    """Columns one after another; as objects where they are not all numbers, or of one kind."""
    if _one_text(columns):
        return np.broadcast_to(columns[0][:1], (sum(map(len, columns)),))
    kinds = {column.dtype.kind for column in columns}
    if len(kinds) == 1 or (kinds <= set("iuf") and not any(map(_beyond_floats, columns))):
        return np.concatenate(columns)
    return np.concatenate([_as_objects(column) for column in columns])


def _one_text(columns: Sequence[Array]) -> bool:
    """Whether all hold the same text everywhere, or nothing, and say so by their strides."""
    if any(each.dtype.kind != "O" or each.strides != (0,) or not len(each) for each in columns):
        return False
    values = [each[0] for each in columns]
    alike = values.count(values[0]) == len(values)
    return alike and set(map(type, values)) in ({str}, {type(None)})


def _beyond_floats(column: Array) -> bool:
    """Whether it holds whole numbers that a float would round."""
    return column.dtype.kind in "iu" and bool(((column > 2**53) | (column < -(2**53))).any())


def _as_objects(column: Array) -> Array:
    """The values as Python's, with None for NaN."""
    return object_array([None if v != v else v for v in column.tolist()])


def _one_by_one(
    array: Array, name: str, check: Callable[[str, Any], Any], keep: Callable[[list[Any]], Array]
) -> Taken:
    kept: list[Any] = []
    faults: Faults = []
    values = array.tolist() if name in _NEVER_MISSING else _plain(array)
    for row, value in enumerate(values):
        try:
            kept.append(check(name, value))
        except InvalidInput as error:
            faults.append((row, error))
            kept.append(None)
    good = [value for value in kept if value is not None]
    if faults and good:  # a placeholder of the right kind: faulty rows are dropped anyway
        for row, _ in faults:
            kept[row] = good[0]
    return (keep(kept) if good or not faults else object_array(kept)), faults


def _plain(array: Array) -> list[Any]:
    if array.dtype.kind == "M":
        return [_time_text(value) for value in array]
    return [_missing_to_none(value) for value in array.tolist()]


def _time_text(value: np.datetime64) -> str:
    within = _are_years_of_four_digits(np.array([value]))
    return f"{value.astype('datetime64[us]')}Z" if within else str(value)


def _missing_to_none(value: Any) -> Any:
    """Data frames write a missing value as NaN, NaT or NA."""
    if type(value) is float and value != value:
        return None
    return None if type(value).__name__ in ("NAType", "NaTType") else value


def _text(array: Array) -> Array | None:
    """Text that needs no closer look, or None."""
    sample = array[:1] if array.ndim == 1 and array.strides == (0,) else array
    if array.dtype.kind == "U":
        return array if _plain_unicode(sample) else None
    if array.dtype.kind == "T":
        array = sample = array.astype(object)
    if array.dtype == object and set(map(type, sample)) <= {str, type(None)}:
        joined = "".join(filter(None, sample))
        return array if joined.isascii() and "\0" not in joined else None
    return None


def _plain_unicode(array: Array) -> bool:
    if not array.dtype.itemsize or not len(array):
        return True
    codes = _codes(array)
    return all(map(_plain_codes, np.array_split(codes, len(codes) // BLOCK + 1)))


def _codes(array: Array) -> NDArray[np.uint32]:
    """The characters of a text array, a row a text; a repeated text is not copied."""
    repeated = len(array) > 1 and array.strides == (0,)
    text = np.ascontiguousarray(array[:1] if repeated else array)
    codes = text.view(np.uint32).reshape(len(text), array.dtype.itemsize // 4)
    return np.broadcast_to(codes, (len(array), codes.shape[1]))


def equal_text(left: Array, right: Array) -> NDArray[np.bool_]:
    """Whether texts are equal, row by row; several times faster than numpy for short ones."""
    widths = sorted((left.dtype.itemsize // 4, right.dtype.itemsize // 4))
    if not len(left) or not widths[0] or widths[1] > _SHORT:
        plain: NDArray[np.bool_] = np.equal(left, right)
        return plain
    same = np.empty(len(left), dtype=np.bool_)
    a, b = _codes(left), _codes(right)
    for start in range(0, len(same), BLOCK):
        block = slice(start, start + BLOCK)
        _equal_codes(a[block], b[block], same[block])
    return same


def _equal_codes(a: NDArray[Any], b: NDArray[Any], same: NDArray[np.bool_]) -> None:
    if a.shape[1] < b.shape[1]:
        a, b = b, a
    np.equal(a[:, 0], b[:, 0], out=same)
    for at in range(1, a.shape[1]):  # behind its end a text is NUL
        same &= a[:, at] == (b[:, at] if at < b.shape[1] else 0)


def _plain_codes(codes: NDArray[np.uint32]) -> bool:
    """No surrogate, and NUL only as the padding behind a text."""
    return bool(codes.max() < 0xD800) and not any(
        ((codes[:, at] == 0) & (codes[:, at + 1] != 0)).any() for at in range(codes.shape[1] - 1)
    )


def _required_text(array: Array) -> Array | None:
    taken = _text(array)
    return None if taken is None or _any_none(taken) else taken


def _label(array: Array) -> Array | None:
    if array.dtype.kind in "iub" or (array.dtype.kind == "f" and np.isfinite(array).all()):
        return array
    return _required_text(array)


def _optional_label(array: Array) -> Array | None:
    if array.dtype.kind in "iub" or (array.dtype.kind == "f" and not np.isinf(array).any()):
        return array
    return _text(array)


def _any_none(array: Array) -> bool:
    return array.dtype == object and None in set(array)


def _latency(array: Array) -> Array | None:
    if array.dtype.kind not in "iuf" or not len(array):
        return None
    ok = array.min() >= 0 and array.max() < LATENCY_MAX  # NaN fails both
    return array.astype(np.float64, copy=False) if ok else None


def _moment(array: Array) -> Array | None:
    if array.dtype.kind != "M" or not _are_years_of_four_digits(array):
        return None
    unit, step = np.datetime_data(array.dtype)
    factor = step * {"us": 1, "ms": 1_000, "s": 1_000_000}.get(unit, 0)
    if factor == 1:
        return array.view(np.int64)
    if factor:  # a plain product is several times faster than a cast of times
        return array.view(np.int64) * np.int64(factor)
    return array.astype("datetime64[us]").astype(np.int64)


def _are_years_of_four_digits(array: Array) -> bool:
    unit = np.datetime_data(array.dtype)[0]
    if unit not in ("Y", "M", "W", "D", "h", "m", "s", "ms", "us"):
        return not np.isnat(array).any()  # finer units do not reach further than some centuries
    counts = array.view(np.int64)  # whole numbers are compared faster; NaT is the least of them
    first, last = (bound.astype(array.dtype).astype(np.int64) for bound in (_FIRST, _LAST))
    return not len(array) or bool(counts.min() >= first and counts.max() <= last)


def _micros(values: list[Any]) -> Array:
    return np.fromiter(map(to_micros, values), np.int64, len(values))


def _floats(values: list[Any]) -> Array:
    return np.array([np.nan if v is None else float(v) for v in values], dtype=np.float64)


_NEVER_MISSING = ("latency_ms", "predicted_label")  # a NaN there is an error, not a gap
_FAST: dict[str, Callable[[Array], Array | None]] = {
    "model_version": _required_text,
    "model": _required_text,
    "predicted_label": _label,
    "ground_truth_label": _optional_label,
    "latency_ms": _latency,
    "created_at": _moment,
}
_KEEP: dict[str, Callable[[list[Any]], Array]] = {
    "model_version": object_array,
    "model": object_array,
    "record_id": object_array,
    "predicted_label": object_array,
    "ground_truth_label": object_array,
    "latency_ms": _floats,
    "created_at": _micros,
}
