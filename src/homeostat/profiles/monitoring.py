"""All that a table or Parquet files tell: states, metrics, comparisons."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from homeostat.errors import within
from homeostat.profiles.plan import Plan
from homeostat.profiles.reading import States, counted
from homeostat.profiles.state import Place, State
from homeostat.profiles.told import Compared, Measured, compared, measured


class Monitored(NamedTuple):
    """The states of all places, their metrics, and each column's comparison with the reference."""

    states: States
    metrics: list[Measured]
    comparisons: list[Compared]


def monitor(data: Any, plan: Plan, *, workers: int = 1, alpha: float = 0.01) -> Monitored:
    """What `profile` counts, and what `measured` and `compared` tell of each place.

    data and workers as of `profile`; alpha: of all columns of a place together. Where files say
    when the rows of each row group were, workers compare what they counted. Raises InvalidInput,
    InvalidSetting. Cost: that of counting, and some 0.25 ms for each column of a place.
    """
    within("alpha", alpha, 0, 1)
    tell = partial(_told, alpha)
    states, told = counted(data, plan, workers, tell)
    metrics: list[Measured] = []
    comparisons: list[Compared] = []
    for place, state in states.items():
        values, rows = told.get(place) or tell(plan, place, state)
        metrics += values
        comparisons += rows
    return Monitored(states, metrics, comparisons)


def _told(
    alpha: float, plan: Plan, place: Place, state: State
) -> tuple[list[Measured], list[Compared]]:
    usual = plan.reference(place.model)
    rows = [] if usual is None else list(compared(place, state, usual, alpha))
    return list(measured(place, state)), rows
