"""Losses of two models on the same records, checked and made into differences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.errors import InvalidInput
from homeostat.intake import floats, object_array, spread
from homeostat.segments import MISSING

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_BLOCK = 8192  # pairs looked at together, so that what lies between stays in the cache


class Pairs(NamedTuple):
    """Columns of records: losses as given, and what follows from them.

    differences are champion minus challenger, within the bound, 0 where a loss is not known.
    """

    champion: Floats
    challenger: Floats
    known: Flags
    differences: Floats
    clipped: Flags
    covariates: Floats | None
    segments: NDArray[Any] | None

    def part(self, start: int, end: int) -> Pairs:
        """Some records."""
        rows = slice(start, end)
        return Pairs(
            self.champion[rows],
            self.challenger[rows],
            self.known[rows],
            self.differences[rows],
            self.clipped[rows],
            None if self.covariates is None else self.covariates[rows],
            None if self.segments is None else self.segments[rows],
        )

    def blocks(self) -> Iterator[Pairs]:
        """The records in pieces."""
        for start in range(0, len(self.known), _BLOCK):
            yield self.part(start, start + _BLOCK)


def paired(
    champion: Any, challenger: Any, covariate: Any, segments: Any, bound: float | None
) -> Pairs:
    """Losses of the same records, one a record, or one number each; NaN and None are missing.

    Without a bound losses must be within 0 and 1; with one their difference is held within it.
    Raises InvalidInput for shapes that do not agree, infinite values, and losses out of bounds.
    """
    first, second = _losses("champion", champion, bound), _losses("challenger", challenger, bound)
    n = len(first)
    if len(second) != n:
        raise InvalidInput(
            "challenger",
            f"has {len(second)} losses where champion has {n}",
            "give both losses of the same records, in the same order; NaN where one is missing",
        )
    known = ~(np.isnan(first) | np.isnan(second))
    with np.errstate(over="ignore"):
        plain = np.where(known, first - second, 0.0)
    limit = 1.0 if bound is None else bound
    differences = np.clip(plain, -limit, limit)
    covariates = None if covariate is None else _column("covariate", covariate, n)
    names = None if segments is None else _names(segments, n)
    return Pairs(first, second, known, differences, differences != plain, covariates, names)


def _losses(name: str, given: Any, bound: float | None) -> Floats:
    values = _series(name, given)
    if bound is None:
        outside = (values < 0.0) | (values > 1.0)
        hint = "scale losses to 0..1, or give bound=, the greatest difference of two losses"
        _refuse(name, values, outside, "must be within [0, 1]", hint)
    return values


def _column(name: str, given: Any, n: int) -> Floats:
    values = _series(name, given)
    if len(values) != n:
        raise InvalidInput(name, f"has {len(values)} values where champion has {n}")
    return values


def _series(name: str, given: Any) -> Floats:
    values = floats(name, given)
    if values.ndim > 1:
        raise InvalidInput(name, f"has the shape {values.shape}", "give one number a record")
    values = np.atleast_1d(values)
    hint = "give NaN where there is no value"
    _refuse(name, values, np.isinf(values), "must be finite", hint)
    return values


def _names(given: Any, n: int) -> NDArray[Any]:
    column = spread(given, n)
    if column.ndim != 1 or len(column) != n:
        problem = f"has the shape {column.shape} where champion has {n} losses"
        raise InvalidInput("segments", problem, "give one name a record")
    return object_array([_text(name) for name in column.tolist()])


def _text(name: Any) -> str:
    missing = name is None or (isinstance(name, float) and math.isnan(name))
    return MISSING if missing else str(name)


def _refuse(name: str, values: Floats, wrong: Flags, problem: str, hint: str) -> None:
    if wrong.any():
        at = int(np.argmax(wrong))
        raise InvalidInput(f"{name}[{at}]", f"{problem}, got {float(values[at])!r}", hint)
