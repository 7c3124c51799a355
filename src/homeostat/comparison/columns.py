"""A data set's columns, each as sorted numbers or as counted categories."""

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
from homeostat.intake import Array, spread

Kind: TypeAlias = Literal["number", "time", "category", "truth", "empty"]
Counts: TypeAlias = dict[Any, int]

_NUMBERS = (int, float, Decimal, Fraction, np.number)
_MISSING = ("NAType", "NaTType", "NoneType")


class Column(NamedTuple):
    """One column of one side: numbers rise, categories are counted; the missing are apart."""

    kind: Kind
    numbers: NDArray[Any] | None
    counts: Counts | None
    rows: int
    missing: int

    @property
    def n(self) -> int:
        """How many values are there."""
        return self.rows - self.missing

    def as_numbers(self) -> NDArray[Any]:
        """Sorted numbers; truth values become 0 and 1."""
        if self.numbers is not None:
            return self.numbers
        counts = self.counts or {}
        return np.repeat([0.0, 1.0], [counts.get(False, 0), counts.get(True, 0)])

    def as_counts(self) -> Counts:
        """How often each value occurs; text stays apart from numbers."""
        if self.counts is not None:
            return self.counts
        assert self.numbers is not None
        values, counts = np.unique(self.numbers, return_counts=True)
        return dict(zip(values.tolist(), counts.tolist(), strict=True))


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


def read(data: Any, name: Any) -> Column:
    """One column. InvalidInput when it is none, or holds what cannot be compared."""
    array = spread(data[name], 1)
    if array.ndim != 1:
        raise InvalidInput(str(name), f"has {array.ndim} dimensions", "give one value a row")
    kind = array.dtype.kind
    if kind == "b":
        right = int(np.count_nonzero(array))
        return _truths({True: right, False: len(array) - right}, len(array), 0)
    if kind in "iuf":
        return _numbers(array)
    if kind in "mM":
        present = array[~np.isnat(array)]
        ticks = np.sort(present.astype(f"{kind}8[us]").astype(np.int64))
        return Column("time", ticks, None, len(array), len(array) - len(ticks))
    if kind in "OUTS":
        return _objects(array, str(name))
    raise InvalidInput(str(name), f"is of the type {array.dtype}", "give numbers, text or times")


def _numbers(array: Array) -> Column:
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    ordered = np.sort(array)
    missing = 0
    if array.dtype.kind == "f" and len(ordered) and np.isnan(ordered[-1]):  # they sort behind
        missing = len(ordered) - int(np.searchsorted(ordered, np.nan))
        ordered = ordered[: len(ordered) - missing]
    return Column("number" if len(ordered) else "empty", ordered, None, len(array), missing)


def _truths(counts: Counts, rows: int, missing: int) -> Column:
    return Column("truth", None, {k: v for k, v in counts.items() if v}, rows, missing)


def _objects(array: Array, name: str) -> Column:
    counts = _counted(array, name)
    rows = len(array)
    gone = [key for key in counts if _is_missing(key)]
    missing = sum(counts.pop(key) for key in gone)
    kinds = {_sort_of(key) for key in counts}
    if not kinds:
        return Column("empty", None, {}, rows, missing)
    if len(kinds) > 1:
        types = sorted({type(key).__name__ for key in counts})
        raise InvalidInput(name, f"holds mixed types: {', '.join(types)}", "convert it to one")
    kind = kinds.pop()
    if kind == "category":
        return Column("category", None, counts, rows, missing)
    if kind == "truth":
        return _truths({bool(key): n for key, n in counts.items()}, rows, missing)
    keys = [_ticks(key) for key in counts] if kind == "time" else [float(key) for key in counts]
    values = np.sort(np.repeat(np.array(keys), list(counts.values())))
    return Column("time" if kind == "time" else "number", values, None, rows, missing)


def _counted(array: Array, name: str) -> Counts:
    size = array.dtype.itemsize
    if array.dtype.kind == "U" and size in (4, 8) and len(array):  # counted as whole numbers
        codes = np.ascontiguousarray(array).view(f"u{size}")
        values, counts = np.unique(codes, return_counts=True)
        return dict(zip(values.view(array.dtype).tolist(), counts.tolist(), strict=True))
    try:
        return dict(Counter(array.tolist()))
    except TypeError as error:
        raise InvalidInput(name, f"holds what cannot be counted: {error}") from error


def _is_missing(key: Any) -> bool:
    if type(key).__name__ in _MISSING:
        return True
    return isinstance(key, float | np.floating | np.datetime64 | Decimal) and bool(key != key)


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


def agreed(left: Column, right: Column) -> Kind:
    """What both sides can be compared as: numbers swallow truth values, all swallows the empty.

    InvalidInput when the type changed.
    """
    if left.kind == right.kind or right.kind == "empty":
        return left.kind
    if left.kind == "empty":
        return right.kind
    if {left.kind, right.kind} == {"number", "truth"}:
        return "number"
    raise InvalidInput("type", f"changed from {left.kind} to {right.kind}")
