"""Columns that are unlike any reference by their nature: times, counters, names of single rows.

A test says of them what everybody knows, in every window. `compare` leaves them out unless they
are named.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from homeostat.reference import CategoryTally, NumberTally
from homeostat.reference.columns import Counts, Kind

_ENOUGH = 30  # values that tell a counter, or names that never repeat
_TIMES = "times are never distributed as before"
COUNTER = "it rises row by row, as a counter does"
_NAMES = "its text never repeats"


def of_column(array: NDArray[Any], kind: Kind, counts: Counts | None) -> str:
    """Why a column, in the order of its rows, is like no other; "" where it is a usual one."""
    if kind == "time":
        return "" if array.dtype.kind == "m" else _TIMES
    if len(array) < _ENOUGH:
        return ""
    if kind == "number":
        return COUNTER if _rises(array) else ""
    if kind != "category" or not counts or len(counts) < _ENOUGH:
        return ""
    return _NAMES if max(counts.values()) == 1 else ""


def of_tally(tally: NumberTally | CategoryTally) -> str:
    """The same of a counted column, whose rows have no order: a counter cannot be told."""
    if tally.kind == "time":
        return _TIMES
    if tally.kind != "category" or tally.n < _ENOUGH or isinstance(tally, NumberTally):
        return ""
    return _NAMES if tally.counts[:-1].max(initial=0) <= 1 else ""  # the last cell: all others


def _rises(array: NDArray[Any]) -> bool:
    if array.dtype.kind not in "iuf":
        return False
    head = array[:_ENOUGH]
    return bool((head[1:] > head[:-1]).all() and (array[1:] > array[:-1]).all())
