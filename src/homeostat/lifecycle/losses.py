"""How wrong a prediction was, as `compare.loss` counts it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.lifecycle.course import Comparing


def losses(rules: Comparing, said: Sequence[Any], truth: Sequence[Any]) -> NDArray[np.float64]:
    """The loss of each prediction, of the bound; NaN where there is none, or no number is one."""
    if rules.loss == "wrong":
        return wrong(said, truth)
    misses = [abs(_number(a) - _number(b)) for a, b in zip(said, truth, strict=True)]
    loss = np.array(misses, dtype=np.float64)
    if rules.loss == "squared":
        loss = loss * loss
    return loss / rules.bound


def wrong(said: Sequence[Any], truth: Sequence[Any]) -> NDArray[np.float64]:
    """1 where a prediction is wrong, 0 where right, NaN where there is none."""
    found = [float("nan") if a is None else float(a != b) for a, b in zip(said, truth, strict=True)]
    return np.array(found, dtype=np.float64)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
