"""What states tell: values of metrics, and comparisons with the reference, as plain rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from homeostat.comparison import compare
from homeostat.profiles.state import Place, State
from homeostat.reference import Reference
from homeostat.runtime.measures import METRICS


class Measured(NamedTuple):
    """A metric of a place; NaN where it is not defined. `n` is what it rests on."""

    model: str
    version: str
    segment: str
    start: int
    metric: str
    value: float
    n: int


class Compared(NamedTuple):
    """A column of a place compared with the reference, as `homeostat.compare` tells it."""

    model: str
    version: str
    segment: str
    start: int
    column: str
    test: str
    verdict: str
    drift: bool
    statistic: float | None
    p_value: float | None
    p_adjusted: float | None
    effect: float | None
    n: int
    missing: int
    note: str


def measured(place: Place, state: State) -> Iterator[Measured]:
    """The metrics that counts tell; `refused`, where there were rows that are no records."""
    if state.refused:
        yield Measured(*place, "refused", float(state.refused), state.refused)
    if not state.cell.records:
        return
    for name, (value, n) in METRICS.items():
        yield Measured(*place, name, value(state.cell), n(state.cell))


def compared(
    place: Place, state: State, reference: Reference, alpha: float = 0.01
) -> Iterator[Compared]:
    """Each column of a place, tested against the reference; nothing where it has no profile.

    As `homeostat.compare(reference, profile, deflate=True)`, with the reference at the hours of the
    window; all columns of a place are corrected together.
    """
    profile = state.profile
    if profile is None:
        return
    usual = reference.at(profile.hours) if profile.hours.any() else reference
    for row in compare(usual, profile, alpha=alpha, deflate=True, shapes=False):
        tally, by = profile[row.name], row.decided
        yield Compared(
            *place, row.name, by.test, row.verdict, bool(row.drift), by.statistic, by.p_value,
            by.p_adjusted, by.effect, tally.n, tally.missing, row.note,
        )  # fmt: skip
