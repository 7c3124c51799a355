"""What a window of data holds, counted on the grid of a reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import InvalidInput, SnapshotMismatch, UnknownColumn
from homeostat.reference.columns import holds_any
from homeostat.reference.grid import Grid
from homeostat.reference.hours import HOURS, histogram
from homeostat.reference.table import Table, table_of
from homeostat.reference.tally import Tally, tally_of

_MOST_NEW = 1000  # names of columns the reference does not have


class Grids:
    """The grids of all columns, by name in order, and the time column's name."""

    def __init__(self, columns: Mapping[str, Grid], time: str | None = None) -> None:
        self.columns = dict(columns)
        self.time = time

    @cached_property
    def identity(self) -> bytes:
        """16 bytes that two grids share only when all their cells are the same."""
        digest = blake2b(digest_size=16)
        for name, grid in self.columns.items():
            for part in (name.encode(errors="backslashreplace"), *grid.identity()):
                digest.update(len(part).to_bytes(8, "little") + part)
        return digest.digest()

    def check(self, other: Grids) -> None:
        """Raise SnapshotMismatch unless both are the same."""
        if self is not other and self.identity != other.identity:
            raise SnapshotMismatch(
                "these were counted on different grids and cannot be added or compared; fit one "
                "Reference, save it, load it wherever data are counted, and use its profile()"
            )


class Profile:
    """Counts of a window's columns on a reference's grid: small, and of fixed size.

    Profiles of the same grid add up: counts, minima and maxima exactly, sums of values to rounding
    (some 1e-12 of their size), in any order and grouping; an empty profile changes nothing. Get
    one from `reference.profile(data)`. `rows` are all rows taken, `hours` how many of them lie in
    each hour of the week (where times are known), `new` columns with values that the
    reference does not have.
    """

    def __init__(self, grids: Grids) -> None:
        self.grids = grids
        self.rows = 0
        self.hours: NDArray[np.int64] = np.zeros(HOURS, np.int64)
        self.new: tuple[str, ...] = ()
        self.columns: dict[str, Tally] = {
            name: tally_of(grid) for name, grid in grids.columns.items()
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __getitem__(self, name: str) -> Tally:
        try:
            return self.columns[name]
        except (KeyError, TypeError):
            raise UnknownColumn(name, self.columns) from None

    def update(self, data: Any) -> Profile:
        """Count more rows: a table, a batch, or records. Returns itself.

        Columns that the data lack stay as they are. Cost: about 10 ns for a float64, a dictionary's
        look-up for a text. InvalidInput for what is no table.
        """
        self.count(table_of(data, self.grids.time, needed=False))
        return self

    def count(self, table: Table) -> None:
        """Count the columns of a table."""
        known, seen = self.columns, table.names
        hours = table.hours()
        arrays = {name: table.array(name) for name in seen if name in known}  # all, or none
        for name, array in arrays.items():
            known[name].update(array)
        self.rows += max(map(len, arrays.values()), default=0)
        if hours is not None:
            self.hours += histogram(hours)
        unknown = [name for name in seen if name not in known and name not in self.new]
        self._notice(name for name in unknown if holds_any(table.array(name)))

    def check(self, other: Any) -> None:
        """Raise InvalidInput for what is no profile, SnapshotMismatch for one of another grid."""
        if not isinstance(other, Profile):
            kind = type(other).__name__
            raise InvalidInput(kind, "is no profile", "make one with reference.profile(data)")
        self.grids.check(other.grids)

    def _notice(self, found: Iterator[str] | tuple[str, ...]) -> None:
        self.new = tuple(sorted({*self.new, *found})[:_MOST_NEW])

    def merge(self, other: Profile) -> Profile:
        """Add another profile of the same grid to this one, in place, and return this one.

        `a + b`, and `sum(profiles)`, make a new one and leave both as they are. (Unlike this,
        `Reference.merge` changes nothing.) SnapshotMismatch for another grid.
        """
        self.check(other)
        self.rows += other.rows
        self.hours += other.hours
        self._notice(other.new)
        for name, tally in self.columns.items():
            mine: Any = tally
            mine.merge(other.columns[name])
        return self

    def __add__(self, other: object) -> Profile:
        if not isinstance(other, Profile):
            return NotImplemented
        return self.copy().merge(other)

    def __radd__(self, other: object) -> Profile:
        """`sum` begins with 0."""
        return self.copy() if type(other) is int and other == 0 else NotImplemented

    def fresh(self) -> Profile:
        """An empty profile on the same grid."""
        return Profile(self.grids)

    def copy(self) -> Profile:
        """One that changes on its own."""
        return self.fresh().merge(self)

    def snapshot(self) -> dict[str, Any]:
        """All counts as plain data, and which grid they are of."""
        return {
            "grid": self.grids.identity,
            "rows": self.rows,
            "hours": self.hours.copy(),
            "new": list(self.new),
            "columns": {name: tally.snapshot() for name, tally in self.columns.items()},
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Put a snapshot back; SnapshotMismatch when it is of another grid."""
        if set(snapshot) != {"grid", "rows", "hours", "new", "columns"}:
            raise SnapshotMismatch("the snapshot is not of a profile")
        if snapshot["grid"] != self.grids.identity:
            raise SnapshotMismatch("the snapshot was counted on another grid")
        for name, tally in self.columns.items():
            tally.restore(snapshot["columns"][name])
        self.rows = snapshot["rows"]
        self.hours = snapshot["hours"].copy()
        self.new = tuple(snapshot["new"])

    def __repr__(self) -> str:
        return f"<Profile: {self.rows:,} rows on a grid of {len(self)} columns>"
