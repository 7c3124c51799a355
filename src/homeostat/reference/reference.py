"""The reference: the grid that everything is counted on, and what it held itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from homeostat.errors import (
    InvalidInput,
    InvalidSetting,
    UnknownColumn,
    require,
    several,
    shown,
    whole,
)
from homeostat.reference import shown as showing
from homeostat.reference.file import decoded, encoded
from homeostat.reference.fitting import Fitted, Settings, fit_column
from homeostat.reference.hours import Season, mixed
from homeostat.reference.profile import Grids, Profile
from homeostat.reference.table import Table, table_of
from homeostat.reference.tally import Tally

_FINEST = 60_000


class Reference:
    """What data looked like when all was well, as counts on a grid that is fixed from then on.

    Make one with `Reference.fit`, from a file with `Reference.load`, or from the first records
    of traffic with a `ReferenceFitter`. Windows of later data are counted on the same grid with
    `profile`, and compared with `homeostat.compare(reference, profile)`.

    `counts` is the reference's own profile. `dependence` says for each column how much wider means
    over neighbouring rows vary than they would if rows were independent (1: like that): divide a
    window's size by it to be cautious. No rows are kept; but edges and category names are values
    of the data (see `hashed` of `fit`).
    """

    def __init__(
        self, counts: Profile, dependence: dict[str, float], seasons: dict[str, Season]
    ) -> None:
        self.counts = counts
        self.dependence = dependence
        self.seasons = seasons

    @classmethod
    def fit(
        cls,
        data: Any,
        *,
        columns: Collection[str] | None = None,
        bins: int = 512,
        categories: int = 1000,
        time: str | None = None,
        seasonal: str | None = None,
        hashed: Collection[str] = (),
    ) -> Reference:
        """A reference from a table: a dict of arrays, a data frame, a batch or records, a file.

        A file is the path of a Parquet or CSV file. Records give their features, `prediction`,
        `label`, `score` and `latency_ms`. columns: only these. bins: how many cells of numbers
        hold data, at most; fewer distinct values have a cell each. categories: how many are kept,
        the most frequent; all others are counted together. time: the column of times, which is
        not compared itself; records have theirs. seasonal: "hour_of_week" also counts each column
        by the hour. hashed: columns of text of which only hashes of the names are kept.

        None, NaN, NaT and NA are missing, and counted. A column without values, of several types,
        or nested, is taken too. Raises InvalidInput for what is no table and for an unknown
        column, InvalidSetting for a parameter outside its range. Cost: one sort of each numeric
        column, one count of each other.
        """
        settings = check_settings(bins, categories, seasonal)
        require(
            time is None or isinstance(time, str), "time", time, "the name of a column, or None"
        )
        table = table_of(data, time)
        kept = _chosen(table, columns)
        hashed = several("hashed", hashed)
        fitted, private = frozenset(kept), frozenset(hashed)
        for name in hashed:
            _known(name, fitted)
        hours = table.hours()
        if seasonal and hours is None:
            raise InvalidSetting(f"seasonal={seasonal!r} needs to know the times: name `time`")
        found: dict[str, Fitted] = {}
        rows = 0
        for name in kept:
            array = table.array(name)
            rows = max(rows, len(array))
            _check_length(name, array, hours)
            found[name] = fit_column(array, settings, name in private, hours if seasonal else None)
        counted = np.zeros(168, np.int64)
        if hours is not None:
            counted += np.bincount(hours[hours >= 0], minlength=168)
        return cls._of(found, rows, time, counted)

    @classmethod
    def _of(
        cls, found: dict[str, Fitted], rows: int, time: str | None, hours: NDArray[np.int64]
    ) -> Reference:
        counts = Profile(Grids({name: each.tally.grid for name, each in found.items()}, time))
        counts.columns = {name: each.tally for name, each in found.items()}
        counts.rows, counts.hours = rows, hours
        seasons = {name: each.season for name, each in found.items() if each.season is not None}
        return cls(counts, {name: each.dependence for name, each in found.items()}, seasons)

    @property
    def rows(self) -> int:
        """How many rows it was made from."""
        return self.counts.rows

    @property
    def fingerprint(self) -> str:
        """32 characters that two references share only when all of them is the same."""
        return blake2b(self.to_bytes(), digest_size=16).hexdigest()

    @property
    def grids(self) -> Grids:
        """The cells of all columns."""
        return self.counts.grids

    def __iter__(self) -> Iterator[str]:
        return iter(self.counts)

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, name: str) -> Tally:
        return self.counts[name]

    def profile(self, data: Any = None) -> Profile:
        """Counts of other data on this grid; an empty profile without data."""
        profile = Profile(self.grids)
        return profile if data is None else profile.update(data)

    def expected(self, column: str, hours: ArrayLike) -> NDArray[np.float64]:
        """The share of each group of cells to expect in a window with so many rows at each hour.

        hours: 168 counts from Monday 0 h UTC, as `profile.hours`. Needs `seasonal`; `observed` of
        the same column and the window's profile gives the counts to compare. NaN for no rows.
        """
        return self._season(column).expected(hours)

    def observed(self, column: str, profile: Profile) -> NDArray[np.int64]:
        """A profile's counts of the same groups of cells."""
        self.counts.check(profile)
        return self._season(column).grouped(profile[column].counts)

    def at(self, hours: ArrayLike) -> Reference:
        """What it would hold of a window with so many rows at each hour of the week.

        hours: 168 counts from Monday 0 h UTC, as `profile.hours`. Columns counted by the hour are
        weighted cell by cell, and count as many rows as such a mix is worth; others stay as they
        are, and so does the grid. Needs `seasonal` to change anything.
        """
        columns: dict[str, Tally] = {
            name: mixed(tally, self.seasons[name], hours) if name in self.seasons else tally
            for name, tally in self.counts.columns.items()
        }
        counts = Profile(self.grids)
        counts.columns, counts.rows, counts.hours = columns, self.rows, self.counts.hours
        return Reference(counts, self.dependence, self.seasons)

    def _season(self, column: str) -> Season:
        _known(column, list(self))
        if column not in self.seasons:
            raise InvalidInput(column, "has no counts by hour", 'fit with seasonal="hour_of_week"')
        return self.seasons[column]

    def merge(self, other: Reference | Profile) -> Reference:
        """A new reference with the counts of both; this one stays as it is, unlike a Profile's.

        SnapshotMismatch unless the grid is the same.
        Counts add exactly. Dependence is the mean by rows of both references', and stays as it is
        when a profile is added; counts by hour come from references alone.
        """
        if isinstance(other, Profile):
            return Reference(self.counts + other, dict(self.dependence), dict(self.seasons))
        _check(other)
        counts = self.counts + other.counts
        parts = self.rows / max(1, counts.rows)
        dependence = {
            name: max(1.0, own * parts + other.dependence[name] * (1 - parts))
            for name, own in self.dependence.items()
        }
        seasons = {
            name: season._replace(counts=season.counts + other.seasons[name].counts)
            for name, season in self.seasons.items()
            if name in other.seasons and _alike(season, other.seasons[name])
        }
        return Reference(counts, dependence, seasons)

    def __add__(self, other: object) -> Reference:
        return self.merge(other) if isinstance(other, Reference | Profile) else NotImplemented

    def __radd__(self, other: object) -> Reference:
        """`sum` begins with 0."""
        return self if type(other) is int and other == 0 else NotImplemented

    def __eq__(self, other: object) -> bool:
        """Whether all of both is the same, by their fingerprints."""
        if not isinstance(other, Reference):
            return NotImplemented
        return self is other or self.fingerprint == other.fingerprint

    __hash__ = None  # type: ignore[assignment]  # its counts can change

    def to_bytes(self) -> bytes:
        """All of it as MessagePack: no code, the same data the same bytes."""
        found = {
            name: Fitted(tally, self.dependence[name], self.seasons.get(name))
            for name, tally in self.counts.columns.items()
        }
        return encoded(found, self.rows, self.grids.time, self.counts.hours)

    @classmethod
    def from_bytes(cls, data: bytes) -> Reference:
        """What `to_bytes` wrote; SnapshotMismatch for anything else, and nothing is executed."""
        return cls._of(*decoded(data))

    def save(self, path: str | PathLike[str]) -> None:
        """Write it to a file."""
        data = self.to_bytes()
        with _opened(path, "written"):
            Path(path).write_bytes(data)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Reference:
        """Read what `save` wrote. SnapshotMismatch when it is something else.

        InvalidInput where there is no such file.
        """
        with _opened(path, "read"):
            data = Path(path).read_bytes()
        return cls.from_bytes(data)

    def __repr__(self) -> str:
        return showing.text(self.counts, self.dependence)

    def _repr_html_(self) -> str:
        return showing.html(self.counts, self.dependence)

    def plot(self, columns: Iterable[str] | None = None) -> Any:
        """A Plotly figure of how columns are distributed: these, or all; the first 12 with values.

        Raises MissingExtra without the extra `plot`, UnknownColumn.
        """
        return showing.plot(self.counts, columns)


