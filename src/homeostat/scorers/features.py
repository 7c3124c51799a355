"""The features of records that a version is to predict from, and nothing else of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.errors import InvalidInput, did_you_mean

Columns = dict[str, NDArray[Any]]
"""Each feature: float64 with NaN for missing, or objects with None."""


def features_of(batch: Batch, names: Sequence[str] | None = None) -> Columns:
    """The columns of these names in their order; for None all there are, by name.

    Raises InvalidInput for a name that is no column, and when there is no feature at all.
    """
    found = batch.features
    if not found:
        hint = "send each record with the features that it was predicted from"
        raise InvalidInput("features", "are not in the records", hint)
    for name in names or ():
        if name not in found:
            hint = did_you_mean(name, found)
            raise InvalidInput(f"features.{name}", "is not in the records", hint)
    return {name: found[name] for name in (sorted(found) if names is None else names)}


def missing(column: NDArray[Any]) -> NDArray[np.bool_]:
    """Which values are not there."""
    if column.dtype.kind == "f":
        return np.asarray(np.isnan(column))
    return np.array([value is None or value != value for value in column.tolist()], dtype=bool)
