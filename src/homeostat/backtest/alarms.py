"""Which requests were false alarms.

Without known changes: a request is a false alarm unless quality had dropped around it. It had, if
the share of right predictions among the latest `around` labelled records, up to the one at which
the request came, was lower than among the four times as many before them by more than 2 standard
errors. With nothing to compare, no drop has shown. With known changes: a request is a false alarm
unless one of them lies at most `within` records back.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Rows

_BEFORE = 4  # times `around`
_ERRORS = 2.0  # standard errors of a drop
UNKNOWN = -1
"""In a column of 0 (wrong) and 1 (right): the label is not known."""


def unprompted(correct: NDArray[np.int8], rows: Rows, around: int) -> NDArray[np.bool_]:
    """Of requests at these records, which had no drop in quality around them."""
    known = np.concatenate([[0], np.cumsum(correct != UNKNOWN)])
    right = np.concatenate([[0], np.cumsum(correct[correct != UNKNOWN], dtype=np.int64)])
    end = known[rows + 1]
    middle = np.maximum(end - around, 0)
    start = np.maximum(middle - _BEFORE * around, 0)
    now, before = end - middle, middle - start
    with np.errstate(invalid="ignore", divide="ignore"):
        late, early = (right[end] - right[middle]) / now, (right[middle] - right[start]) / before
        spread = np.sqrt(late * (1 - late) / now + early * (1 - early) / before)
    fell: NDArray[np.bool_] = early - late > _ERRORS * spread
    return ~fell


def uncalled(rows: Rows, changes: Sequence[int], within: int) -> NDArray[np.bool_]:
    """Of requests at these records, which come after none of these changes soon enough."""
    ordered = np.sort(np.array(changes, dtype=np.int64))
    before = np.searchsorted(ordered, rows, side="right")
    soon = np.searchsorted(ordered, rows - within, side="left")
    missed: NDArray[np.bool_] = before == soon
    return missed
