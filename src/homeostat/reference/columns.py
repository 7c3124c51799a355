"""A data set's columns, each as values of one kind in the order of its rows."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import InvalidInput
from homeostat.intake import Array, addresses, object_array, spread

Kind: TypeAlias = Literal["number", "time", "category", "truth", "mixed", "empty"]
Counts: TypeAlias = dict[Any, int]

_NUMBERS = (int, float, Decimal, Fraction, np.number)
_MISSING = ("NAType", "NaTType", "NoneType")
_LONGEST = 200  # characters of a nested value's text
_BLOCK = 1 << 16  # objects counted at a time, so that their addresses stay in the cache
_HEAD = 512  # objects of a block that show which ones come again and again
_FEW = 32  # of them that are sought by address


class Values(NamedTuple):
    """What a column holds: numbers (ticks of times, truth values) in order, or counted objects.

    `present` says which rows have a value, None: all. `problem` is why a mixed column is no
    column of one type.
    """

    kind: Kind
    numbers: NDArray[Any] | None
    counts: Counts | None
    rows: int
    missing: int
    present: NDArray[np.bool_] | None = None
    problem: str = ""

    @property
    def n(self) -> int:
        """How many values are there."""
        return self.rows - self.missing


def names(data: Any) -> list[Any]:
    """The columns' names, in order; InvalidInput for what is no table."""
    if isinstance(data, Mapping):
        return list(data)
    for attribute in ("column_names", "columns"):  # Arrow's tables have both
        found: Any = getattr(data, attribute, None)
        plain = isinstance(found, list) or (attribute == "columns" and hasattr(found, "tolist"))
        if plain:  # and no column that happens to be called so
            return list(found)
    raise InvalidInput(type(data).__name__, "is no table", "give a dict of arrays or a data frame")


def array_of(values: Any) -> Array:
    """A column, however it was given, as an array."""
    return spread(values, 1)


def values_of(array: Array) -> Values:
    """The values of a column of any type; what is of several types, or nested, is `mixed`."""
    kind = array.dtype.kind
    if array.ndim == 1 and kind in "biuf":
        return _numbers(array)
    if array.ndim == 1 and kind in "mM":
        present = ~np.isnat(array)
        ticks = array.astype(f"{kind}8[us]").view(np.int64)
        return _kept("time", ticks, present)
    if array.ndim == 1 and kind in "OUTS":
        return _objects(array)
    return by_text(array, f"is of the type {array.dtype} in {array.ndim} dimensions")


def split(array: Array) -> dict[Kind, Values]:
    """The values of a column by their kinds, value by value; missing ones go with the first."""
    values = values_of(array)
    if values.kind != "mixed" or array.ndim != 1:
        return {values.kind: values}
    parts: dict[Kind, list[Any]] = {}
    for value in array.tolist():
        if not is_missing(value):
            parts.setdefault(_sort_of(value) if _has_hash(value) else "mixed", []).append(value)
    found = {kind: values_of(object_array(part)) for kind, part in parts.items()}
    first = next(iter(found))
    found[first] = found[first]._replace(
        rows=found[first].rows + values.missing, missing=values.missing
    )
    return found


def _has_hash(value: Any) -> bool:
    try:
        hash(value)
    except Exception:  # a value's own hash
        return False
    return True


def _numbers(array: Array) -> Values:
    if array.dtype.kind == "b":
        return _kept("truth", array, None)
    if array.dtype.kind != "f":
        return _kept("number", array, None)
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    gaps = np.isnan(array)
    return _kept("number", array, ~gaps if gaps.any() else None)


def _kept(kind: Kind, array: Array, present: NDArray[np.bool_] | None) -> Values:
    rows = len(array)
    if present is not None:
        array = array[present]
    return Values(kind if len(array) else "empty", array, None, rows, rows - len(array), present)


def _objects(array: Array) -> Values:
    try:
        counts = counted(array)
    except Exception as error:  # a value's own hash or comparison
        return by_text(array, f"holds what cannot be counted: {error}")
    rows = len(array)
    kept_types = set(map(type, counts))
    if kept_types == {str} or kept_types == {str, type(None)}:  # as most are
        none = counts.pop(None, 0)
        return Values("category", None, counts, rows, none)
    missing = sum(counts.pop(key) for key in [key for key in counts if is_missing(key)])
    kinds = {_sort_of(key) for key in counts}
    if not kinds:
        return Values("empty", None, {}, rows, missing)
    if kinds == {"category"}:
        return Values("category", None, counts, rows, missing)
    if len(kinds) > 1:
        types = sorted({type(key).__name__ for key in counts})
        return by_text(array, f"holds mixed types: {', '.join(types)}")
    kind = kinds.pop()
    number = {key: _number(key, kind) for key in counts}
    listed = array.tolist()
    present = None
    if missing:
        present = np.fromiter((value in number for value in listed), np.bool_, rows)
        listed = [value for value in listed if value in number]
    return Values(kind, _array([number[v] for v in listed], kind), None, rows, missing, present)


