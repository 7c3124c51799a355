"""What a format of traffic is: how it is recognised, and how its rows become named columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from homeostat.formats.table import Fault, Place, Table

Rules = Mapping[str, tuple[str, ...]]
"""By field of a record, the columns it may come from: the first that is there. See `plan`."""

State = Mapping[str, Any]
"""What a reading remembers, as JSON can hold it."""


class Found(msgspec.Struct):
    """What some rows come to: named columns of equal length, with the place of each row.

    `faults` are rows that were set aside, `passed` how many rows are no predictions at all.
    """

    columns: Mapping[str, Any]
    places: Sequence[Place]
    faults: list[Fault] = []
    passed: int = 0


class Reading(Protocol):
    """A format at work: it may remember, within bounds, what waits for its other half."""

    def read(self, table: Table) -> Found:
        """The columns of some more rows."""
        ...

    def end(self) -> Found:
        """What is left when nothing more comes."""
        ...

    def state(self) -> State:
        """What is remembered; empty for nothing."""
        ...

    def resume(self, state: State) -> None:
        """Remember that again."""
        ...


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """One format. Its columns go by names of its own; `rules` say which field each usually is.

    `title` is its name for people. `sniff` tells how sure it is, from 0 to 1, that some first rows
    are its own; `new` makes a reading; `labels` is whether its rows are truths, not predictions.
    """

    name: str
    title: str
    rules: Rules
    sniff: Callable[[Table], float]
    new: Callable[[], Reading]
    labels: bool = False


class Forgetful:
    """A reading of rows that stand alone: `_read` does it all."""

    def read(self, table: Table) -> Found:
        raise NotImplementedError

    def end(self) -> Found:
        return Found({}, [])

    def state(self) -> State:
        return {}

    def resume(self, state: State) -> None:
        return None