def _check(other: Any) -> None:
    if not isinstance(other, Reference):
        kind = type(other).__name__
        raise InvalidInput(kind, "is no reference or profile", "give what fit or profile made")


@contextmanager
def _opened(path: Any, done: str) -> Iterator[None]:
    """InvalidInput naming the file for what the system, or `Path`, has against it."""
    try:
        yield
    except (OSError, TypeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidInput(shown(path), f"cannot be {done}: {reason}", "give a path") from error


def check_settings(
    bins: int = 512, categories: int = 1000, seasonal: str | None = None
) -> Settings:
    """Settings of `fit`; InvalidSetting when one is outside its range."""
    for name, value in (("bins", bins), ("categories", categories)):
        whole(name, value, 2)
        require(value <= _FINEST, name, value, f"at most {_FINEST}")
    known = seasonal is None or (isinstance(seasonal, str) and seasonal == "hour_of_week")
    require(known, "seasonal", seasonal, 'None or "hour_of_week"')
    return Settings(bins, categories)


def _chosen(table: Table, columns: Collection[str] | None) -> list[str]:
    if columns is None:
        return table.names
    chosen, known = several("columns", columns), frozenset(table.names)
    for name in chosen:
        _known(name, known)
    return list(dict.fromkeys(chosen))


def _known(name: Any, names: Collection[str]) -> None:
    if not isinstance(name, str) or name not in names:
        raise UnknownColumn(name, names)


def _check_length(name: str, array: NDArray[Any], hours: NDArray[np.int64] | None) -> None:
    if hours is not None and len(array) != len(hours):
        raise InvalidInput(name, f"has {len(array):,} rows, and there are {len(hours):,} times")


def _alike(one: Season, other: Season) -> bool:
    return np.array_equal(one.groups, other.groups)
