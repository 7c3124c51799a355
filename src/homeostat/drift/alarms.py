"""What a sequential drift detector takes in, a series of numbers, and gives out, its alarms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.errors import InvalidInput

LARGEST = 1e150  # a detector squares and sums: beyond this a double overflows to infinity


class Alarm(NamedTuple):
    """One alarm: where in the series, the statistic, its bound, and the signed change."""

    position: int
    observed: float
    threshold: float
    change: float


@dataclass(frozen=True, eq=False)
class Alarms:
    """The alarms that one series raised, as four arrays of equal length, in order.

    positions: int64, where in the series; observed and threshold: float64, the statistic and
    the bound that it crossed; change: float64, new level minus old, in the series' own unit.
    """

    positions: NDArray[np.int64]
    observed: NDArray[np.float64]
    threshold: NDArray[np.float64]
    change: NDArray[np.float64]

    @classmethod
    def collect(cls, found: Iterable[Alarm]) -> Alarms:
        """The alarms of a series in columns."""
        rows = list(found)
        numbers = np.array([row[1:] for row in rows], dtype=np.float64).reshape(-1, 3)
        positions = np.array([row.position for row in rows], dtype=np.int64)
        return cls(positions, *np.ascontiguousarray(numbers.T))

    def __len__(self) -> int:
        return len(self.positions)


def observations(xs: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64] | None]:
    """The numbers of a series without its NaNs, and where they stood (None: no NaN in it).

    Raises InvalidInput, before any of the series is taken, when one is infinite or so large
    that its square would be; the message names its position.
    """
    values = np.ascontiguousarray(xs, dtype=np.float64)
    if values.ndim != 1:
        raise InvalidInput(
            "xs", f"must be one-dimensional, its shape is {values.shape}", "pass one series"
        )
    with_nan = False
    if not (np.abs(values) <= LARGEST).all():
        too_large = np.abs(values) > LARGEST
        if too_large.any():
            first = int(np.argmax(too_large))
            refuse(f"xs[{first}]", values[first])
        with_nan = True
    if not with_nan:
        return values, None
    kept = np.flatnonzero(~np.isnan(values))
    return values[kept], kept.astype(np.int64, copy=False)


def refuse(place: str, value: Any) -> NoReturn:
    """Refuse a number that is infinite or too large to be squared."""
    raise InvalidInput(
        place,
        f"must be finite and at most {LARGEST:g} in size, got {float(value)!r}",
        "leave it out or pass NaN where there is no observation",
    )
