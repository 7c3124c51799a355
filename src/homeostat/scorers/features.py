"""The features of records that a version is to predict from, and nothing else of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.errors import InvalidInput, did_you_mean

Columns = dict[str, NDArray[Any]]
"""Each feature: float64 with NaN for missing, or objects with None."""

RARE = 1000
"""Records without a feature that was never seen, from which on it is taken for a rare one."""


class Wanted:
    """The features that a version is to predict from: these names in their order, or all.

    A feature that is optional may be in no record of a batch: then it is missing in all of them,
    as it may be in some. A name that was never seen is first taken for a wrong one, until `rare`
    records together have come without it. Remembers the kind of each.
    """

    def __init__(self, names: Sequence[str] | None = None, rare: int = RARE) -> None:
        self._names, self._rare = names, rare
        self._kinds: dict[str, np.dtype[Any]] = {}

    def of(self, batch: Batch) -> Columns:
        """The columns of these names; for None all there are, by name.

        Raises InvalidInput for a name that is no column, and when there is no feature at all.
        """
        found = batch.features
        if not found:
            hint = "send each record with the features that it was predicted from"
            raise InvalidInput("features", "are not in the records", hint)
        if self._names is None:
            return {name: found[name] for name in sorted(found)}
        for name in self._names:
            if name in found:
                self._kinds[name] = found[name].dtype
            elif name not in self._kinds and len(batch) < self._rare:
                hint = f"{did_you_mean(name, found)} Once {self._rare:,} are without, it is missing"
                raise InvalidInput(f"features.{name}", "is not in the records", hint)
        return {name: self._column(name, found, len(batch)) for name in self._names}

    def _column(self, name: str, found: Mapping[str, NDArray[Any]], n: int) -> NDArray[Any]:
        if name in found:
            return found[name]
        if self._kinds.get(name, np.dtype(np.float64)).kind == "f":
            return np.full(n, np.nan)
        return np.full(n, None, dtype=object)


def missing(column: NDArray[Any]) -> NDArray[np.bool_]:
    """Which values are not there."""
    if column.dtype.kind == "f":
        return np.asarray(np.isnan(column))
    return np.array([value is None or value != value for value in column.tolist()], dtype=bool)
