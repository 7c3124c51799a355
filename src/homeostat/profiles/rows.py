"""Rows ready to be counted: text as codes, numbers as floats, and which rows are records at all."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.intake import Array

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Coded(NamedTuple):
    """A column of few different values: each row's place among them, -1 where it has none."""

    values: list[Any]
    codes: Codes

    def take(self, rows: Any) -> Coded:
        """Some of the rows."""
        return Coded(self.values, self.codes[rows])

    def array(self) -> Array:
        """The values themselves, None where there is none."""
        known = np.empty(len(self.values) + 1, dtype=object)
        known[:-1], known[-1] = self.values, None
        return known[self.codes]


class Numbers(NamedTuple):
    """A column of numbers, NaN where there is none."""

    values: Floats

    def take(self, rows: Any) -> Numbers:
        """Some of the rows."""
        return Numbers(self.values[rows])

    def array(self) -> Array:
        """The numbers themselves."""
        return self.values


class Objects(NamedTuple):
    """A column of anything else."""

    values: Array

    def take(self, rows: Any) -> Objects:
        """Some of the rows."""
        return Objects(self.values[rows])

    def array(self) -> Array:
        """The values themselves."""
        return self.values


Column = Coded | Numbers | Objects


class Rows(NamedTuple):
    """Columns of records. `columns` are what a reference counts: features, `prediction` and so on.

    `times` are microseconds since 1970; `refused` is how many rows were none, and are not here.
    """

    model: Coded
    version: Coded
    times: Codes
    latency: Floats
    predicted: Column
    truth: Column
    columns: dict[str, Column]
    refused: int

    @property
    def n(self) -> int:
        """How many rows there are."""
        return len(self.times)

    def take(self, rows: Any) -> Rows:
        """Some of the rows, in that order."""
        return Rows(
            self.model.take(rows), self.version.take(rows), self.times[rows], self.latency[rows],
            self.predicted.take(rows), self.truth.take(rows),
            {name: column.take(rows) for name, column in self.columns.items()}, 0,
        )  # fmt: skip
