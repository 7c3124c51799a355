"""The two contestants without a monitor: never retrained, and retrained every month."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.demo.flights import Flights, month_starts
from homeostat.demo.model import train


def landed_within(flights: Flights, start: int, stop: int) -> NDArray[np.int64]:
    """The flights that landed from `start` up to `stop`, in minutes."""
    return np.flatnonzero((flights.landed >= start) & (flights.landed < stop))


def never(flights: Flights) -> NDArray[np.bool_]:
    """Whether the January model was right, for each flight from February on."""
    first = int(month_starts()[0])
    model = train(flights, landed_within(flights, 0, first))
    replayed = flights.departed >= first
    right: NDArray[np.bool_] = model.predict(flights.features[replayed]) == flights.label[replayed]
    return right


def monthly(flights: Flights, window: int) -> tuple[NDArray[np.bool_], int]:
    """Whether the model of the month was right, and how often it was retrained.

    Each is trained on the flights that landed within `window` minutes before its month began.
    """
    parts = [_right(flights, model, rows) for model, rows in _months(flights, window)]
    return np.concatenate(parts), len(parts) - 1


def _months(flights: Flights, window: int) -> Iterator[tuple[Any, NDArray[np.int64]]]:
    starts = [*month_starts().tolist(), int(flights.departed[-1]) + 1]
    for at, (start, stop) in enumerate(pairwise(starts)):
        since = 0 if at == 0 else start - window
        model = train(flights, landed_within(flights, since, start))
        yield model, np.flatnonzero((flights.departed >= start) & (flights.departed < stop))


def _right(flights: Flights, model: Any, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    right: NDArray[np.bool_] = model.predict(flights.features[rows]) == flights.label[rows]
    return right
