"""One record without what it says of a person: the prediction stays, its inputs go."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.intake import object_array

ERASED = {"homeostat": "erased"}
"""The metadata of such a record; when it is sent again it is the same, whatever it says."""

_KEPT = (
    "model_version", "predicted_label", "ground_truth_label", "latency_ms", "created_at", "model",
    "record_id", "score",
)  # fmt: skip


def erased(batch: Batch, row: int) -> Batch:
    """The batch with the features and the metadata of one record gone."""
    columns: dict[str, Any] = {name: batch.column(name) for name in _KEPT}
    metadata = batch.column("metadata").tolist()
    metadata[row] = ERASED
    columns["scores"] = batch.scores
    features = {name: _without(values, row) for name, values in batch.features.items()}
    columns["features"] = {name: left for name, left in features.items() if left is not None}
    columns["metadata"] = object_array(metadata)
    return Batch(len(batch), columns, None)


def _without(column: NDArray[Any], row: int) -> NDArray[Any] | None:
    """The column with nothing in a row; None when nothing is left of it."""
    if column.dtype.kind == "f":
        left = np.array(column)
        left[row] = np.nan
        return None if np.isnan(left).all() else left
    values = column.tolist()
    values[row] = None
    return None if values.count(None) == len(values) else object_array(values)
