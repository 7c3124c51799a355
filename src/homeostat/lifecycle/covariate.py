"""What is known of a record before its label, as a number: the covariate of a comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.series import numbers

SCORE = "score"


def covariate_of(batch: Batch, name: str) -> NDArray[np.float64]:
    """`score`, `scores.NAME` or a feature of each record; NaN where there is no finite number."""
    values: NDArray[Any] | None
    if name == SCORE:
        values = batch.score
    elif name.startswith("scores."):
        values = batch.scores.get(name.removeprefix("scores."))
    else:
        values = batch.features.get(name.removeprefix("features."))
    found = np.full(len(batch), np.nan) if values is None else numbers(values)
    return np.where(np.isfinite(found), found, np.nan)
