"""A data set's columns, each as sorted numbers or as counted categories."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.comparison.nature import of_column
from homeostat.errors import InvalidInput
from homeostat.reference import CategoryTally, NumberTally
from homeostat.reference.columns import Counts, Kind, Values, array_of, values_of


class Column(NamedTuple):
    """One column of one side: numbers rise, categories are counted; the missing are apart."""

    kind: Kind
    numbers: NDArray[Any] | None
    counts: Counts | None
    rows: int
    missing: int
    nature: str = ""  # why it is unlike any other column by its nature

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


_HINT = "give numbers, text or times"
_NARROW = 1 << 16  # different whole numbers that are counted, not sorted
Side = Column | NumberTally | CategoryTally


def read(data: Any, name: Any) -> Column:
    """One column. InvalidInput when it is none, or holds what cannot be compared."""
    array = array_of(data[name])
    if array.ndim != 1:
        raise InvalidInput(str(name), f"has {array.ndim} dimensions", "give one value a row")
    if array.dtype.kind not in "biufmMOUTS":
        raise InvalidInput(str(name), f"is of the type {array.dtype}", _HINT)
    if array.dtype.kind == "f":
        column = _floats(array)
        return column._replace(nature=of_column(array, column.kind, None))
    values = values_of(array)
    if values.kind == "mixed":
        raise InvalidInput(str(name), values.problem, "convert it to one")
    return _column(values)._replace(nature=of_column(array, values.kind, values.counts))


def _floats(array: NDArray[Any]) -> Column:
    ordered = np.sort(array.astype(np.float32) if array.dtype == np.float16 else array)
    missing = 0
    if len(ordered) and np.isnan(ordered[-1]):  # they sort behind
        missing = len(ordered) - int(np.searchsorted(ordered, np.nan))
        ordered = ordered[: len(ordered) - missing]
    return Column("number" if len(ordered) else "empty", ordered, None, len(array), missing)


def _column(values: Values) -> Column:
    numbers, counts = values.numbers, values.counts
    if values.kind == "truth":
        assert numbers is not None
        right = int(np.count_nonzero(numbers))
        both = {True: right, False: len(numbers) - right}
        numbers, counts = None, {value: count for value, count in both.items() if count}
    elif numbers is not None:
        numbers = _ordered(numbers)
    return Column(values.kind, numbers, counts, values.rows, values.missing)


def _ordered(numbers: NDArray[Any]) -> NDArray[Any]:
    """Sorted; whole numbers of a narrow range are counted, which is several times faster."""
    if numbers.dtype.kind not in "iu" or not len(numbers):
        return np.sort(numbers)
    low, high = int(numbers.min()), int(numbers.max())
    if high - low >= min(_NARROW, len(numbers)):
        return np.sort(numbers)
    wide = numbers if numbers.dtype == np.uint64 else numbers.astype(np.int64, copy=False)
    counts = np.bincount((wide - low).astype(np.intp))
    return np.repeat(np.arange(len(counts)).astype(numbers.dtype) + low, counts)


def agreed(left: Side, right: Side) -> Kind:
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
