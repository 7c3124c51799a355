"""What `compare` was given on either side: tables of raw values, or counts on a grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from homeostat.comparison.columns import Column, Side
from homeostat.errors import require
from homeostat.reference import Profile, Reference
from homeostat.reference.columns import names
from homeostat.reference.table import Table, table_of
from homeostat.reference.tally import tally_of

Reader = Callable[[Any, Any], Column]


class Sides(NamedTuple):
    """Both sides; `own` says that the grid was made from the reference side."""

    reference: Any
    current: Any
    before: list[Any]
    after: list[Any]
    grid: Profile | None = None
    own: bool = False
    dependence: Mapping[Any, float] = MappingProxyType({})

    def read(self, name: Any, read: Reader) -> tuple[Side, Side]:
        """A column of both sides."""
        if self.grid is None:
            return read(self.reference, name), read(self.current, name)
        return self._counted(self.reference, name), self._counted(self.current, name)

    def _counted(self, side: Profile | Table, name: str) -> Side:
        if isinstance(side, Profile):
            return side[name]
        assert self.grid is not None
        tally = tally_of(self.grid.grids.columns[name])
        tally.update(side.array(name))
        return tally

    def strays(self, name: Any, *sides: Side) -> list[str]:
        """What is to be told of values that are not of their column's type."""
        notes = []
        for side in sides:
            if not isinstance(side, Column) and side.strays and side.n:
                kinds = ", ".join(f"{n:,} {kind}" for kind, n in side.strays.items())
                notes.append(f"{name!r}: not counted, as they are no {side.kind}: {kinds}")
        return notes


def sides_of(reference: Any, current: Any, deflate: bool = False) -> Sides:
    """Both sides made comparable. SnapshotMismatch for counts on different grids.

    With `deflate`, the dependence that the reference measured goes with them.
    """
    own = isinstance(reference, Reference)
    require(isinstance(deflate, bool), "deflate", deflate, "True or False")
    require(own or not deflate, "deflate", deflate, "False where the reference is no Reference")
    dependence = reference.dependence if deflate else {}
    left, right = (
        side.counts if isinstance(side, Reference) else side for side in (reference, current)
    )
    grid = next((side for side in (left, right) if isinstance(side, Profile)), None)
    if grid is None:
        return Sides(left, right, names(left), names(right))
    left, right = (_on(grid, side) for side in (left, right))
    return Sides(left, right, _names(left), _names(right), grid, own, dependence)


def _on(grid: Profile, side: Any) -> Profile | Table:
    if isinstance(side, Profile):
        grid.grids.check(side.grids)
        return side
    return table_of(side, grid.grids.time, needed=False)


def _names(side: Profile | Table) -> list[str]:
    """The columns of a side; of a profile those that it has rows of, and those it noticed."""
    if isinstance(side, Table):
        return side.names
    seen = [name for name in side if side[name].rows or not side.rows]
    return [*seen, *side.new]
