"""The state of one model's version, segment and window: counts that add up in any order."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import SnapshotMismatch
from homeostat.reference import Profile, Reference
from homeostat.reference.file import packed, unpacked
from homeostat.reference.hours import HOURS
from homeostat.reference.tally import NumberTally, Tally
from homeostat.runtime.cells import CLASSES, OTHER, Cell, pack_cell, unpack_cell
from homeostat.state import from_bytes, to_bytes

_VERSION = 1
_NUMBERS = ("square", "low", "high", "below", "above")


class Place(NamedTuple):
    """Whose state it is; `start` is the window's first microsecond since 1970.

    `segment` is "" for all records of the model and version. Rows that are no records are counted
    at NOWHERE.
    """

    model: str
    version: str
    segment: str
    start: int


NOWHERE = Place("", "", "", 0)


class State:
    """What a place has seen: outcomes and latencies, and columns on a reference's grid, as counts.

    States add up: counts, least and greatest values exactly, sums of floats to rounding, in any
    order and grouping; an empty one changes nothing. `profile` is None where the model has no
    reference; `refused` counts rows that were no records; `window` is the place's length in
    microseconds, 0 where nothing was counted yet.
    """

    def __init__(
        self,
        cell: Cell | None = None,
        profile: Profile | None = None,
        refused: int = 0,
        window: int = 0,
    ) -> None:
        self.cell = Cell() if cell is None else cell
        self.profile = profile
        self.refused = refused
        self.window = window

    def merge(self, other: State) -> State:
        """Add another one to this one; SnapshotMismatch for another grid, or another window.

        Of more than 1,000 pairs of prediction and truth only the sum is kept, so that the result
        is the same whatever is added first.
        """
        if (self.profile is None) != (other.profile is None):
            raise SnapshotMismatch(
                "one of these states was counted with a reference, the other without; "
                "count both with the same"
            )
        if self.window and other.window and self.window != other.window:
            raise SnapshotMismatch(
                f"one of these states is of {self.window / 1e6:g} seconds, the other of "
                f"{other.window / 1e6:g}; count both in the same windows"
            )
        self.window = self.window or other.window
        self.cell.merge(other.cell)
        pairs = self.cell.pairs
        if OTHER in pairs or len(pairs) > CLASSES:
            self.cell.pairs = {OTHER: sum(pairs.values())}
        if self.profile is not None and other.profile is not None:
            self.profile.merge(other.profile)
        self.refused += other.refused
        return self

    def to_bytes(self) -> bytes:
        """All of it as MessagePack: no code in it. Cells without a value take no room."""
        return to_bytes(
            {
                "version": _VERSION,
                "cell": pack_cell(self.cell),
                "profile": None if self.profile is None else _packed(self.profile),
                "refused": self.refused,
                "window": self.window,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes, reference: Reference | None = None) -> State:
        """What `to_bytes` wrote. SnapshotMismatch for anything else, or another reference."""
        kept = _read(data)
        state = cls.without_columns(data)
        found = kept["profile"]
        if found is None:
            return state
        if reference is None:
            raise SnapshotMismatch("the state was counted on a reference; give the same one")
        state.profile = _unpacked(found, reference)
        return state

    @classmethod
    def without_columns(cls, data: bytes) -> State:
        """What needs no reference to be read: outcomes and latencies."""
        kept = _read(data)
        return cls(unpack_cell(kept["cell"], "the state"), None, kept["refused"], kept["window"])


def _read(data: bytes) -> dict[str, Any]:
    kept = from_bytes(data)
    if not isinstance(kept, dict) or kept.get("version") != _VERSION:
        raise SnapshotMismatch(f"these bytes are no state of version {_VERSION}")
    return kept


def _packed(profile: Profile) -> dict[str, Any]:
    at = np.flatnonzero(profile.hours)
    return {
        "grid": profile.grids.identity,
        "rows": profile.rows,
        "hours": [at, profile.hours[at]],
        "new": list(profile.new),
        "columns": {name: _column(tally) for name, tally in profile.columns.items()},
    }


def _column(tally: Tally) -> dict[str, Any]:
    at = np.flatnonzero(tally.counts)
    kept: dict[str, Any] = {
        "n": len(at),
        "at": packed(np.diff(at, prepend=0)),
        "counts": packed(tally.counts[at]),
        "missing": tally.missing,
        "strays": tally.strays,
    }
    if isinstance(tally, NumberTally):
        kept["sums"] = tally.sums[at]
        kept["last"] = [getattr(tally, name) for name in _NUMBERS]
    return kept


def _unpacked(kept: dict[str, Any], reference: Reference) -> Profile:
    if kept["grid"] != reference.grids.identity:
        raise SnapshotMismatch(
            "the state was counted on the grid of another reference; give the one it was made with"
        )
    profile = reference.profile()
    profile.rows, profile.new = kept["rows"], tuple(kept["new"])
    hours: NDArray[np.int64] = np.zeros(HOURS, np.int64)
    hours[kept["hours"][0]] = kept["hours"][1]
    profile.hours = hours
    for name, tally in profile.columns.items():
        _fill(tally, kept["columns"][name])
    return profile


def _fill(tally: Tally, kept: dict[str, Any]) -> None:
    at = np.cumsum(unpacked(kept["at"], kept["n"]))
    tally.counts[at] = unpacked(kept["counts"], kept["n"])
    tally.missing, tally.strays = kept["missing"], kept["strays"]
    if isinstance(tally, NumberTally):
        tally.sums[at] = kept["sums"]
        for name, value in zip(_NUMBERS, kept["last"], strict=True):
            setattr(tally, name, value)
