"""Columns as one matrix of numbers, in which every column weighs the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import InvalidInput
from homeostat.intake import Array
from homeostat.multivariate.table import Columns

Floats = NDArray[np.float64]
MOST_CATEGORIES = 30


class Part(NamedTuple):
    """A column's name and the matrix's columns that stand for it."""

    name: str
    place: slice


class Encoder:
    """Numbers and vectors centred, the commonest categories one-hot, missing values marked.

    Fitted on `columns`: means, medians that take the place of missing values, the 30 commonest
    categories (all others are one), and a scale by which a column's numbers have a total
    variance of 1. A column that is constant there is scaled by `everything`, all rows that will
    be encoded, which also says what columns have missing values. A test is exact only if what it
    is fitted on treats alike the rows that it then tells apart.
    """

    def __init__(self, columns: Columns, everything: Columns) -> None:
        self._blocks: dict[str, _Numbers | _Categories] = {
            name: _block(name, array, everything[name]) for name, array in columns.items()
        }

    @property
    def parts(self) -> list[Part]:
        """Which columns of the matrix stand for which column of the table."""
        return list(self._places())

    def _places(self) -> Iterator[Part]:
        at = 0
        for name, block in self._blocks.items():
            yield Part(name, slice(at, at + block.width))
            at += block.width

    def matrix(self, columns: Columns) -> Floats:
        """The rows as numbers; their total variance is about 1."""
        n = len(next(iter(columns.values())))
        parts = self.parts
        out = np.empty((n, parts[-1].place.stop))
        for (name, place), block in zip(parts, self._blocks.values(), strict=True):
            block.write(columns[name], out[:, place])
        out /= sqrt(len(parts))
        return out


def _block(name: str, array: Array, everything: Array) -> _Numbers | _Categories:
    if array.dtype == object:
        return _Categories(name, array)
    return _Numbers(_rows(array), _rows(everything))


def _rows(array: Array) -> Array:
    return array if array.ndim == 2 else array[:, None]


class _Numbers:
    """Numbers or vectors, then a mark for missing ones if there are any."""

    def __init__(self, fitted: Floats, everything: Floats) -> None:
        self._marked = bool(np.isnan(everything).any())
        self._median = np.zeros(fitted.shape[1])
        gaps = np.isnan(fitted).any(axis=0)
        for at in np.flatnonzero(gaps | np.isnan(everything).any(axis=0)):
            self._median[at] = _median(fitted[:, at])
        filled = self._whole(fitted)
        self._centre = filled.mean(axis=0)
        scale = sqrt(_spread(filled)) or sqrt(_spread(self._whole(everything)))
        self._scale = scale or 1.0
        self._gaps = float(np.isnan(fitted).any(axis=1).mean())
        self.width = fitted.shape[1] + self._marked

    def _whole(self, array: Floats) -> Floats:
        return np.where(np.isnan(array), self._median, array) if self._marked else array

    def write(self, array: Floats, out: Floats) -> None:
        rows = _rows(array)
        width = rows.shape[1]
        np.subtract(self._whole(rows), self._centre, out=out[:, :width])
        out[:, :width] /= self._scale
        if self._marked:
            out[:, width] = np.isnan(rows).any(axis=1) - self._gaps


def _median(values: Floats) -> float:
    present = values[~np.isnan(values)]
    return float(np.median(present)) if len(present) else 0.0


def _spread(array: Floats) -> float:
    """The total variance; exactly 0 where all rows are equal."""
    return 0.0 if (array == array[:1]).all() else float(array.var(axis=0).sum())


class _Categories:
    """A column for each of the commonest categories, one for all others, one for the missing."""

    def __init__(self, name: str, fitted: Array) -> None:
        self._name = name
        counts = _counted(name, fitted)
        ranked = sorted(counts, key=lambda key: (-counts[key], str(key)))[:MOST_CATEGORIES]
        self._codes = {key: at for at, key in enumerate(ranked)}
        self._missing = len(ranked) + 1
        self.width = len(ranked) + 2
        shares = np.bincount(self._coded(fitted), minlength=self.width) / max(1, len(fitted))
        spread = float((shares * (1 - shares)).sum())
        self._centre, self._scale = shares, sqrt(spread) or 1.0

    def _coded(self, array: Array) -> NDArray[np.int64]:
        other, get = self._missing - 1, self._codes.get
        codes = (self._missing if value is None else get(value, other) for value in array)
        try:
            return np.fromiter(codes, np.int64, len(array))
        except TypeError as error:
            raise _uncountable(self._name, error) from error

    def write(self, array: Array, out: Floats) -> None:
        out[:] = -self._centre / self._scale
        out[np.arange(len(array)), self._coded(array)] += 1 / self._scale


def _counted(name: str, array: Array) -> Counter[Any]:
    try:
        return Counter(value for value in array.tolist() if value is not None)
    except TypeError as error:
        raise _uncountable(name, error) from error


def _uncountable(name: str, error: TypeError) -> InvalidInput:
    return InvalidInput(name, f"holds what cannot be counted: {error}")
