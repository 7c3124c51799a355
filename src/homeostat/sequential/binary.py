"""Series of errors: each value is 0 (right), 1 (wrong), or something between."""

from __future__ import annotations

import math
from typing import ClassVar, NoReturn

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import InvalidInput
from homeostat.sequential.alarms import Sequential

__all__ = ["Binary", "skip"]


class Binary(Sequential):
    """A detector of such series: a value outside [0, 1] raises InvalidInput, nothing is taken."""

    domain: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def _admit(self, values: NDArray[np.float64], kept: NDArray[np.int64] | None) -> None:
        outside = (values < 0.0) | (values > 1.0)
        if outside.any():
            first = int(np.argmax(outside))
            _refuse(f"xs[{first if kept is None else kept[first]}]", values[first])


def skip(x: float) -> bool:
    """No alarm when `x` is NaN; any other value outside [0, 1] is refused."""
    if not math.isnan(x):
        _refuse("x", x)
    return False


def _refuse(place: str, value: float) -> NoReturn:
    raise InvalidInput(
        place,
        f"must be within [0, 1], got {float(value)!r}",
        "leave it out or pass NaN where there is no observation",
    )
