"""Both sides of a diagnosis as columns in the order of their rows, and what each column is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from homeostat.batch import Batch
from homeostat.errors import InvalidInput
from homeostat.intake import object_array
from homeostat.record import InferenceRecord
from homeostat.reference import NumberTally, Reference
from homeostat.reference.columns import Kind, array_of, is_missing, names, values_of
from homeostat.reference.tally import Tally

Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

_NUMBERS = ("number", "truth", "time")


class Column(NamedTuple):
    """One column in the order of its rows: float64 with NaN, or objects (text) with None."""

    kind: Kind
    values: NDArray[Any]
    missing: Mask

    @property
    def numeric(self) -> bool:
        """Whether its values are float64."""
        return self.values.dtype == np.float64

    @property
    def present(self) -> NDArray[Any]:
        """The values that are there."""
        found: NDArray[Any] = self.values[~self.missing]
        return found

    def take(self, rows: NDArray[Any]) -> Column:
        """Some of its rows."""
        return Column(self.kind, self.values[rows], self.missing[rows])


class Roles(NamedTuple):
    """The names of the columns that are no features."""

    label: str
    prediction: str
    score: str
    latency: str
    time: str | None


Columns: TypeAlias = dict[str, Column]
_OWN = ("label", "prediction", "score", "latency_ms")


class Side(NamedTuple):
    """A side's columns, and the arrays that were read; `counts`: it has no rows, only these."""

    columns: Columns
    arrays: dict[str, Any]
    rows: int
    counts: Reference | None = None


def read(data: Any, roles: Roles, side: str) -> Side:
    """One side. InvalidInput for what is no table, or has columns that differ in length."""
    if isinstance(data, Reference):
        return _counted(data, roles)
    batch = _batch(data)
    try:
        arrays = _of_batch(batch, roles) if batch is not None else _of_table(data)
    except InvalidInput as error:
        raise error.at(side) from None
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {n:,}" for name, n in list(lengths.items())[:5])
        raise InvalidInput(side, f"has columns that differ in length: {shown}", "give each a row")
    columns = {name: column_of(array) for name, array in arrays.items()}
    return Side(columns, arrays, next(iter(lengths.values()), 0))


def column_of(array: NDArray[Any]) -> Column:
    """A column of any type; what is of several types, or nested, is kept by type and text."""
    found = values_of(array)
    if found.kind in _NUMBERS:
        values = np.full(found.rows, np.nan)
        values[slice(None) if found.present is None else found.present] = found.numbers
        return Column(found.kind, values, np.isnan(values))
    listed = [None if is_missing(value) else _text(value, found.kind) for value in array.tolist()]
    return Column(
        found.kind, object_array(listed), np.array([value is None for value in listed], dtype=bool)
    )


def _text(value: Any, kind: Kind) -> str:
    return str(value) if kind == "category" else f"{type(value).__name__}:{value}"


def _batch(data: Any) -> Batch | None:
    if isinstance(data, Batch):
        return data
    if isinstance(data, Mapping) or hasattr(data, "columns") or isinstance(data, str | bytes):
        return None
    if not isinstance(data, Iterable):
        return None
    try:
        records = list(data)
    except TypeError:  # a class, or an array without dimensions
        return None
    if records and not all(isinstance(record, InferenceRecord) for record in records):
        return None
    return Batch.from_records(records)


def _of_batch(batch: Batch, roles: Roles) -> dict[str, Any]:
    own = {
        roles.label: batch.ground_truth_label,
        roles.prediction: batch.predicted_label,
        roles.score: batch.score,
        roles.latency: batch.latency_ms,
    }
    if np.isnan(batch.score).all():
        del own[roles.score]
    if roles.time is not None:
        own[roles.time] = batch.created_at.astype("datetime64[us]")
    features = {
        (f"features.{name}" if name in own else name): column
        for name, column in batch.features.items()
    }
    return features | own


def _of_table(data: Any) -> dict[str, Any]:
    out = {}
    for name in names(data):
        try:
            out[str(name)] = array_of(data[name])
        except InvalidInput as error:
            raise InvalidInput(str(name), str(error)) from error
    return out


def _counted(reference: Reference, roles: Roles) -> Side:
    alias = dict(
        zip(_OWN, (roles.label, roles.prediction, roles.score, roles.latency), strict=True)
    )
    columns = {alias.get(name, name): _of_counts(reference[name]) for name in reference}
    return Side(columns, {}, reference.rows, reference)


def _of_counts(tally: Tally) -> Column:
    """A stand-in for the rows: each cell's mean, or name, as often as it was counted."""
    if isinstance(tally, NumberTally):
        some = tally.counts > 0
        means = float(tally.grid.origin) + tally.sums[some] / tally.counts[some]
        own = np.repeat(means, tally.counts[some])
        ends = np.repeat([-np.inf, np.inf], [tally.below, tally.above])
        values = np.concatenate([own, ends, np.full(tally.missing, np.nan)])
        return Column(tally.kind, values, np.isnan(values))
    named = np.array([*tally.grid.categories, "(other)", None], dtype=object)
    objects = np.repeat(named, [*tally.counts.tolist(), tally.missing])
    return Column(tally.kind, objects, np.array([value is None for value in objects], dtype=bool))