def _number(key: Any, kind: Kind) -> Any:
    if kind == "time":
        return _ticks(key)
    if kind == "truth":
        return bool(key)
    whole = isinstance(key, int | np.integer)
    return int(key) if whole else float(key)


def _array(values: list[Any], kind: Kind) -> NDArray[Any]:
    if kind != "number":
        return np.array(values, dtype=np.bool_ if kind == "truth" else np.int64)
    fits = all(isinstance(value, int) and -(2**63) <= value < 2**63 for value in values)
    try:
        return np.array(values, dtype=np.int64 if fits else np.float64)
    except OverflowError:
        return np.array([_float(value) for value in values])


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def counted(array: Array) -> Counts:
    """How often each object or text occurs; TypeError for what has no hash."""
    size = array.dtype.itemsize
    if array.dtype.kind == "U" and size in (4, 8) and len(array):  # counted as whole numbers
        codes = np.ascontiguousarray(array).view(f"u{size}")
        values, counts = np.unique(codes, return_counts=True)
        return dict(zip(values.view(array.dtype).tolist(), counts.tolist(), strict=True))
    found: Counter[Any] = Counter()
    for start in range(0, len(array), _BLOCK):
        _count(array[start : start + _BLOCK], found)
    return dict(found)


def _count(array: Array, found: Counter[Any]) -> None:
    """Count a block in the order in which values first appear.

    Objects that fill it are counted by their addresses, several times faster than by their hash.
    """
    if array.dtype.kind == "O":
        where = addresses(array)
        firsts = np.unique(where[:_HEAD], return_index=True)[1]
        if len(array) > _HEAD and len(firsts) <= _FEW:
            left = np.ones(len(array), np.bool_)
            for first in np.sort(firsts).tolist():
                same = where == where[first]
                found[array[first]] += int(np.count_nonzero(same))
                left ^= same
            array = array[left]
    found.update(array.tolist())


def by_text(array: Array, problem: str = "") -> Values:
    """Values of any types, counted by type and text."""
    listed = array.tolist()
    counts: Counter[Any] = Counter(
        None if is_missing(value) else typed_text(value) for value in listed
    )
    missing = counts.pop(None, 0)
    return Values("mixed", None, dict(counts), len(listed), missing, problem=problem)


def typed_text(value: Any) -> str:
    """A value's type and text, by which values of several types are counted together."""
    if isinstance(value, set | frozenset):  # its own order changes from process to process
        text = f"{{{', '.join(sorted(map(repr, value)))}}}"
    else:
        text = str(value)
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    kind = type(value).__name__
    if kind == "int":  # beside numbers alone it would be a float
        kind, text = "float", repr(_float(value))
    return f"{kind}:{text}"


def is_missing(key: Any) -> bool:
    """Whether a value is None, NaN, NaT or NA."""
    if type(key).__name__ in _MISSING:
        return True
    return isinstance(key, float | np.floating | np.datetime64 | Decimal) and bool(key != key)


def holds_any(array: Array) -> bool:
    """Whether a column of any type has a value; looks no further than the first."""
    if array.dtype.kind != "O":
        return bool(values_of(array).n)
    listed = array.tolist()
    return listed.count(None) < len(listed) and not all(map(is_missing, listed))


def _sort_of(key: Any) -> Kind:
    if isinstance(key, bool | np.bool_):
        return "truth"
    if isinstance(key, _NUMBERS):
        return "number"
    if isinstance(key, dt.date | np.datetime64 | dt.timedelta):
        return "time"
    return "category"


def _ticks(key: Any) -> int:
    """Microseconds; a time without a zone is taken as UTC."""
    if isinstance(key, dt.timedelta):
        return key // dt.timedelta(microseconds=1)
    if isinstance(key, dt.datetime) and key.tzinfo is not None:
        key = key.astimezone(dt.UTC).replace(tzinfo=None)
    return int(np.datetime64(key, "us").astype(np.int64))
